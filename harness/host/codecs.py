"""Where this host keeps the libraries that the encoder is built from: x264 and libyuv, headers included."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

PLACES = (Path("/usr"), Path("/usr/local"), Path("/opt/homebrew"), Path("/opt/local"))
"""Prefixes of the system, of what was built by hand, of Homebrew and of MacPorts."""


@dataclass(frozen=True, slots=True)
class SystemLibrary:
    """A library to link with and the folder of its headers, as a development package installs them."""

    name: str
    """As in ``-l``."""
    headers: Path
    file: Path

    @property
    def arguments(self) -> list[str]:
        """The compiler's words for it; its folder of headers, which may be all of the system's, is searched last."""
        return ["-idirafter", str(self.headers), f"-L{self.file.parent}", f"-l{self.name}"]

    @property
    def identity(self) -> str:
        """What changes when the library is updated: what is linked against one version need not load with another."""
        real = self.file.resolve()
        facts = real.stat()
        return f"{real.name} {facts.st_size} {facts.st_mtime_ns}"


def find_library(name: str, header: str, places: tuple[Path, ...] = PLACES) -> SystemLibrary | None:
    """The first prefix that has both the header and the shared library; runs nothing."""
    suffix = "dylib" if sys.platform == "darwin" else "so"
    for place in places:
        headers = place / "include"
        if not (headers / header).is_file():
            continue
        for folder in _library_folders(place):
            file = folder / f"lib{name}.{suffix}"
            if file.is_file():
                return SystemLibrary(name, headers, file)
    return None


def x264() -> SystemLibrary | None:
    """The H.264 encoder."""
    return find_library("x264", "x264.h")


def libyuv() -> SystemLibrary | None:
    """The colour conversion."""
    return find_library("yuv", "libyuv.h")


def _library_folders(place: Path) -> list[Path]:
    """``lib64`` first, where Fedora's 64-bit libraries are; Debian's are in a folder named for the processor."""
    return [place / "lib64", *sorted(place.glob("lib/*-linux-gnu")), place / "lib"]
