"""Disk images for the machines of a scenario, on the disk that the cache is on; gone when the scenario is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from harness.errors import ToolMissing
from harness.host.paths import private_directory
from harness.host.qemu_img import find_qemu_img
from harness.plugin.skips import skip_scenario

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.host.qemu_img import QemuImg
    from harness.machines.disk import Disk
    from harness.plugin.subjects import Subject


class DiskFactory(Protocol):
    """Makes empty disks for ``machine_factory(disks=[…])``."""

    def __call__(self, name: str, size_mib: int = 512, **how: Any) -> Disk:
        """An image; ``how`` are :class:`harness.machines.disk.Disk`'s, e.g. ``format=ImageFormat.RAW``."""
        ...


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A folder on a disk, where the system's temporary folder may be in memory."""
    with private_directory(on_disk=True) as folder:
        yield folder


@pytest.fixture
def qemu_img(subject: Subject) -> QemuImg:
    """The qemu-img of the subject's QEMU, or the host's."""
    try:
        return find_qemu_img(Path(subject.qemu) if subject.qemu else None)
    except ToolMissing as error:
        skip_scenario("no-qemu-img", error.message, error.fix or "")


@pytest.fixture
def disk_factory(qemu_img: QemuImg, scratch: Path) -> DiskFactory:
    """Makes disks; a scenario that needs them is marked ``needs("disks")``."""
    from harness.machines.disk import Disk, ImageFormat  # noqa: PLC0415 - keeps `pytest --help` light

    def factory(name: str, size_mib: int = 512, **how: Any) -> Disk:
        file_format = how.setdefault("format", ImageFormat.QCOW2)
        disk = Disk(name, scratch / f"{name}.{file_format}", **how)
        qemu_img.create(disk.file, size_mib << 20, file_format)
        return disk

    return factory
