"""The library under test, built once; skipped by name where x264 or libyuv are missing."""

from __future__ import annotations

import pytest

from harness.encoder import binding
from harness.errors import HostLacks


@pytest.fixture(scope="session", autouse=True)
def bound() -> binding.Binding:
    """The library of this host."""
    try:
        return binding.load()
    except HostLacks as lack:
        pytest.skip(f"no encoder: {lack}")
