"""``visorbench frames record``: what a server's display shows, in a file."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.frames_address import connected
from harness.cli.frames_received import address_option, received, seconds_option
from harness.counted import counted
from harness.errors import DisplayLost, NothingMeasured

if TYPE_CHECKING:
    from harness.cli.frames_address import Address
    from harness.encoder.recording import Recording
    from harness.hxfr.client import HxfrClient


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@address_option
@seconds_option
@click.option(
    "--frames",
    "most",
    type=click.IntRange(min=1),
    metavar="N",
    help="End after so many; default: when it ends.",
)
def record(file: Path, address: Address, seconds: float | None, most: int | None) -> int:
    """Write what a server's display shows to FILE until it ends or Ctrl-C.

    FILE.mp4 has every frame at the time of its arrival, and is playable whatever ends the recording. When the display
    changes its size, FILE-2.mp4 goes on. FILE.h264 is the byte stream alone (Annex B).
    """
    from harness.encoder.recording import recording  # noqa: PLC0415

    to = recording(file)
    try:
        with connected(address) as client:
            _record(to, client, seconds, most)
    finally:
        for path, frames in to.files:
            click.echo(f"{path}: {counted(frames, 'frame')}")
    if not to.files:
        raise NothingMeasured("the server sent no frame", fix="see that its display changes")
    return 0


def _record(to: Recording, client: HxfrClient, seconds: float | None, most: int | None) -> None:
    """In a thread of its own, which no signal interrupts in the middle of a write: Ctrl-C hangs up, and it ends."""

    def write() -> None:
        with to:
            for response in received(client, seconds, most):
                to.add(
                    response.nal_units,
                    response.pts_ns,
                    time.monotonic_ns(),
                    is_keyframe=response.is_keyframe,
                )

    with ThreadPoolExecutor(1) as worker:
        writing = worker.submit(write)
        try:
            writing.result()
        except KeyboardInterrupt:
            client.close()
            with suppress(DisplayLost):
                writing.result()
