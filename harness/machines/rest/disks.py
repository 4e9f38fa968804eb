"""The disks of a guest for a VMM that writes to what it is given and locks it: copies, which APFS makes at once."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from harness.errors import DiskFull, InvalidConfiguration
from harness.machines.images import image_format

if TYPE_CHECKING:
    from pathlib import Path

_CLONE = ["cp", "-c"] if sys.platform == "darwin" else ["cp", "--reflink=auto", "--sparse=always"]
"""Blocks shared until one is written, where the file system can (APFS, btrfs, xfs)."""


def private_copy(image: Path, to: Path) -> Path:
    """A copy that its machine alone writes to. Raises DiskFull."""
    done = subprocess.run([*_CLONE, image, to], capture_output=True, text=True, check=False)
    if done.returncode:
        to.unlink(missing_ok=True)
        raise DiskFull(
            f"{image} cannot be copied to {to.parent}: {done.stderr.strip()}",
            fix="free space, set TMPDIR, or let the guest write to it: --writable",
        )
    to.chmod(0o600)
    return to


def check_raw(image: Path, vmm: str) -> None:
    """Raise InvalidConfiguration for an image that Virtualization.framework cannot take."""
    if image_format(image) != "raw":
        raise InvalidConfiguration(
            f"{image} is a qcow2 image, and {vmm} takes raw ones only",
            fix=f"qemu-img convert -O raw '{image}' '{image.with_suffix('.raw')}'",
        )
