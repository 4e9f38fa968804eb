"""Files that the user has commands write: refused before the work, where there can be none."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from harness.errors import InvalidConfiguration, OutputUnwritable

if TYPE_CHECKING:
    from pathlib import Path


def check_output(path: Path, what: str) -> None:
    """``what``: "the screenshot". Raises InvalidConfiguration where no file can be, OutputUnwritable where none may."""
    if os.path.isdir(path):  # noqa: PTH112 - it raises nothing of a folder that may not be searched
        raise InvalidConfiguration(f"{path} is a folder, and {what} is a file", fix="name a file in it")
    folder = path.absolute().parent
    if not os.path.isdir(folder):  # noqa: PTH112
        raise InvalidConfiguration(
            f"there is no folder {path.parent} for {what}", fix="make it, or name another file"
        )
    written = path if os.path.lexists(path) else folder
    if not os.access(written, os.W_OK):
        raise OutputUnwritable(
            f"cannot write {what}: {written} may not be written",
            fix="make it writable, or name another file",
            path=path,
        )
