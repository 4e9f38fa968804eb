"""Brings a site up to the runs that there are: what is new is added, what is there stays."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.errors import ResultsUnusable, StoreError
from harness.report.site.facts import Facts, from_script
from harness.report.site.folder import (
    Manifest,
    move_in,
    read_manifest,
    remove_unlinked,
    updating,
    write_manifest,
)
from harness.report.site.level_search import level_search
from harness.report.site.pages import DRAWN, Pages, run_list, trend_csv
from harness.report.site.run_folder import settle_run, stage_run
from harness.report.site.sources import Skipped
from harness.report.site.trends import trends

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from harness.report.site.level_search import Search
    from harness.report.site.sources import Source
    from harness.report.site.trends import MetricKey


@dataclass(slots=True)
class Site:
    """A site, and what one call did to it."""

    folder: Path
    manifest: Manifest = field(default_factory=dict)
    runs: dict[str, Facts] = field(default_factory=dict)
    """By slug."""
    published: list[str] = field(default_factory=list)
    """Slugs of the runs that are new or were changed."""
    removed: list[str] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    stale: set[MetricKey] = field(default_factory=set)
    """Trends that are not what they were."""

    @property
    def page(self) -> Path:
        """Where to begin."""
        return self.folder / "index.html"


def publish(
    folder: Path,
    sources: Sequence[Source],
    *,
    prune: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> Site:
    """Bring the site in ``folder`` up to ``sources``; a run that it has and they do not stays, unless ``prune``.

    ``tell`` hears of a run whose report has to be drawn, which takes a second. Raises UsageError for a folder that
    holds something else, DiskFull, ReportsUnwritable.
    """
    new = _anything_new(folder, sources)
    with level_search(much=new) as search, updating(folder) as staging:
        with _without_collection():
            site = _read(folder)
        for source in sources:
            if site.manifest.get(source.name, ("",))[0] != source.stamp:
                _add(site, source, staging, tell)
        if prune:
            _prune(site, {source.name for source in sources})
        with _without_collection():  # not around what is added: reports that are drawn leave garbage
            paths = _stage_pages(site, staging, search)
        write_manifest(staging, site.manifest)
        move_in(staging, folder)
        remove_unlinked(folder, set(site.runs), paths)
    return site


@contextmanager
def _without_collection() -> Iterator[None]:
    """Of garbage: the facts of a thousand runs are held to the end, and searching them takes a tenth of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _anything_new(folder: Path, sources: Sequence[Source]) -> bool:
    known = read_manifest(folder)
    return any(known.get(source.name, ("",))[0] != source.stamp for source in sources)


def _read(folder: Path) -> Site:
    """The site as it is; a run that it no longer has whole is forgotten aloud, so that it is published again."""
    site = Site(folder)
    for name, (stamp, slug) in read_manifest(folder).items():
        script = folder / "data" / f"{slug}.js"
        try:
            facts = from_script(script.read_text(encoding="ascii"))
        except (OSError, ValueError) as error:
            site.skipped.append(Skipped(str(script), f"was damaged or lost in the site: {error}"))
            continue
        if not (folder / "runs" / slug / "index.html").is_file():
            site.skipped.append(Skipped(str(folder / "runs" / slug), "was lost in the site"))
            continue
        site.manifest[name] = stamp, slug
        site.runs[slug] = facts
    return site


def _add(site: Site, source: Source, staging: Path, tell: Callable[[str], None]) -> None:
    try:
        run = source.read()
    except (StoreError, ResultsUnusable, OSError) as error:
        why = error.strerror if isinstance(error, OSError) else error.message
        site.skipped.append(Skipped(source.name, f"cannot be read: {why}"))
        return
    facts = stage_run(run, source.folder, staging, tell)
    slug = facts["slug"]
    owner = next((name for name, (_, own) in site.manifest.items() if own == slug), source.name)
    if owner != source.name:
        site.skipped.append(Skipped(source.name, f"holds the run {facts['id']}, as {owner} does"))
        return
    settle_run(facts, staging)
    _touch(site, site.runs.get(slug))
    _touch(site, facts)
    site.manifest[source.name] = source.stamp, slug
    site.runs[slug] = facts
    site.published.append(slug)


def _prune(site: Site, names: set[str]) -> None:
    for name in [name for name in site.manifest if name not in names]:
        slug = site.manifest.pop(name)[1]
        _touch(site, site.runs.pop(slug, None))
        site.removed.append(slug)


def _touch(site: Site, run: Facts | None) -> None:
    site.stale.update((series["scenario"], series["metric"]) for series in (run or {}).get("series", ()))


def _stage_pages(site: Site, staging: Path, search: Search) -> set[str]:
    """The lists, and the pages of stale and of missing trends; returns where every trend lies."""
    pages, runs = Pages(), sorted(site.runs.values(), key=lambda run: (run["started"], run["id"]))
    found = trends(runs)
    stale = [
        trend
        for key, trend in found.items()
        if key in site.stale or not (site.folder / f"{trend.path}.html").is_file()
    ]
    with ThreadPoolExecutor(1) as beside:
        asked = beside.submit(search, [trend.lines[:DRAWN] for trend in stale])
        texts = {
            **dict(pages.fixed()),
            "index.html": pages.index(runs),
            "data/runs.js": run_list(runs),
            "trends.html": pages.trends(found),
            **{f"{trend.path}.csv": trend_csv(trend) for trend in stale},
        }
    for trend, changes in zip(stale, asked.result(), strict=True):
        texts[f"{trend.path}.html"] = pages.trend(trend, changes)
    for path, text in texts.items():
        (staging / path).parent.mkdir(parents=True, exist_ok=True)
        (staging / path).write_text(text, encoding="utf-8", newline="\n")
    return {trend.path for trend in found.values()}
