"""The folder of a run, ``reports/<run id>/``, and ``reports/latest``.

The journal and the logs grow in it while the run lasts; the files for readers are all written beside it first
and then moved in one by one, so that each is either whole or not there, and a full disk leaves what was there
before.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING

from harness.errors import NO_SPACE, ResultsUnusable, UnknownName, UsageError
from harness.results.journal import JOURNAL
from harness.results.writable import writing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from harness.results.models import Run

RESULTS = "results.json"
LATEST = "latest"


def publish(folder: Path, files: Mapping[str, Callable[[IO[str]], None]]) -> None:
    """Write every file of ``folder``, name → what writes it (UTF-8 text), all of them or none.

    Raises DiskFull, ReportsUnwritable.
    """
    with writing("a run", folder):
        folder.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".new-", dir=folder))
        try:
            for name, write in files.items():
                with (staging / name).open("w", encoding="utf-8", newline="") as stream:
                    write(stream)
                    stream.flush()
                    os.fsync(stream.fileno())
            for name in files:
                (staging / name).replace(folder / name)
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def point_latest(folder: Path) -> None:
    """Make ``reports/latest`` the run in ``folder``: a symbolic link swapped in one step, or, where links
    cannot be made (Windows without developer mode), a file ``latest.txt`` with the run's id. Raises
    DiskFull, ReportsUnwritable."""
    reports, run_id = folder.parent, folder.name
    fresh = reports / f".{LATEST}-{os.getpid()}"
    with writing(LATEST, reports):
        try:
            fresh.unlink(missing_ok=True)
            try:
                fresh.symlink_to(run_id, target_is_directory=True)
                if sys.platform == "win32":  # no link to a folder is replaced there
                    (reports / LATEST).unlink(missing_ok=True)
                fresh.replace(reports / LATEST)
            except OSError as error:
                if error.errno in NO_SPACE:
                    raise
                fresh.write_text(run_id + "\n", encoding="utf-8")
                fresh.replace(reports / f"{LATEST}.txt")
        finally:
            fresh.unlink(missing_ok=True)


def read_run(folder: Path) -> Run:
    """The run in a folder: its ``results.json``, else what its journal recovers. Raises ResultsUnusable, StoreError."""
    from harness.results.document import AS_WRITTEN, read_document  # noqa: PLC0415 - pydantic and numpy
    from harness.results.journal import recover  # noqa: PLC0415

    document = folder / RESULTS
    if not document.is_file():
        return recover(folder)
    try:
        return read_document(document)
    except ResultsUnusable as error:
        if error.fix == AS_WRITTEN and (folder / JOURNAL).exists():
            error.fix = f"delete it: {JOURNAL} beside it, which the run wrote, is read instead"
        raise


def find_folder(name: str, reports: Path) -> Path:
    """The folder of a run: a path, an id, a unique start of an id, or "latest". Raises UnknownName,
    UsageError.
    """
    for path in (Path(name), reports / name):
        if _is_run(path):
            return path.resolve()
    ids = sorted(
        (path.name for path in reports.glob("*/") if _is_run(path) and not path.is_symlink()), reverse=True
    )
    if name == LATEST and ids:
        return _latest(reports, ids)
    found = [run_id for run_id in ids if name and run_id.startswith(name)]
    if len(found) > 1:
        raise UsageError(f"{len(found)} runs start with {name!r}", fix=f"one of: {', '.join(found[:8])}")
    if not found:
        raise UnknownName("run", name, [LATEST, *ids[:20]] if ids else [], where=str(reports))
    return (reports / found[0]).resolve()


def _latest(reports: Path, ids: list[str]) -> Path:
    pointer = reports / f"{LATEST}.txt"
    named = pointer.read_text(encoding="utf-8").strip() if pointer.is_file() else ids[0]
    return (reports / (named if named in ids else ids[0])).resolve()


def _is_run(path: Path) -> bool:
    return (path / RESULTS).is_file() or (path / JOURNAL).is_file()
