"""A console over a real socket."""

from __future__ import annotations

import socket

import pytest

from harness.channels.console import Console


@pytest.fixture
def wire():
    """(guest's end, console)"""
    guest, host = socket.socketpair()
    console = Console(host)
    yield guest, console
    console.close()
    guest.close()
