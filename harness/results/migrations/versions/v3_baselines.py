"""Named baselines, and an index that follows a metric whatever its scenario."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "3"
down_revision = "2"


def upgrade() -> None:
    """From here on Alembic counts; a harness that knows no Alembic is told that this store is newer."""
    op.create_table(
        "baselines",
        sa.Column("name", sa.String(200), primary_key=True),
        sa.Column("run_id", sa.String(200), sa.ForeignKey("runs.id"), nullable=False),
        sa.Column("named", sa.String(40), nullable=False),
    )
    op.create_index("series_by_name", "series", ["metric"])
    op.execute("UPDATE visorbench_schema SET version = 3")
