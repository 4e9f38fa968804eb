"""Changes of level are found where they are; noise, outliers and drifting units are none."""

import numpy as np
import pytest

from harness.measure.change_points import FEWEST, change_points


def noisy(levels, seed=1, spread=0.01):
    """``levels`` are (level, how many)."""
    dice = np.random.default_rng(seed)
    return np.concatenate([level * dice.normal(1, spread, count) for level, count in levels])


def test_each_change_of_level_is_found_with_its_medians():
    found = change_points(noisy([(5.9, 20), (6.3, 15), (5.5, 12)]))
    assert [change.at for change in found] == [20, 35]
    assert found[0].before == pytest.approx(5.9, rel=0.01)
    assert found[0].after == found[1].before == pytest.approx(6.3, rel=0.01)
    assert all(change.p <= 0.01 for change in found)


@pytest.mark.parametrize("factor", [1e-9, 1, 1e9])
def test_the_unit_does_not_matter(factor):
    values = noisy([(5.9, 20), (6.3, 15)])
    assert [change.at for change in change_points(values * factor)] == [20]
    assert change_points(values * factor) == change_points(values * factor)


def test_a_few_wild_runs_are_no_change_and_hide_none():
    values = noisy([(5.9, 20), (6.3, 15)])
    values[[4, 9, 27]] *= 3
    assert [change.at for change in change_points(values)] == [20]
    assert change_points(np.where(np.arange(30) % 11 == 5, 90.0, noisy([(5.9, 30)]))) == []


def test_a_change_that_lasts_three_runs_is_found_at_the_end():
    assert [change.at for change in change_points(noisy([(5.9, 25), (6.6, FEWEST)]))] == [25]
    assert change_points(noisy([(5.9, 25), (6.6, FEWEST - 1)])) == []


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0] * 2, [3.0] * 40, [0.0] * 10])
def test_few_or_constant_values_have_no_change(values):
    assert change_points(values) == []


def test_values_of_any_sign_and_steps_without_noise():
    assert [change.at for change in change_points([0.0] * 10 + [-2.0] * 10)] == [10]


@pytest.mark.parametrize(
    "draw",
    [
        lambda dice: dice.normal(100, 1, 40),
        lambda dice: 100 + dice.standard_t(3, 40),
        lambda dice: dice.lognormal(0, 0.5, 40),
    ],
    ids=["normal", "heavy tails", "skewed"],
)
def test_noise_is_seldom_taken_for_a_change(draw):
    dice = np.random.default_rng(7)
    histories = 300
    false_alarms = sum(bool(change_points(draw(dice))) for _ in range(histories))
    assert false_alarms <= 0.03 * histories
