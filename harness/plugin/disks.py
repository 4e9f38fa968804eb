"""Disk images for the machines of a scenario, on the disk that the cache is on; gone when the scenario is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.errors import ToolMissing
from harness.host.paths import private_directory, scratch_dir
from harness.host.qemu_img import find_qemu_img
from harness.plugin.skips import skip_scenario

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.host.qemu_img import QemuImg
    from harness.machines.disk import Disk
    from harness.plugin.subjects import Subject


@dataclass(frozen=True, slots=True)
class DiskFactory:
    """Makes empty disks for ``machine_factory(disks=[…])``."""

    folder: Path
    """Where they are; a scenario may keep files of its own there."""
    qemu_img: QemuImg

    def __call__(self, name: str, size_mib: int = 512, **how: Any) -> Disk:
        """An image; ``how`` are :class:`harness.machines.disk.Disk`'s, e.g. ``format=ImageFormat.RAW``."""
        from harness.machines.disk import Disk, ImageFormat  # noqa: PLC0415 - keeps `pytest --help` light

        image_format = how.setdefault("format", ImageFormat.QCOW2)
        disk = Disk(name, self.folder / f"{name}.{image_format}", **how)
        self.qemu_img.create(disk.file, size_mib << 20, image_format)
        return disk


@pytest.fixture
def disk_factory(subject: Subject) -> Iterator[DiskFactory]:
    """Makes disks, by the qemu-img of the subject's QEMU or the host's; for scenarios marked ``needs("disks")``."""
    try:
        qemu_img = find_qemu_img(Path(subject.qemu) if subject.qemu else None)
    except ToolMissing as error:
        skip_scenario("no-qemu-img", error.message, error.fix or "")
    with private_directory(root=scratch_dir()) as folder:
        yield DiskFactory(folder, qemu_img)
