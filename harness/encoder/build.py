"""libvbencoder as a shared library, built once from ``native/encoder`` and kept: ``<cache>/encoder/<target>/<key>/``.

The key is a hash of everything it is made of, the system's x264 and libyuv included: where those are updated, it is
built again. No library of the system is copied.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import ToolMissing
from harness.guests.toolchain import find_compiler, host_target, run_compiler
from harness.host import codecs
from harness.host.paths import cache_dir, shipped
from harness.host.storage import locked, new_folder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from harness.host.codecs import SystemLibrary

FLAGS = (
    "-std=c17", "-O2", "-D_DEFAULT_SOURCE", "-fPIC", "-shared", "-fvisibility=hidden",
    "-Wall", "-Wextra", "-Wpedantic", "-Werror",
)  # fmt: skip
FRAMEWORKS = ("CoreFoundation", "CoreMedia", "CoreVideo", "IOSurface", "VideoToolbox")


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the library is made of here."""

    compiler: tuple[str, ...]
    """Linux: the zig of every workload. macOS: the system's, since only that has Apple's frameworks."""
    compiler_version: str
    libraries: tuple[SystemLibrary, ...]
    """x264 and libyuv; none where they are not installed and VideoToolbox does without."""
    name: str

    @property
    def folder(self) -> Path:
        """Where its sources are."""
        return shipped("native", "encoder")

    def sources(self) -> list[str]:
        """The C files of what is common and of the backends that there are, in one order everywhere."""
        left_out = (
            *(() if self.libraries else ("x264",)),
            *(() if sys.platform == "darwin" else ("videotoolbox",)),
        )
        return sorted(path.name for path in self.folder.glob("*.c") if not path.name.startswith(left_out))

    @property
    def arguments(self) -> list[str]:
        """All but the compiler and the product."""
        frameworks = [word for name in FRAMEWORKS for word in ("-framework", name)]
        return [
            *FLAGS,
            *([] if self.libraries else ["-DVB_WITHOUT_X264"]),
            *self.sources(),
            *(word for library in self.libraries for word in library.arguments),
            *(frameworks if sys.platform == "darwin" else []),
        ]

    def key(self) -> str:
        """SHA-256 of everything that decides the library's bytes."""
        digest = hashlib.sha256()
        identities = [library.identity for library in self.libraries]
        for part in (*self.compiler[1:], self.compiler_version, *self.arguments, *identities):
            digest.update(f"{part}\0".encode())
        for path in sorted([*self.folder.glob("*.c"), *self.folder.glob("*.h")]):
            digest.update(f"{path.name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\0".encode())
        return digest.hexdigest()

    def build(self, product: Path, flags: Sequence[str] = ()) -> None:
        """Make ``product``; ``flags`` come last. Raises BuildFailed, DiskFull, CacheReadOnly."""
        argv = [*self.compiler, *self.arguments, *flags, "-o", str(product)]
        run_compiler(argv, product, host_target(), folder=self.folder)


def recipe() -> Recipe:
    """What the library is made of on this host; raises ToolMissing, HostLacks. Runs nothing."""
    target = host_target()
    found = {"x264": codecs.x264(), "libyuv": codecs.libyuv()}
    libraries = tuple(library for library in found.values() if library is not None)
    if sys.platform == "darwin":
        program = shutil.which("cc")
        if program is None:
            raise ToolMissing(
                "there is no C compiler to build the encoder with", fix="xcode-select --install"
            )
        usable = libraries if len(libraries) == len(found) else ()
        return Recipe((program,), "cc", usable, "libvbencoder.dylib")
    missing = [name for name, library in found.items() if library is None]
    if missing:
        raise ToolMissing(
            f"the encoder needs {' and '.join(missing)} with headers, which this host does not have",
            fix="visorbench setup installs them (Debian, Ubuntu: libx264-dev libyuv-dev; Arch: x264 libyuv; "
            "Fedora: libyuv-devel, and x264-devel of RPM Fusion)",
            missing=missing,
        )
    zig = find_compiler()
    return Recipe(
        (str(zig.program), "cc", *target.dynamic_arguments, "-s"),
        zig.version,
        libraries,
        "libvbencoder.so",
    )


def library() -> Path:
    """The shared library, built when it is missing; processes that want it build it once.

    Raises ToolMissing, HostLacks, BuildFailed, DiskFull, CacheReadOnly.
    """
    made_of = recipe()
    product = cache_dir() / "encoder" / str(host_target()) / made_of.key()[:16] / made_of.name
    if not product.is_file():
        with locked(product.parent.with_name(f"{product.parent.name}.lock")):
            if not product.is_file():
                with new_folder(product.parent) as draft:
                    made_of.build(draft / product.name)
    return product
