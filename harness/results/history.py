"""What every run in the store says of one metric, in the order in which they were measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from harness.errors import UnknownName
from harness.results import store_schema as tables

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from harness.results.store import Store


@dataclass(frozen=True, slots=True)
class Point:
    """One run's median of a series; ``started`` is ISO 8601 in UTC, ``config`` what the subject was made of."""

    run: str
    started: str
    profile: str
    commit: str
    host: str
    """Its fingerprint."""
    subject_fingerprint: str
    backend_version: str
    config: dict[str, Any]
    n: int
    median: float
    ci95: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Trend:
    """A metric on a subject on one host (the same fingerprint), oldest run first: like is never mixed with unlike."""

    scenario: str
    metric: str
    subject: str
    host: str
    unit: str
    better: str
    points: tuple[Point, ...]


def history(
    store: Store, metric: str, *, subject: str | None = None, limit: int | None = None
) -> list[Trend]:
    """The trends of a metric, named alone ("guest-ready") or with its scenario ("boot/guest-ready").

    ``limit``: the newest points of each. Raises UnknownName, with the nearest, for a metric or a subject that no run
    has; StoreError.
    """
    with store.transaction() as connection:
        names = _names(connection)
        chosen = {(scenario, name) for scenario, name in names if metric in (name, f"{scenario}/{name}")}
        if not chosen:
            known = {name for _, name in names} | {f"{scenario}/{name}" for scenario, name in names}
            raise UnknownName("metric", metric, known, where="the store")
        rows = [row for each in sorted(chosen) for row in _rows(connection, *each)]
    if subject is not None and subject not in {row["subject"] for row in rows}:
        raise UnknownName("subject", subject, {row["subject"] for row in rows}, where=metric)
    lines: dict[tuple[str, str, str, str, str, str], list[Point]] = {}
    for row in rows:
        if subject in (None, row["subject"]):
            key = (
                row["scenario"],
                row["metric"],
                row["subject"],
                row["host_fingerprint"],
                row["unit"],
                row["better"],
            )
            lines.setdefault(key, []).append(_point(row))
    return [
        Trend(*line, points=tuple(points[-limit:] if limit else points)) for line, points in lines.items()
    ]


def _names(connection: Connection) -> list[tuple[str, str]]:
    series = tables.series.c
    return [(row[0], row[1]) for row in connection.execute(select(series.scenario, series.metric).distinct())]


def _rows(connection: Connection, scenario: str, metric: str) -> list[dict[str, Any]]:
    """A row for each run and subject, the samples left where they are."""
    runs, subjects, series = tables.runs.c, tables.subjects.c, tables.series.c
    names = ("scenario", "metric", "subject", "unit", "better", "n", "median", "ci95_low", "ci95_high")
    query = (
        select(
            runs.id, runs.started, runs.profile, runs.harness, runs.host_fingerprint,
            subjects.fingerprint, subjects.backend_version, subjects.config, *(series[name] for name in names),
        )
        .join_from(tables.series, tables.runs, series.run_id == runs.id)
        .join(tables.subjects, (subjects.run_id == series.run_id) & (subjects.id == series.subject))
        .where(series.scenario == scenario, series.metric == metric)
        .order_by(runs.started, runs.id)
    )  # fmt: skip
    return [dict(row) for row in connection.execute(query).mappings()]


def _point(row: dict[str, Any]) -> Point:
    low, high = row["ci95_low"], row["ci95_high"]
    return Point(
        run=row["id"],
        started=row["started"],
        profile=row["profile"],
        commit=row["harness"].get("commit", ""),
        host=row["host_fingerprint"],
        subject_fingerprint=row["fingerprint"],
        backend_version=row["backend_version"],
        config=row["config"],
        n=row["n"],
        median=row["median"],
        ci95=None if low is None or high is None else (low, high),
    )
