"""The parser of what vb-compute prints: everything true gets through, nothing else does."""

from __future__ import annotations

import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import MeasurementError, WrongAnswer
from harness.machines import compute_report
from harness.machines.compute_report import KERNELS, Calibration, Repetition, Report, parse_report

counts = st.integers(1, 2**63)
hashes = st.text("0123456789abcdef", min_size=16, max_size=16)
words = st.text(string.ascii_letters + string.digits + " .-_", min_size=1, max_size=40)


@st.composite
def repetitions(draw):
    kernel = draw(st.sampled_from(sorted(KERNELS)))
    iterations, ns = draw(st.integers(1, 2**32)), draw(st.integers(1, 2**40))
    per_iteration = draw(st.floats(1e-6, 1e3))
    value = iterations * per_iteration * 1e9 / ns
    n = draw(st.integers(0, 10**6))
    return Repetition(kernel, n, iterations, ns, value, KERNELS[kernel], per_iteration, draw(hashes))


calibrations = st.builds(Calibration, st.sampled_from(sorted(KERNELS)), counts, st.integers(0, 2**63))
reports = st.builds(
    Report, words, words, words, counts, counts,
    st.lists(calibrations, max_size=4).map(tuple), st.lists(repetitions(), max_size=4).map(tuple),
)  # fmt: skip


def printed(report: Report) -> list[dict[str, object]]:
    """The report's events as the program prints them."""
    start = {name: getattr(report, name) for name in ("os", "arch", "compiler", "clock_step_ns", "seed")}
    found = [{"event": "calibration", "kernel": c.kernel, "iterations": c.iterations, "ns": c.ns}
             for c in report.calibrations]  # fmt: skip
    names = Repetition.__slots__
    done = [{"event": "repetition", **{name: getattr(r, name) for name in names}, "expected": r.check}
            for r in report.repetitions]  # fmt: skip
    return [
        {"event": "start", "schema": 1, **start},
        *found,
        *done,
        {"event": "end", "lines": len(found + done)},
    ]


def encoded(events: list[dict[str, object]]) -> bytes:
    return "".join(json.dumps(event) + "\n" for event in events).encode()


ONE = Report(
    "linux", "x86-64", "Clang 22", 17, 1, (),
    (Repetition("syscall", 0, 1000, 10**6, 10_000.0, "calls/s", 0.01, "00000000deadbeef"),),
)  # fmt: skip


@given(reports)
def test_what_is_printed_is_what_is_read(report):
    assert parse_report(encoded(printed(report))) == report


@given(reports, st.data())
def test_a_report_that_breaks_off_is_none(report, data):
    output = encoded(printed(report))
    end = data.draw(st.integers(0, len(output) - 1))
    with pytest.raises(MeasurementError):
        parse_report(output[:end])


@given(reports.filter(lambda report: report.repetitions), st.data())
def test_a_lost_line_is_noticed(report, data):
    lines = encoded(printed(report)).splitlines(keepends=True)
    del lines[data.draw(st.integers(0, len(lines) - 1))]
    with pytest.raises(MeasurementError):
        parse_report(b"".join(lines))


@given(st.binary(max_size=400))
def test_garbage_is_refused(output):
    with pytest.raises(MeasurementError):
        parse_report(output)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(st.sampled_from([0, 1, 2]), st.data(), json_values)
def test_any_field_with_a_foreign_value_is_refused_or_harmless(line, data, value):
    events = printed(ONE)
    name = data.draw(st.sampled_from(sorted(events[line])))
    events[line] = {**events[line], name: value}
    try:
        report = parse_report(encoded(events))
    except MeasurementError:
        return
    (repetition,) = report.repetitions
    assert repetition.unit == "calls/s"
    assert repetition.value == pytest.approx(
        repetition.iterations * 1e9 * repetition.per_iteration / repetition.ns
    )


@pytest.mark.parametrize("missing", ["check", "expected"])
def test_an_unchecked_repetition_counts_as_wrong(missing):
    events = printed(ONE)
    del events[1][missing]
    with pytest.raises(WrongAnswer, match=f"lacks {missing}"):
        parse_report(encoded(events))


def test_another_answer_than_the_expected_one_is_wrong():
    events = printed(ONE)
    events[1]["check"] = "00000000deadbeee"
    with pytest.raises(
        WrongAnswer, match="syscall computed 00000000deadbeee where 00000000deadbeef is right"
    ):
        parse_report(encoded(events))


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("ns", "0"), ("ns", "-5"), ("ns", "true"), ("ns", "1.0"), ("ns", "1" * 5000), ("iterations", "0"),
        ("value", "NaN"), ("value", "Infinity"), ("value", "1e400"), ("value", "10001"), ("value", '"10000"'),
        ("value", "1" + "0" * 400), ("per_iteration", "1" + "0" * 400),
        ("unit", '"B/s"'), ("unit", '"<script>"'), ("kernel", '"overclock"'), ("kernel", "null"),
        ("check", '"deadbeef"'), ("per_iteration", "-0.01"), ("repetition", "[" * 100_000),
        ("ns", '1000000, "ns": 1000000'), ("ns", '1000000, "extra": 1'),
    ],
)  # fmt: skip
def test_a_lie_is_refused(field, text):
    lines = encoded(printed(ONE)).decode().splitlines(keepends=True)
    before = json.dumps({field: printed(ONE)[1][field]})[1:-1]
    assert before in lines[1]
    lines[1] = lines[1].replace(before, f'"{field}": {text}')
    with pytest.raises(MeasurementError):
        parse_report("".join(lines).encode())


def test_another_schema_is_refused():
    events = printed(ONE)
    events[0]["schema"] = 2
    with pytest.raises(MeasurementError, match="schema 2, not 1"):
        parse_report(encoded(events))


def test_a_flood_is_refused_before_it_is_read(monkeypatch):
    monkeypatch.setattr(compute_report, "json", None)
    with pytest.raises(MeasurementError, match="more than any report"):
        parse_report(b"\n" * (compute_report.REPORT_LIMIT + 1))
