"""Where a workload runs: on the host or in a guest, in the same words, so that a scenario writes one line for both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

from harness.guests.toolchain import Target, guest_target

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from harness.channels.ssh import Completed, Ssh
    from harness.machines.model import Machine


class Runner(Protocol):
    """Something that runs programs built for its target."""

    @property
    def name(self) -> str:
        """``native``, or the machine's name: for messages."""
        ...

    @property
    def target(self) -> Target: ...

    def install(self, program: Path, *libraries: Path) -> str:
        """Make ``program`` (built for this target) runnable there; what to call it in ``run``.

        ``libraries`` end up in its folder. Raises ChannelError.
        """
        ...

    def run(
        self, argv: Sequence[str], *, timeout_s: float = 30, check: bool = True, stdin: bytes = b""
    ) -> Completed:
        """Run to the end; nothing is left running when it raises.

        Raises CommandTimeout, OutputTooLarge, ChannelError; CommandFailed for a status other than 0 if ``check``.
        """
        ...


@dataclass(frozen=True, slots=True)
class SshRunner:
    """A guest, reached over SSH."""

    ssh: Ssh
    target: Target
    name: str
    folder: str = "/tmp"  # noqa: S108 - in a guest of ours, alone with itself

    @classmethod
    def of(cls, machine: Machine) -> Self:
        """The runner of a machine that has been booted."""
        return cls(machine.ssh, guest_target(machine.spec.guest.arch), machine.name)

    def install(self, program: Path, *libraries: Path) -> str:
        """Copy ``program`` and its ``libraries`` into the guest."""
        for file in (program, *libraries):
            self.ssh.put(file, f"{self.folder}/{file.name}", mode=0o755)
        return f"{self.folder}/{program.name}"

    def run(
        self, argv: Sequence[str], *, timeout_s: float = 30, check: bool = True, stdin: bytes = b""
    ) -> Completed:
        """As :meth:`Runner.run`."""
        return self.ssh.run(argv, timeout_s=timeout_s, check=check, stdin=stdin)
