"""``visorbench report`` and ``visorbench runs``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.browser import open_page
from harness.cli.main import print_json
from harness.errors import UnknownName

if TYPE_CHECKING:
    from harness.results.models import Run

reports_option = click.option(
    "--reports", type=click.Path(path_type=Path), help="Folder of the reports; default: reports/."
)
store_option = click.option(
    "--store", metavar="URL", help="SQLAlchemy URL of the results store; default: SQLite in the data folder."
)


@click.command()
@click.argument("run", default="latest")
@click.option("--open", "show", is_flag=True, help="Open the page in a browser.")
@store_option
@reports_option
def report(run: str, show: bool, store: str | None, reports: Path | None) -> None:
    """Write the report of RUN again and print where it is.

    RUN is a run's id, the start of one, "latest", or a run's folder. A run that was interrupted is read from its
    journal; one whose folder is gone, from the store.
    """
    from harness.report.terminal import print_delivery  # noqa: PLC0415 - slow to import
    from harness.report.write import write_report  # noqa: PLC0415 - matplotlib
    from harness.results.undelivered import save  # noqa: PLC0415 - sqlalchemy

    found, folder = find_run(run, store=store, reports=reports)
    write_report(found, folder)
    page = folder / "index.html"
    click.echo(page)
    print_delivery(save(found, folder, store_url(store)))
    if show:
        open_page(page)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@store_option
def runs(as_json: bool, store: str | None) -> None:
    """List the runs in the store, newest first."""
    from dataclasses import asdict  # noqa: PLC0415

    from harness.report.terminal import print_runs  # noqa: PLC0415
    from harness.results.store import Store  # noqa: PLC0415 - sqlalchemy

    with Store(store_url(store)) as results:
        lines = results.runs()
    if as_json:
        print_json([asdict(line) for line in lines])
    elif lines:
        print_runs(lines)
    else:
        click.echo("no runs yet: `visorbench bench` makes one")


def find_run(name: str, *, store: str | None, reports: Path | None) -> tuple[Run, Path]:
    """A run by folder, baseline, id, start of an id or "latest": from the reports' folder, else from the store.

    A baseline comes from the store, which has its name. Returns the run with its folder. Raises UnknownName, with the
    names of both, when neither has it; UsageError for a start that several share; ResultsUnusable, StoreError.
    """
    from harness.config.load import load, reports_folder  # noqa: PLC0415 - pydantic
    from harness.results.baselines import may_name, named  # noqa: PLC0415 - sqlalchemy
    from harness.results.folder import find_folder, read_run  # noqa: PLC0415
    from harness.results.store import Store  # noqa: PLC0415

    root = reports or reports_folder(load())
    if may_name(name) and not Path(name).exists():
        with Store(store_url(store)) as results:
            if baseline := named(results, name):
                return baseline, root / baseline.id
    try:
        folder = find_folder(name, root)
    except UnknownName as absent:
        try:
            with Store(store_url(store)) as results:
                found = results.load(name)
        except UnknownName as unknown:
            raise UnknownName("run", name, {*absent.known, *unknown.known}, where=str(root)) from None
        return found, root / found.id
    return read_run(folder), folder


def store_url(given: str | None) -> str | None:
    """The store to use: as given, else as configured, else None for the default."""
    from harness.config.load import load  # noqa: PLC0415 - pydantic

    return given or load().store
