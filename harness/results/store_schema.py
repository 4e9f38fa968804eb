"""The tables of the results store, schema version 1.

A series is one row with its summary in columns, so that SQL can follow a metric over time; its raw samples
lie beside them as little-endian float64, which keeps a million samples in eight megabytes and gives back the
same bits.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

STORE_VERSION = 1

metadata = MetaData()


def _run_id() -> Column[str]:
    return Column("run_id", String(200), ForeignKey("runs.id"), primary_key=True)


def _position() -> Column[int]:
    return Column("position", Integer, primary_key=True)


version = Table("visorbench_schema", metadata, Column("version", Integer, primary_key=True))

runs = Table(
    "runs",
    metadata,
    Column("id", String(200), primary_key=True),
    Column("started", String(40), nullable=False, index=True, doc="ISO 8601 in UTC: sorts as text"),
    Column("finished", String(40)),
    Column("profile", Text, nullable=False),
    Column("harness", JSON, nullable=False),
    Column("host", JSON, nullable=False),
    Column("host_fingerprint", String(200), nullable=False),
)

subjects = Table(
    "subjects",
    metadata,
    _run_id(),
    _position(),
    Column("id", String(200), nullable=False),
    Column("backend", String(200), nullable=False),
    Column("backend_version", Text, nullable=False),
    Column("guest", Text),
    Column("arch", Text, nullable=False),
    Column("config", JSON, nullable=False),
    Column("fingerprint", String(200), nullable=False),
)

series = Table(
    "series",
    metadata,
    _run_id(),
    _position(),
    Column("scenario", String(200), nullable=False),
    Column("metric", String(200), nullable=False),
    Column("unit", String(200), nullable=False),
    Column("better", String(6), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("n", Integer, nullable=False),
    *(Column(name, Double, nullable=False) for name in ("median", "min", "max", "p95", "p99")),
    *(Column(name, Double) for name in ("ci95_low", "ci95_high")),
    Column("native_subject", String(200)),
    *(Column(name, Double) for name in ("ratio", "ratio_low", "ratio_high")),
    Column("notes", JSON, nullable=False),
    Column("samples", LargeBinary, nullable=False, doc="float64, little-endian"),
    Column("times", LargeBinary, doc="float64, little-endian: seconds since the run started"),
    Index("series_by_metric", "scenario", "metric", "subject"),
)

skips = Table(
    "skips",
    metadata,
    _run_id(),
    _position(),
    Column("scenario", String(200), nullable=False),
    Column("subject", Text),
    Column("code", String(200), nullable=False),
    Column("reason", Text, nullable=False),
    Column("fix", Text, nullable=False),
)

failures = Table(
    "failures",
    metadata,
    _run_id(),
    _position(),
    Column("scenario", String(200), nullable=False),
    Column("subject", Text),
    Column("error", String(200), nullable=False),
    Column("message", Text, nullable=False),
    Column("logs", JSON, nullable=False),
)

PARTS = (subjects, series, skips, failures)
"""The tables that hang on a run, deleted before it."""
