"""A profile with ``machine_per_round``: no two rounds of a scenario share a machine, nor anything else of its own."""

from __future__ import annotations

SCENARIOS = """
import pytest

made = []

@pytest.fixture(scope="module")
def shared():
    made.append("shared")
    return len(made)

@pytest.fixture
def own(shared):
    made.append("own")
    yield len(made)
    made.append("gone")

def test_rounds(measure, own, shared):
    for number in measure.rounds(3):
        measure.record("own", own, unit="1", better="lower")
        measure.record("shared", shared, unit="1", better="lower")
        measure.record("round", number, unit="1", better="lower")

def test_fails(measure):
    for number in measure.rounds(3):
        measure.record("failing", number, unit="1", better="lower")
        assert number < 1

def test_without_rounds(measure):
    measure.record("once", 1, unit="1", better="lower")
"""
PROFILE = """
[profiles.own]
boots = 1
lifecycle_rounds = 1
compute_rounds = 1
machine_per_round = true
"""


def test_every_round_has_a_machine_of_its_own(bench) -> None:
    (bench.folder / "visorbench.toml").write_text(PROFILE)
    done = bench.run(bench.scenario(SCENARIOS), "--backend=tcg", "--profile=own")
    assert done.returncode == 1, done.stdout + done.stderr
    found = {series["metric"]: series["samples"] for series in bench.results["series"]}
    assert found == {"own": [2, 4, 6], "shared": [1, 1, 1], "round": [0, 1, 2], "failing": [0], "once": [1]}
    (failure,) = bench.results["failed"]
    assert failure["error"] == "AssertionError"
