"""The QEMUs inside UTM.app: libraries that only its sandboxed launcher loads, so they are found and never run."""

from __future__ import annotations

import mmap
import os
import plistlib
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from xml.parsers.expat import ExpatError

if TYPE_CHECKING:
    from collections.abc import Iterable

SOURCE = "UTM.app"
_SAID = re.compile(rb"QEMU emulator version (\d+\.\d+[\w.]*)")


@dataclass(frozen=True, slots=True)
class UtmQemu:
    """One library; a version that cannot be read is ''."""

    path: Path
    """Its framework's folder."""
    utm_version: str
    qemu_version: str


def apps() -> list[Path]:
    """Every UTM.app of this user."""
    roots = (Path("/Applications"), Path.home() / "Applications")
    return [app for root in roots if (app := root / "UTM.app").is_dir()]


def binaries() -> list[Path]:
    """Programs in it that are named as a QEMU: none in UTM itself, some in its relatives."""
    return [
        found
        for app in apps()
        for found in sorted(app.glob("Contents/**/qemu-system-*"))
        if os.access(found, os.X_OK) and found.is_file()
    ]


def libraries(targets: Iterable[str]) -> list[UtmQemu]:
    """Its QEMUs for ``targets`` (QEMU's words: ``aarch64``, ``x86_64``)."""
    names = [f"qemu-{target}-softmmu" for target in targets]
    return [
        UtmQemu(framework, app_version(app), library_version(framework / name))
        for app in apps()
        for name in names
        if (framework := app / "Contents" / "Frameworks" / f"{name}.framework").exists()
    ]


def app_version(app: Path) -> str:
    """UTM's own version; '' when it cannot be read."""
    with suppress(OSError, plistlib.InvalidFileException, ExpatError, ValueError):
        info = plistlib.loads((app / "Contents" / "Info.plist").read_bytes())
        if isinstance(info, dict):
            return str(info.get("CFBundleShortVersionString", ""))
    return ""


def library_version(library: Path) -> str:
    """What ``--version`` would print: the framework's own Info.plist says 1.0 whatever is inside (scripts/fixup.sh)."""
    with (
        suppress(OSError, ValueError),  # ValueError: an empty file cannot be mapped
        library.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text,
    ):
        if found := _SAID.search(text):
            return found[1].decode()
    return ""
