"""``visorbench bench --list``: what there is, or the sentence with which a bench would refuse."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

SCENARIO = "def test_one(measure):\n    measure.record('x', 1, unit='s', better='lower')\n"


@pytest.fixture
def two(bench):
    """Two files of scenarios: what is wrong with the plan is wrong for both."""
    return [bench.scenario(SCENARIO, f"test_{name}.py") for name in ("one", "other")]


def refused(bench, *arguments: object) -> tuple[int, str]:
    """Exit code and sentence of a list, which are those of a bench, and all that the list says."""
    listed, measured = bench.run("--list", *arguments), bench.run(*arguments)
    assert listed.stdout == ""
    assert not (bench.folder / "reports").exists()
    assert "Traceback" not in measured.stderr + measured.stdout
    assert (listed.returncode, listed.stderr) == (measured.returncode, measured.stderr)
    return listed.returncode, listed.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--backend", "tgc"], 2, "unknown backend 'tgc' in --backend\n  did you mean 'tcg'?"),
        (["--guest", "tinny"], 2, "unknown guest 'tinny'\n  did you mean 'tiny'?"),
        (["--runtime", "nix"], 2, "nix is not a managed runtime"),
        (["--backend", "whpx"], 3, "whpx-x86-64: "),
        (["--qemu", "/no/such/qemu"], 3, "/no/such/qemu is not a file"),
    ],
)
def test_an_option_that_a_bench_refuses_is_refused(bench, two, arguments, code, said) -> None:
    ended, sentence = refused(bench, *two, *arguments)
    assert ended == code
    assert said in sentence


@pytest.mark.parametrize(
    ("key", "code", "said"),
    [
        ('guest = "tinny"', 2, "unknown guest 'tinny'"),
        ('qemu = "/no/such/qemu"', 3, "/no/such/qemu"),
    ],
)
def test_a_subject_that_a_bench_refuses_is_refused(bench, two, key, code, said) -> None:
    subject = f'[[subjects]]\nbackend = "tcg"\narch = "x86-64"\n{key}\n'
    (bench.folder / "visorbench.toml").write_text(subject, encoding="utf-8")
    listed = bench.run("--list", *two, measuring=False)
    assert (listed.returncode, listed.stdout) == (code, "")
    assert said in listed.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere QEMU is not looked for in PATH alone")
def test_a_host_without_qemu_is_told_so(bench, two) -> None:
    bare = replace(bench, environment={**bench.environment, "PATH": str(bench.folder)})
    ended, sentence = refused(bare, *two, "--backend", "tcg")
    assert ended == 3
    assert "no QEMU for x86-64 guests on this host" in sentence


def test_an_expression_that_nothing_matches_is_named(bench, two) -> None:
    listed = bench.run("--list", *two, "--backend", "tcg", "-k", "nosuch")
    assert listed.returncode == 4, listed.stdout + listed.stderr
    assert "no scenario of what was named matches -k nosuch" in listed.stderr


def test_a_scenario_is_listed_for_every_subject(bench, two) -> None:
    listed = bench.run("--list", *two, "--backend", "tcg")
    assert listed.returncode == 0, listed.stdout + listed.stderr
    assert [line.rpartition("/")[2] for line in listed.stdout.splitlines() if "::" in line] == [
        "test_one.py::test_one[tcg-x86-64]",
        "test_other.py::test_one[tcg-x86-64]",
    ]


@pytest.mark.parametrize(
    ("option", "code", "said"),
    [("--vb-profile=quik", 2, "unknown profile 'quik'"), ("--vb-qemu=/no/such/qemu", 3, "/no/such/qemu")],
)
def test_plain_pytest_says_it_without_a_traceback_and_ends_with_its_code(
    bench, two, option, code, said
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "harness.plugin", *map(str, two), option, "--vb-arch=x86-64"],
        env=bench.environment, cwd=bench.folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "ERROR collecting" not in done.stdout


def test_help_and_markers_go_on_where_the_configuration_makes_no_sense(bench) -> None:
    wrong = {**bench.environment, "VISORBENCH_PROFILE": "quik"}
    for option in ("--markers", "--help"):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "harness.plugin", option],
            env=wrong, cwd=bench.folder, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert (done.returncode, "host_only" in done.stdout, done.stderr) == (0, option == "--markers", "")
