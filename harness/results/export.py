"""A run in the formats of other programs, as text; Parquet, which is not, is :mod:`harness.results.parquet`.

- ``bmf``: Bencher Metric Format, benchmark → measure → value and bounds (https://bencher.dev/docs/reference/bencher-metric-format/).
- ``github-action-benchmark``: the list of its custom tools, which know one direction for a whole file
  (https://github.com/benchmark-action/github-action-benchmark).
- ``openmetrics``: a gauge for each unit (OpenMetrics 1.0, section 5.1; a summary may not be negative), with the run's
  start as its time.
- ``csv`` and ``json``: ``samples.csv`` and ``results.json``, of a run whose folder is gone.

Values are medians and their 95 % intervals in the metric's base unit.
"""

from __future__ import annotations

import json
import re
from typing import IO, TYPE_CHECKING, Any

from harness.counted import counted
from harness.errors import UsageError
from harness.results.files import write_csv, write_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.results.models import Better, Run, Series

_STATISTICS = ("median", "p95", "p99", "min", "max")


def write_bmf(run: Run, stream: IO[str]) -> None:
    """``{"boot/tcg-arm64-tiny": {"guest-ready": {"value", "lower_value", "upper_value"}}}``; what a metric was run
    with, as in ``triangle/frame-rate``, is part of the benchmark."""
    document: dict[str, dict[str, Any]] = {}
    for series in run.series:
        group, _, measure = series.metric.rpartition("/")
        benchmark = "/".join(part for part in (series.scenario, group, series.subject) if part)
        value: dict[str, float] = {"value": series.summary.median}
        if series.summary.ci95:
            value |= dict(zip(("lower_value", "upper_value"), series.summary.ci95, strict=True))
        document.setdefault(benchmark, {})[measure] = value
    _write_json(document, stream)


def write_github_action_benchmark(run: Run, stream: IO[str], *, better: Better | None = None) -> None:
    """``[{"name", "unit", "value", "range", "extra"}]`` of the metrics of one direction.

    Raises UsageError where the run has both and ``better`` does not say which.
    """
    directions = {series.better for series in run.series}
    if better is None and len(directions) > 1:
        raise UsageError(
            f"run {run.id} has metrics of both directions, and a file of github-action-benchmark holds one",
            fix="--better lower for tool customSmallerIsBetter, --better higher for customBiggerIsBetter",
        )
    chosen = better or next(iter(directions), "lower")
    entries = [_entry(series) for series in run.series if series.better == chosen]
    if not entries:
        raise UsageError(
            f"run {run.id} has no metric where {chosen} is better", fix="name the other direction"
        )
    _write_json(entries, stream)


def write_openmetrics(run: Run, stream: IO[str]) -> None:
    """``visorbench_seconds{scenario,metric,subject,better,statistic}`` and the like, and ``visorbench_run_info``."""
    stamp = f"{run.started.timestamp():.3f}"
    info = {
        "run": run.id, "profile": run.run.profile, "harness": run.run.harness.version,
        "commit": run.run.harness.commit, "host": run.run.host.fingerprint,
    }  # fmt: skip
    stream.write(
        "# TYPE visorbench_run info\n# HELP visorbench_run The run that everything here was measured in.\n"
    )
    stream.write(f"visorbench_run_info{_labels(info)} 1 {stamp}\n")
    families: dict[str, list[Series]] = {}
    for series in run.series:
        families.setdefault(_unit_name(series.unit), []).append(series)
    for unit, members in families.items():
        family = f"visorbench_{unit}"
        stream.write(f"# TYPE {family} gauge\n# UNIT {family} {unit}\n")
        stream.write(f"# HELP {family} What the samples of one metric on one subject come to.\n")
        for series in members:
            _write_gauge(family, series, stamp, stream)
    stream.write("# EOF\n")


TEXT_FORMATS: dict[str, Callable[[Run, IO[str]], None]] = {
    "bmf": write_bmf,
    "csv": write_csv,
    "github-action-benchmark": write_github_action_benchmark,
    "json": write_json,
    "openmetrics": write_openmetrics,
}
"""Format → what writes it."""


def _entry(series: Series) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": "/".join(series.key),
        "unit": series.unit,
        "value": series.summary.median,
        "extra": f"median of {counted(series.summary.n, 'sample')}",
    }
    if series.summary.ci95:
        low, high = series.summary.ci95
        entry["range"] = f"{low:g} to {high:g}"
    return entry


def _write_gauge(family: str, series: Series, stamp: str, stream: IO[str]) -> None:
    labels = {
        "scenario": series.scenario,
        "metric": series.metric,
        "subject": series.subject,
        "better": series.better,
        "base_unit": series.unit,
    }
    for name in _STATISTICS:
        value = getattr(series.summary, name)
        stream.write(f"{family}{_labels({**labels, 'statistic': name})} {value!r} {stamp}\n")


_UNITS = {"s": "seconds", "B": "bytes", "B/s": "bytes_per_second", "1": "ratio", "%": "percent"}


def _unit_name(unit: str) -> str:
    """``op/s`` → ``op_per_second``; the label ``base_unit`` has it as it is."""
    words = re.sub(r"/s$", "_per_second", unit).replace("/", "_per_")
    plain = re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")
    return _UNITS.get(unit) or plain or "other"


def _labels(labels: dict[str, str]) -> str:
    pairs = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{pairs}}}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _write_json(document: Any, stream: IO[str]) -> None:
    json.dump(document, stream, indent=1, allow_nan=False, ensure_ascii=False)
    stream.write("\n")
