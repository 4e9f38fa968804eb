"""Run a short-lived program to its end, or to a deadline, and keep what it said.

For programs that answer and leave: ``qemu --version``, a QMP batch, a proof payload. A program that hangs is killed and
reaped; one that floods its output costs bounded memory.
"""

from __future__ import annotations

import time
from collections import deque
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from harness.host.pipes import blocks
from harness.host.processes import PIPE, spawn

if TYPE_CHECKING:
    import re
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from harness.host.processes import OwnedProcess

KEPT_BYTES = 4 << 20
"""What is kept of each stream; the rest is read and dropped."""
_REAP_S = 2.0
"""A killed process is gone within this, unless the kernel itself holds it."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """What a program said and how it ended."""

    argv: tuple[str, ...]
    stdout: bytes
    stderr: bytes
    status: int | None
    """Exit status, minus the signal that ended it, or None when the kernel would not let it go."""
    ending: Literal["ended", "deadline", "stopped"]
    """By itself; killed at the deadline; killed because what it said matched ``stop_at``."""
    seconds: float

    @property
    def last_error(self) -> str:
        """The last line of stderr that says something, or ''."""
        lines = [line.strip() for line in self.stderr.decode(errors="replace").splitlines()]
        return next((line for line in reversed(lines) if line), "")


def transcribe(
    argv: Sequence[str | Path],
    *,
    purpose: str,
    deadline_s: float,
    replies: Sequence[bytes] = (),
    stop_at: re.Pattern[bytes] | None = None,
    env: Mapping[str, str] | None = None,
) -> Transcript:
    """Run ``argv`` until it ends, ``deadline_s`` has passed, or one of its streams matches ``stop_at``.

    ``replies``: each is written to its stdin when it has said another line on stdout; QEMU's stdio on Windows loses
    bytes of a command that comes before the last one is answered. The pipe stays open, because QEMU forgets what it
    has not yet answered when its stdin closes. Raises ToolMissing when argv[0] cannot be run.
    """
    started = time.monotonic()
    process = spawn(argv, purpose=purpose, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=env)
    kept = {"stdout": bytearray(), "stderr": bytearray()}
    try:
        ending = _listen(process, kept, started + deadline_s, stop_at, deque(replies))
        status = _end(process, started + deadline_s if ending == "ended" else started)
        if ending == "ended" and time.monotonic() > started + deadline_s:
            ending = "deadline"  # it closed its streams and lived on
    finally:
        process.kill()
        for stream in (process.stdin, process.stdout, process.stderr):
            with suppress(BrokenPipeError):
                if stream is not None:
                    stream.close()
    return Transcript(
        argv=tuple(str(word) for word in argv),
        stdout=bytes(kept["stdout"]),
        stderr=bytes(kept["stderr"]),
        status=status,
        ending=ending,
        seconds=time.monotonic() - started,
    )


def _say(process: OwnedProcess, text: bytes) -> None:
    with suppress(OSError):  # it has gone, or never wanted to know
        if process.stdin is not None:
            process.stdin.write(text)
            process.stdin.flush()


def _listen(
    process: OwnedProcess,
    kept: dict[str, bytearray],
    deadline: float,
    stop_at: re.Pattern[bytes] | None,
    replies: deque[bytes],
) -> Literal["ended", "deadline", "stopped"]:
    """Read both streams until both have closed; ``deadline`` is a ``time.monotonic()``."""
    outputs = {name: getattr(process, name) for name in kept}
    with suppress(TimeoutError), closing(blocks(outputs, None, deadline)) as said:
        for name, block in said:
            text, room = kept[name], KEPT_BYTES - len(kept[name])
            text += block[:room]
            if block and room and stop_at is not None and stop_at.search(text):
                return "stopped"
            for _ in range(block.count(b"\n") if name == "stdout" else 0):
                if replies:
                    _say(process, replies.popleft())
        return "ended"
    return "deadline"


def _end(process: OwnedProcess, deadline: float) -> int | None:
    """Wait until ``deadline``, then kill; None when not even that ended it."""
    with suppress(TimeoutError):
        return process.wait(max(0.0, deadline - time.monotonic()))
    process.kill()
    with suppress(TimeoutError):
        return process.wait(_REAP_S)
    return None
