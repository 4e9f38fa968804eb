"""How what can be made again is written: files whole or not at all, one writer at a time.

The cache, all of which can be made again::

    <cache>/archive/<suite>/InRelease           the last Release whose signature was verified
    <cache>/archive/sha256/<hash>               indexes and packages, by content
    <cache>/archive/sha256/<hash>.part          a download that can be resumed
    <cache>/guests/<name>-<arch>/<fingerprint>/ vmlinuz, initrd, root.erofs, manifest.json
    <cache>/efi-stubs/<arch>/                   stub, package.json
    <cache>/guests/<name>-<arch>/<recipe>.json  which of them a recipe gave last: written last, so it is the commit
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from harness.host.write_errors import naming_write_errors

if TYPE_CHECKING:
    from collections.abc import Iterator

ELSEWHERE = "set VISORBENCH_CACHE_DIR"
"""How the user moves all of it to another place."""


def write_whole(path: Path, data: bytes) -> None:
    """Write ``path`` so that a reader, or a crash, sees the old file or the new one; raises DiskFull, CacheReadOnly."""
    with naming_write_errors(path.name, path.parent, elsewhere=ELSEWHERE):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder to fill that becomes ``path`` at the end, or vanishes if filling fails.

    An older ``path`` is replaced. Raises DiskFull, CacheReadOnly.
    """
    with naming_write_errors(path.name, path.parent, elsewhere=ELSEWHERE):
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
        try:
            yield draft
            draft.chmod(0o755)
            if path.exists():
                shutil.rmtree(path)
            draft.rename(path)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file ``path``: one process at a time, freed by the kernel if it dies. Raises CacheReadOnly."""
    from filelock import FileLock  # noqa: PLC0415 - only who writes pays for it

    with naming_write_errors("a lock", path.parent, elsewhere=ELSEWHERE):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
