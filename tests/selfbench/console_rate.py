"""How fast the console takes a flood ÷ how fast a bare loop does that only receives it and keeps the same log."""

from __future__ import annotations

import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from harness.channels.console import Console
from harness.channels.console_log import ConsoleLog
from tests.selfbench.result import Result

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT = 16
"""The bare loop copies; the console also finds every line, searches it and looks for a panic."""
LEAST_MB_S = 100
"""What a flooding guest may say, by the harness's own requirements."""
ROUNDS = 5
FLOOD_MIB = 256
READ_BYTES = 256 << 10

GUEST = f"""
import socket, sys
out = socket.socket(fileno=int(sys.argv[1]))
block = b"[    1.234567] a line of a kernel that will not stop\\r\\n" * 5000
for _ in range(({FLOOD_MIB} << 20) // len(block)):
    out.sendall(block)
out.sendall(b"the end\\n")
"""


def run() -> Result:
    """The time through the console ÷ the time of the bare loop: medians of interleaved rounds."""
    ours, bare = [], []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(ROUNDS):
            ours.append(_seconds(_through_console, Path(folder)))
            bare.append(_seconds(_through_bare_loop, Path(folder)))
    ours_s, bare_s = statistics.median(ours), statistics.median(bare)
    rate_mb_s = (FLOOD_MIB << 20) / ours_s / 1e6
    detail = {
        "harness_mb_s": round(rate_mb_s),
        "least_mb_s": LEAST_MB_S,
        "bare_mb_s": round((FLOOD_MIB << 20) / bare_s / 1e6),
        "mib": FLOOD_MIB,
        "rounds": ROUNDS,
    }
    return Result("console_rate", ours_s / bare_s, "ratio", LIMIT, detail, holds=rate_mb_s >= LEAST_MB_S)


def _through_console(host: socket.socket, log: Path) -> None:
    """Stamped, split into clean lines, searched for a marker, shown to a listener, logged."""
    with closing(Console(host, log=log)) as console:
        console.on_line(lambda _: None)
        console.wait_for("^the end$", timeout_s=120)


def _through_bare_loop(host: socket.socket, log: Path) -> None:
    with closing(ConsoleLog(log)) as kept, closing(host):
        while data := host.recv(READ_BYTES):
            kept.write(data)


def _seconds(reader: Callable[[socket.socket, Path], None], folder: Path) -> float:
    """From the first byte that can be read to the last that was."""
    host, guest = socket.socketpair()
    fd = guest.fileno()
    with subprocess.Popen([sys.executable, "-c", GUEST, str(fd)], pass_fds=[fd]) as writer:
        guest.close()
        host.recv(1, socket.MSG_PEEK)  # the interpreter of the writer has started
        started = time.perf_counter()
        reader(host, folder / "console.log")
        seconds = time.perf_counter() - started
    if writer.returncode:
        raise RuntimeError(f"the writer ended with {writer.returncode}")
    return seconds
