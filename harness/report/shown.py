"""What subjects showed: the pictures of a run, small enough for a page, with who drew each and how it was checked."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.report import host
from harness.report.summary import labels
from harness.report.units import TIMES
from harness.report.words import group_in_words
from harness.results.pictures import PIXELS_MAX, read_picture

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.Image import Image

    from harness.results.models import Picture, Run

WIDTH_MAX, HEIGHT_MAX = 480, 360
"""Pixels of a picture in the page: twice what a column is wide on a phone; the file has all."""
COLOURS_FROM = 120_000
"""Bytes above which a picture in the page has 128 colours only."""
PAGE_BYTES_MAX = 6 << 20
"""Of all pictures in a page; the rest are links to their files."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One picture in the page."""

    subject: str
    size: str
    """Of the picture as it was kept."""
    file: str
    caption: str
    facts: tuple[tuple[str, str], ...]
    uri: str
    """A data URI; empty where the file cannot be shown."""
    width: int
    height: int
    """In the page, in CSS pixels."""
    missing: str = ""
    """Why it is not shown."""


@dataclass(frozen=True, slots=True)
class Group:
    """The pictures of one name, subject by subject."""

    title: str
    pictures: tuple[Shown, ...]


def shown(run: Run, folder: Path) -> dict[str, tuple[Group, ...]]:
    """Scenario → its pictures by name, in the order in which they were recorded; their files lie in ``folder``."""
    names, budget = labels(run), PAGE_BYTES_MAX
    found: dict[str, dict[str, list[Shown]]] = {}
    for picture in run.pictures:
        one = _shown(picture, names[picture.subject], folder, budget)
        budget -= len(one.uri)
        found.setdefault(picture.scenario, {}).setdefault(picture.name, []).append(one)
    return {
        scenario: tuple(Group(group_in_words(name), tuple(each)) for name, each in groups.items())
        for scenario, groups in found.items()
    }


def _shown(picture: Picture, subject: str, folder: Path, budget: int) -> Shown:
    data, small, uri = read_picture(folder, picture.file, picture.sha256), None, ""
    if data is None:
        missing = "its file is not in the run's folder"
    elif (small := _small(data, picture)) is None:
        missing = "its file is no picture of that size"
    else:
        uri = _data_uri(small)
        missing = "" if len(uri) <= budget else "the page has as many as it can hold"
    width, height = small.size if small else (0, 0)
    return Shown(
        subject=subject,
        size=f"{picture.width} {TIMES} {picture.height}",
        file=picture.file,
        caption=picture.caption,
        facts=tuple((name.replace("_", " "), host.fact(value)) for name, value in picture.facts.items()),
        uri="" if missing else uri,
        width=width,
        height=height,
        missing=missing,
    )


def _small(data: bytes, picture: Picture) -> Image | None:
    """The picture as the page shows it; None for a file that is no PNG of the size that was recorded."""
    from PIL.Image import DecompressionBombError  # noqa: PLC0415 - only runs with pictures
    from PIL.Image import open as open_image  # noqa: PLC0415

    try:
        with open_image(io.BytesIO(data), formats=["PNG"]) as image:
            if image.size != (picture.width, picture.height) or picture.width * picture.height > PIXELS_MAX:
                return None
            small = image.convert("RGB")
    except (OSError, ValueError, SyntaxError, DecompressionBombError):  # what Pillow raises for damaged files
        return None
    small.thumbnail((WIDTH_MAX, HEIGHT_MAX))
    return small


def _data_uri(image: Image) -> str:
    encoded = _png(image)
    if len(encoded) > COLOURS_FROM:
        encoded = _png(image.quantize(128))
    return f"data:image/png;base64,{base64.b64encode(encoded).decode()}"


def _png(image: Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format="PNG", optimize=True)
    return stream.getvalue()
