"""``visorbench frames serve``: a guest's display as H.264, for clients on the host and in the guest."""

from __future__ import annotations

import shlex
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.frames_address import TCP, Kind, all_parsed, listen_in_guest, listen_on_host
from harness.cli.numbers import FiniteRange
from harness.counted import counted
from harness.errors import DisplayLost, DisplayRefused, HostLacks, InvalidConfiguration

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.cli.frames_address import Address
    from harness.machines.qemu.machine import QemuMachine


@click.command()
@click.argument("guest", default="gpu")
@click.option(
    "--listen",
    "--address",
    "addresses",
    multiple=True,
    callback=all_parsed,
    default=[TCP],
    show_default=True,
    metavar="unix:PATH|tcp:HOST:PORT|vsock:PORT|virtio-serial:NAME",
    help="Listen there; may be given more than once. The last two are for clients in the guest (vsock: 5000 is the "
    "protocol's port).",
)
@click.option("--size", default="1280x720", show_default=True, metavar="WxH", help="Of the guest's display.")
@click.option("--backend", metavar="NAME", help="tcg, kvm …; default: the fastest that works here.")
@click.option("--data", is_flag=True, help="Take pixels in messages, for a QEMU before 9.2.")
@click.option(
    "--lossless", is_flag=True, help="Let the display wait for the encoder, so that no frame is left out."
)
@click.option(
    "--any-resource",
    is_flag=True,
    help="Take any resource id of the display's size for what is shown: for clients that send GEM handles.",
)
@click.option("--qemu", type=click.Path(path_type=Path), help="Use this QEMU: a binary, or its folder.")
@click.option("--runtime", metavar="system|managed|PATH", help="Whose QEMU to use; default: managed.")
@click.option(
    "--seconds",
    type=FiniteRange(min=0, min_open=True),
    metavar="S",
    help="End after so many seconds; default: when it ends.",
)
def serve(
    guest: str,
    addresses: tuple[Address, ...],
    seconds: float | None,
    *,
    data: bool,
    lossless: bool,
    any_resource: bool,
    **options: Any,
) -> int:
    """Boot GUEST (default: gpu) and serve its display over HXFR until Ctrl-C.

    Clients subscribe to the display, or send frames of their own to be encoded.
    """
    from harness.display.dbus import DbusDisplay  # noqa: PLC0415
    from harness.hxfr.scanout import Scanout  # noqa: PLC0415
    from harness.hxfr.server import HxfrServer  # noqa: PLC0415

    vsock = any(address.kind is Kind.VSOCK for address in addresses)
    machine = _machine(guest, vsock=vsock, **options)
    with machine, HxfrServer(any_resource=any_resource) as server, ExitStack() as undo:
        # Before the guest boots: what cannot be listened on is then said at once.
        listen_on_host(server, addresses)
        machine.boot(timeout_s=300)
        resource = (lambda: None) if data else _resource_of(machine, undo)
        display = DbusDisplay.open(machine.control.qmp, mapped=not data)
        scanout = Scanout(display, lossless=lossless, resource=resource)
        undo.callback(scanout.close)
        server.offer(0, scanout)
        listen_in_guest(server, addresses, machine, undo)
        click.echo(f"{machine.name}: its display is served at {', '.join(map(str, addresses))}")
        if way_in := _way_in(machine):
            click.echo(f"To have the guest draw: {way_in}")
        ended = scanout.wait(seconds)
    if scanout.dropped:
        click.echo(
            f"left out: {counted(scanout.dropped, 'frame')} that the encoder had no time for", err=True
        )
    if ended:
        raise DisplayLost(ended)
    return 0


def _way_in(machine: QemuMachine) -> str | None:
    """A shell in the guest, as a command line; None where it lets nobody in."""
    try:
        command = machine.ssh.command
    except InvalidConfiguration:
        return None
    return shlex.join(command) if command else None


def _resource_of(machine: QemuMachine, undo: ExitStack) -> Callable[[], int | None]:
    """What tells which resource the display shows, until ``undo``; where nothing does, that is said and 0 is served."""
    from harness.display.scanout_trace import ScanoutTrace  # noqa: PLC0415

    try:
        return undo.enter_context(ScanoutTrace(machine.control.qmp)).resource
    except (DisplayRefused, HostLacks) as error:
        click.echo(f"{error.message}; clients can ask for 0, the current scanout", err=True)
        return lambda: None


def _machine(
    guest: str,
    *,
    size: str,
    backend: str | None,
    qemu: Path | None,
    runtime: str | None,
    vsock: bool,
    **_: Any,
) -> QemuMachine:
    """A guest with a display of this size that can be looked at over D-Bus."""
    from harness.cli.automatic import backend_name  # noqa: PLC0415
    from harness.cli.transfers import transfers  # noqa: PLC0415
    from harness.errors import UnknownName  # noqa: PLC0415
    from harness.guests import catalogue  # noqa: PLC0415
    from harness.guests.model import Arch  # noqa: PLC0415
    from harness.host.system import host_arch  # noqa: PLC0415
    from harness.machines.catalogue import get  # noqa: PLC0415
    from harness.machines.model import GpuMode, MachineSpec  # noqa: PLC0415
    from harness.machines.qemu.machine import QemuMachine  # noqa: PLC0415
    from harness.runtimes.catalogue import ensure  # noqa: PLC0415
    from harness.runtimes.choice import MANAGED, qemu_folder  # noqa: PLC0415

    arch = Arch(host_arch()) if host_arch() in list(Arch) else Arch.X86_64
    with transfers() as progress:
        folder = qemu_folder(
            runtime or (None if qemu else MANAGED), qemu=qemu, provide=partial(ensure, progress=progress)
        )
    if guest not in catalogue.known():
        raise UnknownName("guest", guest, catalogue.known())
    image = catalogue.ensure_built(guest, arch)
    extra = {"display": "dbus,p2p=yes", "size": size}
    spec = MachineSpec(image, gpu=GpuMode.TWO_D, vsock=vsock, extra=extra)
    machine = get(backend_name(backend, arch, folder), qemu=folder).machine(spec)
    if not isinstance(machine, QemuMachine):
        raise InvalidConfiguration("only QEMU's displays can be served", fix="choose tcg, kvm or hvf")
    return machine
