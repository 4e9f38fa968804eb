"""``visorbench store`` and ``visorbench store deliver``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from harness.cli.group import Group
from harness.cli.main import print_json
from harness.cli.report import store_option, store_url
from harness.counted import counted
from harness.errors import UnknownName

if TYPE_CHECKING:
    from harness.results.undelivered import Undelivered


@click.group(cls=Group, invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@store_option
@click.pass_context
def store(ctx: click.Context, as_json: bool, store: str | None) -> None:
    """Show the store: where it is, how many runs it has, and which wait for it.

    The store is SQLite in the user's data folder. --store, VISORBENCH_STORE or `store` in visorbench.toml name another,
    e.g. postgresql://user@host/visorbench, which takes `pip install 'visorbench[postgresql]'`; many hosts can share it.
    It is made, and upgraded to a newer schema, when it is first used.
    """
    if ctx.invoked_subcommand:
        return
    from dataclasses import asdict  # noqa: PLC0415

    from harness.results.store import Store  # noqa: PLC0415 - sqlalchemy
    from harness.results.store_schema import REVISION  # noqa: PLC0415
    from harness.results.undelivered import undelivered  # noqa: PLC0415

    waiting = undelivered()
    with Store(store_url(store)) as results:
        runs = len(results.runs())
    if as_json:
        facts = {"url": results.url, "schema": REVISION, "runs": runs}
        print_json({**facts, "undelivered": [asdict(each) for each in waiting]})
        return
    click.echo(f"{results.url}\nschema {REVISION}, {counted(runs, 'run')}")
    for each in waiting:
        click.echo(f"not stored yet: {each.run} in {each.folder}, for {each.store}")
    if waiting:
        click.echo("`visorbench store deliver` delivers them")


@store.command()
@click.argument("runs", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Also those that wait for another store.")
@store_option
def deliver(runs: tuple[str, ...], every: bool, store: str | None) -> int:
    """Save the runs that the store could not take when they ended, because it was away, full or locked.

    Each waits in its folder, where every sample was written when it was taken. A bench that ends well delivers them
    too. RUNS are ids of runs that wait, for whichever store; without any, all that wait for this one.
    """
    from harness.report.terminal import print_delivery  # noqa: PLC0415 - slow to import
    from harness.results.store import Store  # noqa: PLC0415 - sqlalchemy
    from harness.results.undelivered import deliver as deliver_runs  # noqa: PLC0415
    from harness.results.undelivered import undelivered  # noqa: PLC0415

    waiting = undelivered()
    if unknown := set(runs) - {each.run for each in waiting}:
        raise UnknownName("undelivered run", min(unknown), [each.run for each in waiting])
    with Store(store_url(store)) as results:
        chosen = [each for each in waiting if _is_meant(each, results.url, runs, every=every)]
        delivery = deliver_runs(results, chosen)
    print_delivery(delivery)
    if others := len(waiting) - len(chosen):
        click.echo(
            f"{counted(others, 'run waits', 'runs wait')} for another store: "
            "`visorbench store` lists them, --all delivers them here"
        )
    elif not chosen:
        click.echo("no run waits for its store")
    return 1 if delivery.waiting else 0


def _is_meant(each: Undelivered, url: str, runs: tuple[str, ...], *, every: bool) -> bool:
    return each.run in runs if runs else every or each.store == url
