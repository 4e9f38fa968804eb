"""Runs, subjects, series, skips and failures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from alembic import op

if TYPE_CHECKING:
    from collections.abc import Iterable

revision = "1"
down_revision = None


def upgrade() -> None:
    """Make the first tables."""
    op.create_table("visorbench_schema", sa.Column("version", sa.Integer, primary_key=True))
    op.execute("INSERT INTO visorbench_schema VALUES (1)")
    op.create_table(
        "runs",
        sa.Column("id", sa.String(200), primary_key=True),
        sa.Column("started", sa.String(40), nullable=False),
        sa.Column("finished", sa.String(40)),
        sa.Column("profile", sa.Text, nullable=False),
        sa.Column("harness", sa.JSON, nullable=False),
        sa.Column("host", sa.JSON, nullable=False),
        sa.Column("host_fingerprint", sa.String(200), nullable=False),
    )
    op.create_index("ix_runs_started", "runs", ["started"])
    _part(
        "subjects",
        *_names("id", "backend"),
        sa.Column("backend_version", sa.Text, nullable=False),
        sa.Column("guest", sa.Text),
        sa.Column("arch", sa.Text, nullable=False),
        sa.Column("config", sa.JSON, nullable=False),
        *_names("fingerprint"),
    )
    _part(
        "series",
        *_names("scenario", "metric", "unit"),
        sa.Column("better", sa.String(6), nullable=False),
        *_names("subject"),
        sa.Column("n", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Double, nullable=False) for name in ("median", "min", "max", "p95", "p99")),
        *(sa.Column(name, sa.Double) for name in ("ci95_low", "ci95_high")),
        sa.Column("native_subject", sa.String(200)),
        *(sa.Column(name, sa.Double) for name in ("ratio", "ratio_low", "ratio_high")),
        sa.Column("notes", sa.JSON, nullable=False),
        sa.Column("samples", sa.LargeBinary, nullable=False),
        sa.Column("times", sa.LargeBinary),
    )
    op.create_index("series_by_metric", "series", ["scenario", "metric", "subject"])
    _part(
        "skips",
        *_names("scenario"),
        sa.Column("subject", sa.Text),
        *_names("code"),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("reason", "fix")),
    )
    _part(
        "failures",
        *_names("scenario"),
        sa.Column("subject", sa.Text),
        *_names("error"),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("logs", sa.JSON, nullable=False),
    )


def _names(*names: str) -> Iterable[sa.Column[str]]:
    return [sa.Column(name, sa.String(200), nullable=False) for name in names]


def _part(name: str, *columns: sa.Column[Any]) -> None:
    """A table whose rows hang on a run, in their order."""
    op.create_table(
        name,
        sa.Column("run_id", sa.String(200), sa.ForeignKey("runs.id"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        *columns,
    )
