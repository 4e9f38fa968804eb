"""In which order, and for how long, things are measured."""

import itertools
from collections import Counter

import numpy as np
import pytest

from harness.measure.adaptive import Goal
from harness.measure.order import turns


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
