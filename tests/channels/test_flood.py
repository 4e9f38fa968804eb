"""A guest that says 1 GiB as fast as a socket takes it: memory and disk bounded, and nobody else is kept waiting."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys

import pytest

from harness.channels.console_log import HEAD_BYTES, TAIL_BYTES

QEMU = shutil.which("qemu-system-x86_64")
GIB = 1 << 30
LINE = b"[    1.234567] a line of a kernel that will not stop\r\n"
LINES_IN_A_BLOCK = 5000

GUEST = """
import socket, sys
out = socket.socket(fileno=int(sys.argv[1]))
block = {line!r} * {lines}
blocks = {gib} // len(block)
out.sendall(b"the first line\\n")
for number in range(blocks):
    if number == blocks // 2:
        out.sendall(b"half way\\r\\n")
    out.sendall(block)
out.sendall(b"ready: 42\\nlogin: ")
out.close()
"""
"""Another process: it shares no interpreter lock with the reader, and is faster than it."""

HARNESS = '''
import json, resource, socket, subprocess, sys, threading
from contextlib import suppress
from pathlib import Path
from harness.channels.console import Console
from harness.channels.qmp import Qmp
from harness.errors import ChannelClosed, NotSeen
log, qemu, guest = Path(sys.argv[1]), sys.argv[2], sys.argv[3]

def peak():
    """Of this program alone: after exec, getrusage still remembers its parent's."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 20
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if "VmHWM" in line) >> 10

def qmp_of_a_real_qemu():
    ours, theirs = socket.socketpair()
    argv = [qemu, "-machine", "none", "-nodefaults", "-display", "none", "-S"]
    argv += ["-chardev", f"socket,id=qmp,fd={theirs.fileno()}", "-mon", "chardev=qmp,mode=control"]
    process = subprocess.Popen(argv, pass_fds=[theirs.fileno()])
    theirs.close()
    qmp = Qmp(ours)
    qmp.negotiate()
    return process, qmp

process, qmp = qmp_of_a_real_qemu()
ours, theirs = socket.socketpair()
console = Console(ours, log=log)
shown = 0
def listen(line):
    global shown
    shown += 1
console.on_line(listen)
before = peak()
peer = subprocess.Popen([sys.executable, "-c", guest, str(theirs.fileno())], pass_fds=[theirs.fileno()])
theirs.close()
console.wait_for("the first line", 60)
half_way = threading.Thread(target=lambda: found.append(console.wait_for("^half way$", 100).text))
found = []
half_way.start()                                # a marker that is awaited while the flood rushes past
answered, missed = 0, 0
while peer.poll() is None:                      # the flood goes on meanwhile
    qmp.execute("query-status", timeout_s=20)
    answered += 1
    try:
        console.wait_for("never said", 0.01, since=console.mark())
    except NotSeen:
        missed += 1
    except ChannelClosed:                       # the guest has ended between the two
        break
in_log_while_it_ran = log.stat().st_size
ready = console.wait_for("^ready: 42$", 100).text
prompt = console.wait_for("login: $", 5).text
with suppress(ChannelClosed):
    console.wait_for("nothing", 20, since=console.mark())
half_way.join(100)
console.close()
qmp.execute("quit")
process.wait(20)
print(json.dumps({"grown_mib": peak() - before, "answered": answered, "missed": missed, "ready": ready,
                  "prompt": prompt, "half": found, "shown": shown, "in_log_while_it_ran": in_log_while_it_ran}))
'''


@pytest.mark.skipif(QEMU is None, reason="no qemu-system-x86_64 on PATH")
def test_a_flood_of_a_gibibyte_neither_blocks_nor_grows(tmp_path):
    log = tmp_path / "console.log"
    done = subprocess.run(
        [sys.executable, "-c", HARNESS, log, QEMU, GUEST.format(line=LINE, lines=LINES_IN_A_BLOCK, gib=GIB)],
        capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["half"], said["ready"], said["prompt"]) == (["half way"], "ready: 42", "login: ")
    assert said["grown_mib"] < 32  # for 1024 that came
    assert said["answered"] > 10
    assert said["missed"] > 10
    assert said["shown"] > 1000
    assert said["in_log_while_it_ran"] <= HEAD_BYTES
    written = log.read_bytes()
    assert len(written) < HEAD_BYTES + TAIL_BYTES + 100
    assert written.startswith(b"the first line\n")
    assert written.endswith(b"ready: 42\nlogin: ")
    (left_out,) = re.findall(rb"\[visorbench: truncated, (\d+) bytes left out here\]", written)
    assert int(left_out) > GIB - HEAD_BYTES - TAIL_BYTES - len(LINE) * LINES_IN_A_BLOCK
