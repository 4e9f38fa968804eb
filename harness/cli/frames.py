"""``visorbench frames``: a guest's display as H.264 for anybody who asks, recorded, or counted."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from harness.cli.frames_address import connected
from harness.cli.frames_received import address_option, received, seconds_option
from harness.cli.frames_record import record
from harness.cli.frames_serve import serve
from harness.cli.group import Group
from harness.counted import counted

if TYPE_CHECKING:
    from harness.cli.frames_address import Address


@click.group(cls=Group)
def frames() -> None:
    """A guest's display as H.264: serve it, record it, or watch what comes."""


frames.add_command(serve)
frames.add_command(record)


@frames.command()
@address_option
@seconds_option
def watch(address: Address, seconds: float | None) -> int:
    """Print once a second what arrives: frames, bits and keyframes per second."""
    with connected(address) as client:
        begun, count, size, keyframes, total = time.monotonic(), 0, 0, 0, 0
        for response in received(client, seconds, None):
            count, size = count + 1, size + sum(map(len, response.nal_units))
            keyframes, total = keyframes + response.is_keyframe, total + 1
            if (passed := time.monotonic() - begun) >= 1:
                click.echo(
                    f"{count / passed:7.1f} frames/s {size * 8 / passed / 1e6:8.3f} Mbit/s "
                    f"{counted(keyframes, 'keyframe')}"
                )
                begun, count, size, keyframes = time.monotonic(), 0, 0, 0
    click.echo(counted(total, "frame"))
    return 0
