"""The process that reads a disk image for :mod:`harness.kernels.extract`, in bounded memory.

    python -m harness.kernels.extract_here IMAGE [FOLDER]

It prints one JSON object: with FOLDER the manifest of what it has written there, else every entry, else an error.
"""

from __future__ import annotations

import hashlib
import json
import sys
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import DiskImageCorrupt, KernelNotFound, VisorbenchError
from harness.host.write_errors import naming_write_errors
from harness.kernels.boot_entries import MOST_INITRD_BYTES, BootEntry, Place, find_entries
from harness.kernels.filesystems import open_disk
from harness.kernels.unpack import MOST_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from harness.kernels.filesystems import Disk

MOST_MEMORY_BYTES = 1 << 30
"""Of address space; files are copied piece by piece, and the largest table is 64 MiB."""
_ALIGNMENT = 4
"""Of each archive in a row of them (Linux, Documentation/driver-api/early-userspace/buffer-format.rst)."""


def main() -> int:
    """Read as the arguments say; what is foreseen is said on standard output, with status 0."""
    _bound_memory()
    image, *folder = map(Path, sys.argv[1:])
    try:
        said = _read(image, folder[0] if folder else None)
    except VisorbenchError as error:
        said = {"error": type(error).__name__, "message": error.message, "fix": error.fix}
    json.dump(said, sys.stdout)
    return 0


def _bound_memory() -> None:
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 - Windows has none

        with suppress(ValueError, OSError):  # macOS may refuse: then only the time is bounded
            resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY_BYTES, MOST_MEMORY_BYTES))


def _read(image: Path, folder: Path | None) -> dict[str, Any]:
    disk = open_disk(image)
    found = find_entries(disk)
    if not found.entries:
        raise _none(image, disk, found.problems)
    notes = [problem.message for problem in found.problems]
    if folder is None:
        return {"entries": [_described(entry) for entry in found.entries], "notes": notes}
    entry = found.entries[0]
    kernel = _write(folder / "kernel", [entry.kernel], MOST_BYTES)
    initrd = _write(folder / "initrd", entry.initrds, MOST_INITRD_BYTES) if entry.initrds else None
    if entry.cmdline is not None:
        with naming_write_errors("the kernel command line", folder, elsewhere="give another --out"):
            (folder / "cmdline").write_text(entry.cmdline + "\n", encoding="utf-8")
    return {
        "schema": 1, "image": str(image), "format": disk.format, "source": entry.source, "title": entry.title,
        "version": entry.version, "kernel": kernel, "initrd": initrd, "cmdline": entry.cmdline,
        "cmdline_from": entry.cmdline_from, "notes": notes,
    }  # fmt: skip


def _none(image: Path, disk: Disk, problems: Sequence[VisorbenchError]) -> VisorbenchError:
    """Damage first, then what could not be read, since the kernel may be there."""
    if problems:
        return min(problems, key=lambda problem: not isinstance(problem, DiskImageCorrupt))
    where = ", ".join(dict.fromkeys(map(str, disk.volumes))) or "no file system that is read here"
    return KernelNotFound(
        f"{image} has no kernel: it has {where}",
        fix="give a disk that boots Linux, or build the guest with a kernel", path=image,
    )  # fmt: skip


def _described(entry: BootEntry) -> dict[str, Any]:
    return {
        "source": entry.source, "title": entry.title, "version": entry.version, "kernel": str(entry.kernel),
        "initrd": [str(initrd) for initrd in entry.initrds], "cmdline": entry.cmdline,
        "cmdline_from": entry.cmdline_from,
    }  # fmt: skip


def _write(to: Path, places: Iterable[Place], most_bytes: int) -> dict[str, Any]:
    """Write the files one after the other; returns what the manifest says of them."""
    sha256 = hashlib.sha256()
    written = 0
    sources: list[str] = []
    with (
        naming_write_errors(f"the {to.name}", to.parent, elsewhere="give another --out"),
        to.open("wb") as out,
    ):
        for place in places:
            padding = bytes(-written % _ALIGNMENT)
            for chunk in chain([padding], place.chunks(most_bytes)):
                out.write(chunk)
                sha256.update(chunk)
                written += len(chunk)
            sources.append(str(place))
    if not written:
        raise DiskImageCorrupt(
            f"{sources[0]} is empty", fix="get the image again, or boot another entry", path=to
        )
    return {"file": to.name, "bytes": written, "sha256": sha256.hexdigest(), "from": sources}


if __name__ == "__main__":
    sys.exit(main())
