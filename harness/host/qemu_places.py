"""Where QEMUs are looked for, in order of preference.

``--qemu PATH``, ``$VISORBENCH_QEMU`` (each a binary or a folder of binaries), PATH, Homebrew, /usr/libexec, and inside
UTM.app.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import QemuNotFound
from harness.host import utm

if TYPE_CHECKING:
    from collections.abc import Iterator

ARCH_OF_TARGET = {"aarch64": "arm64", "x86_64": "x86-64"}
"""QEMU's word for a guest architecture → ours."""
VARIABLE = "VISORBENCH_QEMU"
NAMED = "--qemu"
"""The source of one that was handed in: by this option, or by a file that stands for it."""

_NAMES = (*(f"qemu-system-{target}" for target in ARCH_OF_TARGET), "qemu-kvm")
_HOMEBREW = (Path("/opt/homebrew/bin"), Path("/usr/local/bin"))
_LIBEXEC = (Path("/usr/libexec"),)


def candidates(explicit: Path | str | None) -> Iterator[tuple[Path, str]]:
    """(path, source) of every file to ask, each file once however many names it has.

    Raises QemuNotFound when a folder that the user named holds none.
    """
    seen: set[Path] = set()
    for path, source in _places(explicit):
        real = path.resolve()
        if real not in seen:
            seen.add(real)
            yield path, source


def _places(explicit: Path | str | None) -> Iterator[tuple[Path, str]]:
    variable = os.environ.get(VARIABLE)
    source_of_explicit = VARIABLE if str(explicit) == variable else NAMED
    for value, source in ((explicit, source_of_explicit), (variable, VARIABLE)):
        if value:
            yield from _named(Path(value).expanduser().absolute(), source)
    path = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    for folders, source in ((path, "PATH"), (_HOMEBREW, "Homebrew"), (_LIBEXEC, "libexec")):
        for folder in folders:
            yield from ((found, source) for found in _binaries(folder))
    for found in utm.binaries():
        yield found, utm.SOURCE


def _named(place: Path, source: str) -> Iterator[tuple[Path, str]]:
    if not place.is_dir():
        yield place, source
        return
    binaries = _binaries(place) or _binaries(place / "bin")
    if not binaries:
        raise QemuNotFound(
            f"{place}{told(source)} holds no {' or '.join(_NAMES)}", fix="name a QEMU binary", path=place
        )
    yield from ((found, source) for found in binaries)


def told(source: str) -> str:
    """Where a QEMU was named, for who may have forgotten: a variable."""
    return f" (from {VARIABLE})" if source == VARIABLE else ""


def _binaries(folder: Path) -> list[Path]:
    suffix = ".exe" if sys.platform == "win32" else ""
    return [
        path for name in _NAMES if os.access(path := folder / (name + suffix), os.X_OK) and path.is_file()
    ]
