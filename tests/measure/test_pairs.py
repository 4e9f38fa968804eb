"""Two things measured in turns: their ratio, its interval, and when no more pairs are needed."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import wilcoxon

from tests.selfbench.pairs import Pairs, measured_in_turns

POSITIVE = st.floats(0.01, 100)


@given(st.lists(POSITIVE, min_size=1, max_size=30), POSITIVE)
def test_a_constant_ratio_is_found_whatever_the_host_does(theirs: list[float], ratio: float) -> None:
    pairs = Pairs([each * ratio for each in theirs], theirs)
    assert pairs.ratio == pytest.approx(ratio)
    assert pairs.ci99 == pytest.approx((ratio, ratio))


@given(st.lists(st.tuples(POSITIVE, POSITIVE), min_size=1, max_size=30))
def test_the_ratio_lies_in_its_interval_and_of_the_sides_exchanged_it_is_the_inverse(
    measured: list[tuple[float, float]],
) -> None:
    ours, theirs = map(list, zip(*measured, strict=True))
    pairs, exchanged = Pairs(ours, theirs), Pairs(theirs, ours)
    low, high = pairs.ci99
    assert low <= pairs.ratio <= high
    assert exchanged.ratio == pytest.approx(1 / pairs.ratio)
    assert exchanged.ci99 == pytest.approx((1 / high, 1 / low))


@pytest.mark.parametrize("n", [8, 20, 60])
def test_the_interval_holds_the_ratio_as_often_as_it_says(n: int) -> None:
    """Of a host whose speed drifts, with a boot in ten that it stalls."""
    rng = np.random.default_rng(20)
    held = 0
    for _ in range(1000):
        speed = np.cumsum(rng.normal(0, 0.05, n))
        ours, theirs = (
            np.exp(speed + rng.normal(0, 0.05, n) + 0.5 * (rng.random(n) < 0.1)) for _ in range(2)
        )
        low, high = Pairs(list(1.02 * ours), list(theirs)).ci99
        held += low <= 1.02 <= high
    assert 980 <= held <= 998


def test_a_known_answer() -> None:
    """Of the logarithms 1, 2, 4, 8, 16, 32 and their averages."""
    pairs = Pairs([math.exp(2**power) for power in range(6)], [1.0] * 6)
    assert math.log(pairs.ratio) == pytest.approx(8.5)
    assert [math.log(end) for end in pairs.ci99] == pytest.approx([1, 32])


@pytest.mark.parametrize("n", [20, 25, 60])
def test_the_interval_ends_where_the_signed_rank_test_begins_to_refuse(n: int) -> None:
    logs = np.random.default_rng(n).normal(0, 0.1, n)

    def p_value(ratio: float) -> float:
        return float(wilcoxon(logs - math.log(ratio), method="approx").pvalue)

    low, high = Pairs(list(np.exp(logs)), [1.0] * n).ci99
    for inside, outside in ((low * (1 + 1e-9), low * (1 - 1e-9)), (high * (1 - 1e-9), high * (1 + 1e-9))):
        assert p_value(outside) < 0.01 <= p_value(inside)


def test_pairs_are_measured_until_the_limit_is_outside_the_interval() -> None:
    said: list[str] = []
    noise = iter(np.exp(np.random.default_rng(1).normal(0, 0.05, 10_000)))

    def ours() -> float:
        said.append("ours")
        return float(next(noise))

    def theirs() -> float:
        said.append("theirs")
        return float(next(noise))

    assert len(measured_in_turns(ours, theirs, [2], (10, 100)).ours) == 10
    assert said[:4] == ["ours", "theirs", "theirs", "ours"]
    closer = measured_in_turns(ours, theirs, [1.01], (10, 1000))
    assert 10 < len(closer.ours) < 1000
    assert closer.leaves_out([1.01])
    assert not Pairs(closer.ours[:-1], closer.theirs[:-1]).leaves_out([1.01])
    for limits in ([1.0], [0.5, 1.0]):
        assert len(measured_in_turns(lambda: 1.0, lambda: 1.0, limits, (10, 100)).ours) == 100


def test_the_detail_has_both_sides_their_spread_the_interval_and_the_pairs() -> None:
    detail = Pairs([1.0, 2.0, 3.0], [2.0, 4.0, 6.0]).to_detail("ours_ms", "theirs_ms", 1000, 1)
    assert detail == {
        "ours_ms": [1000, 2000, 3000],
        "theirs_ms": [2000, 4000, 6000],
        "ratio": 0.5,
        "ci99": [0.5, 0.5],
        "pairs": 3,
    }
