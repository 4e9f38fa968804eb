"""How a database is reached, and what to do when it is not: SQLite and PostgreSQL, and any other of SQLAlchemy."""

from __future__ import annotations

import hashlib
import sqlite3
import time
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, event, func, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from harness.errors import (
    NO_SPACE,
    InvalidConfiguration,
    StoreError,
    StoreFull,
    StoreUnwritable,
    ToolMissing,
)

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine
    from sqlalchemy.exc import DBAPIError

KEPT = "the run's folder under reports/ still has everything; `visorbench report FOLDER` saves it again"

_BUSY_AGAIN_S = 0.02
_PACKAGES = {"psycopg": "'visorbench[postgresql]'"}
"""Driver's module → what pip installs."""

_FULL = "free some space on its disk, or name another store with --store URL"
_REFUSED = "change its permissions, or name another store with --store URL"
_FIXES: dict[str, tuple[type[StoreError], str]] = {
    "database is locked": (StoreError, "another process is writing to it: try again when it is done"),
    "lock timeout": (StoreError, "another process holds it: try again when it is done"),
    "full": (StoreFull, _FULL),
    "no space": (StoreFull, _FULL),
    "disk i/o": (StoreFull, _FULL),
    "not a database": (StoreError, "it is damaged: move the file away, a new one is made"),
    "malformed": (StoreError, "it is damaged: move the file away, a new one is made"),
    "readonly": (StoreUnwritable, f"it cannot be written: {_REFUSED}"),
    "read-only": (StoreUnwritable, f"it cannot be written: {_REFUSED}"),
    "unable to open": (StoreUnwritable, f"it cannot be opened: {_REFUSED}"),
    "password": (StoreError, "check the user and the password in its URL"),
    "permission denied": (
        StoreError,
        "its user needs CREATE on the schema: GRANT CREATE ON SCHEMA public TO …",
    ),
    "does not exist": (StoreError, "make it first: createdb, createuser"),
    "is the server running": (StoreError, "start the server, or check host and port in its URL"),
    "could not translate host": (StoreError, "check the host in its URL"),
    "failed to resolve host": (StoreError, "check the host in its URL"),
    "timeout": (
        StoreError,
        "the server does not answer: check that it runs, and host and port in its URL",
    ),
    "terminating connection": (StoreError, "the server ended the connection: start it again"),
    "closed the connection": (StoreError, "the server ended the connection: start it again"),
}
"""What a database says → which failure that is, and what to do about it; the first that fits."""


def connect(url: str, busy_timeout_s: float) -> Engine:
    """The engine for a URL; nothing is connected yet, but for SQLite the folder is made.

    ``busy_timeout_s``: how long to wait for a lock or an answer. Raises InvalidConfiguration, ToolMissing, StoreError.
    """
    try:
        parsed = make_url(url)
        if parsed.drivername == "postgresql":  # SQLAlchemy 2.0 would take psycopg2
            parsed = parsed.set(drivername="postgresql+psycopg")
        kind = parsed.get_backend_name()
        engine = create_engine(parsed, connect_args=_connect_args(parsed, busy_timeout_s))
    except (ArgumentError, NoSuchModuleError) as error:
        raise InvalidConfiguration(
            f"{shown(url)!r} names no database: {error}",
            fix="e.g. sqlite:////path/results.db or postgresql://host/name",
        ) from error
    except ModuleNotFoundError as error:
        name = error.name or "its driver"
        raise ToolMissing(
            f"the driver for {shown(url)!r} is not installed: {error}",
            fix=f"pip install {_PACKAGES.get(name, name)}",
        ) from error
    if kind == "sqlite":
        event.listen(engine, "connect", lambda opened, _: _configure_sqlite(opened, busy_timeout_s))
        _make_folder(parsed.database)
    if kind == "postgresql":
        event.listen(engine, "begin", lambda connection: _limit_waiting(connection, busy_timeout_s))
    return engine


def shown(url: str) -> str:
    """A URL as it may be printed or kept: its password is stars."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        return url
    return parsed.render_as_string(hide_password=True) if parsed.password else url


def explained(error: DBAPIError, shown_url: str) -> StoreError:
    """What the database said, in one sentence, and what to do about it."""
    cause = " ".join(str(error.orig or error).split())
    found = (known for sign, known in _FIXES.items() if sign in cause.lower())
    kind, fix = next(found, (StoreError, None))
    return kind(f"the store {shown_url}: {cause}", fix=f"{fix}; {KEPT}" if fix else KEPT, url=shown_url)


def write_alone(connection: Connection, run_id: str) -> None:
    """Until the transaction ends, nobody else writes the run: two that replace one would both insert it."""
    if connection.dialect.name == "postgresql":
        key = int.from_bytes(hashlib.sha256(run_id.encode()).digest()[:8], "big", signed=True)
        connection.execute(select(func.pg_advisory_xact_lock(key)))


def _connect_args(url: URL, busy_timeout_s: float) -> dict[str, Any]:
    match url.get_backend_name(), url.get_driver_name():
        case "sqlite", _:
            return {"timeout": busy_timeout_s}
        case "postgresql", "psycopg":
            # libpq: a server that is gone without a word is noticed by what it does not acknowledge
            return {"connect_timeout": max(2, round(busy_timeout_s)), "tcp_user_timeout": 30_000}
    return {}


def _limit_waiting(connection: Connection, busy_timeout_s: float) -> None:
    connection.execute(text(f"SET LOCAL lock_timeout = {max(1, round(busy_timeout_s * 1000))}"))


def _make_folder(database: str | None) -> None:
    from pathlib import Path  # noqa: PLC0415 - beside its only use

    if not database or database == ":memory:":
        return
    folder: Path = Path(database).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        kind, fix = (StoreFull, _FULL) if error.errno in NO_SPACE else (StoreUnwritable, _REFUSED)
        raise kind(
            f"the store cannot have the folder {folder}: {error.strerror}", fix=f"{fix}; {KEPT}"
        ) from error


def _configure_sqlite(connection: sqlite3.Connection, busy_timeout_s: float) -> None:
    cursor = connection.cursor()
    _write_ahead(cursor, busy_timeout_s)  # readers and one writer at a time do not block each other
    cursor.execute("PRAGMA synchronous=NORMAL")  # with WAL a power cut loses the last run, never the file
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _write_ahead(cursor: sqlite3.Cursor, busy_timeout_s: float) -> None:
    """Have the file in WAL mode. SQLite waits for no lock while it changes that, and says at once that it is busy where
    another process opens the same new file, or is the last to close it."""
    deadline = time.monotonic() + busy_timeout_s
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_BUSY_AGAIN_S)
        else:
            return
