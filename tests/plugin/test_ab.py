"""``visorbench ab`` while it measures: two sides in turns in one run."""

from __future__ import annotations

import json
import signal
from itertools import islice

import pytest

from harness.measure.order import drawn_order

SCENARIOS = """
from pathlib import Path
from harness.plugin.skips import skip_scenario

def test_turns(measure, subject):
    for number in measure.rounds(6):
        with Path("order").open("a") as stream:
            stream.write(f"{number}{subject.side} ")
        measure.record("work", 1 + number / 100, unit="s", better="lower")
        measure.record_all("many", [1, 2, 3], unit="s", better="lower")

def test_once(measure):
    measure.record("once", 1, unit="s", better="lower")

def test_b_fails(measure, subject):
    for number in measure.rounds(20):
        measure.record("failing", 1, unit="s", better="lower")
        if subject.side == "B" and number == 7:
            raise OSError("the cable is out")

def test_b_skips(measure, subject):
    for number in measure.rounds(20):
        if subject.side == "B":
            skip_scenario("no-moon", "there is no moon", "wait for the night")
        measure.record("skipping", 1, unit="s", better="lower")
"""
PROFILE = """
[profiles.sharp]
boots = 1
lifecycle_rounds = 1
compute_rounds = 1
precision = 0.05
budget_s = {budget_s}
"""


def samples(bench, metric):
    """Side → samples."""
    sides = {subject["id"]: subject["config"]["side"] for subject in bench.results["subjects"]}
    found = (series for series in bench.results["series"] if series["metric"] == metric)
    return {sides[series["subject"]]: series["samples"] for series in found}


def both(values):
    return {"A": values, "B": values}


def test_scenarios_run_in_turns_until_they_have_their_rounds_or_a_side_ends_them(bench) -> None:
    (bench.folder / "visorbench.toml").write_text(PROFILE.format(budget_s=1e-9))
    done = bench.run(
        bench.scenario(SCENARIOS), "--backend=tcg", "--profile=sharp", "--seed=3", "--json", name="ab"
    )
    assert done.returncode == 1, done.stdout + done.stderr
    said = json.loads(done.stdout)  # and nothing else: how far it is goes to stderr
    assert "probe: turns [tcg-x86-64-A]" in done.stderr
    assert any("in an order drawn with the seed 3: both are as configured" in one for one in said["notices"])
    drawn = islice(drawn_order("3 test_probe.py::test_turns[1]"), 6)
    assert (bench.folder / "order").read_text().split() == [
        f"{turn}{side}" for turn, a_first in enumerate(drawn) for side in ("AB" if a_first else "BA")
    ]
    assert samples(bench, "work") == both([1 + number / 100 for number in range(6)])
    assert samples(bench, "once") == both([1])
    assert samples(bench, "failing") == {
        "A": [1] * 8,
        "B": [1] * 7,
    }  # the eighth of B failed, and is no number
    assert set(samples(bench, "skipping")) <= {"A"}
    (failure,) = bench.results["failed"]
    assert (failure["subject"], failure["error"]) == ("tcg-x86-64-tiny-B", "OSError")
    (skip,) = (each for each in bench.results["skipped"] if each["code"] == "no-moon")
    assert skip["subject"] == "tcg-x86-64-tiny-B"
    notes = [each["notes"] for each in bench.results["series"] if each["metric"] == "work"]
    assert all(any("\u00b15.0% was asked for" in note for note in each) for each in notes)
    verdicts = {one["metric"]: one["verdict"] for one in said["metrics"]}
    assert verdicts == {"work": "same", "many": "same", "once": "too few", "failing": "same"}


SPREAD = """
def test_turns(measure, subject):
    for number in measure.rounds(2):
        measure.record("wide", [0.9, 1.0, 1.1, 1.0][number % 4], unit="s", better="lower")
"""


def test_with_a_precision_turns_go_on_until_every_median_of_both_sides_is_known(bench) -> None:
    (bench.folder / "visorbench.toml").write_text(PROFILE.format(budget_s=600))
    done = bench.run(bench.scenario(SPREAD), "--backend=tcg", "--profile=sharp", name="ab")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 metric judged: no difference" in done.stdout
    wide = samples(bench, "wide")
    assert wide["A"] == wide["B"]
    assert len(wide["A"]) >= 10
    for series in bench.results["series"]:
        low, high = series["summary"]["ci95"]
        assert (high - low) / 2 <= 0.05
        assert not any("was asked for" in note for note in series["notes"])


def test_a_choice_of_one_side_alone_is_refused(bench) -> None:
    done = bench.run(bench.scenario(SCENARIOS), "--backend=tcg", "-k", "64-A", name="ab")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "is chosen on one side only" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


GUEST = """
def test_memory(machine, measure, subject):
    machine.boot()
    for _ in measure.rounds(3):
        kib, cpus = machine.ssh.run("awk '/MemTotal/ {print $2}' /proc/meminfo; nproc").text().split()
        measure.record("memory", 1024 * int(kib), unit="B", better="higher")
        measure.record("processors", int(cpus), unit="1", better="higher")
"""


@pytest.mark.slow
@pytest.mark.guest_boot
def test_two_configurations_of_a_real_guest_differ_in_what_was_configured_and_in_nothing_else(bench) -> None:
    (bench.folder / "visorbench.toml").write_text("[gate]\nfalse_discovery_rate = 0.2\n")
    sides = ("--a=memory_mib=384", "--b=memory_mib=256")
    done = bench.run(
        bench.scenario(GUEST), "--backend=tcg", *sides, "--gate", "--json", name="ab", timeout_s=600
    )
    assert done.returncode == 1, done.stdout + done.stderr
    said = json.loads(done.stdout)
    assert {one["metric"]: one["verdict"] for one in said["metrics"]} == {
        "memory": "regressed", "processors": "same",
    }  # fmt: skip
    memory = next(one for one in said["metrics"] if one["metric"] == "memory")
    assert 384 << 20 > memory["before"] > 256 << 20 > memory["after"]
    assert said["unlike"] == ["tcg-x86-64-tiny differs: memory_mib 384 became 256"]
    consoles = (bench.folder / "reports" / "latest" / "logs").rglob("console.log")
    assert len([path for path in consoles if b"visorbench: ready" in path.read_bytes()]) == 6


ENDLESS = """
from pathlib import Path

def test_endless(machine, measure):
    machine.boot()
    for _ in measure.rounds(50):
        measure.record("work", 1, unit="s", better="lower")
        if Path("first").exists():
            machine.console.wait_for("this never comes", timeout_s=600)
        Path("first").touch()
"""


@pytest.mark.guest_boot
def test_ctrl_c_leaves_nothing_running_and_keeps_what_was_measured(bench, command) -> None:
    with bench.running(bench.scenario(ENDLESS), "--backend=tcg", name="ab", until=2) as (process, qemu):
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=120)
    assert process.returncode == 130, out + error
    assert not qemu.is_running()
    assert "Traceback" not in out + error
    (folder,) = (path.parent for path in (bench.folder / "reports").glob("*/journal.jsonl"))
    assert f"visorbench ab --run {folder.name}" in out
    code, _, said = command("ab", "--run", folder.name, "--reports", folder.parent)
    assert (code, "no metric has enough samples" in said) == (4, True)
