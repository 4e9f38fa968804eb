"""Why something could not be written, by name."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from harness.errors import NO_SPACE, CacheReadOnly, DiskFull

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.errors import VisorbenchError


@contextmanager
def naming_write_errors(
    what: str, place: Path, *, elsewhere: str, refused: type[VisorbenchError] = CacheReadOnly
) -> Iterator[None]:
    """Turn the OSErrors of writing ``what`` at ``place`` into DiskFull or ``refused``.

    ``elsewhere`` is how the user has it written to another place, as in "set VISORBENCH_RUNTIME_DIR".
    The end of a connection or of a pipe, which is no file's, passes as it is.
    """
    try:
        yield
    except ConnectionError:
        raise
    except OSError as error:
        full = error.errno in NO_SPACE
        raise (DiskFull if full else refused)(
            f"cannot write {what} in {place}: {error.strerror}",
            fix=f"make room there, or {elsewhere}" if full else f"make it writable, or {elsewhere}",
            path=place,
        ) from error
