"""Runs that their store could not take: each waits in its folder, and is delivered when the store is back.

The folder's journal has every sample from the moment it was recorded, so it is the spool; what lies in
``undelivered/`` in the data directory only says which folder waits for which store.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import (
    HostLacks,
    ResultsUnusable,
    RunNotStored,
    RunNotStoredHere,
    StoreError,
    VisorbenchError,
)
from harness.host.paths import data_dir
from harness.host.write_errors import naming_write_errors
from harness.results.folder import read_run
from harness.results.store import Store, default_url
from harness.results.store_engine import KEPT, shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.results.models import Run


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A run that waits; ``store`` is the URL without its password."""

    run: str
    folder: str
    store: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """The ids of the runs that the store took, and a sentence for each that still waits."""

    done: tuple[str, ...]
    waiting: tuple[str, ...]


def save(run: Run, folder: Path, url: str | None = None) -> Delivery:
    """Save a run that lies in ``folder``, and then what else waits for this store.

    Raises RunNotStored when the store cannot take the run; it then waits.
    """
    try:
        with Store(url) as store:
            store.save(run)
            _forget(run.id)
            return deliver(store, (each for each in undelivered() if each.store == store.url))
    except StoreError as error:
        waits = Undelivered(run.id, str(folder.resolve()), shown(url or default_url()))
        try:
            _remember(waits)
        except VisorbenchError as refused:
            again = f"{refused.message}: save it yourself with `visorbench report {waits.folder}`"
        else:
            again = "the next bench delivers it, or `visorbench store deliver`"
        kind = RunNotStoredHere if isinstance(error, HostLacks) else RunNotStored
        raise kind(
            f"{run.id} is measured and kept in {folder}, but not stored: {error.message}",
            fix=f"{_first_part(error.fix)}{again}",
            run=run.id, folder=folder,
        ) from error  # fmt: skip


def undelivered() -> list[Undelivered]:
    """Every run that waits, oldest first; a damaged entry is left out, its folder still has the run."""
    found = []
    for path in sorted(_folder().glob("*.json")):
        try:
            found.append(Undelivered(**json.loads(path.read_text(encoding="utf-8"))))
        except (OSError, ValueError, TypeError):
            continue
    return found


def deliver(store: Store, waiting: Iterable[Undelivered]) -> Delivery:
    """Save what waits; a run whose folder cannot be read goes on waiting. Raises StoreError when the store fails."""
    done, still = [], []
    for each in waiting:
        try:
            run = read_run(Path(each.folder))
        except (StoreError, ResultsUnusable) as error:
            still.append(f"{each.run}: {error}")
            continue
        store.save(run)
        _forget(each.run)
        done.append(each.run)
    return Delivery(tuple(done), tuple(still))


def _folder() -> Path:
    return data_dir() / "undelivered"


def _remember(waits: Undelivered) -> None:
    path = _folder() / f"{waits.run}.json"
    with naming_write_errors(
        "which run waits for its store", path.parent, elsewhere="set VISORBENCH_DATA_DIR"
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(waits)), encoding="utf-8")
        fresh.replace(path)


def _forget(run_id: str) -> None:
    (_folder() / f"{run_id}.json").unlink(missing_ok=True)


def _first_part(fix: str | None) -> str:
    """What to do about the store itself, without the way back that runs have in general."""
    own = (fix or "").removesuffix(KEPT).rstrip("; ")
    return f"{own}; then " if own else ""
