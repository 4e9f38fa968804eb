"""What iperf3's ``--json`` says: how many bytes the receiver got, in how long.

The fields are those of iperf 3 (iperf_json_finish in its iperf_api.c); each is checked, and what they say together.
Anything else than one whole report of one TCP stream raises.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from harness.errors import MeasurementError
from harness.machines.tool_report import Amount, Count, Part, agrees, validated

_BLOCK = 128 << 10
"""What iperf3 writes at once: the last may go out, and not be counted, when the time is up."""


class _Test(Part):
    protocol: Literal["TCP"]
    num_streams: Literal[1]
    duration: Count


class _Start(Part):
    version: Annotated[str, Field(pattern=r"^iperf 3[!-~]{1,40}$")]
    test_start: _Test | None = None
    """An error comes without it."""


class _Sum(Part):
    seconds: Amount
    bytes: Count
    bits_per_second: Amount


class _End(Part):
    sum_sent: _Sum | None = None
    sum_received: _Sum | None = None
    sender_tcp_congestion: Annotated[str, Field(pattern=r"^[a-z0-9_-]{0,16}$")] = ""


class _Report(Part):
    start: _Start
    end: _End
    error: Annotated[str, Field(max_length=1000)] = ""


@dataclass(frozen=True, slots=True)
class IperfReport:
    """One stream, as its receiver saw it."""

    version: str
    bytes: int
    seconds: float
    congestion: str
    """The sender's congestion control: ``cubic``, ``bbr``."""

    @property
    def bytes_per_s(self) -> float:
        return self.bytes / self.seconds


def parse_report(output: bytes, seconds: int) -> IperfReport:
    """The report of a client that was to send for so long. Raises MeasurementError."""
    told = validated(_Report, output, "iperf3")
    if told.error:
        raise MeasurementError(f"iperf3: {told.error}")
    test, sent, received = told.start.test_start, told.end.sum_sent, told.end.sum_received
    if test is None or sent is None or received is None:
        raise MeasurementError("iperf3's report has no test, or no sums")
    if test.duration != seconds or received.seconds < seconds / 2:
        raise MeasurementError(f"iperf3 was to send for {seconds} s, and received for {received.seconds:g} s")
    if not received.bytes:
        raise MeasurementError("iperf3 received nothing")
    if received.bytes > sent.bytes + _BLOCK:
        raise MeasurementError(f"iperf3 received {received.bytes} bytes, and sent {sent.bytes}")
    counted = received.bytes * 8 / received.seconds
    if not agrees(received.bits_per_second, counted):
        raise MeasurementError(
            f"iperf3's rate is {received.bits_per_second:g} bit/s, and its counts make {counted:g}"
        )
    return IperfReport(told.start.version, received.bytes, received.seconds, told.end.sender_tcp_congestion)
