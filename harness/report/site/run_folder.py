"""One run's folder in the site: its report, its raw data, and whatever the report links to."""

from __future__ import annotations

import shutil
from functools import partial
from typing import TYPE_CHECKING

from harness.host.paths import without_home
from harness.report.site.facts import Facts, facts_of, to_script
from harness.report.site.pages import with_way_back
from harness.report.site.sources import PAGE
from harness.results.files import write_csv, write_json, write_junit
from harness.results.folder import RESULTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import IO

    from harness.results.models import Run

STAGED = "run"
"""Where a run is put together, before it is known to be nobody else's."""


def stage_run(run: Run, folder: Path | None, staging: Path, tell: Callable[[str], None]) -> Facts:
    """Put a run's folder together from its own, None where that is gone; a report that is there, newer than its results
    and whole, is taken as it is."""
    place = staging / STAGED
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    for path in _linked(run):
        _copy(folder, path, place)
    for name, write in _raw(run):
        if not _copy(folder, name, place):
            with (place / name).open("w", encoding="utf-8", newline="") as stream:
                write(stream)
    facts = facts_of(run)
    page = _written(run, folder, place)
    if page is None:
        tell(f"drawing the report of {run.id}")
        page = _drawn(run, place)
    (place / PAGE).write_text(with_way_back(page, facts), encoding="utf-8", newline="\n")
    _keep_home_private(place, {picture.file for picture in run.pictures})
    return facts


def settle_run(facts: Facts, staging: Path) -> None:
    """Move the run that was staged, and its facts, to the places that they will have in the site."""
    slug = facts["slug"]
    for name in ("runs", "data"):
        (staging / name).mkdir(exist_ok=True)
    (staging / STAGED).replace(staging / "runs" / slug)
    (staging / "data" / f"{slug}.js").write_text(to_script(facts), encoding="ascii", newline="\n")


def _raw(run: Run) -> Iterator[tuple[str, Callable[[IO[str]], None]]]:
    """The files that readers download, and what writes each where the run's folder lacks it."""
    yield RESULTS, partial(write_json, run)
    yield "samples.csv", partial(write_csv, run)
    yield "junit.xml", partial(write_junit, run)


def _linked(run: Run) -> Iterator[str]:
    """Pictures, and the logs of failures; other logs stay where they are."""
    yield from (picture.file for picture in run.pictures)
    yield from (log for failure in run.failed for log in failure.logs)


def _copy(folder: Path | None, path: str, place: Path) -> bool:
    """Copy a file of the run's folder, never one from elsewhere; whether it was there."""
    if folder is None:
        return False
    origin, target = (folder / path).resolve(), place / path
    inside = origin.is_relative_to(folder.resolve()) and target.resolve().is_relative_to(place.resolve())
    if not inside or not origin.is_file():
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(origin, target)
    return True


def _keep_home_private(place: Path, pictures: set[str]) -> None:
    """Logs are as their programs wrote them, with the paths of who measured; and so are runs of older versions."""
    for path in place.rglob("*"):
        if not path.is_file() or path.relative_to(place).as_posix() in pictures:
            continue
        text = path.read_bytes().decode("utf-8", "surrogateescape")
        if (private := without_home(text)) != text:
            path.write_bytes(private.encode("utf-8", "surrogateescape"))


def _written(run: Run, folder: Path | None, place: Path) -> str | None:
    """The report in the run's folder; None where it is older than the results or links to what is gone."""
    if folder is None or not (folder / PAGE).is_file():
        return None
    if (folder / PAGE).stat().st_mtime_ns < (folder / RESULTS).stat().st_mtime_ns:
        return None
    if not all((place / path).is_file() for path in _linked(run)):
        return None
    return (folder / PAGE).read_text(encoding="utf-8")


def _drawn(run: Run, place: Path) -> str:
    from harness.report.html import render  # noqa: PLC0415 - matplotlib

    return render(run, place)
