"""The ivshmem device of a QEMU machine: memory that its guest finds behind a PCI device, and we map too."""

from __future__ import annotations

import mmap
import os
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.errors import HostLacks, InvalidConfiguration, UnknownName
from harness.machines.qemu.devices import IvshmemCard

if TYPE_CHECKING:
    from typing import Self

    from harness.machines.qemu.config import QemuConfig

SIZE_MIB = (1, 1 << 14)


def ivshmem_card(size: str) -> IvshmemCard:
    """A card with so many MiB; raises InvalidConfiguration, and HostLacks where QEMU has none."""
    if sys.platform != "linux":
        raise HostLacks("QEMU has ivshmem on Linux hosts only", fix="leave the option ivshmem out")
    if not size.isascii() or not size.isdecimal():
        raise InvalidConfiguration(f"the option ivshmem cannot be {size!r}", fix="it is a number of MiB")
    return IvshmemCard(int(size))


def offers_ivshmem(config: QemuConfig) -> bool:
    """Whether the configuration's QEMU says that it has the device."""
    known = config.features.devices if config.features else ()
    return sys.platform == "linux" and IvshmemCard.driver in known


def check_ivshmem(config: QemuConfig) -> None:
    """Raise InvalidConfiguration or UnknownName for what QEMU would refuse."""
    card = config.ivshmem
    if card is None:
        return
    least, most = SIZE_MIB
    if not least <= card.size_mib <= most or card.size_mib & (card.size_mib - 1):
        raise InvalidConfiguration(
            f"an ivshmem device of {card.size_mib} MiB", fix=f"a power of two from {least} to {most} will do"
        )
    known = config.features.devices if config.features else ()
    if known and card.driver not in known:
        raise UnknownName("device", card.driver, known, where=str(config.binary))


@dataclass(frozen=True, slots=True)
class SharedMemory:
    """The memory behind a card: a file that has no name, gone with the last who maps it.

    ``fd`` is to be inherited by QEMU, and then closed here.
    """

    fd: int
    memory: memoryview

    @classmethod
    def make(cls, card: IvshmemCard) -> Self:
        """All zero; raises HostLacks where the system has no memory files."""
        if sys.platform != "linux":
            raise HostLacks("memory files are Linux's", fix="leave the option ivshmem out")
        import fcntl  # noqa: PLC0415 - Windows has none

        fd = os.memfd_create("ivshmem", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            os.ftruncate(fd, card.size_mib << 20)
            # Who reads a file that is made shorter meanwhile dies of it; so QEMU cannot.
            fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
            return cls(fd, memoryview(mmap.mmap(fd, card.size_mib << 20)))
        except BaseException:
            os.close(fd)
            raise

    def attached(self, config: QemuConfig) -> QemuConfig:
        """The configuration with this memory behind its card."""
        if config.ivshmem is None:
            raise AssertionError("a memory without its card")
        return replace(config, ivshmem=replace(config.ivshmem, fd=self.fd))
