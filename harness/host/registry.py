"""What the harness owns on this host, on disk: processes and private directories, for ``ps`` and ``reap``.

One small JSON file for each, in ``runtime_dir()/processes`` and ``runtime_dir()/directories``, written whole
or not at all. A process is named by its :class:`~harness.host.identity.Identity`, a directory by path and
inode, so that nothing else is ever ended or removed; a file that cannot be read is ignored.

Ctrl-C may come where a context manager is just entered or left: what this process has on disk it knows before it makes
it, and removes at its end.
"""

from __future__ import annotations

import atexit
import json
import os
import secrets
import shutil
import stat
import time
import uuid
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from harness.host.identity import Identity
from harness.host.paths import runtime_dir
from harness.host.write_errors import naming_write_errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

GRACE_S = 1.0
"""Between SIGTERM and SIGKILL of an orphan."""
_ours: dict[Path, int] = {}
"""Private directories and entries → the process that made them: a fork has none of its parent's."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A process that a harness started."""

    process: Identity
    owner: Identity
    argv: tuple[str, ...]
    purpose: str
    since: float
    """Seconds since the epoch: only ever shown."""

    @property
    def orphan(self) -> bool:
        """Whether its harness is gone."""
        return self.owner.gone


@dataclass(frozen=True, slots=True)
class LeftDirectory:
    """A private directory and the harness that made it."""

    path: str
    device: int
    inode: int
    owner: Identity

    @property
    def ours(self) -> bool:
        """Whether the path still is the very directory that was made."""
        with suppress(OSError):
            found = os.lstat(self.path)
            return stat.S_ISDIR(found.st_mode) and (found.st_dev, found.st_ino) == (self.device, self.inode)
        return False


@dataclass(frozen=True, slots=True)
class Reaped:
    """What :func:`reap` ended or removed; ``pid`` is None for a directory."""

    pid: int | None
    what: str


def note_process(pid: int, argv: Sequence[str], purpose: str) -> Path | None:
    """Enter a process; None when it has ended already. Raises DiskFull, CacheReadOnly."""
    process = Identity.of(pid)
    if process is None:
        return None
    entry = Entry(process, _me(), tuple(argv), purpose, time.time())
    return _write("processes", f"{entry.owner.pid}-{pid}", asdict(entry))


def new_directory(root: Path, prefix: str) -> Path:
    """A fresh 0700 directory in ``root``; raises OSError."""
    path = root.absolute() / f"{prefix}{secrets.token_urlsafe(6)}"
    _ours[path] = os.getpid()
    try:
        path.mkdir(mode=0o700)
    except OSError:
        del _ours[path]
        raise
    return path


def remove(path: Path) -> None:
    """A private directory of this process, or an entry of its own.

    What something still writes into is removed at the end of this process, when what it has started has ended.
    """
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
        if path.exists():
            return
    else:
        path.unlink(missing_ok=True)
    _ours.pop(path, None)


@atexit.register  # before the owner of processes registers its own end, and so called after it
def _remove_what_is_left() -> None:
    mine = [path for path, pid in list(_ours.items()) if pid == os.getpid()]
    folders = [path for path in mine if path.is_dir()]
    left: tuple[str, ...] = ()
    for path in (*folders, *(path for path in mine if path not in folders)):
        if not path.name.startswith(left):  # the entry of a directory that is still there
            with suppress(OSError):
                remove(path)
            if path in folders and path.exists():
                left += (f"{path.name}-",)


def note_directory(path: Path) -> Path:
    """Enter a private directory. Raises DiskFull, CacheReadOnly."""
    found = path.lstat()
    directory = LeftDirectory(os.fspath(path), found.st_dev, found.st_ino, _me())
    return _write("directories", path.name, asdict(directory))


def owned() -> list[Entry]:
    """Every registered process that lives, of every harness of this user; drops entries of ended ones."""
    entries = []
    for file, fields in _read("processes"):
        with suppress(TypeError, KeyError):
            entry = Entry(
                Identity(**fields["process"]), Identity(**fields["owner"]),
                tuple(fields["argv"]), fields["purpose"], fields["since"],
            )  # fmt: skip
            if entry.process.gone:
                file.unlink(missing_ok=True)
            else:
                entries.append(entry)
    return sorted(entries, key=lambda entry: entry.since)


def directories() -> list[LeftDirectory]:
    """Every registered private directory of every harness of this user, whether it is still there or not."""
    return [directory for _, directory in _directories()]


def orphans() -> list[Entry]:
    """The registered processes that outlived their harness."""
    return [entry for entry in owned() if entry.orphan]


def reap() -> list[Reaped]:
    """End every orphan and remove every private directory whose harness is gone.

    What cannot be removed is a :func:`directories_left` afterwards.
    """
    ended = [Reaped(entry.process.pid, entry.purpose) for entry in _end(orphans())]
    owned()  # drops their entries
    for file, directory in _directories():
        if not directory.owner.gone:
            continue
        if directory.ours:
            shutil.rmtree(directory.path, ignore_errors=True)
            if os.path.lexists(directory.path):
                continue
            ended.append(Reaped(None, directory.path))
        file.unlink(missing_ok=True)
    return ended


def directories_left() -> list[LeftDirectory]:
    """The registered private directories that outlived their harness."""
    return [directory for directory in directories() if directory.owner.gone and directory.ours]


def _directories() -> Iterator[tuple[Path, LeftDirectory]]:
    for file, fields in _read("directories"):
        with suppress(TypeError, KeyError):
            yield file, LeftDirectory(**{**fields, "owner": Identity(**fields["owner"])})


def _end(entries: list[Entry]) -> list[Entry]:
    import psutil  # noqa: PLC0415 - keeps light commands fast

    # A psutil.Process remembers its own start time and refuses to signal a reused pid; so between the
    # comparison here and the signal nothing can go wrong.
    ending = []
    for entry in entries:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(entry.process.pid)
            if Identity.of(process.pid) == entry.process:
                process.terminate()
                ending.append((entry, process))
    _, stubborn = psutil.wait_procs([process for _, process in ending], timeout=GRACE_S)
    for process in stubborn:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(stubborn, timeout=GRACE_S)
    return [entry for entry, _ in ending]


def _me() -> Identity:
    me = Identity.of(os.getpid())
    if me is None:
        raise RuntimeError("/proc is not mounted: the harness cannot tell processes apart")
    return me


def _write(kind: str, name: str, fields: dict[str, Any]) -> Path:
    file = runtime_dir() / kind / f"{name}-{uuid.uuid4().hex[:8]}.json"
    partial = file.with_suffix(".partial")
    with naming_write_errors(
        "the registry of owned processes", file.parent, elsewhere="set VISORBENCH_RUNTIME_DIR"
    ):
        _ours[partial] = _ours[file] = os.getpid()
        try:
            file.parent.mkdir(mode=0o700, exist_ok=True)
            partial.write_text(json.dumps(fields))
            partial.replace(file)
        except OSError:
            with suppress(OSError):
                remove(partial)
            del _ours[file]
            raise
        del _ours[partial]
    return file


def _read(kind: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    for file in sorted((runtime_dir() / kind).glob("*.json")):
        with suppress(OSError, ValueError):
            fields = json.loads(file.read_text())
            if isinstance(fields, dict):
                yield file, fields
