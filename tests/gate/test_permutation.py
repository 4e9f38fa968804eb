"""The gate's arithmetic against scipy's."""

import math
from statistics import NormalDist

import numpy as np
import pytest
import scipy.stats

from harness.gate.effect import relative_shift
from harness.gate.evidence import Evidence, rates, regressed, weigh
from harness.gate.permutation import one_sided, samples_needed, smallest_p


@pytest.fixture
def random():
    return np.random.default_rng(20_260_101)


def p_larger(after, before):
    larger, smaller = one_sided(after, before)
    mirrored, _ = one_sided(np.negative(after), np.negative(before))
    assert smaller == pytest.approx(mirrored, rel=1e-9)
    return larger


def normal_scores(samples):
    """By the definition, to two hundredths."""
    z = [NormalDist().inv_cdf(rank / (len(samples) + 1)) for rank in scipy.stats.rankdata(samples)]
    return np.round(np.array(z) * 50)


def scipys(after, before, resamples):
    """An independent permutation test: all ways where they are no more than ``resamples``, else as many drawn."""
    scores = normal_scores(np.concatenate([after, before]))
    return scipy.stats.permutation_test(
        (scores[: len(after)], scores[len(after) :]), lambda one, _, axis: one.sum(axis=axis),
        vectorized=True, alternative="greater", n_resamples=resamples, rng=np.random.default_rng(3),
    ).pvalue  # fmt: skip


@pytest.mark.parametrize(("m", "n"), [(2, 2), (3, 5), (8, 6), (7, 9)])
@pytest.mark.parametrize("tied", [False, True])
def test_p_is_the_share_of_all_ways_as_scipy_counts_them(random, m, n, tied):
    after, before = random.normal(0.4, 1, m), random.normal(0, 1, n)
    if tied:
        after, before = after.round(), before.round()
    assert p_larger(after, before) == pytest.approx(scipys(after, before, math.inf), rel=1e-9)


@pytest.mark.parametrize("n", range(2, 31))
def test_a_share_of_ways_is_never_more_than_all_of_them(n):
    """Their sum, in floating point, was: and then no false-discovery rate could be told."""
    smaller, larger = list(range(n)), list(range(100, 100 + n))
    assert one_sided(smaller, larger)[0] <= 1.0
    assert one_sided(larger, smaller)[1] <= 1.0


@pytest.mark.parametrize(("m", "n"), [(20, 20), (13, 40), (50, 80), (5, 200)])
@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_p_of_more_samples_is_that_of_drawing_ways(random, m, n, shift):
    after, before = random.lognormal(shift, 1, m), random.lognormal(0, 1, n)
    drawn = scipys(after, before, 99_999)
    error = 4 * math.sqrt(drawn * (1 - drawn) / 99_999)
    assert p_larger(after, before) == pytest.approx(drawn, abs=error + 0.03 * drawn)


def test_where_the_method_changes_p_hardly_does(random, monkeypatch):
    after, before = random.normal(1, 1, 30), random.normal(0, 1, 30)
    exact = one_sided(after, before)[0]
    monkeypatch.setattr("harness.gate.permutation.EXACT_MAX", 59)
    assert 1e-5 < exact < 1e-2
    assert (
        exact < one_sided(after, before)[0] < 2 * exact
    )  # its tails are heavier: it sees no more than there is


def test_it_sees_what_mann_and_whitney_see(random):
    """The two tests have rank correlation near one: this is no other question."""
    pairs = [(random.lognormal(0.3, 0.5, 15), random.lognormal(0, 0.5, 15)) for _ in range(60)]
    ours = [one_sided(*pair)[0] for pair in pairs]
    theirs = [scipy.stats.mannwhitneyu(*pair, alternative="greater").pvalue for pair in pairs]
    assert scipy.stats.spearmanr(ours, theirs).statistic > 0.97


@pytest.mark.parametrize("n", [5, 40])
def test_equal_samples_say_nothing(n):
    assert p_larger([2.0] * n, [2.0] * n) == 1


def test_the_smallest_p_is_that_of_the_most_extreme_way():
    assert p_larger([5, 6, 7, 8], [1, 2, 3, 4]) == smallest_p(4, 4) == 1 / 70
    assert samples_needed(0.005) == 5
    assert smallest_p(5, 5) <= 0.005 < smallest_p(4, 4)


def test_under_the_null_p_is_as_small_as_it_says(random):
    found = np.array([p_larger(random.lognormal(size=12), random.lognormal(size=12)) for _ in range(4000)])
    for level in (0.01, 0.05, 0.2):
        assert np.mean(found <= level) <= level + 3 * math.sqrt(level * (1 - level) / 4000)
        assert np.mean(found <= level) >= 0.6 * level


def test_the_shift_is_the_median_of_all_differences(random):
    after, before = random.lognormal(1, 0.3, 15), random.lognormal(1, 0.3, 18)
    every = [a - b for a in after for b in before]
    assert relative_shift(after, before) == pytest.approx(np.median(every) / np.median(before))


def test_the_shift_of_many_samples_is_thinned_and_hardly_moves(random):
    after, before = random.lognormal(0.05, 0.2, 1000), random.lognormal(0, 0.2, 1000)
    whole = np.median(np.subtract.outer(after, before)) / np.median(before)
    assert relative_shift(after, before) == pytest.approx(whole, abs=0.001)


def test_a_shift_from_zero_is_no_share():
    assert relative_shift([1.0, 1.0], [0.0, 0.0]) == math.inf
    assert relative_shift([0.0], [0.0]) == 0
    assert relative_shift([-2.0] * 3, [-1.0] * 3) == -1


def test_worse_is_worse_whichever_way_is_better(random):
    small, large = random.normal(1, 0.01, 10), random.normal(1.1, 0.01, 10)
    slower = weigh(small, large, "lower")
    assert slower.worse == pytest.approx(0.1, abs=0.02)
    assert slower.p_worse < 1e-4
    assert slower.p_better > 0.9
    fewer = weigh(large, small, "higher")
    assert fewer.worse == pytest.approx(0.09, abs=0.02)
    assert fewer.p_worse == slower.p_worse


def test_the_rates_are_those_of_benjamini_and_hochbergs_paper():
    """Their example: 15 p-values, of which four are found at 0.05 (section 3.2)."""
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528,
         0.7590, 1.0]  # fmt: skip
    family = [Evidence(each, 1.0, 0.1) for each in p]
    assert [each.worse <= 0.05 for each in rates(family)] == [True] * 4 + [False] * 11
    assert rates([]) == []


def test_a_regression_is_beyond_chance_and_beyond_what_is_minded():
    sure_and_large, sure_and_small = Evidence(1e-6, 1, 0.05), Evidence(1e-6, 1, 0.01)
    unsure = Evidence(0.2, 0.8, 0.5)
    assert regressed([sure_and_large, sure_and_small, unsure], [0.02] * 3, 0.01) == [True, False, False]
