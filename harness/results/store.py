"""The results store: every run ever saved, in SQLite by default, in any database that SQLAlchemy speaks to.

Raises StoreError for a store that is locked, full, damaged or written by a newer harness. The folder of the
run (``reports/<run id>/``) holds everything that the store would, so nothing is lost by any of them.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from harness.errors import StoreError, UnknownName, UsageError
from harness.host.paths import data_dir
from harness.results import store_rows as rows
from harness.results import store_schema as tables
from harness.results.store_engine import KEPT, connect, explained, shown, write_alone
from harness.results.store_upgrade import upgrade

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Select

    from harness.results.models import Run

LATEST = "latest"
"""The name of the newest run."""


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
        given = url or default_url()
        self.url = shown(given)
        """Without its password: it is in messages."""
        self._engine = connect(given, busy_timeout_s)
        with self.transaction() as connection:
            upgrade(connection, self.url)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def save(self, run: Run) -> None:
        """Save a run, all of it or nothing; one of the same id is replaced, and stays whose baseline it is."""
        row = rows.run_row(run)
        with self.transaction() as connection:
            write_alone(connection, run.id)
            for table in tables.PARTS:
                connection.execute(table.delete().where(table.c.run_id == run.id))
            known = connection.execute(tables.runs.update().where(tables.runs.c.id == run.id).values(row))
            if not known.rowcount:
                connection.execute(tables.runs.insert(), row)
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
        with self.transaction() as connection:
            run_id = self.resolve(connection, name)
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
        with self.transaction() as connection:
            return [RunLine(**row) for row in _rows(connection, query)]

    def resolve(self, connection: Connection, name: str) -> str:
        """The id that :meth:`load` would load; raises as it does."""
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

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A transaction: all of it or nothing. Raises StoreError with what the database said."""
        try:
            with self._engine.begin() as connection:
                yield connection
        except DBAPIError as error:
            raise explained(error, self.url) from error


def _rows(connection: Connection, query: Select[Any]) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(query).mappings()]


def _count(table: Any, column: str | None = None) -> Any:
    what = func.coalesce(func.sum(table.c[column]), 0) if column else func.count()
    return select(what).where(table.c.run_id == tables.runs.c.id).scalar_subquery()
