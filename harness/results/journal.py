"""The journal: every event of a run, one JSON line each, on disk as soon as it is recorded.

A line is written by one ``write`` to a file opened for appending, so ``kill -9`` loses at most the line being
written. A power cut can lose what the kernel had not written yet; :meth:`Journal.sync` bounds that.
"""

from __future__ import annotations

import errno
import json
import os
from typing import TYPE_CHECKING

from harness.errors import StoreError
from harness.results.draft import Draft, Event
from harness.results.writable import writing

if TYPE_CHECKING:
    from pathlib import Path

    from harness.results.models import Run

JOURNAL = "journal.jsonl"
"""Its name within the run's folder."""


class Journal:
    """The writer; makes the folder. Raises DiskFull, ReportsUnwritable; a line that does not fit leaves the others."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / JOURNAL
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)
        with writing("a run", folder):
            folder.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(self.path, flags, 0o644)
            self._size = os.fstat(self._fd).st_size

    def append(self, event: Event) -> None:
        """Write one line, all of it or nothing; raises DiskFull, ReportsUnwritable."""
        line = json.dumps(event, separators=(",", ":"), allow_nan=False).encode() + b"\n"
        with writing(JOURNAL, self.path.parent):
            try:
                if os.write(self._fd, line) < len(line):  # a disk that fills up takes a part first
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            except OSError:
                os.ftruncate(self._fd, self._size)
                raise
        self._size += len(line)

    def move(self, folder: Path) -> None:
        """Go on in another folder, with every line until now; raises as when made, and then nothing has changed."""
        there = Journal(folder)
        with writing(JOURNAL, folder):
            lines = self.path.read_bytes()[: self._size]
            os.ftruncate(there._fd, 0)
            if os.write(there._fd, lines) < len(lines):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.close()
        self.path, self._fd, self._size = there.path, there._fd, len(lines)

    def sync(self) -> None:
        """Wait until the disk has everything."""
        os.fsync(self._fd)

    def close(self) -> None:
        """Close the file; closing twice is fine. Raises DiskFull: network file systems say it no earlier."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            with writing(JOURNAL, self.path.parent):
                os.close(fd)


def replay(folder: Path) -> Draft:
    """The draft that a journal describes, whether or not the run finished.

    A last line without its newline, or one that is no JSON, is what a crash cut off: it is left out. Raises
    StoreError when there is no journal or another line is damaged.
    """
    path = folder / JOURNAL
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise StoreError(f"{folder} has no journal", fix="name the folder of a run", path=path) from error
    draft = Draft()
    lines = content.split(b"\n")
    lines.pop()  # empty after the last newline, or the line that was being written
    for number, line in enumerate(lines, start=1):
        try:
            draft.apply(json.loads(line))
        except (ValueError, KeyError, TypeError) as error:
            if number == len(lines):
                break
            raise StoreError(
                f"{path}, line {number}: not a line that this version wrote ({error})",
                fix="the lines before it are good: cut the file there to read them",
                path=path, line=number,
            ) from error  # fmt: skip
    if "id" not in draft.header:
        raise StoreError(
            f"{path} ends before the run is named", fix="nothing was measured: delete the folder"
        )
    return draft


def recover(folder: Path) -> Run:
    """The run that a journal describes; ``run.finished`` is None when it was interrupted. Raises StoreError."""
    return replay(folder).freeze()
