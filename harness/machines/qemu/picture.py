"""QEMU's PPM screenshots as PNG, for a QEMU before 7.1 or one built without libpng."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.errors import ToolMissing

if TYPE_CHECKING:
    from pathlib import Path


def ppm_to_png(ppm: Path, png: Path) -> None:
    """Convert; raises ToolMissing without Pillow (which comes with matplotlib)."""
    try:
        from PIL import Image  # noqa: PLC0415 - slow, and only old QEMUs need it
    except ImportError as error:
        raise ToolMissing(
            "this QEMU writes no PNG, and Pillow is not there to", fix="pip install pillow"
        ) from error
    with Image.open(ppm) as picture:
        picture.save(png, format="PNG")
