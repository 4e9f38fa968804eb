"""Brings a store to the newest schema: from nothing, or from any version there ever was."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import func, inspect, select, text

from harness.errors import StoreError
from harness.results.store_schema import REVISION, VERSION_TABLE, first_versions

if TYPE_CHECKING:
    from sqlalchemy import Connection

_FOLDER = Path(__file__).parent / "migrations"
_LOCK = 0x7669736F72
"""PostgreSQL's advisory lock of whoever migrates: "visor" in ASCII."""


def upgrade(connection: Connection, shown_url: str) -> None:
    """Migrate, in the transaction of ``connection``, what is not of this schema; nobody else does so meanwhile.

    Raises StoreError for a store of a newer schema, which stays as it is.
    """
    if _version(connection) == REVISION:
        return
    _lock(connection)
    found = _version(connection)  # another process may have migrated while this one waited
    if found == REVISION:
        return
    if found is not None and not (found.isdecimal() and int(found) < int(REVISION)):
        raise StoreError(
            f"the store {shown_url} was written by a newer VisorBench "
            f"(its schema is {found}, this one knows {REVISION})",
            fix="upgrade VisorBench, or name another store with --store URL",
            url=shown_url,
        )
    _migrate(connection, found)


def _version(connection: Connection) -> str | None:
    """The store's version as Alembic keeps it, or as versions 1 and 2 did; None for an empty database."""
    there = inspect(connection)
    if there.has_table(VERSION_TABLE):
        known = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}"))  # noqa: S608 - a constant
        if (version := known.scalar()) is not None:
            return str(version)
    if there.has_table(first_versions.name):
        number = connection.execute(select(func.max(first_versions.c.version))).scalar()
        return None if number is None else str(number)
    return None


def _lock(connection: Connection) -> None:
    match connection.dialect.name:
        case "sqlite":
            connection.exec_driver_sql(
                "BEGIN IMMEDIATE"
            )  # the driver itself begins at the first change of a row
        case "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))


def _migrate(connection: Connection, found: str | None) -> None:
    from alembic import command  # noqa: PLC0415 - only a store that is not of this schema pays for it
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    if found is not None and not inspect(connection).has_table(VERSION_TABLE):
        command.stamp(config, found)
    command.upgrade(config, "head")
