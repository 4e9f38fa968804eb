"""What a calibration finds in noise, and in noise that drifts."""

import numpy as np
import pytest

from harness.config.load import profile
from harness.config.model import Config
from harness.errors import NothingCompared
from harness.gate.calibrate import calibrate
from harness.gate.rules import MetricRule, Rules
from harness.results.recorder import RunRecorder


def recorded(reports, **series):
    with RunRecorder("gate", {}, reports=reports, run_id="a") as recorder:
        tcg = recorder.subject(backend="tcg", guest="tiny", arch="arm64")
        for name, values in series.items():
            recorder.samples(
                "boot", name, unit="s", better="lower", subject=tcg, values=values, at_s=range(len(values))
            )
        return recorder.finish()


def test_steady_noise_alarms_rarely_and_shows_what_it_hides(tmp_path):
    random = np.random.default_rng(5)
    run = recorded(tmp_path, quiet=random.lognormal(0, 0.01, 200), loud=random.lognormal(0, 0.3, 200))
    found = calibrate(run, Rules(), n=20, splits=200)
    quiet, loud = found.metrics
    assert quiet.by_chance == 0
    assert loud.by_chance <= 0.03
    assert quiet.smallest <= 0.03
    assert loud.smallest >= 0.2
    assert found.gates_failed <= 0.03


def test_drift_alarms_in_time_and_not_by_chance(tmp_path):
    random = np.random.default_rng(6)
    drifting = random.lognormal(0, 0.02, 200) * np.linspace(1, 2, 200)
    (found,) = calibrate(recorded(tmp_path, drifting=drifting), Rules(), n=20, splits=200).metrics
    assert found.by_chance <= 0.03
    assert found.by_time > 0.3


def test_what_is_ignored_or_short_is_not_calibrated(tmp_path):
    run = recorded(tmp_path, one=[1.0] * 8, two=[1.0, 2.0] * 10)
    assert [each.name for each in calibrate(run, Rules(), splits=20).metrics] == ["boot/two/tcg-arm64-tiny"]
    with pytest.raises(NothingCompared, match="enough for two parts"):
        calibrate(run, Rules(metrics=(MetricRule("boot/two", ignore=True),)))


def test_what_the_profile_takes_is_split_by_time_as_well(tmp_path):
    boots = profile(Config(profile="calibrate")).boots
    run = recorded(tmp_path, steady=np.random.default_rng(7).lognormal(0, 0.02, boots), few=[1.0, 2.0] * 10)
    steady, few = calibrate(run, Rules(), splits=20).metrics
    assert (steady.n, few.n) == (20, 10)
    assert steady.by_time == 0
    assert few.by_time is None
