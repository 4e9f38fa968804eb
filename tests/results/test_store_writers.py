"""Many writers at once lose nothing, in either database; a server that ends is named, and then works again."""

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import psycopg
import pytest

from harness.errors import StoreError
from harness.results.store import Store
from tests.results.writer import SHARED, small_run

WRITERS = 4
RUNS = 8


def test_processes_that_open_a_new_store_together_and_write_lose_nothing(store_url):
    command = [sys.executable, "-m", "tests.results.writer", store_url]
    writers = [
        subprocess.Popen(
            [*command, f"writer-{number}", str(RUNS)], cwd=Path(__file__).parents[2], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for number in range(WRITERS)
    ]  # fmt: skip
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:  # all have loaded what they need: now they write at once
        writer.stdin.write("\n")
        writer.stdin.flush()
    said = [writer.communicate()[1] for writer in writers]
    assert [writer.returncode for writer in writers] == [0] * WRITERS, "\n".join(said)
    expected = {f"writer-{writer}-{number}": number for writer in range(WRITERS) for number in range(RUNS)}
    with Store(store_url) as store:
        lines = store.runs()
        assert {line.id for line in lines} == {*expected, SHARED}
        assert len(lines) == len(expected) + 1
        for run_id, value in expected.items():
            assert store.load(run_id) == small_run(run_id, value)
        shared = store.load(SHARED)
        assert shared == small_run(SHARED, shared.series[0].samples[0])  # one writer's, whole


def test_a_new_file_that_another_process_is_writing_is_waited_for(tmp_path):
    """SQLite itself does not wait there, whatever its timeout: it refuses to change the journal's mode at once."""
    file = tmp_path / "results.db"
    other = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.3, other.execute, ["COMMIT"])
    release.start()
    with Store(f"sqlite:///{file}") as store:
        assert store.runs() == []
    release.join()
    other.close()


def test_two_stores_at_once_lose_nothing(store_url):
    with Store(store_url) as one, Store(store_url) as two:
        for number in range(6):
            (one, two)[number % 2].save(small_run(f"run-{number}", number))
        assert len(one.runs()) == len(two.runs()) == 6


def test_a_server_that_ends_is_named_and_then_works_again(postgresql):
    url = postgresql.fresh_database()
    with Store(url) as store:
        store.save(small_run("before", 1))
        postgresql.end()
        try:
            with pytest.raises(StoreError, match="start it") as open_connection:
                store.save(small_run("lost", 2))
            with pytest.raises(StoreError, match="start the server"):
                Store(url)
        finally:
            postgresql.start()
        assert "still has everything" in open_connection.value.fix
        store.save(small_run("after", 3))
        assert [line.id for line in store.runs()] == ["before", "after"]


def test_a_table_that_another_holds_is_waited_for_and_then_named(postgresql):
    url = postgresql.fresh_database()
    with Store(url, busy_timeout_s=0.2) as store, psycopg.connect(url) as other:
        other.execute("LOCK TABLE runs IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(StoreError, match="lock timeout") as caught:
            store.save(small_run("waiting", 1))
        assert "another process" in caught.value.fix
        other.rollback()
        store.save(small_run("waiting", 1))


@pytest.mark.parametrize(
    ("url", "fix"),
    [
        ("postgresql://{user}:a%20secret@/nobody_made_this?host={folder}", "make it first"),
        ("postgresql://nobody:a%20secret@/postgres?host={folder}", "createuser"),
        ("postgresql://{user}:a%20secret@/x?host={folder}/no-socket-here", "start the server"),
    ],
)
def test_what_is_wrong_with_a_server_is_said_without_the_password(postgresql, url, fix):
    with pytest.raises(StoreError) as caught:
        Store(url.format(user="visorbench", folder=postgresql.folder))
    assert fix in caught.value.fix
    assert "secret" not in str(caught.value)
    assert "***" in caught.value.message
