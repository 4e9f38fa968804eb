"""Both output pipes of a process to their ends and its input into it, in one loop that waits for events only."""

from __future__ import annotations

import os
import selectors
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.host.processes import OwnedProcess

_CHUNK = 1 << 16


class LimitReached(Exception):
    """A stream brought more than it may; ``stream`` is ``stdout`` or ``stderr``."""

    def __init__(self, stream: str, limit: int) -> None:
        super().__init__(stream)
        self.stream = stream
        self.limit = limit


def exchange(process: OwnedProcess, stdin: bytes, deadline_ns: int, limit: int) -> tuple[bytes, bytes]:
    """What the process wrote to stdout and stderr until both closed; the pipes are closed in any case.

    ``deadline_ns`` is on the monotonic clock. Raises TimeoutError then, and LimitReached after ``limit`` bytes.
    """
    outputs = {"stdout": bytearray(), "stderr": bytearray()}
    named = {"stdin": process.stdin, "stdout": process.stdout, "stderr": process.stderr}
    pipes = {name: pipe for name, pipe in named.items() if pipe is not None}
    unsent = memoryview(stdin)
    with selectors.DefaultSelector() as selector:
        try:
            for name, pipe in pipes.items():
                os.set_blocking(pipe.fileno(), False)
                event = selectors.EVENT_WRITE if name == "stdin" else selectors.EVENT_READ
                selector.register(pipe, event, name)
            while selector.get_map():
                for key, _ in _wait(selector, deadline_ns):
                    if key.data == "stdin":
                        unsent = _send(key.fd, unsent)
                        finished = not unsent
                    else:
                        finished = _receive(key.fd, outputs[key.data])
                        if len(outputs[key.data]) > limit:
                            raise LimitReached(key.data, limit)
                    if finished:
                        selector.unregister(key.fileobj)
                        pipes[key.data].close()
        finally:
            for pipe in pipes.values():
                pipe.close()
    return bytes(outputs["stdout"]), bytes(outputs["stderr"])


def _wait(selector: selectors.BaseSelector, deadline_ns: int) -> list[tuple[selectors.SelectorKey, int]]:
    left_s = (deadline_ns - time.monotonic_ns()) / 1e9
    ready = selector.select(left_s) if left_s > 0 else []
    if not ready:
        raise TimeoutError
    return ready


def _receive(fd: int, output: bytearray) -> bool:
    """Append what has come; True at the end of the stream."""
    chunk = os.read(fd, _CHUNK)
    output += chunk
    return not chunk


def _send(fd: int, data: memoryview) -> memoryview:
    """What is left of ``data``; nothing when the process closed its stdin, which is its right."""
    try:
        return data[os.write(fd, data) :]
    except BrokenPipeError:
        return data[:0]
