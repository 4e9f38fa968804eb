"""Real machines at random for a moment; and that a leak and a failure are found."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.errors import ToolMissing
from harness.guests.model import Arch
from harness.machines import catalogue
from harness.machines.model import MachineSpec
from harness.soak.life import BOOT_TIMEOUT_S, MOST_FAILURES
from harness.soak.run import soak

pytestmark = pytest.mark.guest_boot


@pytest.fixture
def spec(reference):
    """What boots with the least of a host's time: half of what tiny takes on x86-64."""
    return MachineSpec(reference("tiny", Arch.ARM64), cpus=1)


def with_words(spec, words):
    """The same machine with more words on its kernel's command line."""
    return replace(spec, guest=replace(spec.guest, append=f"{spec.guest.append} {words}"))


@pytest.fixture
def short_lives(monkeypatch):
    """They boot and end: the life before everything is counted, too."""
    monkeypatch.setattr("harness.soak.life.MOST_STEPS", 0)
    monkeypatch.setattr("harness.soak.run.SETTLES_S", 3)


def test_machines_live_and_nothing_is_left(spec, tmp_path):
    told, counted = [], []
    logs = tmp_path / "logs"
    outcome = soak(
        [spec], lambda folder: catalogue.get("tcg", logs=folder),
        machines=2, seconds=5, seed=3, logs=logs, tell=told.append, count=counted.append,
    )  # fmt: skip
    assert outcome.passed, (outcome.failures, outcome.leaks)
    assert outcome.steps == tuple(told)
    assert {"tiny-1", "tiny-2", "tiny-first-1"} == {step.machine for step in told}
    assert counted
    assert list(logs.iterdir()) == []


@pytest.mark.usefixtures("short_lives")
def test_a_leak_and_a_guest_that_panics_are_found(spec, tmp_path):
    leaked = []
    panics = with_words(spec, "rdinit=/nowhere")

    def leaky(folder):
        backend = catalogue.get("tcg", logs=folder)
        if "first" in folder.name:
            return backend
        leaked.append(os.open(os.devnull, os.O_RDONLY))
        return SimpleNamespace(machine=lambda _: backend.machine(panics))

    try:
        outcome = soak([spec], leaky, machines=1, seconds=1, seed=1, logs=tmp_path)
    finally:
        for descriptor in leaked:
            os.close(descriptor)
    assert not outcome.passed
    before, after = outcome.leaks["descriptors"]
    assert after > before
    assert {step.step for step in outcome.failures} == {"boot"}
    assert outcome.failures[0].failure.startswith("GuestPanicked: ")
    assert list(outcome.failures[0].logs.rglob("console.log"))


@pytest.mark.usefixtures("short_lives")
def test_who_interrupts_waits_for_no_step(spec, tmp_path):
    never_ready = with_words(spec, "rdinit=/bin/sleep -- 9999")
    running = []

    def made(folder):
        backend = catalogue.get("tcg", logs=folder)
        if "first" in folder.name:
            return backend
        machine = backend.machine(never_ready)
        running.append(machine)
        return SimpleNamespace(machine=lambda _: machine)

    def interrupt(_):
        deadline = time.monotonic() + 120
        while not any(machine.pids for machine in running):
            assert time.monotonic() < deadline, "no machine has started"
            time.sleep(0.01)
        raise KeyboardInterrupt

    told = []
    with pytest.raises(KeyboardInterrupt):
        soak(
            [spec], made, machines=2, seconds=BOOT_TIMEOUT_S, seed=1, logs=tmp_path,
            tell=told.append, count=interrupt,
        )  # fmt: skip
    assert {step.machine for step in told} == {"tiny-first-1"}, "what the interruption broke is no failure"
    assert not any(machine.pids for machine in running)


@pytest.mark.usefixtures("short_lives")
def test_machines_that_cannot_be_made_any_more_are_failures_until_there_are_too_many(
    spec, tmp_path, monkeypatch
):
    pause_s = 0.2
    monkeypatch.setattr("harness.soak.life.AFTER_FAILURE_S", pause_s)

    def made(folder):
        if "first" not in folder.name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return catalogue.get("tcg", logs=folder)

    outcome = soak([spec], made, machines=2, seconds=1000, seed=1, logs=tmp_path)
    assert not outcome.passed
    failed = Counter((step.machine, step.step) for step in outcome.failures)
    assert failed == {("tiny-1", "life"): MOST_FAILURES, ("tiny-2", "life"): MOST_FAILURES}
    assert "No space left on device" in outcome.failures[0].failure
    of_one = [step.at_s for step in outcome.failures if step.machine == "tiny-1"]
    assert all(later - earlier >= pause_s / 2 for earlier, later in pairwise(of_one)), (
        "there is time between them"
    )


def test_what_cannot_live_once_is_not_soaked(spec, tmp_path):
    outcome = soak(
        [with_words(spec, "rdinit=/nowhere")],
        lambda logs: catalogue.get("tcg", logs=logs),
        machines=1,
        seconds=1000,
        seed=1,
        logs=tmp_path,
    )
    assert [(step.machine, step.step) for step in outcome.failures] == [("tiny-first-1", "boot")]
    assert not outcome.passed


def test_an_accelerator_that_runs_nothing_here_is_refused_at_once():
    """Each of the two exists on another system."""
    other = "hvf" if sys.platform == "linux" else "kvm"
    command = [str(Path(sys.executable).with_name("visorbench")), "soak", "--backend", other]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 3
    assert "does not run" in done.stderr
    assert "soak:" not in done.stderr


def test_a_machine_that_is_not_made_at_all_ends_the_soak_by_its_name(spec, tmp_path):
    def made(_):
        raise ToolMissing("there is no QEMU")

    with pytest.raises(ToolMissing, match="no QEMU"):
        soak([spec], made, machines=1, seconds=1, seed=1, logs=tmp_path)


def test_more_machines_than_fit_and_a_typo_are_refused():
    def run(*arguments):
        program = str(Path(sys.executable).with_name("visorbench"))
        return subprocess.run(
            [program, "soak", "--backend", "tcg", *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    crowd = run("--machines", "1000", "--json")
    assert crowd.returncode == 2
    assert "1,000 machines of" in crowd.stderr
    assert "take at most" in crowd.stderr
    typo = run("--arch", "arm63")
    assert typo.returncode == 2
    assert "did you mean 'arm64'" in typo.stderr
    assert typo.stdout == ""
