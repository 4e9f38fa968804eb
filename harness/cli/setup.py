"""``visorbench setup``: show what the system lacks, then install it."""

from __future__ import annotations

import sys

import click

from harness.errors import InstallRefused
from harness.host import setup as host_setup


@click.command()
@click.option("--yes", is_flag=True, help="Install without asking.")
def setup(*, yes: bool) -> None:
    """Install the system packages the harness needs: QEMU for both architectures, qemu-img, firmware, and on Linux a
    driver for Vulkan and one for OpenGL ES, which Mesa also has for hosts without a GPU, and x264 and libyuv for
    encoding.

    Exit 3 when QEMU is missing and installing is forbidden (VISORBENCH_NO_INSTALL=1) or needs a password: the command
    to run is printed. Where only firmware, qemu-img, drivers or libraries are missing, which the reference guests do
    without, the exit is 0.
    """
    todo = host_setup.plan()
    if not todo.missing:
        click.echo("Nothing is missing on this host.")
        return
    _print(todo)
    if todo.hopeless:
        return
    try:
        host_setup.authority(todo)
        asked = not yes and sys.stdin.isatty()
        if asked and not click.confirm(f"Run this now?\n  {todo.one_command}\n", default=True):
            raise host_setup.declined(todo)
        host_setup.install(todo, yes=yes or asked, say=lambda command: click.echo(f"running: {command}"))
    except InstallRefused as refusal:
        if not all(need.optional for need in todo.missing):
            raise
        click.echo(f"{refusal.message}\n  {refusal.fix}\nThe reference guests do without.", err=True)
        return
    click.echo("Everything that was missing is installed.")


def _print(todo: host_setup.InstallPlan) -> None:
    click.echo("Missing on this host:")
    for need in todo.missing:
        note = " (not packaged for this system)" if need in todo.unavailable else ""
        click.echo(f"  {need.what}{note}")
