"""The tables of the results store as :mod:`harness.results.migrations` makes them; a test compares the two.

A series is one row with its summary in columns, so that SQL can follow a metric over time; its raw samples
lie beside them as little-endian float64, which keeps a million samples in eight megabytes and gives back the
same bits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from collections.abc import Iterable

REVISION = "3"
"""The newest version: that of the last migration."""

VERSION_TABLE = "visorbench_revision"
"""Where Alembic keeps the version of the store; a database may be shared with others that have one of their own."""

metadata = MetaData()


def _names(*names: str, nullable: bool = False, length: int = 200) -> Iterable[Column[str]]:
    """Columns of short text, which a database can index."""
    return [Column(name, String(length), nullable=nullable) for name in names]


def _texts(*names: str, nullable: bool = False) -> Iterable[Column[str]]:
    return [Column(name, Text, nullable=nullable) for name in names]


def _documents(*names: str, nullable: bool = False) -> Iterable[Column[Any]]:
    return [Column(name, JSON, nullable=nullable) for name in names]


def _numbers(*names: str, nullable: bool = False) -> Iterable[Column[float]]:
    return [Column(name, Double, nullable=nullable) for name in names]


def _part(name: str, *columns: Any) -> Table:
    """A table whose rows hang on a run, in their order."""
    run_id = Column("run_id", String(200), ForeignKey("runs.id"), primary_key=True)
    return Table(name, metadata, run_id, Column("position", Integer, primary_key=True), *columns)


first_versions = Table("visorbench_schema", metadata, Column("version", Integer, primary_key=True))
"""Where versions 1 and 2 kept their number; since then it tells a harness that old that this store is newer."""

runs = Table(
    "runs",
    metadata,
    Column("id", String(200), primary_key=True),
    Column("started", String(40), nullable=False, index=True, doc="ISO 8601 in UTC: sorts as text"),
    Column("finished", String(40)),
    *_texts("profile"),
    *_documents("harness", "host"),
    *_names("host_fingerprint"),
    *_documents("notices", nullable=True),
)

subjects = _part(
    "subjects",
    *_names("id", "backend"),
    *_texts("backend_version"),
    *_texts("guest", nullable=True),
    *_texts("arch"),
    *_documents("config"),
    *_names("fingerprint"),
    *_names("baseline", nullable=True),
)

series = _part(
    "series",
    *_names("scenario", "metric", "unit"),
    *_names("better", length=6),
    *_names("subject"),
    Column("n", Integer, nullable=False),
    *_numbers("median", "min", "max", "p95", "p99"),
    *_numbers("ci95_low", "ci95_high", nullable=True),
    *_names("native_subject", nullable=True),
    *_numbers("ratio", "ratio_low", "ratio_high", nullable=True),
    *_documents("notes"),
    *_documents("targets", "facts", nullable=True),
    *_texts("definition", nullable=True),
    Column("samples", LargeBinary, nullable=False, doc="float64, little-endian"),
    Column("times", LargeBinary, doc="float64, little-endian: seconds since the run started"),
    Index("series_by_metric", "scenario", "metric", "subject"),
    Index("series_by_name", "metric"),
)

skips = _part(
    "skips", *_names("scenario"), *_texts("subject", nullable=True), *_names("code"), *_texts("reason", "fix")
)

failures = _part(
    "failures",
    *_names("scenario"),
    *_texts("subject", nullable=True),
    *_names("error"),
    *_texts("message"),
    *_documents("logs"),
)

pictures = _part(
    "pictures",
    *_names("scenario", "subject", "name", "file"),
    *(Column(name, Integer, nullable=False) for name in ("width", "height")),
    *_names("sha256", length=64),
    *_texts("caption"),
    *_documents("facts"),
)

baselines = Table(
    "baselines",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("run_id", String(200), ForeignKey("runs.id"), nullable=False),
    Column("named", String(40), nullable=False, doc="when: ISO 8601 in UTC"),
)

PARTS = (subjects, series, skips, failures, pictures)
"""The tables that hang on a run, replaced with it."""
