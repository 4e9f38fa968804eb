"""qemu-img: disk images made, changed, copied and looked at, no machine running on them."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import DiskFull, ImageError, ToolMissing
from harness.host.transcript import transcribe

if TYPE_CHECKING:
    from collections.abc import Sequence

_TIMEOUT_S = 600
_NO_SPACE = "No space left on device"


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """What an image says of itself."""

    virtual_bytes: int
    """The disk's size in its guest."""
    allocated_bytes: int
    """What its file takes on the host's disk."""
    snapshots: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class QemuImg:
    """One qemu-img. Every method raises ImageError with its own words, DiskFull, and ToolMissing."""

    binary: Path

    def create(self, file: Path, size_bytes: int, image_format: str) -> None:
        """A new image, empty."""
        self._run("create", "-q", "-f", image_format, file, str(size_bytes))

    def resize(self, file: Path, size_bytes: int, image_format: str) -> None:
        """Longer or, where it already is, shorter."""
        self._run("resize", "-q", "-f", image_format, "--shrink", file, str(size_bytes))

    def convert(self, source: Path, to: Path, source_format: str, to_format: str, *options: str) -> None:
        """A copy in another format; what is zero is left out. ``options``: such as ``-c``, compressed."""
        self._run("convert", "-q", "-f", source_format, "-O", to_format, *options, source, to)

    def compare(self, one: Path, other: Path, *formats: str) -> None:
        """Raise ImageError where two images, of these formats, do not have the same content."""
        self._run("compare", "-q", "-f", formats[0], "-F", formats[1], one, other)

    def check(self, file: Path, image_format: str = "qcow2") -> None:
        """Raise ImageError for an image whose tables are wrong; blocks that nobody uses are no error."""
        self._run("check", "-q", "-f", image_format, file, fine=(0, 3))

    def snapshot(self, file: Path, action: str, tag: str) -> None:
        """``action``: -c creates, -a goes back to, -d deletes the internal snapshot ``tag``."""
        self._run("snapshot", "-q", action, tag, file)

    def info(self, file: Path) -> ImageInfo:
        """What the image says."""
        said = json.loads(self._run("info", "--output=json", file))
        tags = tuple(each["name"] for each in said.get("snapshots", []))
        return ImageInfo(said["virtual-size"], said["actual-size"], tags)

    def proves(self, file: Path, image_format: str, cache: str, aio: str) -> str | None:
        """Read from the image by QEMU's own block layer in this way; None when it works here, else why not."""
        argv = ["bench", "-q", "-c", "1", "-s", "4096", "-f", image_format, "-t", cache, "-i", aio, str(file)]
        try:
            self._run(*argv)
        except ImageError as error:
            return error.message
        return None

    def _run(self, *arguments: str | Path, fine: Sequence[int | None] = (0,)) -> bytes:
        argv = [self.binary, *arguments]
        done = transcribe(argv, purpose=f"qemu-img {arguments[0]}", deadline_s=_TIMEOUT_S)
        if done.ending == "ended" and done.status in fine:
            return done.stdout
        said = done.last_error or f"it ended with status {done.status}"
        message = f"qemu-img {arguments[0]}: {said.removeprefix('qemu-img: ')}"
        if _NO_SPACE in said:
            raise DiskFull(message, fix="make room, or set VISORBENCH_CACHE_DIR")
        raise ImageError(message, argv=list(done.argv), status=done.status)


def find_qemu_img(qemu: Path | None = None) -> QemuImg:
    """The one beside ``qemu``, a binary or a folder of them, else the first on PATH. Raises ToolMissing."""
    folder = qemu.parent if qemu is not None and qemu.is_file() else qemu
    beside = shutil.which("qemu-img", path=folder) if folder else None
    found = beside or shutil.which("qemu-img")
    if found is None:
        raise ToolMissing("this host has no qemu-img", fix="run `visorbench setup`")
    return QemuImg(Path(found))
