"""``visorbench frames``: a guest's display as H.264 for anybody who asks, recorded, or counted."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.errors import DisplayLost, InvalidConfiguration, NothingMeasured

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.hxfr.client import HxfrClient
    from harness.hxfr.messages import FrameResponse
    from harness.machines.qemu.machine import QemuMachine

_TCP = "tcp:127.0.0.1:15937"
_address = click.option(
    "--address",
    default=_TCP,
    show_default=True,
    metavar="tcp:HOST:PORT|unix:PATH",
    help="Where the server is.",
)
_seconds = click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    help="End after this time; default: when it ends.",
)


@click.group()
def frames() -> None:
    """A guest's display as H.264: serve it, record it, or watch what comes."""


@frames.command()
@click.argument("guest", default="gpu")
@click.option(
    "--address", default=_TCP, show_default=True, metavar="tcp:HOST:PORT|unix:PATH", help="Listen there."
)
@click.option("--size", default="1280x720", show_default=True, metavar="WxH", help="Of the guest's display.")
@click.option("--backend", metavar="NAME", help="tcg, kvm …; default: the fastest that works here.")
@click.option("--data", is_flag=True, help="Take pixels in messages, for a QEMU before 9.2.")
@click.option("--qemu", type=click.Path(path_type=Path), help="Use this QEMU: a binary, or its folder.")
@click.option("--runtime", metavar="system|managed|PATH", help="Whose QEMU to use; default: managed.")
@_seconds
def serve(guest: str, address: str, seconds: float | None, **options: Any) -> int:
    """Boot GUEST (default: gpu) and serve its display over HXFR until Ctrl-C.

    Clients subscribe to the display, or send frames of their own to be encoded.
    """
    from harness.display.dbus import DbusDisplay  # noqa: PLC0415
    from harness.hxfr.scanout import Scanout  # noqa: PLC0415
    from harness.hxfr.server import HxfrServer  # noqa: PLC0415

    kind, where = _parsed(address)
    machine = _machine(guest, **options)
    with machine, HxfrServer() as server:
        # Before the guest boots: what cannot be listened on is then said at once.
        if kind == "unix":
            server.listen_unix(Path(where))
        else:
            host, _, port = where.rpartition(":")
            server.listen_tcp(int(port), host)
        machine.boot(timeout_s=300)
        scanout = Scanout(DbusDisplay.open(machine.control.qmp, mapped=not options["data"]))
        server.offer(0, scanout)
        click.echo(f"{machine.name}: its display is served at {address}")
        try:
            ended = scanout.wait(seconds)
        finally:
            scanout.close()
    if ended:
        raise DisplayLost(ended)
    return 0


@frames.command()
@click.argument("file", type=click.Path(path_type=Path))
@_address
@_seconds
@click.option("--frames", "most", type=click.IntRange(min=1), help="End after so many.")
def record(file: Path, address: str, seconds: float | None, most: int | None) -> int:
    """Write what a server's display shows to FILE.h264, a byte stream (Annex B), until it ends or Ctrl-C."""
    from harness.host.write_errors import naming_write_errors  # noqa: PLC0415

    if file.suffix != ".h264":
        raise InvalidConfiguration(
            f"{file} is no name for a byte stream",
            fix="name it .h264; ffmpeg -i FILE -c copy OUT.mp4 wraps it",
        )
    with (
        _connected(address) as client,
        naming_write_errors("a recording", file, elsewhere="name another file"),
    ):
        count = size = 0
        with file.open("wb") as to:
            for response in _received(client, seconds, most):
                size += to.write(b"".join(response.nal_units))
                count += 1
    if not count:
        file.unlink(missing_ok=True)
        raise NothingMeasured("the server sent no frame", fix="see that its display changes")
    click.echo(f"{file}: {count} frames, {size} bytes")
    return 0


@frames.command()
@_address
@_seconds
def watch(address: str, seconds: float | None) -> int:
    """Print once a second what arrives: frames, bits and keyframes per second."""
    with _connected(address) as client:
        begun, count, size, keyframes, total = time.monotonic(), 0, 0, 0, 0
        for response in _received(client, seconds, None):
            count, size = count + 1, size + sum(map(len, response.nal_units))
            keyframes, total = keyframes + response.is_keyframe, total + 1
            if (passed := time.monotonic() - begun) >= 1:
                click.echo(
                    f"{count / passed:7.1f} frames/s {size * 8 / passed / 1e6:8.3f} Mbit/s {keyframes} keyframes"
                )
                begun, count, size, keyframes = time.monotonic(), 0, 0, 0
    click.echo(f"{total} frames")
    return 0


def _received(client: HxfrClient, seconds: float | None, most: int | None) -> Iterator[FrameResponse]:
    """Access units until the server, the time, the count or the user ends it."""
    from harness.errors import NoFrame  # noqa: PLC0415

    deadline = time.monotonic() + seconds if seconds else None
    subscription = client.subscribe(timeout_s=seconds or 3600)
    count = 0
    while (most is None or count < most) and (deadline is None or time.monotonic() < deadline):
        try:
            response = next(subscription, None)
        except (NoFrame, KeyboardInterrupt):
            return
        if response is None:
            return
        yield response
        count += 1


def _connected(address: str) -> HxfrClient:
    from harness.host.unix_sockets import unix_socket  # noqa: PLC0415
    from harness.hxfr.client import HxfrClient  # noqa: PLC0415

    kind, where = _parsed(address)
    try:
        if kind == "unix":
            sock = unix_socket()
            sock.connect(where)
        else:
            host, _, port = where.rpartition(":")
            sock = socket.create_connection((host, int(port)), timeout=10)
    except OSError as error:
        raise DisplayLost(
            f"no HXFR server answers at {address} ({error.strerror or error})",
            fix="start one: visorbench frames serve",
        ) from None
    return HxfrClient(sock)


def _parsed(address: str) -> tuple[str, str]:
    kind, _, where = address.partition(":")
    host, _, port = where.rpartition(":")
    if (kind == "unix" and where) or (kind == "tcp" and host and port.isdecimal() and int(port) < 1 << 16):
        return kind, where
    raise InvalidConfiguration(
        f"{address!r} is no address", fix=f"such as {_TCP}, or unix:/run/me/frames.sock"
    )


def _machine(
    guest: str, *, size: str, backend: str | None, qemu: Path | None, runtime: str | None, **_: Any
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
    from harness.runtimes.choice import MANAGED, qemu_folder  # noqa: PLC0415

    arch = Arch(host_arch()) if host_arch() in list(Arch) else Arch.X86_64
    with transfers() as progress:
        folder = qemu_folder(runtime or (None if qemu else MANAGED), qemu=qemu, progress=progress)
    if guest not in catalogue.known():
        raise UnknownName("guest", guest, catalogue.known())
    image = catalogue.ensure_built(guest, arch)
    extra = {"display": "dbus,p2p=yes", "size": size}
    spec = MachineSpec(image, gpu=GpuMode.TWO_D, extra=extra)
    machine = get(backend_name(backend, arch, folder), qemu=folder).machine(spec)
    if not isinstance(machine, QemuMachine):
        raise InvalidConfiguration("only QEMU's displays can be served", fix="choose tcg, kvm or hvf")
    return machine
