"""``visorbench utm``: UTM's machines as they are configured, and as they really run.

``list`` and ``show`` read files and the process table; ``status``, ``start`` and ``stop`` ask UTM through utmctl, which
starts the application where it does not run.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.group import Group
from harness.cli.main import print_json

if TYPE_CHECKING:
    from harness.utm.registry import Registered
    from harness.utm.utmctl import Utmctl

_path = click.Path(path_type=Path)
_json = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
_machine = click.argument("machine")


@click.group(cls=Group)
@click.option(
    "--registry",
    type=_path,
    envvar="VISORBENCH_UTM_REGISTRY",
    metavar="PLIST",
    help="UTM's preferences, if elsewhere.",
)
@click.option(
    "--app", type=_path, envvar="VISORBENCH_UTM_APP", metavar="UTM.app", help="The application, if elsewhere."
)
@click.pass_context
def utm(context: click.Context, registry: Path | None, app: Path | None) -> None:
    """List, examine, start and stop UTM's machines on this Mac.

    MACHINE is a name or a UUID. A machine that runs can be measured: `show` prints the lines of visorbench.toml.
    """
    context.obj = {"registry": registry, "app": app}


@utm.command("list")
@_json
@click.pass_obj
def list_(options: dict[str, Path | None], as_json: bool) -> None:
    """Name every machine on UTM's list, and say whether it runs and what is wrong with it."""
    from harness.cli.utm_facts import row  # noqa: PLC0415 - keeps `--help` fast

    rows = [row(one) for one in _machines(options)]
    if as_json:
        print_json(rows)
        return
    if not rows:
        click.echo("UTM has no machines.")
    for each in rows:
        click.echo(f"{each['uuid']}  {each['state']:9}  {each['name']}")
        click.echo(f"    {each['summary']}\n    {each['package']} (by {each['place']})")
        if each["problem"]:
            click.echo(f"    {each['problem']}\n    {each['fix']}")


@utm.command()
@_machine
@_json
@click.pass_obj
def show(options: dict[str, Path | None], machine: str, as_json: bool) -> None:
    """Show one machine: its configuration, and where the QEMU that runs it differs from it."""
    from harness.cli.utm_facts import facts, lines  # noqa: PLC0415 - as above

    told = facts(_find(options, machine), options["app"])
    if as_json:
        print_json(told)
    else:
        click.echo("\n".join(lines(told)))


@utm.command()
@_json
@click.pass_obj
def doctor(options: dict[str, Path | None], as_json: bool) -> int:
    """Say what of UTM works here: application, utmctl, registry, machines, frame export.

    Exit 3 when something does not. utmctl is asked only while UTM runs: asking would start it.
    """
    from harness.cli.utm_doctor import examine  # noqa: PLC0415 - as above

    findings = examine(_registry(options), options["app"])
    if as_json:
        print_json(
            [{"what": one.what, "works": one.works, "text": one.text, "fix": one.fix} for one in findings]
        )
    else:
        for one in findings:
            click.echo(f"{'fine ' if one.works else 'wrong'}  {one.what:13} {one.text}")
            if one.fix:
                click.echo(f"{'':21}{one.fix}")
    return 0 if all(one.works for one in findings) else 3


@utm.command()
@_machine
@click.pass_obj
def status(options: dict[str, Path | None], machine: str) -> None:
    """Print UTM's word for what a machine does: stopped, starting, started, pausing, paused, resuming, stopping."""
    click.echo(_utmctl(options).status(_find(options, machine).uuid))


@utm.command()
@_machine
@click.pass_obj
def start(options: dict[str, Path | None], machine: str) -> None:
    """Start a machine, or resume it."""
    found = _find(options, machine)
    if found.problem:
        from harness.errors import UtmPackageUnusable  # noqa: PLC0415

        raise UtmPackageUnusable(f"{found.name}: {found.problem}", fix=found.fix, path=found.package)
    _utmctl(options).start(found.uuid)
    click.echo(f"UTM starts {found.name}")


@utm.command()
@_machine
@click.option(
    "--force", "how", flag_value="force", help="Press the power button instead of asking the system."
)
@click.option("--kill", "how", flag_value="kill", help="End its process.")
@click.pass_obj
def stop(options: dict[str, Path | None], machine: str, how: str | None) -> None:
    """Ask a machine's system to power down."""
    found = _find(options, machine)
    _utmctl(options).stop(found.uuid, how=how or "request")
    click.echo(f"UTM stops {found.name}")


def _registry(options: dict[str, Path | None]) -> Path:
    from harness.utm.registry import default_registry  # noqa: PLC0415 - as above

    return options["registry"] or default_registry()


def _machines(options: dict[str, Any]) -> tuple[Registered, ...]:
    from harness.utm.registry import read  # noqa: PLC0415 - as above

    return read(_registry(options))


def _find(options: dict[str, Any], machine: str) -> Registered:
    from harness.utm.registry import find  # noqa: PLC0415 - as above

    return find(_machines(options), machine)


def _utmctl(options: dict[str, Any]) -> Utmctl:
    from harness.utm.utmctl import Utmctl, find_app  # noqa: PLC0415 - as above

    return Utmctl.of(find_app(options["app"]))
