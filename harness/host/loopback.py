"""Ports of the loopback."""

from __future__ import annotations

import socket


def free_port() -> int:
    """One that nobody has now, for a program that cannot be told to take any; where another is faster, it says so."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
