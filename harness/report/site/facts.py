"""What the site knows of one run: enough for the list, the trends, and a comparison with any other run.

It is written as a script that a page can load from a disk as well as from a server, ``data/SLUG.js``, where a browser
would refuse to fetch JSON; and read again when the next run is published.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from harness.gate.likeness import stable_facts, subject_facts
from harness.host.paths import without_home
from harness.measure.bootstrap import sketch
from harness.measure.observations import observations
from harness.measure.statistics import FEWEST_FOR_INTERVAL
from harness.report import host, summary, units
from harness.report.guest_text import plain
from harness.report.site.slug import slug
from harness.report.words import in_words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from harness.results.models import Run, Series, Subject

    Floats = NDArray[np.float64]

Facts = dict[str, Any]
"""``data/SLUG.js`` as it is parsed; the keys are those of :func:`facts_of`."""

FORMAT = 2
"""Of the facts; another one makes a site anew."""

POINTS = 96
"""Of a series' sketch: 9,216 quotients for the interval of a ratio."""
DIGITS = 7

_BEFORE, _AFTER = "visorbench.run(", ");\n"


def facts_of(run: Run) -> Facts:
    """Everything the site shows of a run outside of the run's own page; text is plain, numbers have seven digits."""
    names = summary.labels(run)
    facts: Facts = {
        "format": FORMAT,
        "id": run.id,
        "slug": slug(run.id),
        "started": run.started.isoformat(timespec="seconds"),
        "shown": f"{run.started:%Y-%m-%d %H:%M}",
        "unfinished": run.unfinished,
        "profile": run.run.profile,
        "harness": run.run.harness.version,
        "host": {
            "fingerprint": run.run.host.fingerprint,
            "shown": host.in_one_line(run.run.host.facts),
            "facts": stable_facts(run),
        },
        "headlines": [[line.label, "; ".join(line.clauses)] for line in summary.headlines(run)[:4]],
        "measured": len(run.passed()),
        "failed": len(run.failed),
        "skipped": len(run.skipped),
        "samples": run.sample_count,
        "subjects": {subject.id: _subject(subject, names[subject.id]) for subject in run.subjects},
        "series": [_series(series) for series in run.series],
    }
    return _plain(facts)  # type: ignore[no-any-return]  # a dict stays one


def to_script(facts: Facts) -> str:
    """The script that hands the facts to the page that loads it: ASCII, so that no encoding changes it."""
    return f"{_BEFORE}{json.dumps(facts, separators=(',', ':'), allow_nan=False)}{_AFTER}"


def from_script(text: str) -> Facts:
    """The facts in a script of :func:`to_script`; raises ValueError for anything else."""
    if not (text.startswith(_BEFORE) and text.endswith(_AFTER)):
        raise ValueError("no facts of a run")
    facts = from_json(text[len(_BEFORE) : -len(_AFTER)])  # three times as fast as json, for a thousand runs
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise ValueError("the facts of a run in another format")
    return facts


def _subject(subject: Subject, label: str) -> Facts:
    return {
        "label": label,
        "version": subject.backend_version,
        "fingerprint": subject.fingerprint,
        "facts": {name: str(value)[:200] for name, value in subject_facts(subject).items()},
    }


def _series(series: Series) -> Facts:
    told: Facts = {
        "scenario": series.scenario,
        "metric": series.metric,
        "words": in_words(series.metric),
        "unit": series.unit,
        "better": series.better,
        "subject": series.subject,
        "n": series.summary.n,
        "median": _short(series.summary.median),
        "ci95": None if series.summary.ci95 is None else [_short(end) for end in series.summary.ci95],
        "shown": units.quantity(series.summary.median, series.unit),
    }
    counted = observations(series.samples, series.times)
    if counted.size >= FEWEST_FOR_INTERVAL:
        told |= _sketch(counted)
    return told


def _sketch(counted: Floats) -> Facts:
    import numpy as np  # noqa: PLC0415 - a light command does not pay for it

    made = sketch(np.sort(counted), POINTS)
    return {
        "counted": int(counted.size),
        "middle": _short(float(np.median(counted))),
        "medians": " ".join(
            f"{value:.{DIGITS}g}" for value in made.quantiles
        ),  # one text is read back in no time
        "without": [[_short(value), count] for value, count in made.jackknife],
    }


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def _plain(value: Any) -> Any:
    """The same with every text made fit to be shown."""
    match value:
        case str():
            return plain(without_home(value))
        case dict():
            return {plain(key): _plain(each) for key, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
        case _:
            return value
