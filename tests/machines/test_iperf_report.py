"""iperf3's report: a real one is read; anything else than one whole report of what was asked for is refused."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import MeasurementError
from harness.machines.iperf_report import parse_report

REAL = (Path(__file__).parent / "iperf-3.18.json").read_bytes()
REFUSED = b'{"start": {"connected": [], "version": "iperf 3.18"}, "end": {}, "error": "Connection refused"}'


def changed(path, value):
    """The real report with another value at ``path``; None: without it."""
    report = json.loads(REAL)
    *folders, last = path.split("/")
    place = report
    for folder in folders:
        place = place[folder]
    place[last] = value
    if value is None:
        del place[last]
    return json.dumps(report).encode()


def test_a_real_report_is_read():
    report = parse_report(REAL, 1)
    assert report.version == "iperf 3.18"
    assert (report.bytes, report.seconds, report.congestion) == (373686272, 1.006398, "bbr")
    assert report.bytes_per_s == pytest.approx(371310626.7, abs=1)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("start/version", "iperf 2.1", "start.version"),
        ("start/test_start/protocol", "UDP", "start.test_start.protocol"),
        ("start/test_start/num_streams", 2, "start.test_start.num_streams"),
        ("start/test_start", None, "has no test"),
        ("end/sum_received", None, "or no sums"),
        ("start/test_start/duration", 9, "was to send for 1 s"),
        ("end/sum_received/seconds", 0.1, "received for 0.1 s"),
        ("end/sum_received/bytes", 0, "received nothing"),
        ("end/sum_received/bytes", -1, "end.sum_received.bytes"),
        ("end/sum_received/bytes", "1", "end.sum_received.bytes"),
        ("end/sum_received/bytes", 373686272 + (128 << 10) + 1, "and sent"),
        ("end/sum_received/bits_per_second", 1e9, "its counts make"),
        ("end/sender_tcp_congestion", "\x1b[2J", "end.sender_tcp_congestion"),
        ("error", "the server is busy", "iperf3: the server is busy"),
    ],
)
def test_what_cannot_be_is_refused_by_name(path, value, words):
    with pytest.raises(MeasurementError, match=re.escape(words)):
        parse_report(changed(path, value), 1)


def test_the_last_block_may_go_out_uncounted():
    report = changed("end/sum_received/bytes", 373686272 + (128 << 10))
    assert parse_report(report, 1).bytes == 373686272 + (128 << 10)


def test_half_a_report_is_none_and_an_error_is_told():
    with pytest.raises(MeasurementError, match="iperf3's report is wrong"):
        parse_report(REAL[: len(REAL) // 2], 1)
    with pytest.raises(MeasurementError, match="iperf3: Connection refused"):
        parse_report(REFUSED, 1)


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_else(data):
    with pytest.raises(MeasurementError):
        parse_report(data, 1)
