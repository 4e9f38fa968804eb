"""Pictures of a run: what a subject showed, as PNG files beside ``results.json``, bounded in size and number.

Pixels come from guests, so every bound is checked here before a byte is written.
"""

from __future__ import annotations

import hashlib
import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import MeasurementError
from harness.results.writable import writing

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = "pictures"
"""Within the run's folder."""
PICTURE_FILE = r"^pictures/[A-Za-z0-9][A-Za-z0-9._-]*\.png$"
"""What the path of a picture looks like, relative to the run's folder."""

PICTURE_SIDE_MAX = 8192
PIXELS_MAX = 3840 * 2160
PNG_BYTES_MAX = 2 << 20
"""A picture that needs more is halved until it does not: it is there to be looked at, not to be measured."""
RUN_PICTURES_MAX = 200
RUN_BYTES_MAX = 48 << 20
"""All pictures of a run; what comes after is not kept, and the run says so."""


@dataclass(frozen=True, slots=True)
class Png:
    """An encoded picture."""

    data: bytes
    width: int
    height: int


def encode_png(rgba: bytes | bytearray | memoryview, width: int, height: int) -> Png:
    """PNG of 8-bit RGBA pixels, rows from the top without padding, halved until it has at most PNG_BYTES_MAX.

    Alpha is dropped: a screen has none. Raises MeasurementError for a size that is not that of the pixels, or is
    beyond PICTURE_SIDE_MAX or PIXELS_MAX.
    """
    from PIL import Image  # noqa: PLC0415 - only scenarios with pictures

    if not (
        0 < width <= PICTURE_SIDE_MAX and 0 < height <= PICTURE_SIDE_MAX and width * height <= PIXELS_MAX
    ):
        raise MeasurementError(
            f"a picture of {width} x {height} is not kept: it may have {PIXELS_MAX:,} pixels, and no side longer "
            f"than {PICTURE_SIDE_MAX:,}"
        )
    if len(rgba) != 4 * width * height:
        raise MeasurementError(
            f"a picture of {width} x {height} has {4 * width * height:,} bytes of RGBA, not {len(rgba):,}"
        )
    image = Image.frombytes("RGBA", (width, height), bytes(rgba)).convert("RGB")
    while True:
        stream = io.BytesIO()
        image.save(stream, format="PNG")
        if stream.tell() <= PNG_BYTES_MAX:
            return Png(stream.getvalue(), *image.size)
        image = image.reduce(2)


def file_name(number: int, *words: str) -> str:
    """The path of a picture within its run's folder: a number, and words of which only what any file system takes
    is kept."""
    slug = re.sub(r"[^A-Za-z0-9]+", "-", "-".join(words)).strip("-")[:80].strip("-")
    return f"{FOLDER}/{number:03}{'-' if slug else ''}{slug}.png"


def write_picture(folder: Path, file: str, data: bytes) -> None:
    """Write a picture of the run in ``folder``, whole or not at all. Raises DiskFull, ReportsUnwritable."""
    path = folder / file
    with writing("a picture", path.parent):
        path.parent.mkdir(exist_ok=True)
        partial = path.with_suffix(".part")
        try:
            partial.write_bytes(data)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def read_picture(folder: Path, file: str, sha256: str) -> bytes | None:
    """The PNG that was recorded; None where the file is gone, is another, or lies elsewhere."""
    path = (folder / file).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        return None
    with path.open("rb") as stream:
        data = stream.read(PNG_BYTES_MAX + 1)
    return data if hashlib.sha256(data).hexdigest() == sha256 else None
