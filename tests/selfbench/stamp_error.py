"""How late stamps are, the console's and QMP's: a writer that knows when it wrote, while a TCG guest loads every core.

The writer runs promptly, as the reader does: its own wait between taking the time and writing is no error of the stamp.
``nice`` in the detail says whether they had the privilege for a negative nice value.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from harness.channels.console import Console
from harness.channels.qmp_link import Link
from harness.host.prompt_thread import run_promptly
from tests.selfbench.loaded import loaded_host
from tests.selfbench.result import Result

LIMIT_MS = 1.0
LINES = 3000
PAUSE_S = 0.003
LAST = "0"
"""No time."""

WRITER = f"""
import random, socket, sys, time
from harness.host.prompt_thread import run_promptly
run_promptly()
out = socket.socket(fileno=int(sys.argv[1]))
for number in range({LINES}):
    time.sleep(random.uniform(0, 2 * {PAUSE_S}))
    out.sendall(b"%d\\n" % time.monotonic_ns())
out.sendall(b"{LAST}\\n")
"""


def run() -> Result:
    """The 99th percentile of (stamp - time written), in ms: that of the later channel."""
    with loaded_host() as load:
        errors_ms = {"console": _console(), "qmp": _qmp()}
    p99_ms = {channel: _quantile(errors, 0.99) for channel, errors in errors_ms.items()}
    detail = {f"{channel}_p99_ms": round(p99, 4) for channel, p99 in p99_ms.items()}
    detail |= {
        f"{channel}_median_ms": round(_quantile(errors, 0.5), 4) for channel, errors in errors_ms.items()
    }
    detail |= {"n": min(map(len, errors_ms.values())), "nice": _nice()}
    return Result("stamp_error", max(p99_ms.values()), "ms", LIMIT_MS, {**detail, **load})


def _console() -> list[float]:
    errors_ms: list[float] = []
    ours, theirs = socket.socketpair()
    with closing(Console(ours)) as console:
        console.on_line(lambda line: errors_ms.append(_error_ms(line.text, line.stamp.at_ns)))
        _write(theirs)
        console.wait_for(f"^{LAST}$", timeout_s=10)
        console.settle(10)
    return errors_ms[:-1]


def _qmp() -> list[float]:
    """By the link that QMP's events come over: what a line says is not its business."""
    errors_ms: list[float] = []
    last = threading.Event()

    def heard(line: bytes, at_ns: int) -> None:
        if line.strip().decode() == LAST:
            last.set()
        else:
            errors_ms.append(_error_ms(line.decode(), at_ns))

    ours, theirs = socket.socketpair()
    with closing(Link(ours, "the writer", heard, lambda _: last.set())):
        _write(theirs)
        last.wait(10)
    if len(errors_ms) != LINES:
        raise RuntimeError(f"{len(errors_ms)} of {LINES} lines were heard")
    return errors_ms


def _write(theirs: socket.socket) -> None:
    with theirs:
        fd = theirs.fileno()
        subprocess.run([sys.executable, "-c", WRITER, str(fd)], pass_fds=[fd], check=True)


def _nice() -> int:
    """What a thread that wants to run promptly may have."""
    with ThreadPoolExecutor(1, initializer=run_promptly) as one:
        return one.submit(os.getpriority, os.PRIO_PROCESS, 0).result()


def _quantile(values: list[float], of: float) -> float:
    return sorted(values)[int(len(values) * of)]


def _error_ms(text: str, stamp_ns: int) -> float:
    return (stamp_ns - int(text)) / 1e6
