"""The backend of a command that boots one guest: as named, else the fastest, and never emulation in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from harness.errors import AcceleratorUnusable

if TYPE_CHECKING:
    from pathlib import Path

    from harness.errors import MachineError
    from harness.guests.model import Arch
    from harness.machines.model import Backend, Probe


def backend_name(named: str | None, arch: Arch, qemu: Path | None) -> str:
    """``named``; without one, or for ``auto``, what works here, and on stderr what does not."""
    from harness.machines.catalogue import AUTO, fastest  # noqa: PLC0415 - keeps `--help` fast

    return fastest(arch, qemu=qemu, tell=_say) if named in (None, AUTO) else str(named)


def check_accelerator(backend: Backend, arch: Arch, error: MachineError | None = None) -> None:
    """Raise AcceleratorUnusable when the backend's accelerator runs nothing here, which is proved now.

    ``error``: what a machine failed with: a boot that works does not wait for a proof.
    """
    from harness.host.accelerators import ACCELERATORS  # noqa: PLC0415
    from harness.machines.catalogue import PROOF_DEADLINE_S  # noqa: PLC0415

    if ACCELERATORS.get(backend.name) is None:
        return
    probe = backend.probe(arch, deadline_s=PROOF_DEADLINE_S)
    if not probe.usable:
        raise AcceleratorUnusable(
            f"{backend.name} does not run {arch} guests here: {probe.reason}",
            fix=probe.fix, code=probe.code,
        ) from error  # fmt: skip


def _say(probe: Probe) -> None:
    from harness.host.emulation import beside_tcg  # noqa: PLC0415
    from harness.machines.catalogue import fallback  # noqa: PLC0415

    click.echo(f"visorbench: {fallback(probe)}\n  {beside_tcg(probe.fix)}", err=True)
