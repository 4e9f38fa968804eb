"""The initrd of one machine, with its keys, put where the machine boots from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.machines.qemu.devices import Drive

if TYPE_CHECKING:
    from pathlib import Path

    from harness.machines.model import MachineSpec
    from harness.machines.qemu.config import QemuConfig


def booting(config: QemuConfig, spec: MachineSpec, initrd: Path | None, private: Path) -> QemuConfig:
    """``config`` with ``initrd`` beside its kernel or, through firmware, both on a disk that is made in ``private``.

    That disk is the last, so that the others are called what they are called without it, and boots first. Raises
    InvalidConfiguration, DiskFull, CacheReadOnly.
    """
    if config.kernel or spec.guest.kernel is None:
        return replace(config, initrd=initrd)
    from harness.guests.efi import write_efi_disk  # noqa: PLC0415 - few boots need it

    disk = write_efi_disk(spec.guest, private / "efi.img", initrd=initrd, elsewhere="set TMPDIR")
    return replace(config, drives=(*config.drives, Drive(disk, "raw", boots_first=True)))
