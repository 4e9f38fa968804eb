"""Alembic runs this for every command: it migrates on the connection, and in the transaction, of its caller."""

from __future__ import annotations

from alembic import context

from harness.results.store_schema import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
)
with context.begin_transaction():
    context.run_migrations()
