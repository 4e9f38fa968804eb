"""One direction of a network: how much goes through it in a second, and when a small request is answered."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from harness.errors import CommandFailed, MeasurementError
from harness.machines.ends import PATIENCE_S
from harness.machines.iperf_report import parse_report

if TYPE_CHECKING:
    from harness.machines.ends import End
    from harness.machines.iperf_report import IperfReport

IPERF_PORT, PING_PORT = 5201, 1717
REQUEST = 12
"""Bytes of a request besides its head of 8, and of its answer."""
CALLS = 50
"""Round trips of a repetition, one after the other."""
WARM_UP = 5
_NUMBERS = re.compile(rb"([1-9][0-9]{0,15}\n)+")


class Way(NamedTuple):
    """To a port: where the server listens, and where the client finds it."""

    bind: str
    port: int
    at: str
    at_port: int


def straight(bind: str, port: int) -> Way:
    """Nothing in between changes addresses."""
    return Way(bind, port, bind, port)


@dataclass(frozen=True, slots=True)
class Lane:
    """From who connects, and sends, to who is connected to."""

    name: str
    """The network and the direction: ``user-net-to-host``."""
    client: End
    server: End
    iperf: Way
    ping: Way

    def throughput(self, seconds: int) -> IperfReport:
        """One TCP stream for so long. Raises MeasurementError, ChannelError."""
        bind, port, at, at_port = self.iperf
        serve = ["--server", "--one-off", "--version4", "--bind", bind, "--port", str(port), "--forceflush"]
        with self.server.serving([*self.server.iperf3, *serve], "listening"):
            options = iperf_options(at, at_port, seconds)
            done = self.client.run(
                [*self.client.iperf3, *options], timeout_s=seconds + PATIENCE_S, check=False
            )
        try:
            return parse_report(done.stdout, seconds)
        except MeasurementError as error:
            raise MeasurementError(f"{self.name}: {error.message}") from error

    def round_trips(self) -> list[float]:
        """Seconds of each. Raises MeasurementError, ChannelError."""
        bind, port, at, at_port = self.ping
        with self.server.serving([*self.server.transport, "serve", f"tcp:{bind}:{port}"], "listening"):
            words = ["ping", f"tcp:{at}:{at_port}", str(REQUEST), str(WARM_UP + CALLS)]
            try:
                done = self.client.run([*self.client.transport, *words], timeout_s=PATIENCE_S)
            except CommandFailed as error:
                raise MeasurementError(f"{self.name}: {error.message}") from error
        return round_trips_of(done.stdout, self.name)


def iperf_options(at: str, port: int, seconds: int) -> list[str]:
    """The client's command line, iperf3's name left out."""
    return ["--client", at, "--port", str(port), "--time", str(seconds), "--interval", "0", "--json"]


def round_trips_of(said: bytes, name: str) -> list[float]:
    """What vb-transport printed, in seconds, the first few left out; raises MeasurementError."""
    lines = said.split()
    if len(said) > (WARM_UP + CALLS) * 20 or not _NUMBERS.fullmatch(said) or len(lines) != WARM_UP + CALLS:
        raise MeasurementError(f"{name}: vb-transport did not print {WARM_UP + CALLS} round trips")
    return [int(line) / 1e9 for line in lines[WARM_UP:]]
