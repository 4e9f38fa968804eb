"""The runs that there are to publish: the folders of the reports, and what only the store has."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from harness.results.folder import RESULTS, read_run
from harness.results.journal import JOURNAL

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness.results.models import Run
    from harness.results.store import RunLine, Store

PAGE = "index.html"

_RUN_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")


@dataclass(frozen=True, slots=True)
class Source:
    """One run, not yet read."""

    name: str
    """Of its folder, or its id in the store."""
    stamp: str
    """Changes when the run does."""
    read: Callable[[], Run]
    """Raises StoreError or ResultsUnusable for a damaged one."""
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """What looked like a run and is not published, and why."""

    name: str
    why: str


def in_reports(reports: Path) -> tuple[list[Source], list[Skipped]]:
    """The runs whose folders lie in ``reports``, by name; a folder that is named like a run and holds none is told."""
    found, skipped = [], []
    for folder in sorted(reports.iterdir()) if reports.is_dir() else ():
        if folder.is_symlink() or not folder.is_dir():
            continue
        document = folder / RESULTS
        if document.is_file():
            found.append(Source(folder.name, _stamp(folder), partial(read_run, folder), folder))
        elif (folder / JOURNAL).is_file():
            skipped.append(
                Skipped(
                    str(folder),
                    f"is still being measured, or was interrupted: `visorbench report {folder.name}`",
                )
            )
        elif _RUN_ID.fullmatch(folder.name):
            skipped.append(Skipped(str(folder), f"holds no {RESULTS}"))
    return found, skipped


def in_store(store: Store, known: set[str]) -> list[Source]:
    """The runs of the store whose ids are not ``known`` from folders."""
    return [
        Source(line.id, _line_stamp(line), partial(store.load, line.id))
        for line in store.runs()
        if line.id not in known
    ]


def _stamp(folder: Path) -> str:
    parts = []
    for name in (RESULTS, PAGE):
        path = folder / name
        if path.is_file():
            facts = path.stat()
            parts.append(f"{facts.st_size}@{facts.st_mtime_ns}")
    return " ".join(parts)


def _line_stamp(line: RunLine) -> str:
    return f"store {line.finished} {line.series} {line.samples} {line.skipped} {line.failed}"
