"""Frame times: each figure against its definition, done another way."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import MeasurementError
from harness.gpu.frame_times import FrameTimes
from harness.gpu.metrics import metrics
from harness.gpu.report import parse_report
from tests.gpu.reports import encoded, events

times = st.lists(st.integers(1, 10**11), min_size=1, max_size=500).map(tuple)


@given(times)
def test_the_frame_rate_is_frames_over_their_time(times_ns):
    assert FrameTimes(times_ns).fps == pytest.approx(float(Fraction(len(times_ns) * 10**9, sum(times_ns))))


@given(times, st.integers(1, 99))
def test_a_percentile_lies_where_definition_7_puts_it(times_ns, percent):
    ordered, at = sorted(times_ns), (len(times_ns) - 1) * percent / 100
    below, above = ordered[math.floor(at)], ordered[math.ceil(at)]
    expected = below + (above - below) * (at - math.floor(at))
    assert FrameTimes(times_ns).percentile_s(percent) == pytest.approx(expected / 1e9, rel=1e-9)


@given(times)
def test_the_lows_are_never_above_the_average_nor_below_the_slowest_frame(times_ns):
    frames = FrameTimes(times_ns)
    assert 1e9 / max(times_ns) <= frames.low_1_percent_fps * (1 + 1e-9)
    assert frames.low_1_percent_fps <= frames.fps * (1 + 1e-9)


def test_the_1_percent_low_averages_the_slowest_hundredth():
    steady = (10_000_000,) * 198
    assert FrameTimes((*steady, 100_000_000, 300_000_000)).low_1_percent_fps == pytest.approx(2 / 0.4)
    assert FrameTimes((*steady[:98], 100_000_000)).low_1_percent_fps == pytest.approx(
        10
    )  # 99 frames: one of them


def test_one_slow_frame_does_not_move_the_median():
    frames = FrameTimes((10, 10, 10, 10, 10_000))
    assert (frames.median_s, frames.count) == (10e-9, 5)
    assert frames.fps == pytest.approx(5 / 10_040e-9)


@pytest.mark.parametrize("times_ns", [(), (0,), (0, 0)])
def test_no_time_is_no_measurement(times_ns):
    with pytest.raises(MeasurementError):
        FrameTimes(times_ns)


def measured(scene: str, **work: int) -> dict[str, tuple[float, str, str]]:
    report = events()
    report[0]["scene"] = scene
    report[6] |= work
    return {
        each.name: (each.value, each.unit, each.better) for each in metrics(parse_report(encoded(report)))
    }


def test_every_scene_has_frame_rate_and_times():
    found = measured("fill")
    assert found["fps"] == (pytest.approx(3 / 60e-9), "frames/s", "higher")
    assert found["frame-time"] == (pytest.approx(20e-9), "s", "lower")
    assert found["first-frame"] == (pytest.approx(90e-9), "s", "lower")
    assert found["low-1-percent"] == (pytest.approx(1 / 30e-9), "frames/s", "higher")
    assert found["frame-time-p95"][0] < found["frame-time-p99"][0] < 30e-9
    assert set(found) == {
        "fps",
        "frame-time",
        "frame-time-p95",
        "frame-time-p99",
        "low-1-percent",
        "first-frame",
    }


@pytest.mark.parametrize(
    ("scene", "work", "metric", "unit"),
    [
        ("upload", {"upload_bytes": 6000}, "upload-bandwidth", "B/s"),
        ("readback", {"readback_bytes": 6000}, "readback-bandwidth", "B/s"),
        ("compute", {"flop": 6000}, "arithmetic", "FLOP/s"),
    ],
)
def test_a_bandwidth_is_work_over_the_time_of_all_frames(scene, work, metric, unit):
    assert measured(scene, **work)[metric] == (pytest.approx(3 * 6000 / 60e-9), unit, "higher")


def test_every_definition_is_a_sentence():
    for metric in metrics(parse_report(encoded(events()))):
        assert len(metric.definition.split()) > 4
