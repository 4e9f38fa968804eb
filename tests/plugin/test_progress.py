"""The estimate of what is left, and the names that people read."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from harness.plugin.progress import Durations, Progress, _title

if TYPE_CHECKING:
    from pathlib import Path


def test_durations_are_learnt_for_each_profile(tmp_path: Path) -> None:
    file = tmp_path / "cache" / "durations.json"
    quick = Durations("quick", file)
    quick.learn("boot", 12.34)
    quick.save()
    assert Durations("quick", file).of("boot") == 12.3
    assert Durations("full", file).of("boot") is None


@pytest.mark.parametrize("content", ["", "[]", "{", '{"quick": 3}', '{"quick": {"boot": "x"}}'])
def test_a_spoilt_file_costs_only_the_estimate(tmp_path: Path, content: str) -> None:
    file = tmp_path / "durations.json"
    file.write_text(content)
    durations = Durations("quick", file)
    assert durations.of("boot") is None
    durations.learn("boot", 1)
    durations.save()
    assert Durations("quick", file).of("boot") == 1


@pytest.mark.parametrize(
    ("nodeid", "title"),
    [
        ("scenarios/test_boot.py::test_boot[tcg-arm64]", "boot [tcg-arm64]"),
        ("scenarios/test_boot.py::test_machine_types[kvm-x86-64]", "boot: machine types [kvm-x86-64]"),
        ("test_sync.py::test_sync", "sync"),
    ],
)
def test_titles_are_words(nodeid: str, title: str) -> None:
    assert _title(nodeid) == title


def test_where_there_is_no_terminal_every_step_is_a_line() -> None:
    out = io.StringIO()
    progress = Progress(Console(file=out, width=100))
    progress.step("guest tiny for arm64 [bold]")
    assert out.getvalue() == "[0:00] guest tiny for arm64 [bold]\n"


def test_what_is_left_is_said_only_where_every_scenario_was_run_before(tmp_path: Path) -> None:
    file = tmp_path / "durations.json"
    known = Durations("quick", file)
    known.learn("known", 90)
    known.save()

    def said(*tests: str) -> str:
        progress = Progress(Console(file=io.StringIO(), width=100))
        progress._durations = Durations("quick", file)
        progress.pytest_collection_finish(SimpleNamespace(items=[SimpleNamespace(nodeid=t) for t in tests]))
        progress.step("proving")
        return progress._console.file.getvalue()

    assert said("known") == "[0:00] proving (about 1:30 left)\n"
    assert said("known", "new") == "[0:00] proving\n"


def test_a_long_scenario_without_a_terminal_says_its_rounds(monkeypatch) -> None:
    out = io.StringIO()
    progress = Progress(Console(file=out, width=100))
    progress.pytest_runtest_logstart("test_gpu.py::test_gpu[tcg-x86-64]")
    progress.rounds(0, 5)
    monkeypatch.setattr("harness.plugin.progress.SILENCE_S", -1)
    progress.rounds(1, 5)
    assert [line.partition("] ")[2] for line in out.getvalue().splitlines()] == [
        "0/0 gpu [tcg-x86-64]",
        "0/0 gpu [tcg-x86-64], 1/5",
    ]
