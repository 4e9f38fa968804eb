"""fio's report: a real one is read; anything else than one whole report of the job that was asked for is refused."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import MeasurementError
from harness.machines.fio_report import parse_report
from harness.machines.tool_report import REPORT_LIMIT

REAL = (Path(__file__).parent / "fio-3.39-fsync.json").read_bytes()


def changed(path, value):
    """The real report with another value at ``path``; None: without it."""
    report = json.loads(REAL)
    *folders, last = path.split("/")
    place = report
    for folder in folders:
        place = place[int(folder) if isinstance(place, list) else folder]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return json.dumps(report).encode()


def test_a_real_report_is_read():
    report = parse_report(REAL, "fsync", "write", flushes=True)
    assert (report.version, report.bytes, report.requests, report.runtime_ms) == (
        "fio-3.39",
        1966080,
        480,
        1002,
    )
    assert report.requests_per_s == pytest.approx(479.04, abs=0.01)
    assert report.bytes_per_s == pytest.approx(1962155, abs=1)
    assert (report.completion.median_ns, report.completion.p99_ns) == (9280, 150528)
    assert report.flush
    assert (report.flush.count, report.flush.median_ns, report.flush.p99_ns) == (480, 1253376, 16449536)
    assert parse_report(REAL, "fsync", "write").flush is None


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("fio version", "qemu 7", "fio version"),
        ("jobs", [], "jobs"),
        ("jobs/0/jobname", "another", "'another', and 'fsync' was asked for"),
        ("jobs/0/error", 5, "ended with error 5"),
        ("jobs/0/read/total_ios", 1, "was to write only"),
        ("jobs/0/write/total_ios", 0, "did nothing"),
        ("jobs/0/write/total_ios", 480.0, "jobs.0.write.total_ios"),
        ("jobs/0/write/total_ios", "480", "jobs.0.write.total_ios"),
        ("jobs/0/write/io_bytes", -1, "jobs.0.write.io_bytes"),
        ("jobs/0/write/runtime", 0, "did nothing"),
        (
            "jobs/0/write/runtime",
            10_000,
            "bandwidth of fsync is 1.96216e+06 a second, and its counts make 196608",
        ),
        ("jobs/0/write/iops", 5000, "rate of requests"),
        ("jobs/0/write/drop_ios", 3, "dropped 3 requests"),
        ("jobs/0/write/clat_ns/N", 0, "of no request"),
        ("jobs/0/write/clat_ns/mean", 1.0, "their mean is none"),
        ("jobs/0/write/clat_ns/percentile", None, "percentiles of fsync are missing"),
        ("jobs/0/sync/lat_ns/percentile/50.000000", 1 << 40, "in no order"),
        ("jobs/0/sync/lat_ns/percentile/99.000000", None, "are missing"),
        ("jobs/0/sync/lat_ns/N", 10, "was to flush every write"),
        ("jobs/0/sync", None, "was to flush every write"),
    ],
)
def test_what_cannot_be_is_refused_by_name(path, value, words):
    with pytest.raises(MeasurementError, match=re.escape(words)):
        parse_report(changed(path, value), "fsync", "write", flushes=True)


@pytest.mark.parametrize("cut", [0, 1, 1000, -3])
def test_half_a_report_is_none(cut):
    with pytest.raises(MeasurementError, match="fio's report is wrong"):
        parse_report(REAL[:cut], "fsync", "write")


def test_a_flood_and_a_number_that_is_none_are_refused():
    with pytest.raises(MeasurementError, match="more than any report has"):
        parse_report(b" " * (REPORT_LIMIT + 1), "fsync", "write")
    nan = re.sub(rb'"iops" : 479[0-9.]+', b'"iops" : NaN', REAL)
    assert nan != REAL
    with pytest.raises(MeasurementError, match="iops"):
        parse_report(nan, "fsync", "write")


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_else(data):
    with pytest.raises(MeasurementError):
        parse_report(data, "fsync", "write")


LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just([]) | st.just({})
)


@given(st.data())
def test_a_report_with_any_value_anywhere_is_read_as_what_it_says_or_refused(data):
    """Whatever stands in a field, what is returned is finite and positive."""
    report = json.loads(REAL)
    place, at = report, None
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        at = data.draw(st.sampled_from(keys))
        if not isinstance(place[at], dict | list) or not place[at] or data.draw(st.integers(0, 9)) == 0:
            break
        place = place[at]
    place[at] = data.draw(LEAVES)
    try:
        told = parse_report(json.dumps(report).encode(), "fsync", "write", flushes=True)
    except MeasurementError:
        return
    assert 0 < told.bytes_per_s < float("inf")
    assert 0 < told.requests_per_s < float("inf")
    for latency in (told.completion, told.flush):
        assert latency.count > 0
        assert 0 <= latency.median_ns <= latency.p99_ns
