"""Both output pipes of a process to their ends and its input into it, within a deadline and a limit."""

from __future__ import annotations

from contextlib import closing, suppress
from typing import TYPE_CHECKING

from harness.host.pipes import blocks

if TYPE_CHECKING:
    from harness.host.processes import OwnedProcess


class LimitReached(Exception):
    """A stream brought more than it may; ``stream`` is ``stdout`` or ``stderr``."""

    def __init__(self, stream: str, limit: int) -> None:
        super().__init__(stream)
        self.stream = stream
        self.limit = limit


def exchange(process: OwnedProcess, stdin: bytes, deadline_ns: int, limit: int) -> tuple[bytes, bytes]:
    """What the process wrote to stdout and stderr until both closed; the pipes are closed in any case,
    and the process is ended by any error.

    ``deadline_ns`` is on the monotonic clock. Raises TimeoutError then, and LimitReached after ``limit`` bytes.
    """
    outputs = {"stdout": bytearray(), "stderr": bytearray()}
    pipes = {name: pipe for name in outputs if (pipe := getattr(process, name)) is not None}
    feed = (process.stdin, stdin) if process.stdin is not None else None
    try:
        with closing(blocks(pipes, feed, deadline_ns / 1e9)) as said:
            for name, block in said:
                outputs[name] += block
                if len(outputs[name]) > limit:
                    raise LimitReached(name, limit)
    except BaseException:
        process.kill()  # on Windows a pipe that is being read closes only with the process
        raise
    finally:
        for pipe in (process.stdin, *pipes.values()):
            with suppress(BrokenPipeError):
                if pipe is not None:
                    pipe.close()
    return bytes(outputs["stdout"]), bytes(outputs["stderr"])
