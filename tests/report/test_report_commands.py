"""``visorbench report``, ``runs`` and ``compare``, and the report's own process."""

import json
import subprocess
import sys

import pytest

from harness.errors import ResultsUnusable, StoreError, VisorbenchError
from harness.gate.baseline import read_baseline
from harness.host.paths import shipped
from harness.report.child import render
from harness.results.folder import read_run
from harness.results.journal import JOURNAL
from harness.results.recorder import RunRecorder
from harness.results.store import Store
from tests.report.synthetic import synthetic_run

FILES = {"index.html", "report.md", "results.json", "samples.csv", "junit.xml"}


@pytest.fixture
def reports(tmp_path):
    return tmp_path / "reports with spaces, ünïcode"


def test_a_run_becomes_a_report_and_a_line_in_the_store(reports, command):
    run = synthetic_run(reports, rounds=3)
    code, out, _ = command("report", run.id, "--reports", reports)
    assert code == 0
    assert out.strip() == str(reports / run.id / "index.html")
    assert {path.name for path in (reports / run.id).iterdir()} == FILES | {"logs", JOURNAL}
    code, out, _ = command("runs", "--json")
    assert [(line["id"], line["samples"]) for line in json.loads(out)] == [(run.id, run.sample_count)]
    code, out, _ = command("runs")
    assert run.id in out


def test_an_interrupted_run_is_read_from_its_journal(reports, command):
    run = synthetic_run(reports, rounds=3)
    journal = reports / run.id / JOURNAL
    journal.write_bytes(journal.read_bytes()[:-30])
    assert command("report", reports / run.id)[0] == 0
    assert read_run(reports / run.id).unfinished
    assert "interrupted" in (reports / run.id / "index.html").read_text(encoding="utf-8")


def test_a_run_whose_folder_is_gone_comes_from_the_store(reports, command):
    run = synthetic_run(reports / "old", rounds=3)
    with Store() as store:
        store.save(run)
    assert command("report", run.id[:-2], "--reports", reports)[0] == 0
    assert read_run(reports / run.id) == run


def test_the_published_example_is_a_run_that_this_version_reads(command, tmp_path):
    example = shipped("reports", "published") / "example"
    run = read_baseline(
        example / "results.json"
    )  # of this schema, and its summaries are those of its samples
    assert run.id in (example / "index.html").read_text(encoding="utf-8")
    code, out, _ = command("import", example, "--store", f"sqlite:///{tmp_path / 'other.db'}")
    assert (code, out.split()[0]) == (0, run.id)


def test_a_wrong_name_names_the_nearest(reports, command):
    run = synthetic_run(reports, rounds=3)
    code, _, err = command("report", run.id + "x", "--reports", reports)
    assert code == 2
    assert f"did you mean '{run.id}'" in err
    code, _, err = command("compare", "latest", "lastest", "--reports", reports)
    assert code == 2
    assert "did you mean 'latest'" in err


def test_no_runs_yet(reports, command):
    assert "no runs yet" in command("runs")[1]
    code, _, err = command("report", "--reports", reports)
    assert (code, "unknown run 'latest'" in err) == (2, True)


def test_compare_prints_and_gives_json(reports, command):
    one, two = synthetic_run(reports, rounds=6), synthetic_run(reports, rounds=6, seed=2, speed=2)
    code, out, _ = command("compare", one.id, two.id, "--reports", reports)
    assert code == 0
    assert "  guest ready " in out
    code, out, _ = command("compare", one.id, two.id, "--json", "--reports", reports)
    comparison = json.loads(out)
    assert (comparison["before"], comparison["after"]) == (one.id, two.id)
    assert {change["verdict"] for change in comparison["changes"] if change["scenario"] == "boot"} == {
        "improved"
    }


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_runs_without_a_common_metric_are_not_compared(reports, command, form):
    for name in ("one", "two"):
        with RunRecorder("quick", {}, reports=reports, run_id=name) as recorder:
            subject = recorder.subject(backend="tcg", guest="tiny", arch="arm64")
            recorder.sample("boot", name, unit="s", better="lower", subject=subject, value=1)
            recorder.finish()
    code, out, err = command("compare", "one", "two", "--reports", reports, *form)
    assert (code, "boot" in out) == (4, True)
    assert "one and two have no metric in common" in err


def test_the_child_writes_everything_and_points_at_it(reports, tmp_path):
    run = synthetic_run(reports, rounds=3)
    folder = reports / run.id
    page = render(folder, store=f"sqlite:///{tmp_path / 'results.db'}")
    assert page.is_file()
    assert {path.name for path in folder.iterdir()} >= FILES
    assert (reports / "latest").resolve() == folder.resolve()
    assert read_run(folder) == run


def test_the_child_saves_and_a_store_that_fails_costs_no_file(reports, tmp_path):
    run = synthetic_run(reports, rounds=3)
    url = f"sqlite:///{tmp_path / 'my results.db'}"
    render(reports / run.id, store=url)
    with Store(url) as store:
        assert store.load() == run
    (tmp_path / "my results.db").write_bytes(b"damaged" * 1000)
    (reports / run.id / "index.html").unlink()
    with pytest.raises(StoreError, match="damaged"):
        render(reports / run.id, store=url)
    assert (reports / run.id / "index.html").is_file()


def test_the_childs_error_is_raised_here(tmp_path):
    (tmp_path / "results.json").write_text("{}")
    with pytest.raises(ResultsUnusable, match=r"is not the results\.json of a run"):
        render(tmp_path)


def test_a_child_that_dies_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(VisorbenchError, match="status 1: it said nothing"):
        render(tmp_path)


def test_the_measuring_process_loads_nothing_heavy_to_have_its_report_written():
    heavy = {"pandas", "matplotlib", "jinja2", "pydantic", "numpy"}
    code = f"import sys, harness.report.child, harness.report.write; print(*{heavy} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout == b"\n"
