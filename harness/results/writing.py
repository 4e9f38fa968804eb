"""Why a run's folder could not be written, by name."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from harness.errors import NO_SPACE, DiskFull, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def naming_write_errors(path: Path) -> Iterator[None]:
    """Turn the OSErrors of writing at ``path`` into DiskFull or StoreError."""
    try:
        yield
    except OSError as error:
        if error.errno in NO_SPACE:
            raise DiskFull(
                f"no space left for {path}",
                fix="free some space; `visorbench report` makes a report of what is there",
                path=path,
            ) from error
        raise StoreError(
            f"cannot write to {path}: {error.strerror}",
            fix="change its permissions, or name another folder with --reports",
            path=path,
        ) from error
