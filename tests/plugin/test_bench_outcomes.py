"""What a bench makes of scenarios that fail, skip, or measure nothing: all in one run, beside one that is well."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

SCENARIOS = """
import pytest
from harness.plugin.skips import skip_scenario

def test_well(measure):
    measure.record("x", 1, unit="s", better="lower")

def test_nothing(measure):
    pass

def test_wrong(measure):
    with measure.timed("y"):
        raise OSError("the cable is out")

def test_night(subject):
    skip_scenario("no-moon", "there is no moon", "wait for the night")

def test_fixture(machin, measure):
    pass

def test_steps(measure):
    for number in measure.rounds(3):
        measure.record("first", 1 + number, unit="s", better="lower")
        measure.variant("other").record("first", 10 + number, unit="s", better="lower")
        assert number < 2, "the third fails"
        measure.record("second", 20 + number, unit="s", better="lower")

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


@pytest.fixture(scope="module")
def ended(tmp_path_factory, make_bench):
    """What the bench said, on every backend that there is, and what it wrote."""
    bench = make_bench(tmp_path_factory.mktemp("outcomes"))
    done = bench.run(bench.scenario(SCENARIOS))
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout, bench.results


@pytest.fixture
def failures(ended):
    """Scenario → the failure of it under TCG."""
    return {
        each["message"].partition(":")[0]: each
        for each in ended[1]["failed"]
        if each["subject"].startswith("tcg-")
    }


def samples(results, scenario):
    return {
        (series["metric"], *series["samples"])
        for series in results["series"]
        if series["scenario"] == scenario and series["subject"].startswith("tcg-")
    }


def test_only_what_failed_is_a_failure(failures):
    assert set(failures) == {
        "test_nothing", "test_wrong", "test_fixture", "test_steps", "test_once", "test_disk",
    }  # fmt: skip


def test_a_scenario_that_measures_nothing_fails(failures):
    assert failures["test_nothing"]["error"] == "NothingMeasured"
    assert "measured nothing" in failures["test_nothing"]["message"]


def test_a_failure_is_recorded_with_its_cause_and_never_as_a_number(ended, failures):
    stdout, results = ended
    failure = failures["test_wrong"]
    assert (failure["error"], failure["message"]) == ("OSError", "test_wrong: the cable is out")
    assert not [series for series in results["series"] if series["metric"] == "y"]
    assert "the cable is out" in stdout


def test_a_skip_keeps_its_code_reason_and_fix(ended):
    stdout, results = ended
    found = {(each["reason"], each["fix"]) for each in results["skipped"] if each["code"] == "no-moon"}
    assert found == {("there is no moon", "wait for the night")}
    assert "no moon" in stdout


def test_backends_that_cannot_work_are_named_with_their_fix(ended):
    absent = {
        each["subject"].partition("-")[0]: each for each in ended[1]["skipped"] if each["code"] != "no-moon"
    }
    assert {"hvf", "whpx"} & set(absent)
    assert all(each["code"] and each["reason"] and each["fix"] for each in absent.values())


def test_a_fixture_that_is_not_there_is_named_with_the_nearest(ended):
    assert "test_fixture: there is no fixture 'machin'; did you mean 'machine'?" in ended[0]


def test_a_failed_attempt_is_no_number(ended):
    """Rounds that ended well stay; what the failed one had recorded until then does not."""
    expected = {("x", 1), ("first", 1, 2), ("first", 10, 11), ("second", 20, 21)}
    assert samples(ended[1], "probe") == expected


def test_a_scenario_has_disks_which_are_gone_with_it(failures):
    if shutil.which("qemu-img") is None:
        pytest.skip("this host has no qemu-img")
    message = failures["test_disk"]["message"]
    lay_in = re.search(r"it lies in <(.+)>, of [1-9]", message)
    assert lay_in, message
    assert not Path(lay_in[1]).parent.exists()


def test_the_host_s_noise_is_told_before_while_and_after(ended):
    host = ended[1]["run"]["host"]
    assert all(0 <= host[name] <= 1 for name in ("noise_before", "noise_score", "noise_after"))
