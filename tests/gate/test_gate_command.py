"""``visorbench gate`` as a CI runs it: exit codes, and the files for GitHub and for JUnit readers."""

import json
import shutil
from xml.etree import ElementTree as ET

import pytest

from harness.cli.main import main
from harness.results.folder import publish
from tests.gate.runs import run


@pytest.fixture
def reports(tmp_path, monkeypatch):
    """An empty folder of reports, and a working directory without configuration; not under GitHub Actions."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VISORBENCH_DATA_DIR", str(tmp_path / "data"))
    for variable in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path / "reports"


@pytest.fixture
def gate(reports, capsys):
    """Run the command, return its exit code and what it printed."""

    def call(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(["gate", *arguments, f"--reports={reports}"])
        out, err = capsys.readouterr()
        return ended.value.code, out + err

    return call


def measured(reports, **options):
    one = run(reports, **options)
    publish(reports / one.id, {"results.json": lambda stream: stream.write(one.to_json())})
    return one.id


def test_passed(gate, reports):
    before, after = measured(reports, seed=1), measured(reports, seed=2)
    code, said = gate(f"--baseline={before}", f"--run={after}")
    assert code == 0
    assert "passed: none of 6 metrics judged against run-1 regressed" in said


def test_regressed(gate, reports, tmp_path):
    measured(reports, seed=1)
    measured(reports, seed=2, slower={"metric-0": 0.1})
    shutil.copy(reports / "run-1" / "results.json", tmp_path / "main.json")
    code, said = gate("--baseline=main.json", "--run=run-2")
    assert code == 1
    assert "FAILED: 1 metric regressed" in said
    assert "boot metric 0 on tcg-arm64-tiny: " in said
    assert "20 + 20 samples" in said


def test_failed_only_now(gate, reports):
    measured(reports, seed=1)
    measured(reports, seed=2, failing=True)
    code, said = gate("--baseline=run-1", "--run=run-2")
    assert code == 1
    assert "boot on tcg-arm64-tiny fails now: BootTimeout: no guest ready in 60 s" in said


def test_thresholds_from_the_configuration(gate, reports, tmp_path):
    measured(reports, seed=1)
    measured(reports, seed=2, slower={"metric-0": 0.1})
    config = tmp_path / "visorbench.toml"
    config.write_text('[gate.metrics."boot/*"]\nmin_effect = 0.25\n')
    assert gate("--baseline=run-1", "--run=run-2")[0] == 0
    config.write_text('[gate.metrics."boot/*"]\nmin_efect = 0.25\n')
    code, said = gate("--baseline=run-1", "--run=run-2")
    assert code == 2
    assert "did you mean 'gate.metrics.boot/*.min_effect'" in said
    config.write_text('[gate]\nmissing = "ignore"\nmin_effect = 0.25\n')
    assert gate("--baseline=run-1", "--run=run-2")[0] == 2


def test_unlike_runs_need_to_be_allowed(gate, reports):
    measured(reports, seed=1)
    measured(reports, seed=2, version="QEMU 10.0.2")
    code, said = gate("--baseline=run-1", "--run=run-2")
    assert code == 2
    assert "--allow-unlike" in said
    code, said = gate("--baseline=run-1", "--run=run-2", "--allow-unlike")
    assert code == 0
    assert "Not like with like: tcg-arm64-tiny differs: version 'QEMU 7.2.22' became 'QEMU 10.0.2'" in said


def test_what_the_host_lost_too_is_not_blamed_on_its_machines(gate, reports):
    measured(reports, seed=1)
    measured(reports, seed=2, slower={"metric-1": 0.2}, native=0.8)
    measured(reports, seed=3, slower={"metric-1": 0.2}, native=1.2)
    measured(reports, seed=4, slower={"metric-1": 0.2}, native=0.8, failing=True)
    code, said = gate("--baseline=run-1", "--run=run-2")
    assert code == 4
    assert (
        "1 metric of the machines became worse, and so did the host: compute metric 1 without a guest is"
        in said
    )
    code, said = gate("--baseline=run-1", "--run=run-2", "--allow-unlike")
    assert code == 1
    assert "FAILED: 1 metric regressed" in said
    assert gate("--baseline=run-1", "--run=run-3")[0] == 1  # a host that became faster excuses nothing
    assert gate("--baseline=run-1", "--run=run-4")[0] == 1  # nor does one that became slower excuse a failure


@pytest.mark.parametrize(
    ("was", "now", "code"), [(0.05, 0.3, 1), (0.05, 0.36, 4), (0.94, 0.99, 4), (0.9, 0.3, 1)]
)
def test_what_others_took_of_the_host_is_not_blamed_on_its_machines(gate, reports, was, now, code):
    measured(reports, seed=1, noise=was)
    measured(reports, seed=2, noise=now, slower={"metric-0": 0.2})
    found, said = gate("--baseline=run-1", "--run=run-2")
    assert found == code
    refused = f"1 metric of the machines became worse, and others had {now:.0%} of the host's CPU time"
    assert (refused in said) == (code == 4)
    assert gate("--baseline=run-1", "--run=run-2", "--allow-unlike")[0] == 1


def test_an_interrupted_run_needs_to_be_allowed(gate, reports):
    measured(reports, seed=1)
    run(reports, seed=2, finished=False)
    code, said = gate("--baseline=run-1", "--run=run-2")
    assert code == 2
    assert "run-2 was interrupted after 140 samples" in said
    assert gate("--baseline=run-1", "--run=run-2", "--allow-incomplete")[0] == 0


def test_nothing_in_common_is_four(gate, reports):
    measured(reports, seed=1, metrics=1)
    measured(reports, seed=2, metrics=4, skipped=("metric-0",))
    assert gate("--baseline=run-1", "--run=run-2")[0] == 4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "a gate needs a baseline"),
        (["--baseline=none.json"], "the baseline none.json cannot be read"),
        (["--baseline=run-9", "--run=run-1"], "unknown run 'run-9'"),
        (["--baseline=run-1", "--run=run-1"], "is its own baseline"),
        (["--baseline=run-1", "--run=run-2", "--junit=nowhere/gate.xml"], "cannot write nowhere/gate.xml"),
    ],
)
def test_usage(gate, reports, arguments, words):
    measured(reports, seed=1)
    measured(reports, seed=2)
    code, said = gate(*arguments)
    assert code == 2
    assert words in said


def test_a_baseline_edited_in_its_folder_is_refused(gate, reports):
    measured(reports, seed=1)
    measured(reports, seed=2)
    path = reports / "run-1" / "results.json"
    path.write_text(path.read_text().replace('"median":', '"median":1', 1))
    code, said = gate("--baseline=run-1", "--run=run-2")
    assert code == 2
    assert "was edited" in said


def test_what_github_is_told(gate, reports, tmp_path, monkeypatch):
    measured(reports, seed=1)
    measured(reports, seed=2, slower={"metric-0": 0.1, "metric-2": -0.1}, failing=True)
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    code, said = gate("--baseline=run-1", "--run=run-2", "--markdown=gate.md")
    assert code == 1
    lines = said.splitlines()
    levels = [line.split(" ", 1)[0] for line in lines if line.startswith("::")]
    assert levels == ["::error", "::error", "::notice"]
    (slower,) = [line for line in lines if "metric 0 on tcg" in line and line.startswith("::error")]
    title = slower.removeprefix("::error title=").split("::", 1)[0]
    assert "%25" in title
    assert ":" not in title
    text = (tmp_path / "gate.md").read_text()
    assert summary.read_text() == "before\n" + text
    assert text.startswith("## VisorBench gate: failed\n")
    rows = [line for line in text.splitlines() if line.startswith("| boot")]
    assert [row.count("|") for row in rows] == [10, 10]


def test_a_summary_that_cannot_be_written_is_named(gate, reports, monkeypatch):
    measured(reports, seed=1)
    measured(reports, seed=2)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "nowhere/summary.md")
    code, said = gate("--baseline=run-1", "--run=run-2")
    assert code == 2
    assert "cannot write nowhere/summary.md" in said


def test_junit_counts_what_the_gate_fails_for(gate, reports, tmp_path):
    measured(reports, seed=1)
    measured(reports, seed=2, slower={"metric-0": 0.1}, failing=True)
    assert gate("--baseline=run-1", "--run=run-2", "--junit=gate.xml")[0] == 1
    suites = ET.parse(tmp_path / "gate.xml").getroot()
    assert (suites.get("tests"), suites.get("failures")) == ("7", "2")
    failures = suites.findall(".//failure")
    assert [failure.get("type") for failure in failures] == ["Regression", "BootTimeout"]
    assert len(suites.findall(".//testcase")) == 7


def test_json(gate, reports):
    measured(reports, seed=1)
    measured(reports, seed=2, slower={"metric-0": 0.1})
    code, said = gate("--baseline=run-1", "--run=run-2", "--json")
    assert code == 1
    document = json.loads(said)
    assert document["passed"] is False
    assert [each["verdict"] for each in document["metrics"]].count("regressed") == 1


def test_calibrate_on_a_run_that_is_there(gate, reports):
    measured(reports, seed=1, n=60)
    with_reports = ("calibrate", "--run=run-1", "--splits=40")
    code, said = gate(*with_reports)
    assert code == 0
    (line,) = [line for line in said.splitlines() if line.startswith("boot/metric-0/tcg-arm64-tiny")]
    *_, n, by_chance, in_time, sees = line.split()
    assert n == "20"
    assert float(by_chance.rstrip("%")) <= 5
    assert float(in_time.rstrip("%")) == 0
    assert sees in ("2.0%", "3.0%", "5.0%")
    assert "of run-1 against itself" in said
    assert gate(*with_reports, "--samples=40")[0] == 4
