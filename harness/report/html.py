"""``index.html``: one file without scripts, fonts or anything else from a network.

The templates are in ``reports/templates/`` and escape everything; only the pictures, drawn here, go in as
they are.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from harness.host.paths import shipped
from harness.measure.statistics import FEWEST_FOR_COVERAGE, RESAMPLES
from harness.report import host, pictures, reproduce, summary, tables, targets, units
from harness.report.guest_text import plain, tail
from harness.report.key_table import key_table
from harness.report.shown import shown
from harness.report.words import in_words

if TYPE_CHECKING:
    from pathlib import Path

    from jinja2 import Environment

    from harness.results.models import Failure, Run


HEADLINES = 10
"""Sentences on the first screen; the table below has every subject."""


def render(run: Run, folder: Path) -> str:
    """The page of a run whose logs lie in ``folder``."""
    template = environment().get_template("index.html.j2")
    return template.render(**context(run, folder))


def environment() -> Environment:
    """The templates, with escaping on for every one and an error for a name that does not exist."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415
    from markupsafe import Markup  # noqa: PLC0415

    env = Environment(
        loader=FileSystemLoader(shipped("reports", "templates"), encoding="utf-8"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: plain(value) if type(value) is str else value,  # Markup is a subclass: kept
    )
    env.filters |= {
        "svg": Markup,  # drawn by harness.report.plots, which escapes the text in it
        "quantity": units.quantity,
        "interval": units.interval,
        "ratio": units.ratio,
        "ratio_interval": units.ratio_interval,
        "duration": units.duration,
        "fact": host.fact,
        "words": in_words,
    }
    return env


def context(run: Run, folder: Path) -> dict[str, Any]:
    """Everything the page shows."""
    found = tables.scenarios(run)
    facts = run.run.host.facts
    return {
        "run": run,
        "reproduce": reproduce.command(run),
        "labels": summary.labels(run),
        "headlines": summary.headlines(run),
        "most_headlines": HEADLINES,
        "host_line": host.in_one_line(facts),
        "host_rows": host.rows(facts),
        "noise": host.noise(facts),
        "baseline": summary.baseline(run),
        "key": key_table(run),
        "scenarios": found,
        "galleries": pictures.galleries(run, found),
        "target_tables": targets.target_tables(run),
        "shown": shown(run, folder),
        "failures": [(failure, logs(failure, folder)) for failure in run.failed],
        "few": FEWEST_FOR_COVERAGE,
        "resamples": RESAMPLES,
        "anchors": {scenario.name: f"scenario-{at}" for at, scenario in enumerate(found, start=1)},
    }


def logs(failure: Failure, folder: Path) -> list[tuple[str, str | None, str]]:
    """Each log of a failure: its name, a link to it when it lies in the folder, and its last lines."""
    return [(log, _link(folder, log), tail(folder, log)) for log in failure.logs]


def _link(folder: Path, log: str) -> str | None:
    """A link that resolves and cannot leave the folder of the run, whatever the log is called."""
    path = PurePosixPath(log)
    inside = not path.is_absolute() and ".." not in path.parts
    return "./" + quote(log) if inside and (folder / path).is_file() else None
