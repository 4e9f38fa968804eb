"""How late the console's stamps are: a writer that knows when it wrote, while a TCG guest loads every core.

The writer runs promptly, as the reader does: its own wait between taking the time and writing is no error of the stamp.
``nice`` in the detail says whether they had the privilege for a negative nice value.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import closing

from harness.channels.console import Console
from tests.selfbench.loaded import loaded_host
from tests.selfbench.result import Result

LIMIT_MS = 1.0
LINES = 3000
PAUSE_S = 0.003

WRITER = f"""
import os, random, socket, sys, time
from harness.host.prompt_thread import run_promptly
run_promptly()
out = socket.socket(fileno=int(sys.argv[1]))
for number in range({LINES}):
    time.sleep(random.uniform(0, 2 * {PAUSE_S}))
    out.sendall(b"%d\\n" % time.monotonic_ns())
out.sendall(b"nice value: %d\\n" % os.getpriority(os.PRIO_PROCESS, 0))
"""


def run() -> Result:
    """The 99th percentile of (stamp - time written), in ms."""
    ours, theirs = socket.socketpair()
    errors_ms: list[float] = []
    with loaded_host() as load, closing(Console(ours)) as console:
        console.on_line(lambda line: errors_ms.append(_error_ms(line.text, line.stamp.at_ns)))
        with theirs:
            fd = theirs.fileno()
            subprocess.run([sys.executable, "-c", WRITER, str(fd)], pass_fds=[fd], check=True)
        nice = int(console.wait_for("^nice value: ", timeout_s=10).text.split()[-1])
    errors_ms = sorted(error for error in errors_ms if error >= 0)
    return Result(
        "stamp_error",
        errors_ms[int(len(errors_ms) * 0.99)],
        "ms",
        LIMIT_MS,
        {"median_ms": round(errors_ms[len(errors_ms) // 2], 4), "n": len(errors_ms), "nice": nice, **load},
    )


def _error_ms(text: str, stamp_ns: int) -> float:
    return (stamp_ns - int(text)) / 1e6 if text.isdigit() else -1.0
