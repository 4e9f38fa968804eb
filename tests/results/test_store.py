"""The store gives back what it was given; when it cannot, it says why and what to do."""

import shutil
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.errors import (
    InvalidConfiguration,
    RunNotStoredHere,
    StoreError,
    StoreFull,
    StoreUnwritable,
    ToolMissing,
    UnknownName,
    UsageError,
)
from harness.measure.statistics import summarise
from harness.results.models import Failure, Native, Picture, Run, Series, Skip, Subject, Summary, Target
from harness.results.store import Store
from harness.results.undelivered import save, undelivered
from tests.report.synthetic import synthetic_run

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
NAME = TEXT.filter(bool)
NUMBER = st.floats(-1e300, 1e300)
INTERVAL = st.none() | st.tuples(NUMBER, NUMBER)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | NUMBER | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAME, inner, max_size=3),
    max_leaves=5,
)
FACTS = st.dictionaries(NAME, JSON, max_size=3)
TARGET = st.builds(Target, label=NAME, share=st.floats(1e-9, 1e9))
MOMENT = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))
SKIP = st.builds(Skip, scenario=NAME, subject=st.none() | TEXT, code=NAME, reason=TEXT, fix=TEXT)
LOGS = st.lists(TEXT, max_size=2).map(tuple)
FAILURE = st.builds(Failure, scenario=NAME, subject=st.none() | TEXT, error=NAME, message=TEXT, logs=LOGS)


@st.composite
def runs(draw):
    ids = draw(st.lists(NAME, min_size=1, max_size=3, unique=True))
    names = draw(st.lists(st.tuples(NAME, NAME, st.sampled_from(ids)), max_size=4, unique=True))
    started = draw(MOMENT)
    return Run(
        run={
            "id": draw(NAME),
            "started": started,
            "finished": draw(st.none() | st.just(started + timedelta(seconds=7))),
            "profile": draw(TEXT),
            "harness": {"version": draw(TEXT), "commit": draw(TEXT)},
            "host": {"fingerprint": draw(NAME), "facts of any name": draw(JSON)},
        },
        subjects=[
            Subject(
                id=name, backend=draw(NAME), backend_version=draw(TEXT), guest=draw(st.none() | TEXT), arch=draw(TEXT),
                config=draw(FACTS), fingerprint=draw(NAME), baseline=draw(st.none() | st.sampled_from(ids)),
            )
            for name in ids
        ],
        series=[draw(series(scenario, metric, subject, ids)) for scenario, metric, subject in names],
        skipped=draw(st.lists(SKIP, max_size=2)),
        failed=draw(st.lists(FAILURE, max_size=2)),
        notices=draw(st.lists(TEXT, max_size=2)),
        pictures=[draw(pictures(*named)) for named in names],
    )  # fmt: skip


@st.composite
def series(draw, scenario, metric, subject, ids):
    samples = draw(st.lists(NUMBER, min_size=1, max_size=8))
    found = summarise(samples)
    numbers = {name: getattr(found, name) for name in ("n", "median", "min", "max", "p95", "p99")}
    return Series(
        scenario=scenario,
        metric=metric,
        unit=draw(NAME),
        better=draw(st.sampled_from(["lower", "higher"])),
        subject=subject,
        samples=samples,
        times=draw(st.none() | st.just(list(range(len(samples))))),
        summary=Summary(**numbers, ci95=draw(INTERVAL)),
        native=draw(st.none() | st.builds(Native, subject=st.sampled_from(ids), ratio=NUMBER, ci95=INTERVAL)),
        notes=draw(st.lists(TEXT, max_size=2)),
        targets=draw(st.lists(TARGET, max_size=2)),
        definition=draw(TEXT),
        facts=draw(FACTS),
    )


def pictures(scenario, name, subject):
    return st.builds(
        Picture,
        scenario=st.just(scenario), name=st.just(name), subject=st.just(subject), facts=FACTS, caption=TEXT,
        file=st.from_regex(r"pictures/[A-Za-z0-9][A-Za-z0-9._-]{0,20}\.png", fullmatch=True),
        sha256=st.from_regex("[0-9a-f]{64}", fullmatch=True),
    )  # fmt: skip


@pytest.fixture(scope="module")
def memory():
    with Store("sqlite:///:memory:") as store:
        yield store


@given(runs())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_run_comes_back_as_it_was(memory, run):
    memory.save(run)
    assert memory.load(run.id) == run
    assert Run.from_json(run.to_json()) == run


@given(run=runs())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_run_comes_back_from_postgresql_as_it_was(postgresql_store, run):
    postgresql_store.save(run)
    assert postgresql_store.load(run.id) == run


@pytest.fixture(scope="module")
def postgresql_store(postgresql):
    with Store(postgresql.fresh_database()) as store:
        yield store


@pytest.fixture
def run(tmp_path):
    return synthetic_run(tmp_path / "reports", rounds=3)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a folder, ünïcode" / "results.db"


def open_store(path, **options):
    return Store(f"sqlite:///{path}", **options)


def test_a_run_is_found_by_id_by_its_start_and_as_the_latest(path, run):
    newer = run.model_copy(
        update={"run": run.run.model_copy(update={"id": "zz-newer", "started": datetime.now(UTC)})}
    )
    with open_store(path) as store:
        store.save(newer)
        store.save(run)
        assert store.load() == store.load("latest") == store.load("zz") == newer
        assert store.load(run.id) == run
        with pytest.raises(UnknownName, match="did you mean 'zz-newer'"):
            store.load("zz-newest")
        assert [line.id for line in store.runs()] == ["zz-newer", run.id]
        assert store.runs()[1].samples == run.sample_count
        assert (store.runs()[1].failed, store.runs()[1].skipped) == (1, 2)


def test_a_start_that_two_runs_share_is_refused(path, run):
    with open_store(path) as store:
        for name in ("ab-1", "ab-2"):
            store.save(run.model_copy(update={"run": run.run.model_copy(update={"id": name})}))
        with pytest.raises(UsageError, match="2 runs start with 'ab'"):
            store.load("ab")


def test_an_empty_store_has_no_latest(path):
    with open_store(path) as store, pytest.raises(UnknownName, match="none"):
        store.load()


def test_saving_again_replaces(path, run):
    with open_store(path) as store:
        store.save(run)
        store.save(run.model_copy(update={"skipped": ()}))
        assert store.load(run.id).skipped == ()
        assert len(store.runs()) == 1


HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""


def test_a_store_locked_by_another_process_is_said_and_then_works(path, run):
    open_store(path).close()
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert holder.stdout.readline() == b"held\n"
        with (
            pytest.raises(StoreError, match="another process") as caught,
            open_store(path, busy_timeout_s=0.2) as store,
        ):
            store.save(run)
        assert "still has everything" in caught.value.fix
    finally:
        holder.communicate()
    with open_store(path) as store:
        store.save(run)
        assert store.load() == run


def test_a_damaged_file_is_named(path):
    path.parent.mkdir()
    path.write_bytes(b"this is no database, and long enough to be looked at\n" * 100)
    with pytest.raises(StoreError, match="damaged: move the file away"):
        open_store(path)
    assert path.read_bytes().startswith(b"this is no database")


def test_a_store_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreUnwritable, match="--store URL") as refused:
        open_store(tmp_path / "file" / "results.db")
    assert refused.value.exit_code == 3


def test_a_measured_run_that_a_full_disk_keeps_out_waits_for_it(tmp_path, path, run, monkeypatch):
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    def fill(made, _):
        made.execute("PRAGMA max_page_count=1")

    monkeypatch.setenv("VISORBENCH_DATA_DIR", str(tmp_path / "data"))
    event.listen(Engine, "connect", fill)
    try:
        with pytest.raises(StoreFull, match="free some space") as full:
            open_store(path)
        with pytest.raises(RunNotStoredHere, match="free some space") as kept_out:
            save(run, tmp_path, f"sqlite:///{path}")
    finally:
        event.remove(Engine, "connect", fill)
    assert [refused.value.exit_code for refused in (full, kept_out)] == [3, 3]
    assert [each.run for each in undelivered()] == [run.id]


def save_all(store, copies):
    for copy in copies:
        store.save(copy)


def test_a_full_disk_keeps_the_runs_before(tmp_path, path, run):
    """A limit of pages stands for the disk: SQLite answers both with SQLITE_FULL."""
    from sqlalchemy import event

    with open_store(path) as store:
        store.save(run)
    before = shutil.copy(path, tmp_path / "before.db")
    with open_store(path) as store:
        pages = sqlite3.connect(before).execute("PRAGMA page_count").fetchone()[0]
        event.listen(store._engine, "connect", lambda made, _: made.execute(f"PRAGMA max_page_count={pages}"))
        store._engine.dispose()
        copies = (run.run.model_copy(update={"id": f"run-{number}"}) for number in range(50))
        with pytest.raises(StoreFull, match="free some space"):
            save_all(store, [run.model_copy(update={"run": info}) for info in copies])
        assert store.load(run.id) == run


def test_a_changed_row_is_not_believed(path, run):
    with open_store(path) as store:
        store.save(run)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE series SET better = 'mood'")
    connection.commit()
    connection.close()
    with open_store(path) as store, pytest.raises(StoreError, match="was changed"):
        store.load()


@pytest.mark.parametrize("url", ["nonsense", "nosuchdb://host/name"])
def test_a_url_that_names_no_database(url):
    with pytest.raises(InvalidConfiguration, match="sqlite:////path"):
        Store(url)


def test_a_driver_that_is_not_installed_is_named():
    pytest.importorskip("sqlalchemy")
    with pytest.raises(ToolMissing, match="pip install oracledb"):
        Store("oracle+oracledb://host/name")
