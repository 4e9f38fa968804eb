"""The folder of a site: whether it is one, what it remembers, and how fresh files come into it.

Everything is written beside the site first and then moved in, in an order in which no page that can be reached links
to one that is not there yet: a run's files, then its facts, the trends, and last the list of runs. What breaks in
between, a full disk or a power cut, leaves whole pages, and the next time does the rest.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from harness.errors import ReportsUnwritable, UsageError
from harness.host.write_errors import naming_write_errors
from harness.report.site.facts import FORMAT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MANIFEST = "site.json"
"""What marks a folder as a site: its format, and which source each run came from."""

Manifest = dict[str, tuple[str, str]]
"""Source → its stamp, and the slug of its run."""

_LOCK = ".lock"
_NEW = ".new-"
_GUESTS = frozenset({".git", ".nojekyll", "CNAME"})
"""What a service that serves the site wants in its folder."""
_LAST = ("compare.html", "trends.html", "index.html", MANIFEST)
"""Moved in after everything that they link to, in this order."""


@contextmanager
def updating(folder: Path) -> Iterator[Path]:
    """A place to write fresh files in, while nobody else changes the site; gone afterwards.

    Raises UsageError for a folder that holds something else, DiskFull, ReportsUnwritable.
    """
    elsewhere = "publish to another folder"
    with naming_write_errors("a site", folder, elsewhere=elsewhere, refused=ReportsUnwritable):
        _own(folder)
        with FileLock(folder / _LOCK):
            for left in folder.glob(f"{_NEW}*"):  # by a process that was killed: the lock is ours
                shutil.rmtree(left, ignore_errors=True)
            staging = Path(tempfile.mkdtemp(prefix=_NEW, dir=folder))
            try:
                yield staging
            finally:
                shutil.rmtree(staging, ignore_errors=True)


def read_manifest(folder: Path) -> Manifest:
    """Empty for a new site, one of another format, and one whose manifest is damaged; raises ReportsUnwritable for one
    that may not be read."""
    try:
        document = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        sources = document["sources"] if document["format"] == FORMAT else {}
        return {str(name): (str(stamp), str(slug)) for name, (stamp, slug) in sources.items()}
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError, AttributeError):
        return {}
    except OSError as error:
        raise ReportsUnwritable(
            f"cannot read {folder / MANIFEST}: {error.strerror}",
            fix="make it readable, or publish to another folder",
            path=folder,
        ) from error


def write_manifest(staging: Path, manifest: Mapping[str, tuple[str, str]]) -> None:
    """Among the fresh files; it comes in last."""
    (staging / MANIFEST).write_text(json.dumps({"format": FORMAT, "sources": manifest}), encoding="utf-8")


def move_in(staging: Path, folder: Path) -> None:
    """Runs as whole folders, then single files, and last the pages that everything is reached from."""
    for fresh in sorted((staging / "runs").glob("*")):
        target = folder / "runs" / fresh.name
        target.parent.mkdir(exist_ok=True)
        if target.exists():
            target.replace(staging / f"old-{fresh.name}")
        fresh.replace(target)
    files = [
        path.relative_to(staging) for part in ("data", "trends") for path in (staging / part).rglob("*.*")
    ]
    files += [path.relative_to(staging) for path in staging.glob("*.*") if path.name not in _LAST]
    for path in [*sorted(files), *map(Path, _LAST)]:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (staging / path).replace(folder / path)


def remove_unlinked(folder: Path, slugs: set[str], trends: set[str]) -> None:
    """Runs and trends that no page links to any more; ``trends`` are paths within the site, without ``.html``."""
    for left in (folder / "runs").glob("*"):
        if left.name not in slugs:
            shutil.rmtree(left, ignore_errors=True)
    for script in (folder / "data").glob("*.js"):
        if script.stem not in slugs and script.name != "runs.js":
            script.unlink(missing_ok=True)
    for page in (folder / "trends").glob("*/*.*"):
        if page.relative_to(folder).with_suffix("").as_posix() not in trends:
            page.unlink(missing_ok=True)


def _own(folder: Path) -> None:
    """A folder to write a site in: a new one, an empty one, or a site's."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is no folder", fix="name one for the site")
    folder.mkdir(parents=True, exist_ok=True)
    there = {path.name for path in folder.iterdir() if path.name != _LOCK and not path.name.startswith(_NEW)}
    others = sorted(there - _GUESTS)
    if others and MANIFEST not in there:
        raise UsageError(
            f"{folder} holds something else than a site of VisorBench: {', '.join(others[:4])}",
            fix="name an empty folder, or one that does not exist yet",
        )
