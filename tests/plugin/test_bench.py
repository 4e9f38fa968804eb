"""``visorbench bench`` from outside: what it writes, what it says, and its exit codes."""

from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from harness.host.lock import measuring_lock
from harness.results.journal import recover

README_SCENARIO = '''
"""How long a guest takes to write back 8 MiB."""


def test_sync(machine, measure):
    machine.boot()
    for _ in measure.rounds(5):
        machine.ssh.run("dd if=/dev/zero of=/tmp/file bs=1M count=8")
        with measure.timed("sync"):
            machine.ssh.run("sync")
'''


@pytest.mark.guest_boot
def test_the_scenario_of_the_readme_measures_a_real_guest(bench) -> None:
    done = bench.run(bench.scenario(README_SCENARIO, "test_sync.py"), "--backend", "tcg")
    assert done.returncode == 0, done.stdout + done.stderr
    (series,) = bench.results["series"]
    assert (series["scenario"], series["metric"], series["unit"]) == ("sync", "sync", "s")
    assert len(series["samples"]) == 5
    assert all(0 < seconds < 60 for seconds in series["samples"])
    assert "sync" in done.stdout
    latest = bench.folder / "reports" / "latest"
    written = {path.name for path in latest.iterdir()}
    assert {"results.json", "samples.csv", "report.md", "index.html", "junit.xml", "logs"} <= written
    assert ET.parse(latest / "junit.xml").getroot().tag in {"testsuite", "testsuites"}
    consoles = list((latest / "logs").rglob("console.log"))
    assert consoles
    assert b"visorbench: ready" in consoles[0].read_bytes()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import no_such_module\n", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("def test_x(:\n", "SyntaxError: invalid syntax"),
    ],
)
def test_a_scenario_that_cannot_be_read_is_named_with_its_line(bench, text, said) -> None:
    done = bench.run(bench.scenario(text, "test_typo.py"), "--backend", "tcg")
    assert done.returncode == 2
    assert f"test_typo.py cannot be read: {said}" in done.stderr
    assert "test_typo.py:1" in done.stdout or "line 1" in done.stdout


def test_only_skips_is_nothing_measured(bench) -> None:
    text = "from harness.plugin.skips import skip_scenario\ndef test_two(subject):\n    skip_scenario('a', 'b', 'c')\n"
    done = bench.run(bench.scenario(text), "--backend", "tcg")
    assert done.returncode == 4
    assert "nothing was measured" in done.stderr


def test_a_second_bench_on_the_host_is_told_who_measures(bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISORBENCH_LOCK_DIR", bench.environment["VISORBENCH_LOCK_DIR"])
    with measuring_lock():
        text = "def test_one(measure):\n    measure.record('x', 1, unit='s', better='lower')\n"
        done = bench.run(bench.scenario(text), "--backend", "tcg")
    assert done.returncode == 3
    assert "another harness is measuring" in done.stderr
    assert not (bench.folder / "reports").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="the limit is a shell's")
def test_a_disk_that_fills_up_ends_the_bench_with_what_was_measured(bench) -> None:
    text = (
        "def test_much(measure):\n"
        "    for n in range(20_000):\n"
        "        measure.record_all(f'm{n}', range(100), unit='s', better='lower')\n"
    )
    command = bench.command(bench.scenario(text), "--backend", "tcg")
    done = subprocess.run(
        ["bash", "-c", 'ulimit -f 1024; exec "$@"', "bench", *command],
        env=bench.environment, cwd=bench.folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 3, done.stdout + done.stderr
    assert "cannot write" in done.stderr
    assert "make room there" in done.stderr
    assert "INTERNALERROR" not in done.stderr + done.stdout
    (folder,) = (bench.folder / "reports").iterdir()
    assert {path.name for path in folder.iterdir()} == {"journal.jsonl", "logs"}, "nothing half-written"
    assert recover(folder).sample_count > 50_000


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--profile", "quik"], 2, "did you mean 'quick'"),
        (["--arch", "x86_64"], 2, "x86-64"),
        (["--proflie", "quick"], 2, "--profile"),
        (["no/such/file.py"], 2, "there is no scenario file"),
        (["-k", "no_such_scenario"], 4, "no scenario of what was named matches -k no_such_scenario"),
        (
            ["-k", "idle or overhead", "--profile", "quick"],
            4,
            "the profile quick leaves out idle and overhead",
        ),
        (["--store", "nosuchdatabase://x"], 2, "nosuchdatabase"),
    ],
)
def test_mistakes_are_one_sentence_and_their_own_exit_code(bench, arguments, code, said) -> None:
    done = bench.run(*arguments)
    assert done.returncode == code, done.stdout + done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert not (bench.folder / "reports").exists()


def test_long_scenarios_are_named_by_their_parts_as_well(bench) -> None:
    words = ("density", "Hot_Plug")  # which the name of neither's file has
    done = bench.run("--backend", "tcg", "--list", "-k", " or ".join(words))
    assert done.returncode == 0, done.stdout + done.stderr
    assert [word for word in words if word.lower() not in done.stdout.lower()] == []


def test_an_expression_that_cannot_be_read_makes_no_report_and_names_none(bench) -> None:
    done = bench.run("-k", "boot and")
    assert done.returncode == 2
    assert "boot and" in done.stderr
    assert "report:" not in done.stdout


def test_a_scenarios_name_chooses_it_alone() -> None:
    """``-k`` also looks into the names of markers."""
    files = list((Path(__file__).parents[2] / "scenarios").glob("test_*.py"))
    names = {file.stem.removeprefix("test_") for file in files}
    marks = {
        mark
        for file in files
        for mark in re.findall(r"^@pytest\.mark\.(\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert {"boot", "gpu"} <= names
    assert "guest" in marks
    assert not [(name, mark) for name in names for mark in marks if name in mark]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
def test_where_standard_output_takes_no_more_the_run_is_made_and_kept_all_the_same(bench) -> None:
    scenario = bench.scenario(
        "def test_short(measure):\n    measure.record('work', 1, unit='s', better='lower')\n"
    )
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            bench.command(scenario, "--backend", "tcg"), env=bench.environment, cwd=bench.folder,
            stdout=full, stderr=subprocess.PIPE, text=True, timeout=120, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "visorbench: cannot write to standard output: No space left on device",
        "  make room there, or send the output elsewhere",
    ]
    assert bench.results["series"][0]["samples"] == [1]
    assert (bench.folder / "reports" / "latest" / "index.html").is_file()
    runs = subprocess.run(
        [str(Path(sys.executable).with_name("visorbench")), "runs"], env=bench.environment, cwd=bench.folder,
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert bench.results["run"]["id"] in runs.stdout
