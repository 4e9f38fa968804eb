"""127.0.0.1, which machines' SSH and forwarded ports go through."""

from __future__ import annotations

import socket
import sys

from harness.errors import LoopbackDown

_PATIENCE_S = 5
HOW = ": ip link set lo up" if sys.platform == "linux" else ""


def free_port() -> int:
    """One that nobody has now, for a program that cannot be told to take any; where another is faster, it says so."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def check_loopback() -> None:
    """Raise LoopbackDown where it does not answer, as in a network namespace whose ``lo`` is down."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname(), _PATIENCE_S).close()
    except OSError as error:
        raise LoopbackDown(
            f"127.0.0.1 does not answer, and guests are reached through it: {error.strerror or error}",
            fix=f"bring the loopback interface up{HOW}",
        ) from error
