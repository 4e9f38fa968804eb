"""The statistics against scipy's, and against exact distributions."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from harness.measure.statistics import geometric_mean, ratio_of_medians, summarise

SAMPLES = st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=60)


def scipys(*series, statistic=np.median) -> tuple[float, float]:
    """The interval of an independent implementation that makes every draw."""
    found = scipy.stats.bootstrap(
        series, statistic, n_resamples=40_000, method="BCa", vectorized=True,
        rng=np.random.default_rng(7),
    )  # fmt: skip
    return tuple(map(float, found.confidence_interval))


def ratio(ours, theirs, axis=-1):
    return np.median(ours, axis=axis) / np.median(theirs, axis=axis)


@pytest.mark.parametrize("n", [6, 7, 12, 25, 40, 101])
def test_the_interval_is_scipys_bca(n):
    samples = list(np.random.default_rng(n).lognormal(0, 0.8, n))
    ours, theirs = summarise(samples).ci95, scipys(samples)
    spread = max(samples) - min(samples)
    assert ours == pytest.approx(theirs, abs=0.01 * spread)


@pytest.mark.parametrize(("n", "m"), [(8, 8), (21, 15), (30, 41), (100, 60)])
def test_the_interval_of_a_ratio_is_scipys_bca(n, m):
    random = np.random.default_rng(n)
    ours, theirs = random.lognormal(1, 0.2, n), random.lognormal(0, 0.4, m)
    assert ratio_of_medians(ours, theirs).ci95 == pytest.approx(
        scipys(ours, theirs, statistic=ratio), rel=0.015
    )


@pytest.mark.parametrize("n", [5, 8, 9])
def test_the_jackknife_in_three_numbers_is_the_one_that_leaves_each_out(n):
    from harness.measure.bootstrap import _acceleration, _jackknife

    samples = np.sort(np.random.default_rng(n).lognormal(0, 1, n))
    left_out = np.array([np.median(np.delete(samples, at)) for at in range(n)])
    influence = (n - 1) * (left_out.mean() - left_out) / n
    expected = (influence**3).sum() / (6 * (influence**2).sum() ** 1.5)
    assert _acceleration([_jackknife(samples)]) == pytest.approx(expected, abs=1e-9)


def test_the_distribution_of_a_resampled_median_is_the_binomial_one():
    """The median of 13 draws is at most the k-th smallest sample when at least 7 draws fall on the k smallest."""
    from harness.measure.bootstrap import _middle_indices

    (low, high) = _middle_indices(13, 0)
    assert low is high
    shares = np.bincount(low, minlength=13) / low.size

    def at_most(k: int) -> float:
        return sum(math.comb(13, j) * (k / 13) ** j * (1 - k / 13) ** (13 - j) for j in range(7, 14))

    exact = [at_most(k) - at_most(k - 1) for k in range(1, 14)]
    assert shares == pytest.approx(exact, abs=0.015)


def test_the_two_middle_draws_of_an_even_resample_are_those_of_drawing():
    """For n = 6: the shares of every pair (third, fourth) of six sorted draws, by drawing them."""
    from harness.measure.bootstrap import _middle_indices

    low, high = _middle_indices(6, 0)
    drawn = np.sort(np.random.default_rng(11).integers(0, 6, (200_000, 6)), axis=1)
    shares = np.bincount(low * 6 + high, minlength=36) / low.size
    assert shares == pytest.approx(
        np.bincount(drawn[:, 2] * 6 + drawn[:, 3], minlength=36) / 200_000, abs=0.012
    )


def test_the_interval_of_many_samples_agrees_with_order_statistics():
    """The distribution-free interval of n = 100 lies between the 40th and the 61st (David and Nagaraja, 7.1)."""
    samples = [float(value) for value in range(1, 101)]
    low, high = summarise(samples).ci95
    assert low == pytest.approx(40.5, abs=1)
    assert high == pytest.approx(60.5, abs=1)


def test_the_interval_covers_the_true_median_as_often_as_it_says():
    random = np.random.default_rng(3)
    held = 0
    for _ in range(400):
        low, high = summarise(random.exponential(1, 25)).ci95
        held += low <= math.log(2) <= high
    assert 0.91 <= held / 400 <= 0.985


@pytest.mark.parametrize("n", [1, 2])
def test_one_or_two_samples_have_no_interval(n):
    assert summarise([1.0, 2.0][:n]).ci95 is None
    assert ratio_of_medians([1.0, 2.0][:n], [1.0] * 9).ci95 is None
    assert ratio_of_medians([1.0] * 9, [1.0, 2.0][:n]).ci95 is None


@pytest.mark.parametrize("n", [3, 4, 5])
def test_up_to_five_samples_have_their_range(n):
    samples = [3.0, 1.0, 4.0, 1.5, 9.0][:n]
    assert summarise(samples).ci95 == (min(samples), max(samples))


@given(SAMPLES)
def test_the_summary_is_numpys(samples):
    found = summarise(samples)
    assert found.n == len(samples)
    assert found.median == np.median(samples)
    assert (found.min, found.max) == (min(samples), max(samples))
    assert (found.p95, found.p99) == tuple(np.quantile(samples, (0.95, 0.99)))


@given(SAMPLES)
def test_the_interval_lies_within_the_samples_and_holds_the_median(samples):
    found = summarise(samples)
    if found.ci95:
        low, high = found.ci95
        assert found.min <= low <= found.median <= high <= found.max


@given(SAMPLES, st.randoms(use_true_random=False))
def test_order_does_not_matter_and_the_same_samples_give_the_same_interval(samples, random):
    shuffled = list(samples)
    random.shuffle(shuffled)
    assert summarise(samples) == summarise(shuffled)


@given(SAMPLES, st.sampled_from([2.0, 0.25, 1024.0]))
def test_a_change_of_unit_changes_nothing_else(samples, factor):
    one, other = summarise(samples), summarise([value * factor for value in samples])
    assert other.median == one.median * factor
    if one.ci95:
        assert other.ci95 == pytest.approx([end * factor for end in one.ci95])


def test_series_of_the_same_length_are_resampled_independently():
    """Were both resampled alike, the ratio of a series to itself would have no spread."""
    samples = list(np.random.default_rng(9).lognormal(0, 0.3, 31))
    low, high = ratio_of_medians(samples, samples).ci95
    assert low < 0.95
    assert high > 1.05


def test_no_ratio_to_zero():
    assert ratio_of_medians([1.0, 2.0, 3.0], [0.0, 0.0, 0.0]) is None
    assert ratio_of_medians([1.0, 2.0, 3.0], [0.0, 1.0, 1.0]).ci95 is None


@pytest.mark.parametrize("samples", [[], [1.0, math.nan], [math.inf], [-math.inf, 2.0]])
def test_what_is_no_series_is_refused(samples):
    with pytest.raises(ValueError, match=r"no samples|not finite"):
        summarise(samples)


def test_geometric_mean():
    assert geometric_mean([2.0, 8.0]) == pytest.approx(4.0)
    with pytest.raises(ValueError, match="positive"):
        geometric_mean([1.0, 0.0])
