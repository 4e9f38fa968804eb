"""A store of any version there ever was becomes one of this version; one of a newer version is left alone."""

import shutil
import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

from harness.errors import StoreError
from harness.results import migrations
from harness.results.models import Run
from harness.results.store import Store
from harness.results.store_engine import connect
from harness.results.store_schema import REVISION, VERSION_TABLE, metadata
from tests.results.writer import small_run

STORES = Path(__file__).parent / "stores"
"""Files that VisorBench wrote when its store was of that version, each with the run that is in it as JSON."""


def test_the_migrations_make_the_tables_that_the_code_reads(store_url):
    Store(store_url).close()
    with connect(store_url, 10).connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": VERSION_TABLE, "compare_type": True}
        )
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == REVISION


def test_the_newest_migration_is_the_version_of_the_code():
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_heads() == [REVISION]


@pytest.mark.parametrize("version", [1, 2])
def test_a_file_of_an_older_version_keeps_its_runs_and_takes_new_ones(tmp_path, version):
    path = tmp_path / "a folder 100%" / "results.db"
    path.parent.mkdir()
    shutil.copy(STORES / f"version-{version}.db", path)
    then = Run.from_json((STORES / f"version-{version}.json").read_text(encoding="utf-8"))
    for _ in range(2):
        with Store(f"sqlite:///{path}") as store:
            assert store.load(then.id) == then
            store.save(small_run("new", 1))
            assert {line.id for line in store.runs()} == {then.id, "new"}
    with create_engine(f"sqlite:///{path}").connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, metadata) == []


@pytest.mark.parametrize("version", ["4", "99", "a name of later days"])
def test_a_newer_store_is_left_alone(store_url, version):
    with Store(store_url) as store:
        store.save(small_run("kept", 1))
    engine = connect(store_url, 10)
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '{version}'"))
    with pytest.raises(StoreError, match=f"newer VisorBench .its schema is {version}, this one knows"):
        Store(store_url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT id FROM runs")).scalars().all() == ["kept"]


def test_a_version_of_before_alembic_that_never_was_is_newer_too(tmp_path):
    path = tmp_path / "results.db"
    shutil.copy(STORES / "version-2.db", path)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE visorbench_schema SET version = 99")
    with pytest.raises(StoreError, match="newer"):
        Store(f"sqlite:///{path}")


def test_an_upgrade_that_fails_changes_nothing(tmp_path):
    path = tmp_path / "results.db"
    shutil.copy(STORES / "version-1.db", path)
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE baselines (of_another TEXT)")  # in the way of the last migration
    connection.commit()
    before = "\n".join(connection.iterdump())
    with pytest.raises(StoreError, match="baselines already exists"):
        Store(f"sqlite:///{path}")
    assert "\n".join(connection.iterdump()) == before
    connection.close()
