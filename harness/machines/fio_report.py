"""What fio's ``--output-format=json`` says, whole: nothing of it is believed unchecked.

Of its several hundred fields those are read that become numbers; each is checked, and so is what they say together.
Anything else than one whole report of the job that was asked for raises; no number is ever made from half of one. The
fields are those of fio 3 (fio's HOWTO, "JSON output"; json_add_status in its stat.c).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from harness.errors import MeasurementError
from harness.machines.tool_report import Amount, Count, Part, agrees, validated


class _Latency(Part):
    min: Count
    max: Count
    mean: Amount
    count: Count = Field(alias="N")
    percentile: dict[str, Count] = Field(default_factory=dict)


class _Direction(Part):
    io_bytes: Count
    bw_bytes: Count
    iops: Amount
    runtime: Count
    """Milliseconds."""
    total_ios: Count
    drop_ios: Count
    clat_ns: _Latency


class _Sync(Part):
    """Its ``total_ios`` counts fsync only, and not fdatasync."""

    lat_ns: _Latency


class _Job(Part):
    jobname: Annotated[str, Field(max_length=64)]
    error: int
    read: _Direction
    write: _Direction
    sync: _Sync | None = None
    """Of fio 3.17 and newer; only jobs that flush have any."""


class _Report(Part):
    version: Annotated[str, Field(alias="fio version", pattern=r"^fio-[0-9][!-~]{0,40}$")]
    jobs: Annotated[tuple[_Job, ...], Field(min_length=1, max_length=1)]


@dataclass(frozen=True, slots=True)
class Latency:
    """Of one kind of request, in nanoseconds; the percentiles are fio's, of buckets of 1.6 %."""

    count: int
    median_ns: int
    p99_ns: int


@dataclass(frozen=True, slots=True)
class FioReport:
    """One job's reads, or its writes."""

    version: str
    bytes: int
    requests: int
    runtime_ms: int
    completion: Latency
    """From a request's submission until it was done."""
    flush: Latency | None
    """Of the fdatasync after each write; None for a job that makes none."""

    @property
    def bytes_per_s(self) -> float:
        return self.bytes * 1000 / self.runtime_ms

    @property
    def requests_per_s(self) -> float:
        return self.requests * 1000 / self.runtime_ms


def parse_report(output: bytes, job: str, direction: str, *, flushes: bool = False) -> FioReport:
    """The report of the one job ``job``, all of whose requests are ``direction``: read or write.

    ``flushes``: each is followed by an fdatasync. Raises MeasurementError.
    """
    told = validated(_Report, output, "fio")
    one = told.jobs[0]
    if one.jobname != job:
        raise MeasurementError(f"fio ran the job {one.jobname!r}, and {job!r} was asked for")
    if one.error:
        raise MeasurementError(f"fio's job {job} ended with error {one.error}")
    asked, other = (one.read, one.write) if direction == "read" else (one.write, one.read)
    if other.total_ios:
        raise MeasurementError(f"fio's job {job} was to {direction} only, and did not")
    _believe(job, asked)
    flush = None
    if flushes:
        if one.sync is None or 2 * one.sync.lat_ns.count < asked.total_ios:
            raise MeasurementError(f"fio's job {job} was to flush every write, and did not")
        flush = _latency(job, one.sync.lat_ns)
    return FioReport(
        told.version, asked.io_bytes, asked.total_ios, asked.runtime, _latency(job, asked.clat_ns), flush
    )


def _believe(job: str, told: _Direction) -> None:
    if not (told.total_ios and told.runtime and told.io_bytes):
        raise MeasurementError(f"fio's job {job} did nothing")
    if told.drop_ios:
        raise MeasurementError(f"fio's job {job} dropped {told.drop_ios} requests")
    for what, rate, count in (
        ("bandwidth", told.bw_bytes, told.io_bytes),
        ("rate of requests", told.iops, told.total_ios),
    ):
        counted = count * 1000 / told.runtime
        if not agrees(rate, counted):
            raise MeasurementError(
                f"fio's {what} of {job} is {rate:g} a second, and its counts make {counted:g}"
            )


def _latency(job: str, told: _Latency) -> Latency:
    if not told.count or not told.min <= told.mean <= told.max:
        raise MeasurementError(f"fio's latencies of {job} are of no request, or their mean is none")
    median_ns, p99_ns = (told.percentile.get(f"{percent}.000000") for percent in (50, 99))
    if median_ns is None or p99_ns is None or median_ns > p99_ns:
        raise MeasurementError(f"fio's percentiles of {job} are missing, or in no order")
    return Latency(told.count, median_ns, p99_ns)
