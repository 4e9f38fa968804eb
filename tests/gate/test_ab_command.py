"""``visorbench ab`` once the two sides are measured: what it says of them, and its exit codes."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest

from tests.gate.runs import ab_run, run


@pytest.fixture
def ab(command, tmp_path, monkeypatch):
    """Judge the run "ab"; returns the exit code and both outputs together."""
    for variable in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(variable, raising=False)

    def call(*arguments, name="ab"):
        code, out, err = command("ab", f"--run={name}", *arguments, f"--reports={tmp_path / 'reports'}")
        return code, out + err

    return call


@pytest.fixture
def reports(tmp_path):
    return tmp_path / "reports"


def test_sides_that_are_alike_show_no_difference(ab, reports):
    ab_run(reports)
    code, said = ab()
    assert code == 0
    assert "A against B in turns" in said
    assert "A and B are alike: what differs is chance, or this host." in said
    assert "1 metric judged: no difference" in said
    assert ab("--gate")[0] == 0


@pytest.mark.parametrize(
    ("slower", "told", "gated"),
    [(1.2, "1 metric regressed; 0 the same", 1), (0.8, "1 metric improved; 0 the same", 0)],
)
def test_what_changed_is_told_and_the_gate_fails_for_what_is_worse(ab, reports, slower, told, gated):
    ab_run(reports, slower=slower, cpu_of_b="cortex-a72")
    code, said = ab()
    assert code == 0
    assert told in said
    assert "tcg-arm64-tiny differs: cpu 'max' became 'cortex-a72'" in said
    row, sentence = (line for line in said.splitlines() if "guest ready" in line)
    assert f"{slower:.2f}" in row
    assert "20 + 20 samples, false-discovery rate below 0.001\N{NO-BREAK SPACE}%" in sentence
    assert ab("--gate")[0] == gated


def test_the_gate_writes_what_ci_servers_read(ab, reports, tmp_path):
    ab_run(reports, slower=1.2)
    code, said = ab("--gate", "--markdown=ab.md", "--junit=ab.xml")
    assert code == 1
    assert "FAILED: 1 metric regressed (of 1 metric judged against A of ab)" in said
    assert (tmp_path / "ab.md").read_text().startswith("## VisorBench gate: failed")
    assert ET.parse(tmp_path / "ab.xml").getroot().get("failures") == "1"


def test_json_is_all_that_is_printed(ab, reports):
    ab_run(reports, slower=1.2)
    code, said = ab("--json", "--gate")
    told = json.loads(said)
    assert (code, told["passed"], told["run"], told["unlike"]) == (1, False, "ab", [])
    assert [one["verdict"] for one in told["metrics"]] == ["regressed"]


@pytest.mark.parametrize("failing", ["A", "B", "AB"])
def test_a_side_that_failed_is_one_whether_or_not_it_gates(ab, reports, failing):
    ab_run(reports, failing=failing)
    for gate in ([], ["--gate"]):
        code, said = ab(*gate)
        assert code == 1
        assert ("failed on B and not on A:\n  boot on tcg-arm64-tiny: BootTimeout" in said) == (
            failing == "B"
        )


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        ({"measured": "A"}, 4, "A of ab and B of ab have no metric in common"),
        ({"n": 4}, 4, "no metric has enough samples to tell a change from chance"),
        ({"measured": "", "failing": "AB"}, 1, "nothing can be judged"),
        ({"measured": "A", "failing": "B"}, 1, "failed on B and not on A"),
    ],
)
def test_where_nothing_can_be_judged(ab, reports, options, code, says):
    ab_run(reports, **options)
    found, said = ab("--gate")
    assert (found, says in said) == (code, True), said


def test_what_an_interrupted_run_measured_is_shown_and_gated_only_on_demand(ab, reports):
    ab_run(reports, slower=1.2, finished=False)
    code, said = ab()
    assert (code, "1 metric regressed" in said, "only what it had measured is judged" in said) == (
        0,
        True,
        True,
    )
    code, said = ab("--gate")
    assert (code, "ab was interrupted after 40 samples" in said) == (2, True)
    assert ab("--gate", "--allow-incomplete")[0] == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--run=none"], "unknown run 'none'"),
        (["--run=run-1"], "run-1 compared no two sides"),
        (["--run=ab", "--b=cpus=1", "--seed=1"], "--b, --seed can change nothing of that"),
        (["--run=ab", "scenarios"], "a scenario file can change nothing of that"),
        (["--run=ab", "--junit=ab.xml"], "say --gate as well"),
        (["--run=ab", "--gate", "--junit=nowhere/ab.xml"], "cannot write nowhere/ab.xml"),
        (["--a=bakcend=tcg"], "did you mean 'backend'"),
        (["--b=cpus"], "--b cpus has no value"),
        (["--seed=-1"], "--seed"),
        (["--profile=gat"], "did you mean 'gate'"),
        (["no/such/file.py"], "there is no scenario file no/such/file.py"),
    ],
)
def test_mistakes(command, reports, arguments, says):
    ab_run(reports)
    run(reports, seed=1)
    code, _, err = command("ab", *arguments, f"--reports={reports}")
    assert code == 2
    assert says in err
    assert "Traceback" not in err
