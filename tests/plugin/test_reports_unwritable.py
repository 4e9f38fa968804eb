"""Reports that cannot be written: refused before a guest boots, and in the middle of a bench nothing is lost."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from harness.errors import RunIncomplete
from harness.gate.likeness import check_complete
from harness.results.folder import read_run
from harness.results.store import Store

SCENARIO = """
def test_before(measure):
    measure.record("before", 1, unit="s", better="lower")

def test_full(measure):
    with open({file!r}, "wb", buffering=0) as file:
        try:
            while file.write(bytes(1 << 12)) == 1 << 12:
                pass
        except OSError:
            pass
        file.truncate(max(0, file.tell() - {left}))
    for number in range(200):  # more than fits into what is left of the journal's last page
        measure.record("after", number, unit="s", better="lower")
"""
NEXT = """
def test_next(measure):
    measure.record("next", 1, unit="s", better="lower")
"""
MEASURED = {"before": 1, "after": 200}


@pytest.fixture
def small_disk(bench):
    """The folder of the reports, on a file system of 2 MiB."""
    reports = bench.folder / "reports"
    reports.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(reports)]
    if sys.platform != "linux" or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting needs Linux and root")
    yield reports
    subprocess.run(["umount", reports], check=True)


@pytest.mark.parametrize(("name", "below"), [("bench", "."), ("ab", "sub")])
def test_a_file_in_its_place_is_refused_before_anything_else(bench, name, below) -> None:
    place = bench.folder / "reports" / below
    (bench.folder / "reports").write_text("in the way")
    done = bench.run("--reports", place, "-k", "boot", name=name)
    assert done.returncode == 3, done.stdout + done.stderr
    assert done.stderr == (
        f"visorbench: cannot write reports in {place}: Not a directory\n"
        "  make it writable, or name another folder with --reports\n"
    )
    assert "proving" not in done.stdout


def test_a_full_disk_is_refused_before_anything_else(bench, small_disk) -> None:
    (small_disk / "full").write_bytes(bytes(3 << 19))
    done = bench.run("-k", "boot")
    assert (done.returncode, "No space left on device" in done.stderr) == (3, True), done.stdout + done.stderr
    assert "proving" not in done.stdout
    assert [path.name for path in small_disk.iterdir()] == ["full"]


def test_a_list_of_the_scenarios_needs_no_folder(bench) -> None:
    (bench.folder / "reports").write_text("in the way")
    assert bench.run("--list", "--backend", "tcg").returncode == 0


@pytest.mark.guest_boot
def test_what_a_full_disk_does_not_take_is_kept_elsewhere(bench, small_disk) -> None:
    scenario = bench.scenario(SCENARIO.format(file=str(small_disk / "full"), left=0))
    done = bench.run(scenario, "--backend", "tcg")
    assert done.returncode == 3, done.stdout + done.stderr
    (kept,) = {path.parent.resolve() for path in bench.folder.glob("data/runs/*/journal.jsonl")}
    assert f"`visorbench report {kept}`" in " ".join(done.stderr.split())
    run = read_run(kept)
    assert {series.metric: series.summary.n for series in run.series} == MEASURED
    assert (run.unfinished, [text for text in run.notices if "early" in text]) == (False, [])
    assert (kept / "index.html").is_file()


@pytest.mark.guest_boot
@pytest.mark.parametrize(("name", "missing"), [("bench", "1 of 3"), ("ab", "2 of 6")])
def test_a_run_that_a_full_disk_ends_before_its_last_scenario_is_marked(
    bench, small_disk, name, missing
) -> None:
    scenario = bench.scenario(SCENARIO.format(file=str(small_disk / "full"), left=0) + NEXT)
    done = bench.run(scenario, "--backend", "tcg", name=name)
    assert done.returncode == 3, done.stdout + done.stderr
    (kept,) = {path.parent.resolve() for path in bench.folder.glob("data/runs/*/journal.jsonl")}
    run = read_run(kept)
    assert {series.metric for series in run.series} == set(MEASURED)
    assert run.unfinished
    (told,) = [text for text in run.notices if text.startswith("This run ended early: ")]
    assert "No space left on device" in told
    assert told.endswith(f" Not run to the end: {missing} scenarios.")
    assert told.split(":")[0] in done.stdout
    listed = bench.run(name="runs", measuring=False)
    assert "(interrupted)" in listed.stdout
    with pytest.raises(RunIncomplete):
        check_complete(run, run)


@pytest.mark.guest_boot
def test_plain_pytest_goes_on_to_the_last_scenario_and_fails_all_the_same(bench, small_disk) -> None:
    scenario = bench.scenario(SCENARIO.format(file=str(small_disk / "full"), left=0))
    command = [sys.executable, "-m", "pytest", "-p", "harness.plugin", "-p", "no:cacheprovider", str(scenario),
               "--vb-profile=quick", "--vb-arch=x86-64", "--vb-backend=tcg"]  # fmt: skip
    done = subprocess.run(
        command, env=bench.environment, cwd=bench.folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 3, done.stdout + done.stderr
    (kept,) = {path.parent.resolve() for path in bench.folder.glob("data/runs/*/journal.jsonl")}
    assert not read_run(kept).unfinished


@pytest.mark.guest_boot
def test_a_run_whose_report_finds_no_room_is_stored_and_reported_later(bench, small_disk) -> None:
    scenario = bench.scenario(SCENARIO.format(file=str(small_disk / "full"), left=1 << 16))
    done = bench.run(scenario, "--backend", "tcg")
    assert done.returncode == 3, done.stdout + done.stderr
    run = re.search(r"`visorbench report (\S+)\s+--reports", done.stderr)[1]
    with Store(f"sqlite:///{bench.folder}/data/results.db") as store:
        assert {series.metric: series.summary.n for series in store.load(run).series} == MEASURED
    elsewhere = bench.folder / "elsewhere"
    again = bench.run(run, "--reports", elsewhere, name="report", measuring=False)
    assert again.returncode == 0, again.stderr
    assert (elsewhere / run / "index.html").is_file()
