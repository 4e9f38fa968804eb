"""``visorbench frames``: a guest's display as H.264 for anybody who asks, recorded, or counted."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.frames_address import TCP, connected, parsed
from harness.cli.frames_serve import serve
from harness.errors import InvalidConfiguration, NothingMeasured

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.cli.frames_address import Address
    from harness.hxfr.client import HxfrClient
    from harness.hxfr.messages import FrameResponse

_address = click.option(
    "--address",
    default=TCP,
    callback=parsed,
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


frames.add_command(serve)


@frames.command()
@click.argument("file", type=click.Path(path_type=Path))
@_address
@_seconds
@click.option("--frames", "most", type=click.IntRange(min=1), help="End after so many.")
def record(file: Path, address: Address, seconds: float | None, most: int | None) -> int:
    """Write what a server's display shows to FILE.h264, a byte stream (Annex B), until it ends or Ctrl-C."""
    from harness.host.write_errors import naming_write_errors  # noqa: PLC0415

    if file.suffix != ".h264":
        raise InvalidConfiguration(
            f"{file} is no name for a byte stream",
            fix="name it .h264; ffmpeg -i FILE -c copy OUT.mp4 wraps it",
        )
    with (
        connected(address) as client,
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
def watch(address: Address, seconds: float | None) -> int:
    """Print once a second what arrives: frames, bits and keyframes per second."""
    with connected(address) as client:
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
