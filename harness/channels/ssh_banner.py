"""When an SSH server answers: connections are tried until one brings the banner (RFC 4253, section 4.2).

QEMU's user network accepts a connection before anything listens in the guest, so only the banner's bytes
count. A refused attempt is repeated after INTERVAL_S; one that is accepted and silent is kept, since a slow
guest may still be at it, and joined by another after PATIENCE_S, since the user network may have lost its
first packet. Of those that are kept the oldest stays: however long a starved guest takes to answer, its first
connection has waited that long.
"""

from __future__ import annotations

import re
import selectors
import socket
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from harness.channels.stamp import Stamp
from harness.errors import ChannelError, GuestSilent

if TYPE_CHECKING:
    from collections.abc import Callable

INTERVAL_S = 0.05
PATIENCE_S = 0.5
MOST_AT_ONCE = 4
"""Servers count unauthenticated connections (dropbear: five from one address)."""
LONGEST_GREETING = 8192
"""Bytes before the banner's line, which RFC 4253 allows."""

_BANNER = re.compile(rb"(?:^|\n)SSH-[^\n]*\n")


class Greeted:
    """A socket whose first bytes were read already and are read again by paramiko."""

    def __init__(self, sock: socket.socket, first: bytes) -> None:
        self._sock = sock
        self._first = first

    def recv(self, size: int) -> bytes:
        """As a socket's."""
        if self._first:
            data, self._first = self._first[:size], self._first[size:]
            return data
        return self._sock.recv(size)

    def send(self, data: bytes) -> int:
        """As a socket's."""
        return self._sock.send(data)

    def settimeout(self, timeout_s: float | None) -> None:
        """As a socket's."""
        self._sock.settimeout(timeout_s)

    def close(self) -> None:
        """As a socket's."""
        self._sock.close()

    @property
    def _closed(self) -> bool:  # paramiko looks at this one
        return self._sock.fileno() < 0


class _Attempt:
    def __init__(self, address: tuple[str, int], number: int) -> None:
        self.number = number
        self.started = time.monotonic()
        self.said = b""
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.sock.settimeout(0)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.connect_ex(address)  # a refusal shows when it is read


def wait_banner(
    host: str, port: int, timeout_s: float, check: Callable[[], None] = lambda: None
) -> tuple[Stamp, Greeted]:
    """The banner's stamp, and the connection that brought it.

    The stamp's resolution is the time between the last two attempts. ``check`` is called before each, and raises
    when there is nothing left to wait for. Raises GuestSilent, and ChannelError when what answers is no SSH server.
    """
    address = (host, port)
    deadline = time.monotonic() + timeout_s
    last_start = next_start = time.monotonic()
    gap_s = INTERVAL_S
    number = 0
    with selectors.DefaultSelector() as selector, ExitStack() as losers:
        pending: list[_Attempt] = []
        while (now := time.monotonic()) < deadline:
            check()
            if now >= next_start:
                if len(pending) >= MOST_AT_ONCE:
                    _drop(selector, pending, _least_missed(pending, now))
                attempt = _Attempt(address, number)
                gap_s, last_start = (max(INTERVAL_S, now - last_start) if number else INTERVAL_S), now
                number += 1
                losers.callback(attempt.sock.close)
                selector.register(attempt.sock, selectors.EVENT_READ, attempt)
                pending.append(attempt)
                next_start = now + PATIENCE_S
            wait_s = max(0.0, min(next_start, deadline) - now)
            for key, _ in selector.select(wait_s):
                at_ns = time.monotonic_ns()
                heard: _Attempt = key.data
                if not _hear(heard, address):
                    _drop(selector, pending, heard)
                    next_start = max(last_start + INTERVAL_S, time.monotonic())
                elif _BANNER.search(heard.said):
                    sock = heard.sock.dup()
                    return Stamp(at_ns, int(gap_s * 1e9)), Greeted(sock, heard.said)
        for attempt in pending:
            if attempt.said:
                raise not_ssh(address, attempt.said)
    raise GuestSilent(
        f"no SSH server answered on {host}:{port} within {timeout_s:g} s",
        host=host,
        port=port,
        attempts=number,
    )


def _least_missed(pending: list[_Attempt], now: float) -> _Attempt:
    """The one whose neighbours in age are nearest to each other: the ages that stay grow as powers do."""
    ages = [*(max(PATIENCE_S, now - attempt.started) for attempt in pending), PATIENCE_S]
    return min(zip(pending[1:], ages, ages[2:], strict=False), key=lambda at: at[1] / at[2])[0]


def _hear(attempt: _Attempt, address: tuple[str, int]) -> bool:
    """Read what came; False when the connection has ended. Raises ChannelError."""
    try:
        data = attempt.sock.recv(4096)
    except BlockingIOError:
        return True
    except OSError:
        return False
    attempt.said += data
    if len(attempt.said) > LONGEST_GREETING or (attempt.said and not data):
        raise not_ssh(address, attempt.said)
    return bool(data)


def not_ssh(address: tuple[str, int], said: bytes) -> ChannelError:
    """What answers is something else; facts: said."""
    return ChannelError(
        f"what answers on {address[0]}:{address[1]} is no SSH server: it said {said[:60]!r}",
        fix="the port is another program's: let the harness choose one",
        said=said[:LONGEST_GREETING],
    )


def _drop(selector: selectors.BaseSelector, pending: list[_Attempt], attempt: _Attempt) -> None:
    selector.unregister(attempt.sock)
    attempt.sock.close()
    pending.remove(attempt)
