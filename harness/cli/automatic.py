"""The backend of a command that boots one guest: as named, else the fastest, and never emulation in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pathlib import Path

    from harness.guests.model import Arch
    from harness.machines.model import Probe


def backend_name(named: str | None, arch: Arch, qemu: Path | None) -> str:
    """``named``; without one, or for ``auto``, what works here, and on stderr what does not."""
    from harness.machines.catalogue import AUTO, fastest  # noqa: PLC0415 - keeps `--help` fast

    return fastest(arch, qemu=qemu, tell=_say) if named in (None, AUTO) else str(named)


def _say(probe: Probe) -> None:
    from harness.machines.catalogue import fallback  # noqa: PLC0415

    click.echo(f"visorbench: {fallback(probe)}\n  {probe.fix}", err=True)
