"""Kernel, initrd and command line out of a disk image, by a process whose time and memory are bounded.

A damaged file system may make a reader go in circles or take all memory: it does so in a process of its own.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import errors
from harness.errors import DiskImageCorrupt, DiskImageUnusable, VisorbenchError
from harness.host.write_errors import naming_write_errors

if TYPE_CHECKING:
    from collections.abc import Sequence

MANIFEST = "manifest.json"
LIMIT_S = 120.0
"""A cloud image takes a second or two, one GiB of initrd a minute."""

_FILES = ("kernel", "initrd", "cmdline", MANIFEST)


def extract(image: Path, folder: Path, *, limit_s: float = LIMIT_S) -> dict[str, Any]:
    """Write ``kernel``, ``initrd``, ``cmdline`` and ``manifest.json`` into ``folder``; returns the manifest.

    What the image has none of is not written, and removed if an earlier image had it. Raises ToolMissing,
    KernelNotFound, DiskImageUnusable, DiskImageCorrupt, DiskFull, CacheReadOnly.
    """
    _check(image)
    with naming_write_errors("the kernel", folder, elsewhere="give another --out"):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".extract-", dir=folder) as fresh:
            manifest = _child(image, [fresh], limit_s)
            (Path(fresh) / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
            for name in _FILES:
                (folder / name).unlink(missing_ok=True)
                if (Path(fresh) / name).exists():
                    shutil.move(Path(fresh) / name, folder / name)
    return manifest


def list_entries(image: Path, *, limit_s: float = LIMIT_S) -> dict[str, Any]:
    """``entries``: all that the image boots, what :func:`extract` takes first; ``notes``: what could not be read.

    Raises ToolMissing, KernelNotFound, DiskImageUnusable, DiskImageCorrupt.
    """
    _check(image)
    return _child(image, [], limit_s)


def _check(image: Path) -> None:
    if not image.is_file():
        raise DiskImageUnusable(
            f"{image} is not a disk image: it is no file", fix="correct the path", path=image
        )


def _child(image: Path, more: Sequence[str], limit_s: float) -> dict[str, Any]:
    command = [sys.executable, "-m", "harness.kernels.extract_here", str(image), *more]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=limit_s, text=True, check=False
        )
    except subprocess.TimeoutExpired:
        raise DiskImageCorrupt(
            f"the disk image {image} is damaged: reading it came to no end in {limit_s:g} s",
            fix="get it again, and compare it with the hash that its publisher gives", path=image,
        ) from None  # fmt: skip
    try:
        said: dict[str, Any] = json.loads(done.stdout)
        kind = getattr(errors, said["error"]) if "error" in said else None
    except (ValueError, AttributeError):
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise VisorbenchError(
            f"the process that reads {image} ended with status {done.returncode}: {last}",
            fix="report it, with the image", stderr=done.stderr[-4000:],
        ) from None  # fmt: skip
    if kind:
        raise kind(said["message"], fix=said["fix"], path=image)
    return said
