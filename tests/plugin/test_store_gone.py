"""A database that goes away while a bench measures: nothing is lost, and it is said what to do."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.results.folder import read_run
from harness.results.store import Store

SCENARIO = """
import os, signal

def test_long(measure):
    for number in range(40):
        if number == 20:  # in mid-run
            os.kill({pid}, signal.SIGQUIT)
            measure.record("server-gone", 1, unit="1", better="lower")
        measure.record("work", 1 + number, unit="s", better="lower")
"""
SHORT = "def test_short(measure):\n    measure.record('work', 1, unit='s', better='lower')\n"


@pytest.fixture
def visorbench(bench):
    def call(*arguments):
        program = str(Path(sys.executable).with_name("visorbench"))
        return subprocess.run([program, *map(str, arguments)], env=bench.environment, cwd=bench.folder,
                              capture_output=True, text=True, check=False)  # fmt: skip

    return call


@pytest.fixture
def interrupted_store(bench, postgresql):
    """A store whose server ended in the middle of a run, with what the bench said; the server is away."""
    url = postgresql.fresh_database()
    try:
        scenario = bench.scenario(SCENARIO.format(pid=postgresql.pid), "test_long.py")
        done = bench.run(scenario, "--backend", "tcg", "--store", url)
        yield url, done
    finally:
        postgresql.end()
        postgresql.start()


def test_the_run_goes_on_is_reported_and_is_delivered_later(bench, postgresql, interrupted_store, visorbench):
    url, done = interrupted_store
    assert done.returncode == 1, done.stdout + done.stderr
    latest = bench.folder / "reports" / "latest"
    assert (latest / "index.html").is_file()
    run = read_run(latest)
    assert {series.metric: series.summary.n for series in run.series} == {"work": 40, "server-gone": 1}
    assert str(latest / "index.html") in done.stdout
    said = " ".join(done.stderr.split())
    assert f"{run.id} is measured and kept in" in said
    assert "not stored" in said
    assert "visorbench store deliver" in said

    away = visorbench("store", "deliver", "--store", url)
    assert (away.returncode, "start the server" in away.stderr) == (1, True), away.stderr
    postgresql.end()
    postgresql.start()
    status = json.loads(visorbench("store", "--json", "--store", url).stdout)
    assert ([each["run"] for each in status["undelivered"]], status["runs"]) == ([run.id], 0)
    other = visorbench("store", "deliver")
    assert "1 run waits for another store" in other.stdout

    folder = bench.folder / "reports" / run.id
    folder.rename(bench.folder / "elsewhere")
    lost = visorbench("store", "deliver", run.id, "--store", url)
    assert (lost.returncode, f"still not stored: {run.id}" in lost.stdout) == (1, True), lost.stdout
    unknown = visorbench("store", "deliver", "nonsense", "--store", url)
    assert (unknown.returncode, run.id in unknown.stderr) == (2, True)
    (bench.folder / "elsewhere").rename(folder)

    delivered = visorbench("store", "deliver", "--store", url)
    assert (delivered.returncode, run.id in delivered.stdout) == (0, True), delivered.stderr
    with Store(url) as store:
        assert store.load(run.id) == run
    assert "no run waits" in visorbench("store", "deliver", "--store", url).stdout


def test_the_next_bench_is_told_at_once_and_the_one_after_it_delivers_what_waits(
    bench, postgresql, interrupted_store
):
    url, _ = interrupted_store
    run = read_run(bench.folder / "reports" / "latest")
    short = bench.scenario(SHORT, "test_short.py")
    done = bench.run(short, "--backend", "tcg", "--store", url)
    assert done.returncode == 1
    assert (
        "start the server, or check host and port in its URL, or name another with --store URL" in done.stderr
    )
    assert "still has everything" not in done.stderr
    assert read_run(bench.folder / "reports" / "latest").id == run.id, "before anything is measured"

    postgresql.end()
    postgresql.start()
    done = bench.run(short, "--backend", "tcg", "--store", url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"stored too, having waited for it: {run.id}" in done.stdout
    with Store(url) as store:
        assert {line.id for line in store.runs()} == {
            run.id,
            read_run(bench.folder / "reports" / "latest").id,
        }


def test_a_password_is_neither_printed_nor_kept(bench, postgresql):
    url = postgresql.url().replace("visorbench@", "visorbench:a-secret@")
    command = bench.command(bench.scenario(SHORT), "--backend", "tcg")
    environment = {**bench.environment, "VISORBENCH_STORE": url}
    done = subprocess.run(
        command, env=environment, cwd=bench.folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "a-secret" not in done.stdout + done.stderr
    assert not [
        path for path in bench.folder.rglob("*") if path.is_file() and b"a-secret" in path.read_bytes()
    ]
