"""A QMP command's round trip through the harness ÷ through a bare socket, on two monitors of the same QEMU."""

from __future__ import annotations

import json
import socket
import statistics
import time
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from harness.channels.qmp import Qmp
from harness.guests.model import Arch
from harness.host.processes import spawn
from harness.host.qemu import qemu_for
from tests.selfbench.result import Result

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT = 1.3
ROUNDS = 20
CALLS = 200
"""Each round is so many calls on one side, then on the other."""


def run() -> Result:
    """The ratio of the medians of ROUNDS x CALLS round trips of ``query-status``."""
    ours, bare = [], []
    with ExitStack() as stack:
        pairs = [socket.socketpair() for _ in range(2)]
        argv = [str(qemu_for(Arch.X86_64).path), "-machine", "none", "-nodefaults", "-display", "none", "-S"]
        for number, (_, theirs) in enumerate(pairs):
            argv += [
                "-chardev",
                f"socket,id=m{number},fd={theirs.fileno()}",
                "-mon",
                f"chardev=m{number},mode=control",
            ]
        qemu = spawn(argv, purpose="selfbench qmp_rtt", pass_fds=[theirs.fileno() for _, theirs in pairs])
        stack.callback(qemu.wait, 5)
        stack.callback(qemu.kill)
        for _, theirs in pairs:
            theirs.close()
        qmp = stack.enter_context(closing(Qmp(pairs[0][0])))
        qmp.negotiate()
        call_bare = _bare(pairs[1][0])
        for _ in range(ROUNDS):
            ours += _seconds(lambda: qmp.execute("query-status"))
            bare += _seconds(call_bare)
    ours_s, bare_s = statistics.median(ours), statistics.median(bare)
    detail = {"harness_us": round(ours_s * 1e6, 1), "bare_us": round(bare_s * 1e6, 1), "n": ROUNDS * CALLS}
    return Result("qmp_rtt", ours_s / bare_s, "ratio", LIMIT, detail)


def _bare(sock: socket.socket) -> Callable[[], object]:
    """The least that a client can do: send, read a line, parse it."""
    lines = sock.makefile("rb")
    lines.readline()
    sock.sendall(b'{"execute": "qmp_capabilities"}\n')
    lines.readline()

    def call() -> object:
        sock.sendall(b'{"execute": "query-status"}\n')
        return json.loads(lines.readline())

    return call


def _seconds(call: Callable[[], object]) -> list[float]:
    out = []
    for _ in range(CALLS):
        started = time.perf_counter()
        call()
        out.append(time.perf_counter() - started)
    return out
