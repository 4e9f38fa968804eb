"""A doorbell on a socket that one thread sleeps on and another can mute.

The thread that waits for a reply reads the socket itself; while it does, the thread that otherwise stamps
what arrives must not be woken for nothing. Muting is an economy, never a guarantee: whoever is woken takes
a lock before it reads, so a bell that cannot be muted (:class:`PlainDoorbell`) is slower and just as right.
"""

from __future__ import annotations

import select
import sys
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import socket


class Doorbell(Protocol):
    """Rings while the socket has something to read, or its peer has closed it."""

    def wait(self) -> None:
        """Sleep until it rings."""
        ...

    def mute(self) -> None:
        """Do not ring for data until unmuted; a closed peer may ring all the same."""
        ...

    def unmute(self) -> None:
        """Ring again: at once when something came meanwhile."""
        ...

    def close(self) -> None: ...


def doorbell(sock: socket.socket) -> Doorbell:
    """The best bell of this platform."""
    bell: Doorbell
    if sys.platform == "linux":
        bell = EpollDoorbell(sock)
    elif sys.platform == "darwin":
        bell = KqueueDoorbell(sock)
    else:
        bell = PlainDoorbell(sock)
    return bell


class PlainDoorbell:
    """For platforms without a selector that another thread may change during a wait."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def wait(self) -> None:
        select.select([self._sock], [], [])

    def mute(self) -> None:
        """Nothing to mute."""

    def unmute(self) -> None:
        """Nothing to unmute."""

    def close(self) -> None:
        """Nothing to close."""


if sys.platform == "linux":

    class EpollDoorbell:
        """Level-triggered epoll; EPOLL_CTL_MOD takes effect in a running epoll_wait (epoll_ctl(2))."""

        def __init__(self, sock: socket.socket) -> None:
            self._fd = sock.fileno()
            self._epoll = select.epoll()
            self._epoll.register(self._fd, select.EPOLLIN)

        def wait(self) -> None:
            self._epoll.poll()

        def mute(self) -> None:
            self._epoll.modify(self._fd, 0)

        def unmute(self) -> None:
            self._epoll.modify(self._fd, select.EPOLLIN)

        def close(self) -> None:
            self._epoll.close()


if sys.platform == "darwin":

    class KqueueDoorbell:
        """Level-triggered EVFILT_READ, disabled and enabled while another thread sleeps in kevent(2)."""

        def __init__(self, sock: socket.socket) -> None:
            self._fd = sock.fileno()
            self._kqueue = select.kqueue()
            self._change(select.KQ_EV_ADD)

        def wait(self) -> None:
            self._kqueue.control(None, 1, None)

        def mute(self) -> None:
            self._change(select.KQ_EV_DISABLE)

        def unmute(self) -> None:
            self._change(select.KQ_EV_ENABLE)

        def close(self) -> None:
            self._kqueue.close()

        def _change(self, flags: int) -> None:
            self._kqueue.control([select.kevent(self._fd, select.KQ_FILTER_READ, flags)], 0)
