"""``visorbench baseline set | list | remove``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from harness.cli.group import Group
from harness.cli.main import print_json
from harness.cli.report import find_run, reports_option, store_option, store_url

if TYPE_CHECKING:
    from pathlib import Path


@click.group(cls=Group)
def baseline() -> None:
    """Name runs that others are compared with; `gate`, `compare` and `report` take the names.

    Names are kept in the store. A baseline may be a file instead: any run's results.json.
    """


@baseline.command("set")
@click.argument("name")
@click.argument("run", default="latest")
@store_option
@reports_option
def set_name(name: str, run: str, store: str | None, reports: Path | None) -> None:
    """Call RUN (the latest, if none is named) the baseline NAME, whichever run was it before."""
    from harness.results.baselines import set_baseline  # noqa: PLC0415 - sqlalchemy
    from harness.results.store import Store  # noqa: PLC0415

    found, _ = find_run(run, store=store, reports=reports)
    with Store(store_url(store)) as results:
        set_baseline(results, name, found)
    click.echo(f"{name} is {found.id}")


@baseline.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@store_option
def list_names(as_json: bool, store: str | None) -> None:
    """List the baselines and their runs."""
    from dataclasses import asdict  # noqa: PLC0415

    from harness.results.baselines import baselines  # noqa: PLC0415 - sqlalchemy
    from harness.results.store import Store  # noqa: PLC0415

    with Store(store_url(store)) as results:
        found = baselines(results)
    if as_json:
        print_json([asdict(each) for each in found])
        return
    for each in found:
        click.echo(f"{each.name:<20} {each.run}   set {each.named[:16].replace('T', ' ')} UTC")
    if not found:
        click.echo("no baselines yet: `visorbench baseline set NAME RUN`")


@baseline.command()
@click.argument("name")
@store_option
def remove(name: str, store: str | None) -> None:
    """Forget the name; the run stays."""
    from harness.results.baselines import remove as forget  # noqa: PLC0415 - sqlalchemy
    from harness.results.store import Store  # noqa: PLC0415

    with Store(store_url(store)) as results:
        forget(results, name)
