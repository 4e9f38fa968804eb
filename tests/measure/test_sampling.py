"""In which order, and for how long, things are measured."""

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.gate.evidence import regressed, weigh
from harness.measure.adaptive import Goal
from harness.measure.order import BLOCK, drawn_order, turns


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5, 6, 7])
def test_every_thing_comes_in_each_place_and_after_each_other_as_often(k):
    """The definition of a Williams square."""
    rows = [turns(range(k), number) for number in range(k if k % 2 == 0 else 2 * k)]
    places = Counter((place, thing) for row in rows for place, thing in enumerate(row))
    pairs = Counter(pair for row in rows for pair in itertools.pairwise(row))
    assert len(set(places.values())) == 1
    assert len(places) == k * k
    assert set(pairs) == set(itertools.permutations(range(k), 2))
    assert len(set(pairs.values())) <= 1


def test_two_things_take_turns_at_going_first():
    assert [turns("ab", number)[0] for number in range(4)] == ["a", "b", "a", "b"]
    assert turns((), 3) == ()


def test_the_precision_of_a_series():
    goal, random = Goal(precision=0.02, budget_s=1), np.random.default_rng(2)
    wide, narrow = random.normal(10, 1, 40), random.normal(10, 0.01, 40)
    assert goal.reached(list(wide)) > 0.02 > goal.reached(list(narrow))
    assert goal.reached([1.0] * 9) == float("inf")
    assert goal.reached([1.0] * 10) == 0
    assert goal.reached([-1.0, 1.0] * 10) == float("inf")


@given(st.text(), st.integers(0, 60))
def test_a_drawn_order_is_balanced_and_that_of_its_seed(seed, number):
    drawn = list(itertools.islice(drawn_order(seed), number))
    assert drawn == list(itertools.islice(drawn_order(seed), number))
    first = sum(drawn[: number - number % BLOCK])
    assert 2 * first == number - number % BLOCK
    assert abs(2 * sum(drawn) - number) <= BLOCK // 2


def test_drawn_orders_differ_from_seed_to_seed():
    blocks = Counter(tuple(itertools.islice(drawn_order(str(seed)), BLOCK)) for seed in range(1000))
    assert len(blocks) == 6  # every order of two and two
    assert min(blocks.values()) > 100


def test_a_drifting_host_makes_no_difference_between_what_is_measured_in_turns():
    """A against A while the host becomes 30 % slower; one after the other, every gate would fail."""
    random, n = np.random.default_rng(4), 20

    def fails(a, b):
        return regressed([weigh(a, b, "lower")], [0.02], 0.005)[0]

    in_turns, one_after_the_other = 0, 0
    for trial in range(400):
        moments = random.lognormal(0, 0.02, 2 * n) * np.linspace(1, 1.3, 2 * n)
        pairs = [
            pair if a_first else pair[::-1]
            for pair, a_first in zip(moments.reshape(n, 2), drawn_order(str(trial)), strict=False)
        ]
        a, b = np.array(pairs).T
        in_turns += fails(a, b)
        one_after_the_other += fails(moments[:n], moments[n:])
    assert in_turns <= 4  # 1 %
    assert one_after_the_other == 400
