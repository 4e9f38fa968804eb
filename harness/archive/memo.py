"""Packages found in an index, kept as a small JSON file: the index is large and seldom changes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from harness.archive.index import Package
from harness.archive.release import Checksum
from harness.host.storage import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def memo_path(folder: Path, *question: object) -> Path:
    """Where the answer to ``question`` (JSON values: the hash of an index, what was asked of it) is kept."""
    digest = hashlib.sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()
    return folder / f"packages-{digest[:16]}.json"


def recall(path: Path) -> tuple[Package, ...] | None:
    """The packages kept at ``path``, or None when there are none or they are of another form."""
    try:
        return tuple(_package(value) for value in json.loads(path.read_bytes()))
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None


def remember(path: Path, packages: Iterable[Package]) -> None:
    """Keep the packages at ``path``; raises DiskFull, CacheReadOnly."""
    write_whole(path, json.dumps([asdict(package) for package in packages]).encode())


def _package(value: dict[str, object]) -> Package:
    fields: dict[str, object] = value | {
        "checksum": Checksum(**value["checksum"]),  # type: ignore[arg-type] # a file of ours, or a TypeError
        "depends": tuple(tuple(group) for group in value["depends"]),  # type: ignore[attr-defined] # as above
        "provides": tuple(value["provides"]),  # type: ignore[arg-type] # as above
    }
    return Package(**fields)  # type: ignore[arg-type] # as above
