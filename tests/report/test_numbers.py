"""Numbers as people read them, headlines, pictures' samples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.report import tables, units
from harness.report.key_table import KeyTable, key_table
from harness.report.summary import headlines, labels
from harness.report.thinning import thin
from harness.report.words import in_words
from harness.results.recorder import RunRecorder
from tests.report.synthetic import synthetic_run


def spaced(text):
    return (
        text.replace(units.THIN_SPACE, " ")
        .replace(units.NO_BREAK, " ")
        .replace(units.DASH, "-")
        .replace(units.TIMES, "x")
    )


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (7.1342, "s", "7.13 s"),
        (0.0123, "s", "12.3 ms"),
        (0.00099996, "s", "1.00 ms"),
        (0.9996, "s", "1.00 s"),
        (99.96, "s", "100 s"),
        (4.2e-7, "s", "420 ns"),
        (0, "s", "0 s"),
        (-0.0021, "s", "-2.10 ms"),
        (11.2e9, "B/s", "11.2 GB/s"),
        (84e6, "B/s", "84.0 MB/s"),
        (12345, "op/s", "12.3 k op/s"),
        (3.1e9, "op/s", "3.10 G op/s"),
        (9.64e6, "calls/s", "9.64 M calls/s"),
        (189, "processes/s", "189 processes/s"),
        (59.94, "fps", "59.9 fps"),
        (123456, "1", "123,456"),
        (1e-7, "V", "1.00e-07 V"),
    ],
)
def test_quantities(value, unit, text):
    assert spaced(units.quantity(value, unit)) == text


def test_an_interval_has_the_unit_and_the_decimals_of_its_median():
    assert spaced(units.interval((0.0098, 0.0112), 0.0101, "s")) == "9.8 - 11.2"
    assert units.interval(None, 1, "s") == units.DASH


@pytest.mark.parametrize(
    ("value", "better", "text"),
    [
        (0.0591, "higher", "5.91 %"),
        (1.04, "higher", "104 %"),
        (16.94, "lower", "16.9x"),
        (0.5, "lower", "0.500x"),
    ],
)
def test_ratios(value, better, text):
    assert spaced(units.ratio(value, better)) == text


@given(st.floats(1e-12, 1e15), st.sampled_from(["s", "B/s", "op/s", "B", "1", "fps"]))
def test_a_quantity_is_within_half_a_digit_of_its_value(value, unit):
    scale = units.scale_for(value, unit)
    shown = float(scale.number(value).replace(",", ""))
    assert shown * scale.size == pytest.approx(value, rel=0.0051)


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=300), st.integers(2, 40))
def test_thinning_keeps_the_ends_and_invents_nothing(samples, most):
    ordered = np.sort(samples)
    drawn = thin(ordered, most)
    assert drawn.size == min(most, ordered.size)
    assert (drawn[0], drawn[-1]) == (ordered[0], ordered[-1])
    assert set(drawn) <= set(ordered)
    assert list(drawn) == sorted(drawn)


def test_headlines_name_the_backend_and_its_share_of_native(tmp_path):
    with RunRecorder("quick", {}, reports=tmp_path) as recorder:
        native = recorder.subject(backend="native", arch="x86-64")
        tcg = recorder.subject(backend="tcg", guest="tiny", arch="arm64")
        for scenario, metric, unit, better, values in (
            ("compute", "fast", "op/s", "higher", (100, 4)),
            ("compute", "slow", "s", "lower", (1, 4)),
        ):
            for subject, value in zip((native, tcg), values, strict=True):
                recorder.sample(scenario, metric, unit=unit, better=better, subject=subject, value=value)
        recorder.sample("boot", "first-command", unit="s", better="lower", subject=tcg, value=7.1)
        recorder.sample("idle", "cpu-per-second", unit="s", better="lower", subject=tcg, value=0.0123)
        recorder.sample("idle", "memory-beyond-guest", unit="B", better="lower", subject=tcg, value=135e6)
        run = recorder.finish()
    (headline,) = headlines(run)
    assert headline.label == "tcg arm64"
    assert list(map(spaced, headline.clauses)) == [
        "boots to first command in 7.10 s",
        "compute at 4.0-25 % of native, geometric mean 10 %",
        "idle it takes 1.2 % of a core and 135 MB beyond its guest's memory",
    ]


@pytest.mark.parametrize(
    ("times", "words"),
    [
        ((1.1, 1.18), "the same work takes 10-18 % more CPU time"),
        ((1.125, 1.125), "the same work takes 12 % more CPU time"),
        ((2.9, 50.0), "the same work takes 2.9-50 times native's CPU time"),
    ],
)
def test_overhead_is_no_share_of_a_speed(tmp_path, times, words):
    with RunRecorder("full", {}, reports=tmp_path) as recorder:
        native = recorder.subject(backend="native", arch="x86-64")
        tcg = recorder.subject(backend="tcg", guest="tiny", arch="x86-64")
        for metric, ratio in zip(("integer/cpu-time", "float/cpu-time"), times, strict=True):
            for subject, value in ((native, 1.0), (tcg, ratio)):
                recorder.sample("overhead", metric, unit="s", better="lower", subject=subject, value=value)
        run = recorder.finish()
    (headline,) = headlines(run)
    assert list(map(spaced, headline.clauses)) == [words]


def test_a_quality_or_a_part_is_no_share_of_a_speed(tmp_path):
    with RunRecorder("full", {}, reports=tmp_path) as recorder:
        native = recorder.subject(backend="native", arch="x86-64")
        tcg = recorder.subject(backend="tcg", guest="media", arch="x86-64")
        for metric, unit, better, values in (
            ("fps", "frames/s", "higher", (60, 30)),
            ("psnr", "dB", "higher", (40, 38)),
            ("ssim", "SSIM", "higher", (0.98, 0.97)),
            ("bitrate", "bit/s", "lower", (4e6, 1e6)),
            ("copied", "B", "lower", (1, 100)),
            ("30fps/stage-draw", "s", "lower", (1, 100)),
        ):
            for subject, value in zip((native, tcg), values, strict=True):
                recorder.sample("encode", metric, unit=unit, better=better, subject=subject, value=value)
        run = recorder.finish()
    (headline,) = headlines(run)
    assert list(map(spaced, headline.clauses)) == ["encode at 50 % of native"]
    ratios = {series.metric for series in run.series if series.native}
    assert ratios == {"fps", "ssim", "bitrate", "copied", "30fps/stage-draw"}, "decibels have no ratio"
    assert "30fps/stage-draw" not in {row.metric for row in key_table(run).rows}, "a part of another's time"


def test_subjects_that_share_backend_and_architecture_are_told_apart(tmp_path):
    with RunRecorder("quick", {}, reports=tmp_path) as recorder:
        plain = recorder.subject(backend="tcg", guest="tiny", arch="x86-64")
        other = recorder.subject(backend="tcg", guest="tiny", arch="x86-64", variant="microvm")
        run = recorder.finish()
    assert labels(run) == {plain: "tcg x86-64", other: "tcg x86-64 microvm"}


def test_subjects_that_differ_in_the_guest_are_told_apart(tmp_path):
    with RunRecorder("quick", {}, reports=tmp_path) as recorder:
        ids = [recorder.subject(backend="tcg", guest=guest, arch="arm64") for guest in ("tiny", "debian")]
        run = recorder.finish()
    assert list(map(labels(run).get, ids)) == ["tcg arm64 tiny", "tcg arm64 debian"]


def test_the_key_table_has_goals_first_and_then_what_native_has_too(tmp_path):
    key = key_table(synthetic_run(tmp_path, rounds=3))
    metrics = [row.metric for row in key.rows]
    assert metrics[:3] == ["guest-ready", "first-command", "integer"]
    assert "vmm-ready" not in metrics
    assert [row.native is not None for row in key.rows[:3]] == [False, False, True]


def test_a_run_that_measured_nothing_has_empty_tables(tmp_path):
    with RunRecorder("quick", {}, reports=tmp_path) as recorder:
        recorder.subject(backend="tcg", guest="tiny", arch="arm64")
        run = recorder.finish()
    assert (key_table(run), tables.scenarios(run)) == (KeyTable((), ()), [])


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ("guest-ready", "guest ready"),
        ("cold/first-command", "first command (cold)"),
        ("triangle/640x360/fps", "frame rate (triangle 640x360)"),
        ("large-picture/low-1-percent", "1 % low (large picture)"),
        ("/x", "x"),
    ],
)
def test_metrics_have_names_in_words(metric, words):
    assert in_words(metric) == words
