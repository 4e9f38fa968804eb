"""Where the machines of a backend leave their logs: each in a folder of its own."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from harness.host.write_errors import naming_write_errors

if TYPE_CHECKING:
    from pathlib import Path

ARGV = "argv"
"""The file in which a machine's command line is; a folder that has it is taken."""


class LogFolders:
    """``folder`` for the first machine, numbered folders inside it for the second and later ones."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._taking = threading.Lock()

    def next(self) -> Path:
        """A folder for a machine that starts. Raises DiskFull, CacheReadOnly."""
        with self._taking:
            folder, number = self._folder, 1
            while (folder / ARGV).exists():
                number += 1
                folder = self._folder / str(number)
            with naming_write_errors(
                "the logs of a machine", folder, elsewhere="name another folder for them"
            ):
                folder.mkdir(parents=True, exist_ok=True)
                (folder / ARGV).touch()
            return folder
