"""``visorbench ps`` and ``visorbench reap``: what the harness owns, and what it left behind."""

from __future__ import annotations

import shlex
import time

import click

from harness.cli.main import print_json
from harness.host.named import named
from harness.host.registry import Entry, directories_left, owned
from harness.host.registry import reap as reap_all


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def ps(*, as_json: bool) -> None:
    """List the processes that harnesses on this host own, of this user."""
    entries = owned()
    names = {machine.owner: machine.name for machine in named()}
    if as_json:
        print_json([_as_json(entry) | {"name": names.get(entry.owner)} for entry in entries])
        return
    if not entries:
        click.echo("No harness owns a process.")
        return
    click.echo(f"{'PID':>8}  {'OWNER':>8}  {'AGE':>8}  {'PURPOSE':24}  COMMAND")
    for entry in entries:
        owner = "orphan" if entry.orphan else str(entry.owner.pid)
        command = shlex.join(entry.argv)
        shown = command if len(command) <= 100 else command[:99] + "…"
        name = names.get(entry.owner)
        purpose = f"{name}: {entry.purpose}" if name else entry.purpose
        click.echo(f"{entry.process.pid:>8}  {owner:>8}  {_age(entry):>8}  {purpose:24}  {shown}")
    if any(entry.orphan for entry in entries):
        click.echo("`visorbench reap` ends the orphans.")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def reap(*, as_json: bool) -> int:
    """End the processes and remove the private directories whose harness is gone.

    Exit 1 when one of them cannot be removed.
    """
    reaped, left = reap_all(), directories_left()
    if as_json:
        print_json([{"pid": one.pid, "what": one.what} for one in reaped])
    else:
        for one in reaped:
            click.echo(f"removed {one.what}" if one.pid is None else f"ended {one.what} (pid {one.pid})")
        if not reaped and not left:
            click.echo("Nothing was left behind.")
    for directory in left:
        click.echo(f"{directory.path} cannot be removed: do it by hand", err=True)
    return 1 if left else 0


def _age(entry: Entry) -> str:
    seconds = max(0, int(time.time() - entry.since))
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _as_json(entry: Entry) -> dict[str, object]:
    return {
        "pid": entry.process.pid,
        "owner": entry.owner.pid,
        "orphan": entry.orphan,
        "argv": list(entry.argv),
        "purpose": entry.purpose,
        "since": entry.since,
    }
