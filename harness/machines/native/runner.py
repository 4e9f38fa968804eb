"""Programs on the host, owned by the harness, with a deadline and bounded output."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from harness.channels.ssh import Completed
from harness.errors import CommandFailed, CommandTimeout, OutputTooLarge
from harness.guests.toolchain import Target, host_target
from harness.host.processes import PIPE, spawn
from harness.machines.native.pipes import LimitReached, exchange

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

OUTPUT_LIMIT = 16 << 20
"""Bytes of stdout, and of stderr, that one command may write."""


@dataclass(frozen=True, slots=True)
class NativeRunner:
    """The host itself. Raises HostLacks when made where workloads cannot run."""

    target: Target = field(default_factory=host_target)
    name: str = "native"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        """Nothing to end: a command that runs is ended by :meth:`run`."""

    def install(self, program: Path, *libraries: Path) -> str:  # noqa: ARG002 - they lie beside it already
        """The host runs it from where it is."""
        return str(program)

    def run(
        self, argv: Sequence[str], *, timeout_s: float = 30, check: bool = True, stdin: bytes = b""
    ) -> Completed:
        """Run to the end; on any error the process and its group are gone.

        Raises ToolMissing, CommandTimeout, OutputTooLarge; CommandFailed for a status other than 0 if ``check``.
        """
        deadline_ns = time.monotonic_ns() + round(timeout_s * 1e9)
        process = spawn(
            argv, purpose=f"native {argv[0]}", stdin=PIPE if stdin else None, stdout=PIPE, stderr=PIPE
        )
        try:
            stdout, stderr = exchange(process, stdin, deadline_ns, OUTPUT_LIMIT)
            status = process.wait(max(0.0, (deadline_ns - time.monotonic_ns()) / 1e9))
        except TimeoutError:
            raise CommandTimeout(
                f"{argv[0]} did not end within {timeout_s:g} s on the host",
                argv=list(argv),
                timeout_s=timeout_s,
            ) from None
        except LimitReached as reached:
            raise OutputTooLarge(
                f"{argv[0]} wrote more than {reached.limit} bytes to {reached.stream} on the host",
                argv=list(argv),
            ) from None
        finally:
            process.kill()
            with suppress(TimeoutError):  # a process that even SIGKILL cannot end is the kernel's now
                process.wait(5)
        ended = process.exited
        seconds = ((ended.at_ns if ended else time.monotonic_ns()) - process.spawned_ns) / 1e9
        if check and status != 0:
            tail = stderr[-2000:].decode(errors="replace").strip()
            raise CommandFailed(
                f"{argv[0]} ended with status {status} on the host: {tail or 'nothing on stderr'}",
                argv=list(argv), status=status, stderr=tail,
            )  # fmt: skip
        return Completed(stdout=stdout, stderr=stderr, status=status, seconds=seconds)
