"""What every test of the harness shares."""

import pytest
from hypothesis import settings

from tests.postgresql_server import running

settings.register_profile("visorbench", deadline=None)  # a busy host is no failure
settings.load_profile("visorbench")


@pytest.fixture(scope="session")
def postgresql():
    """A real PostgreSQL server; a test that ends it starts it again."""
    try:
        with running() as server:
            yield server
    except LookupError as missing:
        pytest.skip(str(missing))
