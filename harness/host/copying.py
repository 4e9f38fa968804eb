"""Every means that a host has to copy a large file, and what it takes."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

from harness.errors import HostLacks, MeasurementError, ToolMissing
from harness.host.transcript import transcribe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_TIMEOUT_S = 600
_FICLONE = 0x40049409
"""ioctl_ficlone(2): the request of Linux, on every architecture but those with another _IOC (alpha, mips, powerpc)."""


def reflink(source: Path, to: Path) -> None:
    """Share the blocks until one is written. Raises HostLacks where the file system cannot."""
    lacks = HostLacks(
        f"the file system of {to.parent} shares no blocks between files",
        fix="keep images on btrfs, xfs or APFS",
    )
    if sys.platform == "darwin":
        try:
            _run(["cp", "-c", source, to])
        except MeasurementError:
            raise lacks from None
        return
    if sys.platform != "linux":
        raise lacks
    import fcntl  # noqa: PLC0415 - not on Windows

    with source.open("rb") as read, to.open("wb") as written:
        try:
            fcntl.ioctl(written, _FICLONE, read.fileno())
        except OSError as error:
            raise lacks from error


def copy_file_range(source: Path, to: Path) -> None:
    """Have the kernel copy, from file to file. Raises HostLacks where it does not."""
    if sys.platform != "linux":
        raise HostLacks(f"{sys.platform} has no copy_file_range", fix="copy by another means")
    with source.open("rb") as read, to.open("wb") as written:
        left = os.fstat(read.fileno()).st_size
        while left:
            try:
                copied = os.copy_file_range(read.fileno(), written.fileno(), left)
            except OSError as error:
                reason = f"the file system of {to.parent} has no copy_file_range: {error.strerror}"
                raise HostLacks(reason, fix="copy by another means") from error
            if not copied:
                raise MeasurementError(f"copy_file_range ended {left} bytes before the end of {source}")
            left -= copied


def cp(source: Path, to: Path) -> None:
    """cp(1), told to copy."""
    _run(["cp", *(["--reflink=never"] if sys.platform == "linux" else []), source, to])


def rsync(source: Path, to: Path) -> None:
    """rsync(1), whole files."""
    _run(["rsync", "--whole-file", "--inplace", source, to])


MEANS: Mapping[str, Callable[[Path, Path], None]] = {
    "reflink": reflink,
    "copy_file_range": copy_file_range,
    "cp": cp,
    "rsync": rsync,
}
"""Name → what copies a file; each raises HostLacks where this host cannot, and MeasurementError when it failed."""


def _run(argv: list[str | Path]) -> None:
    program = str(argv[0])
    if shutil.which(program) is None:
        raise ToolMissing(
            f"this host has no {program}", fix=f"install it, or copy by another means than {program}"
        )
    done = transcribe(argv, purpose=f"copy by {program}", deadline_s=_TIMEOUT_S)
    if done.ending != "ended" or done.status != 0:
        said = done.last_error or f"it ended with status {done.status}"
        raise MeasurementError(f"{program} did not copy {argv[-2]}: {said}", argv=list(done.argv))
