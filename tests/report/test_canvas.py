"""The texts of an axis: within the plot, and none over another."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.report.canvas import CHARACTER_IN, WIDTH_IN, apart
from harness.report.plots import Strip, spread

PLACES = st.lists(st.floats(0, WIDTH_IN), max_size=9).map(sorted)


@given(st.data(), PLACES)
def test_ticks_have_room(data, places) -> None:
    texts = [data.draw(st.text("8 k", min_size=1, max_size=24)) for _ in places]
    labels = apart(texts, places)
    assert len(labels) == len(places)
    free = 0.0
    for text, at, (label, align) in zip(texts, places, labels, strict=True):
        assert label in {text, ""}
        if label:
            width = len(label) * CHARACTER_IN
            left = at - width * {"left": 0, "center": 0.5, "right": 1}[align]
            assert free <= left + 1e-9
            assert left + width <= WIDTH_IN + 1e-9
            free = left + width


def test_the_first_and_the_last_end_where_the_plot_does_and_one_without_room_is_empty() -> None:
    assert apart(["0 ms", "5 ms", "5.1 ms", "9 ms"], [0, 2, 2.1, WIDTH_IN]) == [
        ("0 ms", "left"), ("5 ms", "center"), ("", "center"), ("9 ms", "right"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("median", "ticks"),
    [
        (1e-9, [("start", "0.95"), ("middle", "1"), ("end", "1.05")]),  # the first is 9.499999999999998e-10
        (1.0, [("start", "0.95"), ("middle", "1"), ("end", "1.05")]),
        (199.0, [("middle", "190"), ("middle", "195"), ("middle", "200")]),
    ],
)
def test_a_number_at_the_very_end_of_an_axis_is_there(median, ticks) -> None:
    svg = spread("t", [Strip("tcg", (median,), median, None)], unit="s", better="lower")
    assert re.findall("text-anchor: ([a-z]+)[^>]*>([^<]+)\u202f", svg)[:3] == ticks
