"""Machines that have a name: where another program of this user finds the monitor of one that is running.

One small file for each, in ``runtime_dir()/machines``, made by whoever started the machine and gone with it. A file
whose maker is gone stands for nothing, and the name is free.
"""

from __future__ import annotations

import json
import os
import re
import uuid
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from harness.errors import InvalidConfiguration, UnknownName, WrongState
from harness.host.identity import Identity
from harness.host.paths import runtime_dir
from harness.host.write_errors import naming_write_errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Named:
    """A running machine; ``monitor``: the unix socket where its VMM takes commands of others."""

    name: str
    monitor: str
    owner: Identity


@contextmanager
def naming(name: str, monitor: Path) -> Iterator[None]:
    """The machine has its name for as long as the block runs.

    Raises InvalidConfiguration for what is no name, WrongState where another running machine has it, DiskFull,
    CacheReadOnly.
    """
    if not _NAME.fullmatch(name):
        raise InvalidConfiguration(
            f"{name!r} is no name for a machine",
            fix="up to 64 letters, digits, dots, hyphens and underscores",
        )
    file = _folder() / f"{name}.json"
    owner = Identity.of(os.getpid())
    if owner is None:
        raise AssertionError("this process runs")
    entry = file.with_name(f"{name}.{uuid.uuid4().hex[:8]}.partial")
    with naming_write_errors("the name of a machine", file.parent, elsewhere="set VISORBENCH_RUNTIME_DIR"):
        try:
            entry.write_text(json.dumps(asdict(Named(name, os.fspath(monitor), owner))), encoding="utf-8")
            _take(file, entry, name)
        finally:
            entry.unlink(missing_ok=True)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def named() -> list[Named]:
    """Every named machine of this user whose harness is there, by name."""
    found = (_read(file) for file in sorted(_folder().glob("*.json")))
    return [each for each in found if each and not each.owner.gone]


def find(name: str) -> Named:
    """The running machine of that name; raises UnknownName."""
    known = {each.name: each for each in named()}
    if name not in known:
        raise UnknownName("machine", name, known, where="what runs (visorbench boot --name NAME)")
    return known[name]


def _take(file: Path, entry: Path, name: str) -> None:
    """Give ``entry`` its final name, unless a living machine's has that."""
    try:
        os.link(entry, file)
    except FileExistsError:
        there = _read(file)
        if there and not there.owner.gone:
            raise WrongState(
                f"a machine named {name} runs already (pid {there.owner.pid})", fix="choose another name, or end it",
                state="running", required="none",
            ) from None  # fmt: skip
        entry.replace(file)


def _read(file: Path) -> Named | None:
    with suppress(OSError, ValueError, TypeError, KeyError):
        fields = json.loads(file.read_text(encoding="utf-8"))
        return Named(fields["name"], fields["monitor"], Identity(**fields["owner"]))
    return None


def _folder() -> Path:
    folder = runtime_dir() / "machines"
    with naming_write_errors("the names of machines", folder, elsewhere="set VISORBENCH_RUNTIME_DIR"):
        folder.mkdir(mode=0o700, exist_ok=True)
    return folder
