"""What a series is besides its numbers, a subject's own baseline, notices and pictures."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"


def upgrade() -> None:
    """Give the first tables what they lack; it may be empty, as it is for the runs that are there."""
    op.add_column("runs", sa.Column("notices", sa.JSON))
    op.add_column("subjects", sa.Column("baseline", sa.String(200)))
    op.add_column("series", sa.Column("targets", sa.JSON))
    op.add_column("series", sa.Column("facts", sa.JSON))
    op.add_column("series", sa.Column("definition", sa.Text))
    op.create_table(
        "pictures",
        sa.Column("run_id", sa.String(200), sa.ForeignKey("runs.id"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        *(
            sa.Column(name, sa.String(200), nullable=False)
            for name in ("scenario", "subject", "name", "file")
        ),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("width", "height")),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("caption", sa.Text, nullable=False),
        sa.Column("facts", sa.JSON, nullable=False),
    )
    op.execute("UPDATE visorbench_schema SET version = 2")
