"""What a bench makes of scenarios that fail, skip, or measure nothing: many in one run, and what they lead to."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

WELL = """
from harness.plugin.skips import skip_scenario

def test_well(measure):
    measure.record("x", 1, unit="s", better="lower")

def test_night(subject):
    skip_scenario("no-moon", "there is no moon", "wait for the night")
"""
NOTHING = """
import pytest

def test_nothing(measure):
    pass

def test_wrong(measure):
    with measure.timed("y"):
        raise OSError("the cable is out")

def test_fixture(machin, measure):
    pass

def test_once(measure):
    measure.record("only", 1, unit="s", better="lower")
    raise ValueError("after all")

@pytest.mark.needs("disks", "snapshots")
def test_disk(machine_factory, disk_factory, measure):
    disk = disk_factory("mine", 16)
    machine = machine_factory(disks=[disk])
    assert machine.settings["disks"] == "virtio-blk-qcow2-writeback-threads"
    raise OSError(f"it lies in <{disk.file}>, of {disk.file.stat().st_size} bytes")
"""
STEPS = """
def test_steps(measure):
    for number in measure.rounds(3):
        measure.record("first", 1 + number, unit="s", better="lower")
        measure.variant("other").record("first", 10 + number, unit="s", better="lower")
        assert number < 2, "the third fails"
        measure.record("second", 20 + number, unit="s", better="lower")
"""


@pytest.fixture(scope="module")
def nothing(tmp_path_factory, make_bench):
    """What a bench said of which nothing is left, and what it wrote."""
    bench = make_bench(tmp_path_factory.mktemp("nothing"))
    done = bench.run(bench.scenario(NOTHING), "--backend", "tcg")
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout, bench.results


@pytest.fixture
def failures(nothing):
    """Scenario → its failure."""
    return {each["message"].partition(":")[0]: each for each in nothing[1]["failed"]}


def test_what_is_skipped_and_what_cannot_work_are_no_failures(bench):
    done = bench.run(bench.scenario(WELL))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no moon" in done.stdout
    results = bench.results
    named = {(each["reason"], each["fix"]) for each in results["skipped"] if each["code"] == "no-moon"}
    assert named == {("there is no moon", "wait for the night")}
    absent = {
        each["subject"].partition("-")[0]: each for each in results["skipped"] if each["code"] != "no-moon"
    }
    assert {"hvf", "whpx"} & set(absent)
    assert all(each["code"] and each["reason"] and each["fix"] for each in absent.values())
    noise = {name: results["run"]["host"][name] for name in ("noise_before", "noise_score", "noise_after")}
    assert all(0 <= value <= 1 for value in noise.values()), noise


def test_each_fails_once_and_nothing_is_a_number(nothing):
    _, results = nothing
    told = [each["message"].partition(":")[0] for each in results["failed"]]
    tested = {"test_nothing", "test_wrong", "test_fixture", "test_once"}
    assert sorted(each for each in told if each != "test_disk") == sorted(tested)
    assert results["series"] == []


def test_a_scenario_that_measures_nothing_fails(failures):
    assert failures["test_nothing"]["error"] == "NothingMeasured"
    assert "measured nothing" in failures["test_nothing"]["message"]


def test_a_failure_is_recorded_with_its_cause(nothing, failures):
    failure = failures["test_wrong"]
    assert (failure["error"], failure["message"]) == ("OSError", "test_wrong: the cable is out")
    assert "the cable is out" in nothing[0]


def test_a_fixture_that_is_not_there_is_named_with_the_nearest(nothing):
    assert "test_fixture: there is no fixture 'machin'; did you mean 'machine'?" in nothing[0]


@pytest.mark.skipif(shutil.which("qemu-img") is None, reason="this host has no qemu-img")
def test_a_scenario_has_disks_which_are_gone_with_it(failures):
    message = failures["test_disk"]["message"]
    lay_in = re.search(r"it lies in <(.+)>, of [1-9]", message)
    assert lay_in, message
    assert not Path(lay_in[1]).parent.exists()


def test_a_failed_attempt_is_no_number(bench):
    """Rounds that ended well stay; what the failed one had recorded until then does not."""
    done = bench.run(bench.scenario(STEPS), "--backend", "tcg")
    assert done.returncode == 1, done.stdout + done.stderr
    found = {(series["metric"], *series["samples"]) for series in bench.results["series"]}
    assert found == {("first", 1, 2), ("first", 10, 11), ("second", 20, 21)}
    assert len(bench.results["failed"]) == 1
