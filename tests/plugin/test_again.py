"""The command that measures a run again."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from _pytest.config import _prepareconfig  # as pytest itself makes one

from harness.config.load import load
from harness.host.paths import shipped
from harness.plugin.again import again
from harness.plugin.sides import Sides, side

SCENARIO = """
def test_few(measure):
    measure.record("few", 1, unit="s", better="lower")

def test_more(measure):
    measure.record("more", 1, unit="s", better="lower")
"""


@pytest.fixture
def told(tmp_path, monkeypatch):
    """What is told of a session with such arguments, and such a configuration, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments, sides=None, seed=0, **options):
        config = _prepareconfig(["-p", "harness.plugin", *map(str, arguments)])
        chosen = load(environ={}, options={"profile": "quick", **options})
        return shlex.join(again(config, chosen, sides=sides, seed=seed))

    return call


def test_what_is_as_by_itself_is_not_said(told) -> None:
    assert told(shipped("scenarios")) == "visorbench bench --profile quick"


def test_everything_that_narrows_a_bench_is_said(told) -> None:
    said = told(
        shipped("scenarios"), "-k", "memory and not 'x'",
        backends=("tcg", "kvm"), archs=("x86-64",), guest="mine", runtime="managed",
    )  # fmt: skip
    assert shlex.split(said) == [
        "visorbench", "bench", "--profile", "quick", "--backend", "tcg", "--backend", "kvm", "--arch", "x86-64",
        "--guest", "mine", "--runtime", "managed", "-k", "memory and not 'x'",
    ]  # fmt: skip


def test_paths_hold_wherever_it_is_run(told, tmp_path) -> None:
    own = tmp_path / "test_own.py"
    own.write_text("")
    (tmp_path / "visorbench.toml").write_text('profile = "quick"\n')
    said = told(own.name, shipped("scenarios", "test_boot.py"), qemu=Path("build/qemu"))
    assert said == (
        f"visorbench bench --profile quick --qemu {tmp_path}/build/qemu --config {tmp_path}/visorbench.toml "
        f"{own} scenarios/test_boot.py"
    )


def test_where_results_go_is_not_said(told) -> None:
    said = told(
        shipped("scenarios"), "--vb-store=postgresql://me:a-secret@host/db", "--vb-report=r",
        store="postgresql://me:a-secret@host/db", reports=Path("r"),
    )  # fmt: skip
    assert said == "visorbench bench --profile quick"


def test_what_only_pytest_chooses_by_is_said_to_pytest(told) -> None:
    said = told(shipped("scenarios"), "-m", "not long", "-k", "boot", backends=("tcg",))
    assert said == "pytest --vb-profile quick --vb-backend tcg -k boot -m 'not long' scenarios"


def test_sides_and_their_order_are_said(told, tmp_path) -> None:
    sides = Sides(side("--a", ["cpu_model=max"]), side("--b", ["qemu=build"]))
    said = told(shipped("scenarios"), "-k", "boot", sides=sides, seed=7, guest="mine")
    assert (
        said == f"visorbench ab --profile quick --a cpu_model=max --b qemu={tmp_path}/build --seed 7 -k boot"
    )


@pytest.mark.guest_boot
def test_the_page_of_a_narrowed_bench_says_how_and_that_can_be_compared(bench) -> None:
    scenario = bench.scenario(SCENARIO, "test_it's.py")
    first = bench.run(scenario, "--backend", "tcg", "-k", "few")
    assert first.returncode == 0, first.stdout + first.stderr
    run = bench.results["run"]
    command = run["harness"]["command"]
    assert [series["metric"] for series in bench.results["series"]] == ["few"]
    page = (bench.folder / "reports" / "latest" / "index.html").read_text()
    assert "nox -s bench -- --profile quick --backend tcg --arch x86-64 -k few " in page
    program = str(Path(sys.executable).with_name(command[0]))
    again = subprocess.run(
        [program, *command[1:]],
        env=bench.environment,
        cwd=bench.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert again.returncode == 0, again.stderr
    compared = bench.run(run["id"], "latest", name="compare", measuring=False)
    assert (compared.returncode, "few" in compared.stdout) == (0, True), compared.stderr
