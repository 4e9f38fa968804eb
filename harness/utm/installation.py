"""The installed UTM: which QEMU it brings for an architecture, and whether that one hands out its frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.errors import UtmNotFound
from harness.utm.symbols import FRAME_EXPORT, missing_for_frame_export
from harness.utm.utmctl import find_app

if TYPE_CHECKING:
    from pathlib import Path


def qemu_library(target: str, app: Path | None = None) -> Path:
    """The QEMU for guests of ``target`` (``aarch64``), a library of the application; raises UtmNotFound."""
    name = f"qemu-{target}-softmmu"
    found = find_app(app)
    framework = found / "Contents" / "Frameworks" / f"{name}.framework"
    for library in (framework / "Versions" / "A" / name, framework / name):
        if library.is_file():
            return library
    raise UtmNotFound(f"{found} has no QEMU for {target}", fix="install UTM again")


def frame_export(target: str, app: Path | None = None) -> str:
    """In words, whether that QEMU exports frames; raises UtmNotFound, UtmPackageUnusable."""
    missing = missing_for_frame_export(qemu_library(target, app))
    if not missing:
        return "yes: this QEMU hands out its frames as IOSurfaces"
    if len(missing) == len(FRAME_EXPORT):
        return "no: this QEMU was built without it"
    return f"no: this QEMU lacks {', '.join(missing)}"
