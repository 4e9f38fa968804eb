"""``visorbench runtime``: list, install and remove the managed runtimes, and run their programs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NoReturn

import click

from harness.cli.group import Group
from harness.cli.main import print_json
from harness.cli.transfers import transfers
from harness.runtimes import catalogue
from harness.runtimes.model import Way, upstream

if TYPE_CHECKING:
    from harness.runtimes.model import Runtime

_name = click.argument("name", default=catalogue.GPU)
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(cls=Group)
def runtime() -> None:
    """List, install, remove or use managed runtimes.

    A runtime is a tree of programs newer than the host's, such as a QEMU with a Vulkan GPU. It lies in the cache,
    needs no root, changes nothing on the host, and stays as it is until it is installed again or removed.
    """


@runtime.command("list")
@_json
def list_(as_json: bool) -> None:
    """Name every runtime, and say which are installed."""
    rows = [_facts(name) for name in catalogue.known()]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        click.echo(f"{row['name']}: {row['description']}")
        if row["folder"]:
            click.echo(f"  installed   {row['label']}\n  folder      {row['folder']}")
            click.echo(f"  packages    {len(row['packages'])}, {row['size_bytes'] / 1e6:.0f} MB")
        else:
            click.echo(f"  not installed: visorbench runtime install {row['name']}")


@runtime.command(short_help="Install a runtime, or install it again with today's packages.")
@_name
@click.option("--refresh", is_flag=True, help="Install it again, with today's packages.")
@click.option("--offline", is_flag=True, help="Do not touch the network.")
@click.option("--mirror", metavar="URL", help="The only Debian mirror to ask.")
def install(name: str, refresh: bool, offline: bool, mirror: str | None) -> None:
    """Install runtime NAME (default: gpu); one that is installed already costs nothing."""
    from harness.runtimes.ways import way_for  # noqa: PLC0415 - not for --help

    with transfers() as progress:
        installed = catalogue.ensure(name, progress=progress, offline=offline, refresh=refresh, mirror=mirror)
    click.echo(f"{installed.label} in {installed.root}")
    click.echo(f"its programs run by {way_for(installed)}: {installed.programs(way_for(installed))}")


@runtime.command(short_help="Remove a runtime.")
@click.argument("name")
def remove(name: str) -> None:
    """Remove runtime NAME; packages that were downloaded for it stay until `visorbench guests clean`."""
    removed = catalogue.remove(name)
    click.echo(f"removed {name}" if removed else f"{name} was not installed")


@runtime.command(
    "exec", short_help="Run a program of a runtime.", context_settings={"ignore_unknown_options": True}
)
@click.argument("name")
@click.option(
    "--way",
    type=click.Choice([way.value for way in Way]),
    help="Run it this way; default: the first that works.",
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def exec_(name: str, way: str | None, command: tuple[str, ...]) -> NoReturn:
    """Run a program of runtime NAME.

    \b
    For example:
        visorbench runtime exec gpu -- qemu-system-x86_64 --version

    It takes the place of this command: its exit code is the program's.
    """
    from harness.runtimes.ways import way_for  # noqa: PLC0415 - as above

    found = catalogue.installed(name)
    argv = found.command(command, Way(way) if way else way_for(found))
    os.execv(argv[0], argv)  # noqa: S606 - no shell


def _facts(name: str) -> dict[str, Any]:
    installed: Runtime | None = catalogue.find(name)
    facts: dict[str, Any] = {"name": name, "description": catalogue.get(name).description, "folder": None}
    if installed is None:
        return facts
    from harness.runtimes.tree import size_bytes  # noqa: PLC0415 - as above

    return facts | {
        "folder": str(installed.root),
        "label": installed.label,
        "fingerprint": installed.fingerprint,
        "size_bytes": size_bytes(installed.root),
        "packages": {name: upstream(version) for name, version in installed.packages.items()},
    }
