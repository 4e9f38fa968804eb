"""What every test of the harness shares."""

import os
import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings

from harness.cli.main import main
from tests.drawing import drawing_machine  # noqa: F401 - a fixture: for one machine, whichever tests use it
from tests.postgresql_server import running

settings.register_profile("visorbench", deadline=None)  # a busy host is no failure
settings.load_profile("visorbench")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--runslow", action="store_true", help="also run the tests that are marked slow")


def pytest_configure() -> None:
    """Hear Ctrl-C, and have children hear it, where a shell that started the tests in its background took it away."""
    for number in (signal.SIGINT, getattr(signal, "SIGQUIT", signal.SIGINT)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    hangup = getattr(signal, "SIGHUP", signal.SIGINT)
    if signal.getsignal(hangup) is signal.SIG_IGN:  # nohup: the tests still go on, and children hear it
        signal.signal(hangup, lambda *_: None)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A guest under TCG on a busy host stops now and then, for its emulator's reasons: its test runs once more, and the
    summary names it. What fails for ours fails twice. In CI, whose machines are shared, so does every test."""
    for item in items:
        if item.get_closest_marker("guest_boot") or os.environ.get("CI"):
            item.add_marker(pytest.mark.flaky(reruns=1))
        if item.get_closest_marker("slow") and not config.getoption("--runslow"):
            item.add_marker(pytest.mark.skip(reason="slow: --runslow runs it"))


@pytest.fixture(scope="session")
def postgresql():
    """A real PostgreSQL server; a test that ends it starts it again."""
    try:
        with running() as server:
            yield server
    except LookupError as missing:
        pytest.skip(str(missing))


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request, tmp_path):
    """An empty store, in one database and then in the other."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'results.db'}"
    return request.getfixturevalue("postgresql").fresh_database()


@pytest.fixture
def tmpdir_of_children(monkeypatch):
    """Where processes of this test make their private folders, which outlive a kill -9: a path that is short enough for
    sockets, removed with all that is in it."""
    root = None if sys.platform == "win32" else "/tmp"
    with TemporaryDirectory(prefix="vb-of-tests-", dir=root) as folder:
        monkeypatch.setenv("TMPDIR", folder)
        yield Path(folder)


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Run ``visorbench`` in this process, in an empty folder; returns its exit code and both its outputs."""
    monkeypatch.setenv("VISORBENCH_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(list(map(str, arguments)))
        out, err = capsys.readouterr()
        return ended.value.code, out, err

    return call
