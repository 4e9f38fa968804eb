"""What is done with disk images while no machine runs on them, each step checked before its time is kept."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import HostLacks
from harness.host.allocation import allocated_bytes
from harness.host.copying import MEANS
from harness.host.write_errors import naming_write_errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.host.qemu_img import QemuImg
    from harness.plugin.measure import Measure

_BLOCK_BYTES = 4 << 20
EMPTY_BYTES = 64 << 30
"""Of an image that is made empty: what a user gives a system."""


@dataclass(frozen=True, slots=True)
class ImageTrials:
    """Steps of qemu-img and copies, on images of ``mib`` MiB in ``folder``."""

    qemu_img: QemuImg
    folder: Path
    measure: Measure
    mib: int

    def make_and_resize(self) -> None:
        """An empty image of 64 GiB, made, made longer and shorter."""
        for image_format in ("raw", "qcow2"):
            with self._temporary(f"empty.{image_format}") as image:
                with self.measure.timed(f"image-create/{image_format}"):
                    self.qemu_img.create(image, EMPTY_BYTES, image_format)
                with self.measure.timed(f"image-resize/{image_format}-grow"):
                    self.qemu_img.resize(image, 2 * EMPTY_BYTES, image_format)
                with self.measure.timed(f"image-resize/{image_format}-shrink"):
                    self.qemu_img.resize(image, EMPTY_BYTES // 2, image_format)

    def convert(self) -> None:
        """Between raw and qcow2, both ways, and compressed."""
        with (
            self._data("data.raw") as raw,
            self._temporary("a.qcow2") as image,
            self._temporary("b.img") as other,
        ):
            for source, to, formats, options in (
                (raw, image, ("raw", "qcow2"), ()),
                (image, other, ("qcow2", "raw"), ()),
                (raw, other, ("raw", "qcow2"), ("-c",)),
            ):
                other.unlink(missing_ok=True)
                name = f"{formats[0]}-to-{'compressed-' if options else ''}{formats[1]}"
                with self._throughput(f"image-convert/{name}", to):
                    self.qemu_img.convert(source, to, *formats, *options)
                self.qemu_img.compare(raw, to, "raw", formats[1])

    def compact(self) -> None:
        """A qcow2 image of which the guest has zeroed half, written anew."""
        with (
            self._data("half.raw", zeros=True) as raw,
            self._temporary("full.qcow2") as full,
            self._temporary("compact.qcow2") as compact,
        ):
            self.qemu_img.convert(raw, full, "raw", "qcow2", "-S", "0")
            with self._throughput("image-compact/rate", compact):
                self.qemu_img.convert(full, compact, "qcow2", "qcow2")
            self.qemu_img.compare(raw, compact, "raw", "qcow2")
            self.measure.record(
                "image-compact/size", allocated_bytes(compact) / allocated_bytes(full) * 100, unit="%", better="lower",
                definition="what the image takes when it was compacted, of what it took; half of it is zeros",
            )  # fmt: skip

    def snapshot(self) -> None:
        """A snapshot of an image that no machine runs on: made, gone back to after all of it has changed, deleted."""
        with (
            self._data("before.raw") as before,
            self._data("after.raw") as after,
            self._temporary("kept.qcow2") as image,
        ):
            self.qemu_img.convert(before, image, "raw", "qcow2")
            with self.measure.timed("image-snapshot/save"):
                self.qemu_img.snapshot(image, "-c", "before")
            self.qemu_img.convert(after, image, "raw", "qcow2", "-n")
            self.qemu_img.compare(after, image, "raw", "qcow2")
            with self.measure.timed("image-snapshot/load"):
                self.qemu_img.snapshot(image, "-a", "before")
            self.qemu_img.compare(before, image, "raw", "qcow2")
            with self.measure.timed("image-snapshot/delete"):
                self.qemu_img.snapshot(image, "-d", "before")
            self.qemu_img.check(image)

    def copy(self, *, tell_lacks: bool) -> None:
        """By every means that this host has; ``tell_lacks``: the others are left out by name."""
        with self._data("source.raw") as source:
            for name, by_means in MEANS.items():
                with self._temporary("copy.raw") as to:
                    try:
                        with self._throughput(f"image-copy/{name}", to):
                            by_means(source, to)
                    except HostLacks as error:
                        if tell_lacks:
                            self.measure.leave_out(
                                code=f"no-{name}", reason=error.message, fix=error.fix or ""
                            )
                        continue
                    self.qemu_img.compare(source, to, "raw", "raw")

    @contextmanager
    def _throughput(self, metric: str, to: Path) -> Iterator[None]:
        """Record the image's bytes ÷ the time until ``to`` is on the disk."""
        began = time.monotonic()
        yield
        with to.open("rb+") as file:
            os.fsync(file.fileno())
        self.measure.record(
            metric, (self.mib << 20) / (time.monotonic() - began), unit="B/s", better="higher",
            definition=f"{self.mib} MiB ÷ the time until they are on the disk; the source is in the page cache",
        )  # fmt: skip

    @contextmanager
    def _data(self, name: str, *, zeros: bool = False) -> Iterator[Path]:
        """A raw image of random bytes; ``zeros``: in its first half only."""
        with self._temporary(name) as file:
            with (
                naming_write_errors("a disk image", self.folder, elsewhere="set VISORBENCH_CACHE_DIR"),
                file.open("wb") as image,
            ):
                for written in range(0, self.mib << 20, _BLOCK_BYTES):
                    filled = not zeros or written < self.mib << 19
                    image.write(os.urandom(_BLOCK_BYTES) if filled else bytes(_BLOCK_BYTES))
            yield file

    @contextmanager
    def _temporary(self, name: str) -> Iterator[Path]:
        file = self.folder / name
        try:
            yield file
        finally:
            file.unlink(missing_ok=True)
