"""A machine's disk as its guest sees it, and files of random bytes by which it is known whether anything was lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self

from harness.errors import MeasurementError

if TYPE_CHECKING:
    from harness.channels.ssh import Ssh
    from harness.machines.model import Machine

_TIMEOUT_S = 300
_MEMORY = "/mnt/memory"
_FIND = """\
for file in /sys/block/*/serial /sys/block/*/device/serial; do
    read -r serial 2> /dev/null < $file || [ "$serial" ] || continue
    device=${file#/sys/block/}
    [ "$serial" = %s ] && echo /dev/${device%%%%/*}
    serial=
done"""
"""virtio-blk's serial has no line break at its end; NVMe's is its controller's, and filled with spaces."""

_AWAIT = "until [ -s %s ]; do sleep 0.01; done"


@dataclass(frozen=True, slots=True)
class GuestDisk:
    """The disk ``device`` of a booted guest, and where its file system is mounted."""

    ssh: Ssh
    device: str
    folder: str

    @classmethod
    def find(cls, machine: Machine, name: str) -> Self:
        """The disk with this name. Raises MeasurementError when the guest has no driver for it, ChannelError."""
        found = machine.ssh.run(_FIND % name).text().split()
        if len(found) != 1:
            raise MeasurementError(f"the guest of {machine.name} sees {len(found)} disks called {name}")
        return cls(machine.ssh, found[0], f"/mnt/{name}")

    def format(self) -> None:
        """Make an ext4 file system, and mount it."""
        self.ssh.run(f"/usr/sbin/mkfs.ext4 -q -F {self.device}", timeout_s=_TIMEOUT_S)
        self.mount()

    def mount(self) -> None:
        """Mount the file system that is there."""
        self.ssh.run(
            f"mkdir -p {self.folder} && mount -t ext4 {self.device} {self.folder}", timeout_s=_TIMEOUT_S
        )

    def write(self, file: str, mib: int) -> str:
        """Write so many MiB of random bytes and have them flushed to the disk; their SHA-256."""
        return _write(self.ssh, f"{self.folder}/{file}", mib)

    def keep_writing(self, file: str) -> None:
        """Have the guest write random bytes until there is no room; returns when the first have been written."""
        path = f"{self.folder}/{file}"
        self.ssh.run(f"dd if=/dev/urandom of={path} bs=64k > /dev/null 2>&1 < /dev/null & {_AWAIT % path}")

    def checksum(self, file: str) -> str:
        """SHA-256 of what the disk has: the guest's page cache is emptied first."""
        self.ssh.run("sync && echo 3 > /proc/sys/vm/drop_caches", timeout_s=_TIMEOUT_S)
        return _checksum(self.ssh, f"{self.folder}/{file}")


class Checksums(NamedTuple):
    """SHA-256 of a file on the disk and of one in the guest's memory."""

    disk: str
    memory: str


@dataclass(frozen=True, slots=True)
class Witness:
    """A file on a disk and one in memory, which tell whether a machine's past has come back."""

    disk: GuestDisk
    mib: int

    @classmethod
    def prepare(cls, machine: Machine, name: str, *, mib: int = 8) -> Self:
        """A file system on the disk, and one in memory."""
        disk = GuestDisk.find(machine, name)
        disk.format()
        disk.ssh.run(f"mkdir -p {_MEMORY} && mount -t tmpfs tmpfs {_MEMORY}")
        return cls(disk, mib)

    def write(self) -> Checksums:
        """Other random bytes in both."""
        return Checksums(
            self.disk.write("witness", self.mib), _write(self.disk.ssh, f"{_MEMORY}/witness", self.mib)
        )

    def read(self) -> Checksums:
        """What there is."""
        return Checksums(self.disk.checksum("witness"), _checksum(self.disk.ssh, f"{_MEMORY}/witness"))


def _write(ssh: Ssh, path: str, mib: int) -> str:
    ssh.run(f"dd if=/dev/urandom of={path} bs=1M count={mib} conv=fsync 2> /dev/null", timeout_s=_TIMEOUT_S)
    return _checksum(ssh, path)


def _checksum(ssh: Ssh, path: str) -> str:
    return ssh.run(f"sha256sum {path}", timeout_s=_TIMEOUT_S).text().split()[0]
