"""Files that the user has commands write: refused before the work, where there can be none."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from harness.errors import InvalidConfiguration, OutputUnwritable

if TYPE_CHECKING:
    from pathlib import Path


def check_output(path: Path, what: str) -> None:
    """``what``: "the screenshot". Raises InvalidConfiguration where no file can be, OutputUnwritable where none may."""
    if path.is_dir():
        raise InvalidConfiguration(f"{path} is a folder, and {what} is a file", fix="name a file in it")
    folder = path.absolute().parent
    if not folder.is_dir():
        raise InvalidConfiguration(
            f"there is no folder {path.parent} for {what}", fix="make it, or name another file"
        )
    refused = next((each for each in (folder, path) if each.exists() and not os.access(each, os.W_OK)), None)
    if refused:
        raise OutputUnwritable(
            f"cannot write {what}: {refused} may not be written",
            fix="make it writable, or name another file",
            path=path,
        )
