"""The folder of a run: whole files or none, and files that other programs can read."""

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from functools import partial
from xml.etree import ElementTree as ET

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.errors import DiskFull, ReportsUnwritable, ResultsUnusable, UnknownName, UsageError
from harness.results.files import CSV_COLUMNS, write_csv, write_json, write_junit
from harness.results.folder import find_folder, point_latest, publish, read_run
from harness.results.models import Failure, Skip
from tests.report.synthetic import synthetic_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return synthetic_run(tmp_path_factory.mktemp("reports"), rounds=3)


def text(content):
    return lambda stream: stream.write(content)


def test_files_are_written_and_nothing_else(tmp_path):
    publish(tmp_path / "run", {"a.txt": text("ä\n"), "b.txt": text("b")})
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["a.txt", "b.txt"]
    assert (tmp_path / "run" / "a.txt").read_bytes() == "ä\n".encode()


def test_a_writer_that_fails_leaves_what_was_there(tmp_path):
    publish(tmp_path, {"a.txt": text("old"), "b.txt": text("old")})

    def broken(stream):
        stream.write("half")
        raise RuntimeError("a template is wrong")

    with pytest.raises(RuntimeError):
        publish(tmp_path, {"a.txt": text("new"), "b.txt": broken})
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a.txt": "old", "b.txt": "old"}


@pytest.mark.skipif(sys.platform == "win32", reason="limits a process of its own")
def test_a_full_disk_leaves_what_was_there(tmp_path):
    publish(tmp_path, {"a.txt": text("old"), "b.txt": text("old")})
    code = (
        "import resource, signal, sys, pathlib; from harness.results.folder import publish\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10000, 10000))\n"
        "from harness.errors import DiskFull\n"
        "try: publish(pathlib.Path(sys.argv[1]), {'a.txt': lambda s: s.write('new'), "
        "'b.txt': lambda s: s.write('x' * 1000000)})\n"
        "except DiskFull as error: print(error.fix)"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path], check=True, capture_output=True, text=True)
    assert "visorbench report" in done.stdout
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a.txt": "old", "b.txt": "old"}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(ReportsUnwritable, match="make it writable"):
        publish(tmp_path / "run", {"a.txt": text("a")})


@pytest.mark.skipif(not shutil.which("mount") or sys.platform != "linux", reason="needs a small tmpfs")
def test_a_full_file_system_is_disk_full(tmp_path):
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(tmp_path)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting needs root")
    try:
        publish(tmp_path / "run", {"a.txt": text("old")})
        with pytest.raises(DiskFull):
            publish(tmp_path / "run", {"a.txt": text("x" * 200_000)})
        assert [path.name for path in (tmp_path / "run").iterdir()] == ["a.txt"]
        assert (tmp_path / "run" / "a.txt").read_text() == "old"
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def _made(reports, *ids):
    for run_id in ids:
        publish(reports / run_id, {"results.json": text("{}")})


def test_latest_is_swapped(tmp_path):
    _made(tmp_path, "one", "two")
    for run_id in ("one", "two"):
        point_latest(tmp_path / run_id)
        assert (tmp_path / "latest").resolve().name == run_id
        assert find_folder("latest", tmp_path).name == run_id
    assert sorted(path.name for path in tmp_path.iterdir()) == ["latest", "one", "two"]


def test_latest_without_symbolic_links(tmp_path, monkeypatch):
    def refused(*_arguments, **_options):
        raise OSError(1314, "a required privilege is not held by the client")

    monkeypatch.setattr("pathlib.Path.symlink_to", refused)
    _made(tmp_path, "one", "two")
    point_latest(tmp_path / "one")
    assert find_folder("latest", tmp_path).name == "one"


def test_a_run_is_found_by_path_id_and_start(tmp_path):
    _made(tmp_path, "20260101-a", "20260102-b")
    (tmp_path / "templates").mkdir()
    assert find_folder(str(tmp_path / "20260101-a"), tmp_path / "elsewhere").name == "20260101-a"
    assert find_folder("20260101", tmp_path).name == "20260101-a"
    assert find_folder("latest", tmp_path).name == "20260102-b"
    with pytest.raises(UsageError, match="2 runs"):
        find_folder("2026", tmp_path)
    with pytest.raises(UnknownName, match="did you mean '20260101-a'"):
        find_folder("20260101-aa", tmp_path)


def test_a_results_json_of_another_schema_is_refused(tmp_path, run):
    publish(tmp_path, {"results.json": text(run.to_json().replace('"schema":1', '"schema":7'))})
    with pytest.raises(ResultsUnusable, match="is of schema 7, and this VisorBench reads schema 1"):
        read_run(tmp_path)


def test_a_results_json_that_was_edited_is_refused_and_the_journal_beside_it_is_the_way_out(tmp_path, run):
    document = json.loads(run.to_json())
    document["series"][0]["samples"][0] *= 100
    publish(tmp_path, {"results.json": text(json.dumps(document))})
    with pytest.raises(ResultsUnusable, match="was edited") as alone:
        read_run(tmp_path)
    assert (alone.value.exit_code, alone.value.fix) == (2, "take the file as the run wrote it")
    (tmp_path / "journal.jsonl").touch()
    with pytest.raises(ResultsUnusable) as refused:
        read_run(tmp_path)
    assert refused.value.fix.startswith("delete it: journal.jsonl beside it")


def test_results_json_reads_back(tmp_path, run):
    publish(tmp_path, {"results.json": partial(write_json, run)})
    assert read_run(tmp_path) == run


def test_samples_csv_has_every_sample_as_pandas_reads_it(run):
    untimed = run.series[0].model_copy(update={"times": None})
    of = run.model_copy(update={"series": (untimed, *run.series[1:])})
    frame = pd.read_csv(io.StringIO(_csv_of(of)), keep_default_na=False)
    assert tuple(frame.columns) == CSV_COLUMNS
    assert len(frame) == of.sample_count
    rows = frame.itertuples(index=False)
    for each in of.series:
        for at, value in enumerate(each.samples):
            row = next(rows)
            assert row[:6] == (each.scenario, each.metric, each.unit, each.better, each.subject, at)
            assert float(row.value) == value
            assert row.time_s == "" if each.times is None else float(row.time_s) == each.times[at]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=3, max_size=3))
@example(["one\nline", "a\rbreak", 'a,"b"'])
def test_samples_csv_quotes_whatever_a_name_holds(run, names):
    series = run.series[0].model_copy(update=dict(zip(("metric", "unit", "subject"), names, strict=True)))
    rows = list(
        csv.DictReader(io.StringIO(_csv_of(run.model_copy(update={"series": (series,)})), newline=""))
    )
    assert len(rows) == len(series.samples)
    assert {(row["metric"], row["unit"], row["subject"]) for row in rows} == {tuple(names)}


def _csv_of(run):
    stream = io.StringIO(newline="")
    write_csv(run, stream)
    return stream.getvalue()


def test_junit_is_well_formed_whatever_a_guest_printed(run):
    nasty = "<script>&\"'\x00\x1b[31m]]>\ud800\uffff 😀".encode("utf-8", "replace").decode()
    spoiled = run.model_copy(
        update={
            "failed": (
                Failure(scenario=nasty, subject=nasty, error="MachineDied", message=nasty + "\nmore"),
            ),
            "skipped": (Skip(scenario="boot", code="hangs", reason=nasty, fix=nasty),),
        }
    )
    stream = io.StringIO()
    write_junit(spoiled, stream)
    suite = ET.fromstring(stream.getvalue()).find("testsuite")
    cases = suite.findall("testcase")
    assert int(suite.get("tests")) == len(cases)
    assert [len(suite.findall(f"testcase/{kind}")) for kind in ("failure", "skipped")] == [1, 1]
    assert "<script>" in suite.find("testcase/failure").text
