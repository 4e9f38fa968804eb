"""The site's own pages: the list of runs, the comparison, the trends; and the way back from a run's report."""

from __future__ import annotations

import csv
import io
import json
from html import escape
from typing import TYPE_CHECKING, Any

from harness import __version__
from harness.host.paths import shipped
from harness.report.changes import sentence
from harness.report.html import environment
from harness.report.site.facts import POINTS
from harness.report.site.trend_plot import plot, spark
from harness.report.site.trends import TRACKED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from harness.measure.change_points import ChangePoint
    from harness.report.site.facts import Facts
    from harness.report.site.trends import Line, MetricKey, Point, Trend

DRAWN = 24
"""Lines with a plot on the page of a trend; the CSV has all."""
LISTED = 100
"""Rows under each plot, the newest runs; the CSV has all."""
LINES_IN_LIST = 8

_SCRIPTS = ("interval.js", "compare.js", "filter.js")
_CSV = (
    "scenario", "metric", "subject", "host", "unit", "better",
    "run", "started", "n", "median", "ci95_low", "ci95_high", "subject_became",
)  # fmt: skip


class Pages:
    """Renders the pages; each method returns a file's text."""

    def __init__(self) -> None:
        self._environment = environment()

    def fixed(self) -> Iterator[tuple[str, str]]:
        """What is the same for every site: path and text of styles, scripts and the page of the comparison."""
        folder = shipped("reports", "templates")
        own = folder / "site"
        yield (
            "style.css",
            "".join(path.read_text(encoding="utf-8") for path in (folder / "style.css", own / "site.css")),
        )
        for name in _SCRIPTS:
            yield name, (own / name).read_text(encoding="utf-8")
        yield "compare.html", self._render("compare", points=POINTS)

    def index(self, runs: Sequence[Facts]) -> str:
        """The list of the runs, which are given oldest first."""
        before: dict[tuple[str, str], Facts] = {}
        rows = []
        for run in runs:
            like = run["host"]["fingerprint"], run["profile"]
            rows.append((run, before.get(like)))
            before[like] = run
        return self._render("index", rows=rows[::-1])

    def trends(self, found: Mapping[MetricKey, Trend]) -> str:
        """The list of the trends, by scenario."""
        scenarios: dict[str, list[Trend]] = {}
        for trend in found.values():
            scenarios.setdefault(trend.scenario, []).append(trend)
        hosts = {line.host for trend in found.values() for line in trend.lines}
        anchors = {name: f"scenario-{at}" for at, name in enumerate(scenarios, start=1)}
        return self._render(
            "trends", scenarios=scenarios, anchors=anchors, spark=spark,
            several_hosts=len(hosts) > 1, most=LINES_IN_LIST,
        )  # fmt: skip

    def trend(self, trend: Trend, changes: Sequence[Sequence[ChangePoint]]) -> str:
        """The page of one metric; ``changes`` of the level of each line that is drawn."""
        drawn = [
            (line, found, _told(line, found))
            for line, found in zip(trend.lines[:DRAWN], changes, strict=True)
        ]
        return self._render(
            "trend", root="../../", trend=trend, drawn=drawn,
            plot=plot, newest=_newest, listed=LISTED, tracked=TRACKED, csv=f"{trend.path.rpartition('/')[2]}.csv",
        )  # fmt: skip

    def _render(self, name: str, *, root: str = "", **context: Any) -> str:
        template = self._environment.get_template(f"site/{name}.html.j2")
        return template.render(root=root, version=__version__, **context)


def trend_csv(trend: Trend) -> str:
    """Every point of every line of a metric."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(_CSV)
    for line in trend.lines:
        named = trend.scenario, trend.metric, line.subject, line.host, line.unit, line.better
        for point in line.points:
            run = point.run["id"], point.run["started"]
            writer.writerow([*named, *run, point.n, point.median, *(point.ci95 or ("", "")), point.changed])
    return stream.getvalue()


def run_list(runs: Sequence[Facts]) -> str:
    """``data/runs.js``: slug and words of every run, newest first, for the page of the comparison."""
    listed = [[run["slug"], f"{run['shown']} · {run['profile']} · {run['id']}"] for run in reversed(runs)]
    return f"const visorbenchRuns = {json.dumps(listed, separators=(',', ':'))};\n"


def with_way_back(page: str, run: Facts) -> str:
    """A run's report with links to the rest of the site above it."""
    compare = f"../../compare.html?after={run['slug']}"
    links = (
        ("../../index.html", "All runs"),
        ("../../trends.html", "Trends"),
        (compare, "Compare with another"),
    )
    anchors = "".join(f'<a href="{escape(href)}">{escape(words)}</a>' for href, words in links)
    head, body, rest = page.partition("<body>")
    return f'{head}{body}\n<nav aria-label="Site">{anchors}</nav>{rest}'


def _told(line: Line, changes: Sequence[ChangePoint]) -> list[tuple[str, Facts]]:
    """What to say of each change of a line's level, with its run."""
    runs = [line.points[change.at].run for change in changes]
    return [
        (sentence(change, run["shown"], line.unit, line.better), run)
        for change, run in zip(changes, runs, strict=True)
    ]


def _newest(line: Line) -> list[Point]:
    return line.points[: -LISTED - 1 : -1]
