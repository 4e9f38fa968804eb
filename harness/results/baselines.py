"""Named baselines: a name in the store for a run that others are compared with, "main" for one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select

from harness.errors import UnknownName, UsageError
from harness.results import store_schema as tables
from harness.results.store import LATEST, Store

if TYPE_CHECKING:
    from harness.results.models import Run

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._+-]{0,199}")


@dataclass(frozen=True, slots=True)
class Baseline:
    """``named``: when, ISO 8601 in UTC."""

    name: str
    run: str
    named: str


def may_name(text: str) -> bool:
    """Whether a baseline may be called so: a letter first, as the id of a run of ours is not; never "latest"."""
    return text != LATEST and _NAME.fullmatch(text) is not None


def set_baseline(store: Store, name: str, run: Run) -> None:
    """Make ``run`` the baseline of that name, whichever was before; a run that the store lacks is saved.

    Raises UsageError for a name that could be something else; StoreError.
    """
    if not may_name(name):
        raise UsageError(
            f"{name!r} cannot name a baseline", fix=f"a letter, then letters, digits and ._+-; not {LATEST!r}"
        )
    if run.id not in {line.id for line in store.runs()}:
        store.save(run)
    with store.transaction() as connection:
        facts = {"run_id": run.id, "named": datetime.now(UTC).isoformat(timespec="seconds")}
        known = connection.execute(
            tables.baselines.update().where(tables.baselines.c.name == name).values(facts)
        )
        if not known.rowcount:
            connection.execute(tables.baselines.insert(), {"name": name, **facts})


def remove(store: Store, name: str) -> None:
    """Forget the name; the run stays. Raises UnknownName, StoreError."""
    with store.transaction() as connection:
        gone = connection.execute(tables.baselines.delete().where(tables.baselines.c.name == name))
    if not gone.rowcount:
        raise UnknownName("baseline", name, [each.name for each in baselines(store)])


def baselines(store: Store) -> list[Baseline]:
    """Every one, by name. Raises StoreError."""
    columns = tables.baselines.c
    with store.transaction() as connection:
        query = select(columns.name, columns.run_id, columns.named).order_by(columns.name)
        return [Baseline(*row) for row in connection.execute(query)]


def named(store: Store, name: str) -> Run | None:
    """The run that is the baseline of this name; None where none is. Raises StoreError."""
    run = next((each.run for each in baselines(store) if each.name == name), None)
    return None if run is None else store.load(run)


def resolve(text: str, url: str | None = None) -> Run:
    """A run by whatever names it: a run's folder, the name of a baseline, an id, the start of one, or "latest".

    ``url``: of the store. Raises UnknownName, UsageError, ResultsUnusable, StoreError.
    """
    from harness.results.folder import read_run  # noqa: PLC0415 - pydantic

    if Path(text).is_dir():
        return read_run(Path(text))
    with Store(url) as store:
        return named(store, text) or store.load(text)
