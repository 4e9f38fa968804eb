"""Models to rows of the store and back; the round trip is exact."""

from __future__ import annotations

import sys
from array import array
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from harness.results.models import Failure, Native, Picture, Run, RunInfo, Series, Skip, Subject, Summary

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Row = dict[str, Any]


def run_row(run: Run) -> Row:
    """The row of ``runs``."""
    info = run.run
    return {
        "id": info.id,
        "started": _to_text(info.started),
        "finished": _to_text(info.finished) if info.finished else None,
        "profile": info.profile,
        "harness": info.harness.model_dump(),
        "host": info.host.model_dump(),
        "host_fingerprint": info.host.fingerprint,
        "notices": list(run.notices),
    }


def subject_row(subject: Subject) -> Row:
    """A row of ``subjects``, but for its run and position."""
    return subject.model_dump()


def series_row(series: Series) -> Row:
    """A row of ``series``, but for its run and position."""
    summary, native = series.summary, series.native
    low, high = summary.ci95 or (None, None)
    ratio_low, ratio_high = (native.ci95 if native else None) or (None, None)
    return {
        **series.model_dump(include={"scenario", "metric", "unit", "better", "subject"}),
        **summary.model_dump(exclude={"ci95"}),
        "ci95_low": low,
        "ci95_high": high,
        "native_subject": native.subject if native else None,
        "ratio": native.ratio if native else None,
        "ratio_low": ratio_low,
        "ratio_high": ratio_high,
        **series.model_dump(mode="json", include={"notes", "targets", "facts", "definition"}),
        "samples": pack(series.samples),
        "times": None if series.times is None else pack(series.times),
    }


def entry_row(entry: Skip | Failure | Picture) -> Row:
    """A row of ``skips``, ``failures`` or ``pictures``, but for its run and position."""
    return entry.model_dump(mode="json")


def to_run(
    run: Mapping[str, Any],
    *,
    subjects: Sequence[Mapping[str, Any]],
    series: Sequence[Mapping[str, Any]],
    skips: Sequence[Mapping[str, Any]],
    failures: Sequence[Mapping[str, Any]],
    pictures: Sequence[Mapping[str, Any]],
) -> Run:
    """The models of a run's rows; raises pydantic.ValidationError when they were tampered with."""
    return Run(
        run=RunInfo(
            id=run["id"],
            started=datetime.fromisoformat(run["started"]),
            finished=datetime.fromisoformat(run["finished"]) if run["finished"] else None,
            profile=run["profile"],
            harness=run["harness"],
            host=run["host"],
        ),
        subjects=tuple(Subject(**_own(row)) for row in subjects),
        series=tuple(_to_series(row) for row in series),
        skipped=tuple(Skip(**_own(row)) for row in skips),
        failed=tuple(Failure(**_own(row)) for row in failures),
        notices=tuple(run["notices"] or ()),
        pictures=tuple(Picture(**_own(row)) for row in pictures),
    )


def pack(values: Sequence[float]) -> bytes:
    """Float64, little-endian."""
    packed = array("d", values)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


def unpack(data: bytes) -> tuple[float, ...]:
    """The inverse of :func:`pack`."""
    values = array("d")
    values.frombytes(data)
    if sys.byteorder == "big":
        values.byteswap()
    return tuple(values)


def _to_series(row: Mapping[str, Any]) -> Series:
    native = None
    if row["native_subject"] is not None:
        interval = _interval(row["ratio_low"], row["ratio_high"])
        native = Native(subject=row["native_subject"], ratio=row["ratio"], ci95=interval)
    numbers = {name: row[name] for name in ("n", "median", "min", "max", "p95", "p99")}
    names = {name: row[name] for name in ("scenario", "metric", "unit", "better", "subject")}
    return Series(
        **names,
        samples=unpack(row["samples"]),
        times=None if row["times"] is None else unpack(row["times"]),
        summary=Summary(**numbers, ci95=_interval(row["ci95_low"], row["ci95_high"])),
        native=native,
        notes=tuple(row["notes"]),
        targets=tuple(row["targets"] or ()),
        definition=row["definition"] or "",
        facts=row["facts"] or {},
    )


def _interval(low: float | None, high: float | None) -> tuple[float, float] | None:
    return None if low is None or high is None else (low, high)


def _own(row: Mapping[str, Any]) -> Row:
    return {key: value for key, value in row.items() if key not in ("run_id", "position")}


def _to_text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
