"""The diagnoses of a series, each against an independent implementation or published data."""

import re

import diptest
import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from harness.measure.diagnosis import diagnose
from harness.measure.modes import bimodal, coefficient, dip
from harness.measure.outliers import modified_z_scores, outliers
from harness.measure.shape import autocorrelation, drift
from harness.measure.warmup import best_split, warm_up

NILE = [
    1120, 1160, 963, 1210, 1160, 1160, 813, 1230, 1370, 1140, 995, 935, 1110, 994, 1020, 960, 1180, 799, 958, 1140,
    1100, 1210, 1150, 1250, 1260, 1220, 1030, 1100, 774, 840, 874, 694, 940, 833, 701, 916, 692, 1020, 1050, 969,
    831, 726, 456, 824, 702, 1120, 1100, 832, 764, 821, 768, 845, 864, 862, 698, 845, 744, 796, 1040, 759,
    781, 865, 845, 944, 984, 897, 822, 1010, 771, 676, 649, 846, 812, 742, 801, 1040, 860, 874, 848, 890,
    744, 749, 838, 1050, 918, 986, 797, 923, 975, 815, 1020, 906, 901, 1170, 912, 746, 919, 718, 714, 740,
]  # fmt: skip
"""Annual flow of the Nile at Aswan, 1871-1970 (Cobb, Biometrika 65, 1978)."""


@pytest.fixture
def random():
    return np.random.default_rng(20_260_101)


def test_the_split_is_the_one_that_scipy_tells_apart_best(random):
    for n in (6, 30, 101):
        x = np.concatenate([random.normal(1.5, 1, n // 5), random.normal(1, 1, n - n // 5)])
        options = {"method": "asymptotic", "use_continuity": False}
        p = [scipy.stats.mannwhitneyu(x[:d], x[d:], **options).pvalue for d in range(1, n // 2 + 1)]
        cut, z = best_split(x)
        assert cut == 1 + int(np.argmin(p))
        assert 2 * scipy.stats.norm.sf(z) == pytest.approx(min(p))


@given(st.lists(st.integers(0, 3), min_size=2, max_size=30))
def test_equal_samples_have_the_middle_of_their_ranks(samples):
    n, d = len(samples), np.arange(1, len(samples) // 2 + 1)
    sums = np.cumsum(scipy.stats.rankdata(samples))[: d.size]
    z = np.abs(sums - d * (n + 1) / 2) / np.sqrt(d * (n - d) * (n + 1) / 12)
    assert best_split(np.asarray(samples, dtype=np.float64)) == (1 + int(np.argmax(z)), float(z.max()))


def test_the_nile_starts_with_the_years_before_the_dam():
    """Its published change point is 1898, after 28 years (Cobb 1978)."""
    assert warm_up(NILE) == 28


def test_noise_and_drift_have_no_warm_up(random):
    assert sum(bool(warm_up(random.normal(1, 0.1, 40))) for _ in range(400)) <= 8
    assert warm_up(np.linspace(1, 2, 40)) == 0


def test_modified_z_scores_are_those_of_the_published_definition(random):
    x = random.normal(10, 2, 31)
    mad = scipy.stats.median_abs_deviation(x, scale="normal")  # 1 / 0.6745, with more digits
    assert modified_z_scores(x) == pytest.approx((x - np.median(x)) / mad, rel=1e-4)


def test_outliers_are_the_ones_far_away():
    assert outliers([2.1, 2.6, 2.4, 2.5, 2.3, 2.1, 2.3, 2.6, 8.2, 8.3]) == (8, 9)
    assert outliers([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 5.0]) == (7,)
    assert outliers([1.0] * 9) == outliers([1.0, 100.0]) == ()


@given(st.lists(st.integers(-10_000, 10_000), min_size=4, max_size=80, unique=True))
def test_the_dip_is_that_of_the_package_diptest(values):
    x = np.sort(np.array(values, dtype=float))
    theirs = max(diptest.dipstat(x), 1 / (2 * x.size))  # of an even spacing the package says 0
    assert dip(x) == pytest.approx(theirs, abs=1e-12)


def test_a_coarse_clock_makes_no_modes(random):
    assert not any(bimodal(np.round(random.normal(0, 2, 300))) for _ in range(100))


def test_the_dip_is_that_of_diptest_on_longer_series(random):
    for draw in (random.random(500), random.normal(size=301), random.exponential(size=1000)):
        assert dip(np.sort(draw)) == pytest.approx(diptest.dipstat(draw), abs=1e-12)


@pytest.mark.parametrize("n", [20, 60, 300])
def test_the_verdict_is_that_of_diptest_at_one_percent(random, n):
    """Where both look: the package interpolates a table of its own."""
    verdicts = []
    for apart in np.linspace(0, 5, 60):
        lower = random.uniform(0, 2, n // 2)
        x = np.concatenate([lower, random.uniform(apart, apart + 2, n - n // 2)])
        if coefficient(x) > 5 / 9:
            verdicts.append((bimodal(x), diptest.diptest(x)[1] < 0.01))
    assert len({ours for ours, _ in verdicts}) == 2
    assert sum(ours != theirs for ours, theirs in verdicts) <= 1


def test_skewed_series_are_not_bimodal(random):
    assert sum(bimodal(random.lognormal(0, 1, 60)) for _ in range(300)) <= 6


def test_the_coefficient_has_the_bias_corrections_of_scipy(random):
    x = random.gamma(2, size=44)
    g, k = scipy.stats.skew(x, bias=False), scipy.stats.kurtosis(x, bias=False)
    assert coefficient(x) == pytest.approx((g**2 + 1) / (k + 3 * 43**2 / (42 * 41)))


def test_autocorrelation_is_that_of_statsmodels():
    """acf(NILE)[1] and acorr_ljungbox(NILE, 1) of statsmodels 0.15."""
    found = autocorrelation(NILE)
    assert found.r1 == pytest.approx(0.4984082, abs=1e-6)
    assert found.p == pytest.approx(4.21384e-07, rel=1e-4)


def test_the_mean_of_dependent_samples_varies_as_that_of_fewer_independent_ones(random):
    steps = random.normal(size=(3000, 400))
    x = np.zeros_like(steps)
    for at in range(1, 400):
        x[:, at] = 0.6 * x[:, at - 1] + steps[:, at]
    held = x[0, 100:].var() / x[:, 100:].mean(axis=1).var()
    estimates = [autocorrelation(row[100:]).independent for row in x[:200]]
    assert np.median(estimates) == pytest.approx(held, rel=0.3)


def test_drift_is_a_trend_and_not_a_step_of_noise(random):
    rising = random.normal(1, 0.01, 40) * np.linspace(1, 1.1, 40)
    assert drift(rising).ratio == pytest.approx(1.067, abs=0.01)
    assert drift(rising[::-1]).ratio < 1
    assert sum(drift(random.normal(1, 0.1, 40)) is not None for _ in range(500)) <= 12
    assert drift([1.0] * 40) is None


@pytest.mark.parametrize("n", [0, 1, 2, 3, 9, 40])
def test_a_series_without_peculiarities_has_none_said(n):
    assert diagnose([2.0] * n) == ()


def test_the_sentences(random):
    noise = random.normal(1, 0.01, 60)
    (warm, *_) = diagnose(np.concatenate([random.normal(3, 0.1, 5), noise]))
    said = re.match(r"The first (\d+) or so of 65 samples differ from the rest: warm-up\.", warm)
    assert 4 <= int(said[1]) <= 8
    (drifting, *_) = diagnose(noise * np.linspace(1, 1.2, 60))
    assert "drift" in drifting
    assert "rose by 1" in drifting
    two = diagnose(random.permutation(np.concatenate([noise, noise + 1])))
    assert any("two groups" in sentence for sentence in two)
    (far,) = diagnose([5.0, *random.uniform(1, 1.01, 20)])
    assert far.startswith("1 of 21 samples is an outlier (number 1): kept in every number. The first one")
