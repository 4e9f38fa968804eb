"""A machine as a person starts it: its own command line, with another end to what only the harness has."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from harness.guests.model import GuestImage


@dataclass(frozen=True, slots=True)
class ByHand:
    """What to run, and in which environment; ``differs`` says what the harness would put elsewhere, by its name."""

    argv: tuple[str, ...]
    differs: Mapping[str, str]
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def command(self) -> str:
        """One command for a POSIX shell."""
        variables = [f"{name}={value}" for name, value in self.environment.items()]
        return shell_quoted([*(["env", *variables] if variables else []), *self.argv])


def shell_quoted(argv: Sequence[str | Path]) -> str:
    """The command line as a shell takes it, one option to a line, for people to copy."""
    lines: list[str] = []
    for argument in map(str, argv):
        if lines and not argument.startswith("-"):
            lines[-1] += f" {shlex.quote(argument)}"
        else:
            lines.append(shlex.quote(argument))
    return " \\\n    ".join(lines)


def without_keys(guest: GuestImage) -> dict[str, str]:
    """What differs in the initial RAM disk of a guest that takes the harness's SSH keys."""
    if not (guest.takes_credentials and guest.initrd):
        return {}
    return {"initrd": "as it was built; the harness adds SSH keys, new ones for each machine"}
