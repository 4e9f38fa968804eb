"""``visorbench setup``: show what the system lacks, then install it."""

from __future__ import annotations

import sys

import click

from harness.host import setup as host_setup


@click.command()
@click.option("--yes", is_flag=True, help="Install without asking.")
def setup(*, yes: bool) -> None:
    """Install the system packages the harness needs: QEMU for both architectures, qemu-img, firmware.

    Exit 3 when installing is forbidden (VISORBENCH_NO_INSTALL=1) or needs a password: the command to run is printed.
    """
    todo = host_setup.plan()
    if not todo.missing:
        click.echo("Nothing is missing on this host.")
        return
    click.echo("Missing on this host:")
    for need in todo.missing:
        click.echo(f"  {need.what}")
    for need in todo.unavailable:
        click.echo(f"Not packaged for this system: {need.what}")
    if todo.commands:
        click.echo(f"To be run:\n  {todo.one_command}")
    host_setup.authority(todo)
    agreed = yes or (sys.stdin.isatty() and click.confirm("Run it now?", default=True))
    host_setup.install(todo, yes=agreed, say=lambda command: click.echo(f"running: {command}"))
    click.echo("Everything that was missing is installed.")
