"""``visorbench snapshot``: the snapshots of a machine that runs, by its name."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from harness.cli.group import Group
from harness.cli.main import print_json
from harness.cli.numbers import FiniteRange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.machines.qemu.snapshots import QemuSnapshots
    from harness.machines.snapshots import Step
    from harness.utm.monitor import QmpAddress

GREETING_S = 5

_machine = click.argument("machine")
_tag = click.argument("tag")
_json = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
_timeout = click.option(
    "--timeout",
    "timeout_s",
    type=FiniteRange(min=0, min_open=True),
    default=300,
    show_default=True,
    metavar="S",
    help="Seconds to wait for QEMU.",
)


@click.group(cls=Group)
def snapshot() -> None:
    """Keep the present of a running machine, go back to it, forget it.

    MACHINE is what `visorbench boot --name` called it, a machine of UTM's, or the QMP address of any QEMU:
    unix:PATH or tcp:HOST:PORT. Memory and disks are kept inside the qcow2 images that the guest writes to,
    as TAG; a drive that holds firmware has no part in it.

    \b
      qemu-img create -f qcow2 disk.qcow2 1G
      visorbench boot tiny --disk disk.qcow2 --writable --name web
      visorbench snapshot save web before        (in another terminal)
    """


@snapshot.command("list")
@_machine
@_json
def list_(machine: str, as_json: bool) -> None:
    """Name the snapshots that the machine's images keep."""
    with _snapshots(machine) as snapshots:
        kept = snapshots.kept()
    if as_json:
        print_json([{"tag": each.tag, "memory_bytes": each.memory_bytes} for each in kept])
        return
    for each in kept:
        click.echo(f"{each.memory_bytes / 2**20:9.1f} MiB  {each.tag}")
    if not kept:
        click.echo(f"{machine} keeps no snapshots.")


@snapshot.command()
@_machine
@_tag
@_timeout
@_json
def save(machine: str, tag: str, timeout_s: float, as_json: bool) -> None:
    """Keep memory and disks as they are now; the guest stands still meanwhile."""
    _do("saved", machine, tag, lambda snapshots: snapshots.save(tag, timeout_s=timeout_s), as_json=as_json)


@snapshot.command()
@_machine
@_tag
@_timeout
@_json
def load(machine: str, tag: str, timeout_s: float, as_json: bool) -> None:
    """Go back to a snapshot: what the guest did since is lost, and its connections are."""
    _do("loaded", machine, tag, lambda snapshots: snapshots.load(tag, timeout_s=timeout_s), as_json=as_json)


@snapshot.command()
@_machine
@_tag
@_timeout
@_json
def delete(machine: str, tag: str, timeout_s: float, as_json: bool) -> None:
    """Forget a snapshot; its blocks are free again."""
    _do(
        "deleted", machine, tag, lambda snapshots: snapshots.delete(tag, timeout_s=timeout_s), as_json=as_json
    )


def _do(verb: str, machine: str, tag: str, step: Callable[[QemuSnapshots], Step], *, as_json: bool) -> None:
    with _snapshots(machine) as snapshots:
        try:
            took = step(snapshots)
        except KeyboardInterrupt:
            click.echo(
                f"QEMU goes on with it; `visorbench snapshot list {machine}` tells what is kept", err=True
            )
            raise
    if as_json:
        print_json({verb: tag, "machine": machine, "took_s": took.took_s, "stopped_s": took.stopped_s})
        return
    click.echo(
        f"{machine}: {verb} {tag} in {took.took_s:.3f} s; the guest stood still for {took.stopped_s:.3f} s"
    )


@contextmanager
def _snapshots(machine: str) -> Iterator[QemuSnapshots]:
    """Those of a running machine. Raises UnknownName, InvalidConfiguration, ControlError."""
    from harness.channels.qmp import Qmp  # noqa: PLC0415 - keeps --help fast
    from harness.machines.qemu.foreign import disks_of  # noqa: PLC0415
    from harness.machines.qemu.snapshots import QemuSnapshots  # noqa: PLC0415

    address = _address(machine)
    qmp = Qmp(address.connect(GREETING_S), machine)
    try:
        qmp.negotiate(GREETING_S)
        yield QemuSnapshots(qmp, disks_of(qmp), lambda: None)
    finally:
        qmp.close()


def _address(machine: str) -> QmpAddress:
    """Where the machine takes commands; raises UnknownName, and what UTM's registry raises."""
    from pathlib import Path  # noqa: PLC0415

    from harness.host.named import find, named  # noqa: PLC0415
    from harness.machines.attached.target import registry_file  # noqa: PLC0415
    from harness.utm.monitor import QmpAddress  # noqa: PLC0415

    if machine.startswith(("unix:", "tcp:")):
        return QmpAddress.parse(machine)
    if registry_file().exists() and machine not in {each.name for each in named()}:
        return _of_utm(machine)
    return QmpAddress(path=Path(find(machine).monitor))


def _of_utm(machine: str) -> QmpAddress:
    from harness.errors import InvalidConfiguration  # noqa: PLC0415
    from harness.machines.attached.attach import Attach  # noqa: PLC0415
    from harness.machines.attached.target import find  # noqa: PLC0415

    address = find(Attach(utm=machine)).qmp
    if address is None:
        raise InvalidConfiguration(
            f"{machine} has no QMP that others may use", fix="`visorbench utm show` tells the argument to add"
        )
    return address
