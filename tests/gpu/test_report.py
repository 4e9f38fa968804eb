"""The parser of what vb-gpu prints: everything true gets through, nothing else does."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import MeasurementError, WrongPicture
from harness.gpu import report as gpu_report
from harness.gpu.report import parse_adapters, parse_report
from tests.gpu.reports import EVENTS, encoded, events, timed

frame_times = st.lists(st.integers(1, 10**12), min_size=1, max_size=400)


def test_a_report_is_what_was_printed():
    report = parse_report(encoded(EVENTS))
    assert (report.api, report.scene, report.width, report.height, report.in_flight) == (
        "vulkan",
        "fill",
        64,
        64,
        2,
    )
    assert report.adapter.device == "llvmpipe (LLVM 15.0.6, 256 bits)"
    assert (report.warmup_ns, report.frames.times_ns) == ((40, 30), (10, 20, 30))
    assert (report.setup.first_frame_ns, report.work.upload_bytes, report.check.frame) == (90, 16, 4)
    assert report.picture is None


@given(frame_times)
def test_every_frame_time_arrives_in_its_order(times_ns):
    assert parse_report(encoded(timed(times_ns))).frames.times_ns == tuple(times_ns)


@given(frame_times, st.data())
def test_a_report_that_breaks_off_is_none(times_ns, data):
    output = encoded(timed(times_ns))
    with pytest.raises(MeasurementError):
        parse_report(output[: data.draw(st.integers(0, len(output) - 1))])


@given(frame_times, st.data())
def test_a_lost_or_doubled_line_is_noticed(times_ns, data):
    lines = encoded(timed(times_ns)).splitlines(keepends=True)
    at = data.draw(st.integers(0, len(lines) - 1))
    lines[at : at + 1] = data.draw(st.sampled_from([[], [lines[at], lines[at]]]))
    with pytest.raises(MeasurementError):
        parse_report(b"".join(lines))


@given(st.binary(max_size=400))
def test_garbage_is_refused(output):
    for parse in (parse_report, parse_adapters):
        if output:
            with pytest.raises(MeasurementError):
                parse(output)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(st.integers(0, len(EVENTS) - 1), st.data(), json_values)
def test_any_field_with_a_foreign_value_is_refused_or_harmless(line, data, value):
    report = events()
    name = data.draw(st.sampled_from(sorted(report[line])))
    report[line][name] = value
    try:
        parsed = parse_report(encoded(report))
    except MeasurementError:
        return
    assert parsed.check.wrong == 0
    assert parsed.frames.seconds > 0
    assert all(type(each) is int for each in parsed.frames.times_ns)


@pytest.mark.parametrize(("wrong", "max_error"), [(1, 0), (0, 2), (4096, 255)])
def test_a_picture_that_is_wrong_is_no_report(wrong, max_error):
    report = events()
    report[2] |= {"wrong": wrong, "max_error": max_error}
    with pytest.raises(WrongPicture, match=f"fill: {wrong} of 4096 pixels are wrong"):
        parse_report(encoded(report))


@pytest.mark.parametrize(
    ("line", "change", "said"),
    [
        (0, {"schema": 2}, "line 1 .*schema"),
        (0, {"width": 63}, "line 1 .*width"),
        (0, {"extra": 1}, "line 1 .*extra"),
        (1, {"device": "bell\a"}, "line 2 .*device"),
        (1, {"device": "x" * 513}, "line 2 .*device"),
        (1, {"device": "<ü>"}, "line 2 .*device"),
        (1, {"kind": "quantum"}, "line 2 .*kind"),
        (2, {"frame": 3}, "another picture than the last frame's"),
        (2, {"pixels": 4095}, "another picture than the last frame's"),
        (2, {"undecided": 2049}, "less than half"),
        (5, {"times_ns": []}, "line 6 .*times_ns"),
        (5, {"times_ns": [True]}, "line 6 .*times_ns"),
        (5, {"times_ns": [1.5]}, "line 6 .*times_ns"),
        (5, {"times_ns": [-1]}, "line 6 .*times_ns"),
        (5, {"times_ns": [10**400]}, "line 6 .*times_ns"),
        (5, {"times_ns": [1] * 129}, "line 6 .*times_ns"),
        (5, {"times_ns": [0, 0, 0]}, "no frame took any time"),
        (5, {"first": 1}, "do not follow each other"),
        (7, {"lines": 8}, "wrote 8 lines and 7 arrived"),
    ],
)
def test_a_lie_is_refused(line, change, said):
    report = events()
    report[line] |= change
    with pytest.raises(MeasurementError, match=said):
        parse_report(encoded(report))


def test_lines_in_another_order_are_refused():
    report = events()
    report[2], report[3] = report[3], report[2]
    with pytest.raises(MeasurementError, match="is not start, adapter, picture"):
        parse_report(encoded(report))


def test_a_flood_is_refused_before_it_is_read(monkeypatch):
    monkeypatch.setattr(gpu_report, "_ANY", None)
    with pytest.raises(MeasurementError, match="more than any report"):
        parse_report(b"\n" * (gpu_report.REPORT_LIMIT + 1))


def test_a_list_of_adapters_holds_nothing_else():
    line = json.dumps(EVENTS[1]).encode() + b"\n"
    assert [each.api for each in parse_adapters(line * 2)] == ["vulkan", "vulkan"]
    with pytest.raises(MeasurementError, match="something else than adapters"):
        parse_adapters(line + encoded(EVENTS[:1]))
