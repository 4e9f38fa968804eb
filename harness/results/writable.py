"""Writing below the folder of the reports: why it could not be, and whether it will, before anything is measured."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import ReportsUnwritable
from harness.host.write_errors import naming_write_errors

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

ELSEWHERE = "name another folder with --reports"
"""How the user has a run written to another place."""
LITTLE_BYTES = 1 << 20
"""A report without pictures is about as large."""


def writing(what: str, place: Path) -> AbstractContextManager[None]:
    """Name the OSErrors of writing ``what`` in ``place``: DiskFull, ReportsUnwritable."""
    then = "`visorbench report` makes a report of what is there"
    return naming_write_errors(what, place, elsewhere=f"{ELSEWHERE}; {then}", refused=ReportsUnwritable)


def check_writable(reports: Path) -> None:
    """Raise DiskFull or ReportsUnwritable unless a folder with a small report can be made below ``reports``.

    It is made for a moment, in the nearest folder that is there: a full disk and a read-only one say so only then.
    """
    with naming_write_errors("reports", reports, elsewhere=ELSEWHERE, refused=ReportsUnwritable):
        there = next(folder for folder in (reports, *reports.absolute().parents) if folder.exists())
        with tempfile.TemporaryDirectory(prefix=".new-", dir=there) as folder:
            Path(folder, "report").write_bytes(bytes(LITTLE_BYTES))
