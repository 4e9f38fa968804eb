# ruff: noqa: T201, RUF001 - it prints, in Apple's own words
"""A utmctl for tests: its words, its outputs and exit codes (UTM 4.6), and its ways to fail.

It keeps its machines in ``utmctl.json`` beside UTM.app: {uuid: {"name", "status", "addresses"}}, and leaves starting
and ending them to whoever listens on ``utm.sock`` there, as the real one leaves that to the application.
``UTMCTL_MODE``: ``hangs``, ``forbidden`` (Apple events are not allowed), ``dies``.
"""

import json
import os
import signal
import socket
import sys
import time
from pathlib import Path

STATE = Path(sys.argv[0]).resolve().parents[3] / "utmctl.json"


def main(words):
    mode = os.environ.get("UTMCTL_MODE")
    if mode == "hangs":
        time.sleep(600)
    if mode == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    if mode == "forbidden":
        print(
            "Error from event: The operation couldn’t be completed. (OSStatus error -1743.)", file=sys.stderr
        )
        return 0  # as the real one: the event failed, the command did not
    machines = json.loads(STATE.read_text())
    command, *rest = words
    if command == "list" and not rest:
        print("UUID                                 Status   Name")
        for uuid, one in machines.items():
            print(f"{uuid} {one['status']:<8} {one['name']}")
        return 0
    flags = [word for word in rest if word.startswith("--")]
    names = [word for word in rest if not word.startswith("--")]
    known = {"status": [], "start": ["--disposable"], "suspend": ["--save-state"], "ip-address": [],
             "stop": ["--request", "--force", "--kill"]}  # fmt: skip
    if command not in known or len(names) != 1 or not set(flags) <= set(known[command]) or len(flags) > 1:
        print(
            f"Error: Unexpected argument in '{' '.join(words)}'\nUsage: utmctl <subcommand>", file=sys.stderr
        )
        return 64
    uuid = next((key for key, one in machines.items() if names[0] in (key, one["name"])), None)
    if uuid is None:
        print("Error: Virtual machine not found.", file=sys.stderr)
        return 1
    one = machines[uuid]
    if command == "status":
        print(one["status"])
    elif command == "ip-address":
        print("\n".join(one["addresses"]))
    elif command in ("start", "stop"):
        with socket.socket(socket.AF_UNIX) as application:
            application.connect(str(STATE.with_name("utm.sock")))
            application.sendall(f"{command} {uuid}\n".encode())
            assert application.makefile().readline() == "done\n"
        one["status"] = {"start": "started", "stop": "stopped"}[command]
    STATE.write_text(json.dumps(machines))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
