"""The file systems in a disk image, read without root and without mounting: the only module that knows dissect.

The dissect libraries are under the AGPL-3.0, so they are optional (``visorbench[extract]``) and imported when a disk
is opened. They trust what they read: a damaged image makes them raise anything, take any memory or never end. Here
whatever they raise becomes DiskImageCorrupt; the bounds are those of the process that calls
(:mod:`harness.kernels.extract` starts one).
"""

from __future__ import annotations

import io
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, Any

from harness.errors import DiskImageCorrupt, DiskImageUnusable, ToolMissing, VisorbenchError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_CHUNK_BYTES = 1 << 20
_MOST_READ_BYTES = 64 << 20
"""What is read of the image at once; a table that claims more is none."""
_MOST_LINKS = 40
"""Symbolic links on the way to a file, as in Linux."""
_MOST_NAMES = 100_000
_MOST_PARTITIONS = 128
_MOST_SUBVOLUMES = 64
_SECTOR_BYTES = 512
_PARENTS = {".", ".."}

_FOREIGN = {
    b"KDMV": "VMDK", b"# Di": "VMDK", b"vhdx": "VHDX", b"cone": "VHD", b"<<< ": "VDI",
    b"\x1f\x8b\x08": "gzip", b"\xfd7zX": "xz", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2", b"PK\3\4": "zip",
}  # fmt: skip
"""First bytes → what an image that is not read here is."""
_PACKED = {"gzip", "xz", "zstd", "bzip2", "zip"}


@dataclass(frozen=True, slots=True)
class File:
    """A regular file in the image: its bytes, and how many they are said to be."""

    size: int
    open: Callable[[], IO[bytes]]


@dataclass(frozen=True, slots=True)
class Volume:
    """A file system, or a subvolume of one; paths are from its root, and links stay within it."""

    name: str
    """Where it is: ``partition 2``."""
    kind: str
    image: Path
    root: Any
    """dissect's."""
    subvolume: str = ""
    """Of btrfs: its path from the top of the file system, whose own is empty."""

    def file(self, path: str) -> File | None:
        """The regular file that ``path`` leads to, or None; raises DiskImageCorrupt."""
        with _naming_damage(self.image, str(self)):
            node = self._find(path)
            if node is None or _kind(node) != stat.S_IFREG:
                return None
            return File(int(node.size), node.open)

    def names(self, path: str) -> list[str]:
        """What is in the directory ``path``, sorted; nothing where it is none. Raises DiskImageCorrupt."""
        with _naming_damage(self.image, str(self)):
            node = self._find(path)
            if node is None or _kind(node) != stat.S_IFDIR:
                return []
            return sorted(name for name, _ in _children(node) if name not in _PARENTS and "/" not in name)

    def chunks(self, path: str, most_bytes: int, part: range | None = None) -> Iterator[bytes]:
        """The bytes of a file that is there, or those of them whose numbers are in ``part``.

        Raises DiskImageCorrupt for more than ``most_bytes``, or where there are less than it says.
        """
        file = self.file(path)
        if file is None:
            raise _corrupt(self.image, f"{path} on {self} is there, and then is not")
        part = range(file.size) if part is None else part
        if len(part) > most_bytes:
            raise _corrupt(
                self.image, f"{path} on {self} says that it has {len(part) >> 20} MiB, and none has"
            )
        with _naming_damage(self.image, f"{path} on {self}"):
            stream = file.open()
            stream.seek(part.start)
            left = len(part)
            while left:
                chunk = bytes(stream.read(min(left, _CHUNK_BYTES)))
                if not chunk:
                    raise EOFError(f"it ends {left} bytes early")
                left -= len(chunk)
                yield chunk

    def __str__(self) -> str:
        return f"{self.name} ({self.kind})"

    def _find(self, path: str) -> Any:
        """The node, or None; ``..`` and links are followed within the volume, up to a limit."""
        trail = [self.root]
        todo = list(reversed(PurePosixPath(path).parts))
        links = 0
        while todo:
            name = todo.pop()
            if name == "/":
                trail = [self.root]
            elif name == "..":
                trail = trail[:-1] or [self.root]
            else:
                if _kind(trail[-1]) != stat.S_IFDIR:
                    return None
                node = _child(trail[-1], name)
                if node is None:
                    return None
                if _kind(node) == stat.S_IFLNK:
                    links += 1
                    if links > _MOST_LINKS or node.size > _SECTOR_BYTES * 8:
                        return None
                    todo += reversed(PurePosixPath(node.link).parts)
                else:
                    trail.append(node)
        return trail[-1]


@dataclass(frozen=True, slots=True)
class Disk:
    """What is in an image: ``format``, the volumes that can be read, and why the others cannot."""

    format: str
    volumes: tuple[Volume, ...]
    unreadable: tuple[VisorbenchError, ...]


def open_disk(image: Path) -> Disk:
    """Find the file systems of a raw or qcow2 image, which stays open as long as they live.

    Raises ToolMissing without the dissect libraries, DiskImageUnusable, DiskImageCorrupt.
    """
    try:
        import dissect.hypervisor  # noqa: PLC0415 - optional
        import dissect.volume  # noqa: F401, PLC0415
    except ImportError as error:
        raise ToolMissing(
            "file systems are read by the dissect libraries, which are not installed here (they are AGPL-3.0)",
            fix="pip install 'visorbench[extract]'",
        ) from error
    kind, disk = _content(image)
    with _naming_damage(image, "its partition table"):
        regions = _regions(disk, image)
    volumes: list[Volume] = []
    unreadable: list[VisorbenchError] = []
    for name, stream in regions:
        try:
            volumes += map(_with_root, _volumes(name, stream, image))
        except (DiskImageCorrupt, DiskImageUnusable) as error:
            unreadable.append(error)
    return Disk(kind, tuple(volumes), tuple(unreadable))


def _regions(disk: Any, image: Path) -> list[tuple[str, Any]]:
    """The parts of a disk that may have a file system, by name: the whole, else every partition."""
    from dissect.util.stream import RangeStream  # noqa: PLC0415 - optional
    from dissect.volume.disk import Disk as Partitions  # noqa: PLC0415 - optional

    size = int(disk.size)
    if _file_system(disk, size):
        return [("the whole disk", disk)]
    if _at(disk, size, 510, 2) != b"\x55\xaa":
        raise DiskImageUnusable(
            f"{image} has no partition table, and no file system that is read here",
            fix="give a raw or qcow2 disk with ext2-4, XFS, btrfs or FAT on it", path=image,
        )  # fmt: skip
    regions: list[tuple[str, Any]] = []
    disk.seek(0)
    for part in Partitions(disk).partitions[:_MOST_PARTITIONS]:
        if part.offset >= size:
            raise EOFError(f"partition {part.number} begins after its end")
        # The last sector of a GPT partition is its own, which dissect leaves out.
        whole = part.size + (_SECTOR_BYTES if hasattr(part.raw, "last_lba") else 0)
        regions.append((f"partition {part.number}", RangeStream(disk, part.offset, whole)))
    return regions


class _Strict(io.RawIOBase):
    """A file in which nothing ends early unseen: only the rest of its last sector may be missing."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._file = file
        self.size = file.seek(0, io.SEEK_END)
        file.seek(0)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def read(self, count: int | None = -1) -> bytes:
        at = self._file.tell()
        wanted = self.size - at if count is None or count < 0 else count
        if wanted > _MOST_READ_BYTES:
            raise ValueError(f"a table of {wanted >> 20} MiB")
        rounded = -(-self.size // _SECTOR_BYTES) * _SECTOR_BYTES
        if at + wanted > rounded:
            raise EOFError(f"it has {self.size} bytes, and what is at {at + wanted} is needed")
        return self._file.read(wanted).ljust(wanted, b"\0")


def _content(image: Path) -> tuple[str, Any]:
    """The image's format, and its content as a stream."""
    try:
        file = _Strict(image.open("rb"))
        head = file.read(min(file.size, _SECTOR_BYTES))
    except OSError as error:
        raise DiskImageUnusable(
            f"the disk image {image} cannot be read: {error.strerror}", fix="correct the path", path=image
        ) from None
    for magic, name in _FOREIGN.items():
        if head.startswith(magic):
            undo = f"unpack it with {name}" if name in _PACKED else f"qemu-img convert -O qcow2 {image} NEW"
            raise DiskImageUnusable(f"{image} is {name}, not a raw or qcow2 image", fix=undo, path=image)
    if not head.startswith(b"QFI\xfb"):
        return "raw", file
    from dissect.hypervisor.disk.qcow2 import QCow2  # noqa: PLC0415 - optional

    with _naming_damage(image, "its qcow2 header"):
        if int.from_bytes(head[8:16]):
            raise DiskImageUnusable(
                f"{image} is an overlay on another image",
                fix=f"qemu-img convert -O qcow2 {image} NEW, and give that", path=image,
            )  # fmt: skip
        if int.from_bytes(head[32:36]):
            raise DiskImageUnusable(
                f"{image} is encrypted", fix="qemu-img convert it with its key, and give that", path=image
            )
        return "qcow2", QCow2(file).open()


def _at(stream: Any, size: int, offset: int, count: int) -> bytes:
    if offset + count > size:
        return b""
    stream.seek(offset)
    return bytes(stream.read(count))


def _file_system(stream: Any, size: int) -> str | None:
    """What begins there, by its magic number; FAT only by the name it gives itself."""
    start = _at(stream, size, 0, 96)
    signs = {
        "ext": _at(stream, size, 0x438, 2) == b"\x53\xef" and _at(stream, size, 512, 8) != b"EFI PART",
        "xfs": start.startswith(b"XFSB"),
        "btrfs": _at(stream, size, 0x10040, 8) == b"_BHRfS_M",
        "fat": b"FAT" in {start[54:57], start[82:85]},
        "LUKS": start.startswith((b"LUKS\xba\xbe", b"SKUL\xba\xbe")),
        "LVM": any(_at(stream, size, sector * _SECTOR_BYTES, 8) == b"LABELONE" for sector in range(4)),
    }
    return next((kind for kind, sign in signs.items() if sign), None)


def _volumes(name: str, stream: Any, image: Path) -> Iterator[Volume]:
    """Of one partition; nothing where no file system is seen. Raises DiskImageUnusable, DiskImageCorrupt."""
    with _naming_damage(image, name):
        kind = _file_system(stream, int(stream.size))
    if kind in {"LUKS", "LVM"}:
        what = "encrypted (LUKS)" if kind == "LUKS" else "a physical volume of LVM, which is not read here"
        raise DiskImageUnusable(
            f"{name} of {image} is {what}", fix="take the kernel from the running guest's /boot", path=image
        )
    with _naming_damage(image, f"{name} ({kind})"):
        if kind == "ext":
            from dissect.extfs import ExtFS  # noqa: PLC0415 - optional

            yield Volume(name, "ext4", image, ExtFS(stream).root)
        elif kind == "xfs":
            from dissect.xfs import XFS  # noqa: PLC0415 - optional

            yield Volume(name, "xfs", image, XFS(stream).root)
        elif kind == "fat":
            from dissect.fat import FATFS  # noqa: PLC0415 - optional

            yield Volume(name, "fat", image, FATFS(stream).root)
        elif kind == "btrfs":
            yield from _btrfs(name, stream, image)


def _btrfs(name: str, stream: Any, image: Path) -> Iterator[Volume]:
    """The default subvolume, then the others: GRUB's paths are from the top, the root's from its own."""
    from dissect.btrfs import Btrfs  # noqa: PLC0415 - optional

    btrfs = Btrfs(stream)
    default = btrfs.default_subvolume
    others = (other for other in btrfs.subvolumes() if other.objectid != default.objectid)
    for subvolume in islice(chain([default], others), _MOST_SUBVOLUMES):
        path = str(subvolume.path)
        named = f"{name}, subvolume {path or '/'}" if path or subvolume is not default else name
        yield Volume(named, "btrfs", image, subvolume.root, path)


def _kind(node: Any) -> int:
    """As in ``st_mode``."""
    if hasattr(node, "is_volume_id"):  # FAT, which has no links
        return stat.S_IFDIR if node.is_directory() else stat.S_IFREG
    return int(node.type if hasattr(node, "subvolume") else node.filetype)


def _children(node: Any) -> Iterator[tuple[str, Any]]:
    for number, child in enumerate(node.iterdir()):
        if number >= _MOST_NAMES:
            raise ValueError("a directory of more names than any has")
        if isinstance(child, tuple):
            yield child
        else:
            yield (child.name if hasattr(child, "is_volume_id") else child.filename), child


def _child(node: Any, name: str) -> Any:
    same = str.casefold if hasattr(node, "is_volume_id") else str
    return next((child for found, child in _children(node) if same(found) == same(name)), None)


@contextmanager
def _naming_damage(image: Path, where: str) -> Iterator[None]:
    try:
        yield
    except (VisorbenchError, GeneratorExit):
        raise
    except MemoryError:
        raise _corrupt(image, f"{where} asks for too much memory") from None
    except Exception as error:  # noqa: BLE001 - what dissect raises on damaged bytes has no common name
        said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise _corrupt(image, f"{where} cannot be read: {' '.join(said.split())[:200]}") from None


def _with_root(volume: Volume) -> Volume:
    """Itself; raises DiskImageCorrupt for one whose root is no folder, in which nothing would ever be found."""
    with _naming_damage(volume.image, str(volume)):
        whole = _kind(volume.root) == stat.S_IFDIR
    if not whole:
        raise _corrupt(volume.image, f"the root of {volume} is no folder")
    return volume


def _corrupt(image: Path, what: str) -> DiskImageCorrupt:
    return DiskImageCorrupt(
        f"the disk image {image} is damaged: {what}",
        fix="get it again, and compare it with the hash that its publisher gives", path=image,
    )  # fmt: skip
