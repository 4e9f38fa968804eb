"""The results store: every run ever saved, in SQLite by default, in any database that SQLAlchemy speaks to.

Raises StoreError for a store that is locked, full, damaged or written by a newer harness. The folder of the
run (``reports/<run id>/``) holds everything that the store would, so nothing is lost by any of them.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import create_engine, event, func, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError

from harness.errors import InvalidConfiguration, StoreError, ToolMissing, UnknownName, UsageError
from harness.host.paths import data_dir
from harness.results import store_rows as rows
from harness.results import store_schema as tables

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Connection, Engine, Select

    from harness.results.models import Run

LATEST = "latest"
"""The name of the newest run."""

KEPT = "the run's folder under reports/ still has everything; `visorbench report FOLDER` saves it again"


@dataclass(frozen=True, slots=True)
class RunLine:
    """One run in a list."""

    id: str
    started: str
    finished: str | None
    profile: str
    host_fingerprint: str
    subjects: int
    series: int
    samples: int
    skipped: int
    failed: int


def default_url() -> str:
    """SQLite in the data directory."""
    return f"sqlite:///{data_dir() / 'results.db'}"


class Store:
    """A store, opened by URL. Raises InvalidConfiguration for a URL that names no database, ToolMissing for
    one whose driver is not installed, StoreError for a store that cannot be used."""

    def __init__(self, url: str | None = None, *, busy_timeout_s: float = 10) -> None:
        self.url = url or default_url()
        self._engine = _engine(self.url, busy_timeout_s)
        with self._transaction() as connection:
            self._prepare(connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def save(self, run: Run) -> None:
        """Save a run, all of it or nothing; one of the same id is replaced."""
        with self._transaction() as connection:
            for table in tables.PARTS:
                connection.execute(table.delete().where(table.c.run_id == run.id))
            connection.execute(tables.runs.delete().where(tables.runs.c.id == run.id))
            connection.execute(tables.runs.insert(), rows.run_row(run))
            for table, made in (
                (tables.subjects, map(rows.subject_row, run.subjects)),
                (tables.series, map(rows.series_row, run.series)),
                (tables.skips, map(rows.entry_row, run.skipped)),
                (tables.failures, map(rows.entry_row, run.failed)),
                (tables.pictures, map(rows.entry_row, run.pictures)),
            ):
                batch = [{"run_id": run.id, "position": at, **row} for at, row in enumerate(made)]
                if batch:
                    connection.execute(table.insert(), batch)

    def load(self, name: str = LATEST) -> Run:
        """The run of this id, of this unique start of an id, or the newest; raises UnknownName, UsageError."""
        with self._transaction() as connection:
            run_id = self._resolve(connection, name)
            run = _rows(connection, select(tables.runs).where(tables.runs.c.id == run_id))[0]
            parts = {
                table.name: _rows(
                    connection, select(table).where(table.c.run_id == run_id).order_by(table.c.position)
                )
                for table in tables.PARTS
            }
        try:
            return rows.to_run(run, **parts)
        except ValueError as error:  # pydantic's ValidationError is one
            raise StoreError(
                f"run {run_id} in the store {self.url} was changed: {error}", fix=KEPT, url=self.url
            ) from error

    def runs(self) -> list[RunLine]:
        """Every run, newest first."""
        runs = tables.runs.c
        query = select(
            runs.id, runs.started, runs.finished, runs.profile, runs.host_fingerprint,
            _count(tables.subjects).label("subjects"), _count(tables.series).label("series"),
            _count(tables.series, "n").label("samples"), _count(tables.skips).label("skipped"),
            _count(tables.failures).label("failed"),
        ).order_by(runs.started.desc(), runs.id.desc())  # fmt: skip
        with self._transaction() as connection:
            return [RunLine(**row) for row in _rows(connection, query)]

    def _resolve(self, connection: Connection, name: str) -> str:
        runs = tables.runs.c
        ids: list[str] = list(
            connection.execute(select(runs.id).order_by(runs.started.desc(), runs.id.desc())).scalars()
        )
        if name == LATEST and ids:
            return ids[0]
        if name in ids:
            return name
        found = [run_id for run_id in ids if name and run_id.startswith(name)]
        if len(found) > 1:
            raise UsageError(f"{len(found)} runs start with {name!r}", fix=f"one of: {', '.join(found[:8])}")
        if not found:
            raise UnknownName("run", name, [LATEST, *ids[:20]] if ids else [])
        return found[0]

    def _prepare(self, connection: Connection) -> None:
        tables.version.create(connection, checkfirst=True)
        found = connection.execute(select(func.max(tables.version.c.version))).scalar()
        if found is None or found < tables.STORE_VERSION:
            tables.upgrade(connection)
            connection.execute(tables.version.delete())
            connection.execute(tables.version.insert(), {"version": tables.STORE_VERSION})
        elif found > tables.STORE_VERSION:
            raise StoreError(
                f"the store {self.url} was written by a newer VisorBench "
                f"(its schema is {found}, this one knows {tables.STORE_VERSION})",
                fix=f"upgrade, or name another store with --store URL; {KEPT}",
                url=self.url,
            )

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except DatabaseError as error:
            raise self._explained(error) from error

    def _explained(self, error: DatabaseError) -> StoreError:
        cause = str(error.orig or error).strip()
        for sign, fix in _FIXES.items():
            if sign in cause.lower():
                return StoreError(f"the store {self.url}: {cause}", fix=f"{fix}; {KEPT}", url=self.url)
        return StoreError(f"the store {self.url}: {cause}", fix=KEPT, url=self.url)


_FIXES = {
    "locked": "another process is writing to it: try again when it is done",
    "full": "free some space on its disk, or name another store with --store URL",
    "disk i/o": "free some space on its disk, or name another store with --store URL",
    "not a database": "it is damaged: move the file away, a new one is made",
    "malformed": "it is damaged: move the file away, a new one is made",
    "readonly": "it cannot be written: change its permissions, or name another store with --store URL",
    "read-only": "it cannot be written: change its permissions, or name another store with --store URL",
    "unable to open": "it cannot be opened: check its folder's permissions, or use another with --store URL",
}
"""What SQLite says → what to do about it."""


def _rows(connection: Connection, query: Select[Any]) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(query).mappings()]


def _count(table: Any, column: str | None = None) -> Any:
    what = func.coalesce(func.sum(table.c[column]), 0) if column else func.count()
    return select(what).where(table.c.run_id == tables.runs.c.id).scalar_subquery()


def _engine(url: str, busy_timeout_s: float) -> Engine:
    try:
        parsed = make_url(url)
        sqlite = parsed.get_backend_name() == "sqlite"
        engine = create_engine(parsed, connect_args={"timeout": busy_timeout_s} if sqlite else {})
    except (ArgumentError, NoSuchModuleError) as error:
        raise InvalidConfiguration(
            f"{url!r} names no database: {error}",
            fix="e.g. sqlite:////path/results.db or postgresql://host/name",
        ) from error
    except ModuleNotFoundError as error:
        raise ToolMissing(
            f"the driver for {url!r} is not installed: {error}", fix=f"pip install {error.name}"
        ) from error
    if sqlite:
        event.listen(engine, "connect", _configure_sqlite)
        _make_folder(parsed.database)
    return engine


def _make_folder(database: str | None) -> None:
    from pathlib import Path  # noqa: PLC0415 - beside its only use

    if not database or database == ":memory:":
        return
    folder: Path = Path(database).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"no folder for the store: {error}", fix=f"name another store with --store URL; {KEPT}"
        ) from error


def _configure_sqlite(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")  # readers and one writer at a time do not block each other
    cursor.execute("PRAGMA synchronous=NORMAL")  # with WAL a power cut loses the last run, never the file
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()
