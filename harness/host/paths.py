"""Where the harness keeps things: data shipped with it, the cache, the results store, private directories.

Every location follows the platform's convention (XDG on Linux, ~/Library on macOS) and can be moved by an
environment variable: ``VISORBENCH_CACHE_DIR``, ``VISORBENCH_DATA_DIR``, ``VISORBENCH_RUNTIME_DIR``,
``VISORBENCH_LOCK_DIR``.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from harness.host.write_errors import naming_write_errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from platformdirs import PlatformDirs

SOCKADDR_UN_MAX = 103
"""The longest path of a unix socket that every platform takes (macOS: 104 bytes with the NUL)."""

_LOCKS = Path("/run/lock")
_PACKAGE = Path(__file__).resolve().parent.parent


def shipped(*parts: str) -> Path:
    """A file or folder that comes with the harness, from a clone or from an installed wheel."""
    installed = _PACKAGE / "_data"
    return (installed if installed.is_dir() else _PACKAGE.parent).joinpath(*parts)


def cache_dir() -> Path:
    """Downloads and built guests: everything in it can be made again."""
    return _moved("VISORBENCH_CACHE_DIR") or _platform_dirs().user_cache_path


def data_dir() -> Path:
    """The results store: nothing in it can be made again."""
    return _moved("VISORBENCH_DATA_DIR") or _platform_dirs().user_data_path


def without_home(text: str) -> str:
    """``text`` with ``~`` for the user's home folder: readers of a report need not know who measured, or where."""
    try:
        home = Path.home()
    except RuntimeError:  # nobody's
        return text
    if home == home.parent or str(home) not in text:
        return text
    return re.sub(rf"(?<![\w.-]){re.escape(str(home))}(?![\w.-])", "~", text)


def runtime_dir() -> Path:
    """The registry of owned processes; private (0700), created on first use.

    Raises DiskFull, CacheReadOnly.
    """
    path = _moved("VISORBENCH_RUNTIME_DIR") or data_dir() / "run"
    with naming_write_errors("the harness's run-time files", path, elsewhere="set VISORBENCH_RUNTIME_DIR"):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def lock_dir() -> Path:
    """Where all users of this host meet: a folder in which everybody may make files, and remove only their own.

    Whoever moves it (``VISORBENCH_LOCK_DIR``) waits only for those who have moved it to the same place.
    """
    if moved := _moved("VISORBENCH_LOCK_DIR"):
        with naming_write_errors("the measuring lock", moved, elsewhere="set VISORBENCH_LOCK_DIR"):
            moved.mkdir(parents=True, exist_ok=True)
        return moved
    if sys.platform == "win32":
        return Path(os.environ.get("PUBLIC", r"C:\Users\Public"))
    else:  # noqa: RET505 - mypy knows platforms by branches
        return _unix_lock_dir()


def _unix_lock_dir() -> Path:
    try:
        of_locks = _LOCKS.stat().st_mode  # Debian opens it to every user, Fedora to root alone
    except OSError:
        of_locks = 0
    return _LOCKS if of_locks & stat.S_ISVTX and of_locks & stat.S_IWOTH else Path("/tmp")  # noqa: S108


@contextmanager
def private_directory(prefix: str = "vb-", *, on_disk: bool = False) -> Iterator[Path]:
    """A fresh 0700 directory with a path short enough for unix sockets inside it, removed afterwards.

    ``on_disk``: on the disk that the cache is on, as the system's own may be in memory; its path may be long. It is
    entered in the registry, so that ``visorbench reap`` removes what a crash left behind. Raises DiskFull,
    CacheReadOnly.
    """
    root = cache_dir() / "scratch" if on_disk else Path(tempfile.gettempdir())
    if on_disk:
        with naming_write_errors("a folder", root, elsewhere="set VISORBENCH_CACHE_DIR"):
            root.mkdir(parents=True, exist_ok=True)
    elif (
        sys.platform != "win32" and len(os.fsencode(root)) > SOCKADDR_UN_MAX - 48
    ):  # macOS hands out /var/folders/…/T
        root = Path("/tmp")  # noqa: S108 - mkdtemp makes it private
    from harness.host.registry import note_directory  # noqa: PLC0415 - the registry needs runtime_dir

    with naming_write_errors("a private directory", root, elsewhere="set TMPDIR"):
        path = Path(tempfile.mkdtemp(prefix=prefix, dir=root))
    entry = None
    try:
        entry = note_directory(path)
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        if entry is not None:
            entry.unlink(missing_ok=True)


def _moved(variable: str) -> Path | None:
    value = os.environ.get(variable)
    return Path(value).expanduser() if value else None


def _platform_dirs() -> PlatformDirs:
    from platformdirs import PlatformDirs  # noqa: PLC0415 - keeps `visorbench --help` fast

    return PlatformDirs("visorbench", appauthor=False)
