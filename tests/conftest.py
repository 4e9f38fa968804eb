"""What every test of the harness shares."""

import signal

import pytest
from hypothesis import settings

from tests.postgresql_server import running

settings.register_profile("visorbench", deadline=None)  # a busy host is no failure
settings.load_profile("visorbench")


def pytest_configure() -> None:
    """Hear Ctrl-C, and have children hear it, where a shell that started the tests in its background took it away."""
    for number in (signal.SIGINT, getattr(signal, "SIGQUIT", signal.SIGINT)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


@pytest.fixture(scope="session")
def postgresql():
    """A real PostgreSQL server; a test that ends it starts it again."""
    try:
        with running() as server:
            yield server
    except LookupError as missing:
        pytest.skip(str(missing))
