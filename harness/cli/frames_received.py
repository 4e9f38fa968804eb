"""What clients of a server have in common: where it is, for how long, and what arrives."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from harness.cli.frames_address import TCP, parsed
from harness.cli.numbers import FiniteRange
from harness.errors import NoFrame

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.hxfr.client import HxfrClient
    from harness.hxfr.messages import FrameResponse

address_option = click.option(
    "--address",
    default=TCP,
    callback=parsed,
    show_default=True,
    metavar="tcp:HOST:PORT|unix:PATH",
    help="Where the server is.",
)
seconds_option = click.option(
    "--seconds",
    type=FiniteRange(min=0, min_open=True),
    metavar="S",
    help="End after so many seconds; default: when it ends.",
)


def received(client: HxfrClient, seconds: float | None, most: int | None) -> Iterator[FrameResponse]:
    """Access units until the server, the time, the count or the user ends it."""
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
