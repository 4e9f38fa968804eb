"""What UTM's QEMU can do for others, by the symbols that its library exports (Mach-O, read by LIEF)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.errors import UtmPackageUnusable

if TYPE_CHECKING:
    from pathlib import Path

FRAME_EXPORT = ("helix_frame_export_init", "helix_encode_iosurface", "helix_get_iosurface_for_resource")
"""A QEMU that hands out its frames as IOSurfaces has all of them."""


def exported(library: Path) -> frozenset[str]:
    """The names that a Mach-O file exports, of every architecture in it, without the linker's underscore.

    Raises UtmPackageUnusable for a file that is no Mach-O.
    """
    import lief  # noqa: PLC0415 - only who looks into a library

    lief.logging.disable()  # it prints what it thinks of a file
    parsed = lief.MachO.parse(str(library)) if library.is_file() else None
    if parsed is None:
        raise UtmPackageUnusable(f"{library} is no Mach-O library", fix="install UTM again", path=library)
    return frozenset(
        str(symbol.name).removeprefix("_") for binary in parsed for symbol in binary.exported_symbols
    )


def missing_for_frame_export(library: Path) -> tuple[str, ...]:
    """Which of FRAME_EXPORT a QEMU lacks: none when it exports frames. Raises as :func:`exported`."""
    has = exported(library)
    return tuple(name for name in FRAME_EXPORT if name not in has)
