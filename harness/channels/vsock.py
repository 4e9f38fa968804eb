"""AF_VSOCK between host and guest, whatever carries it: connect to a port of the guest, listen on one of the host.

:class:`UnixVsock` speaks the convention of Firecracker and cloud-hypervisor: the host connects to one unix socket and
says ``CONNECT <port>``, answered ``OK <port>``; what the guest connects to is the socket ``<path>_<port>``.
"""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, Self

from harness.errors import GuestSilent, InvalidConfiguration, NotSeen, PortRefused, VsockLost
from harness.host.paths import SOCKADDR_UN_MAX
from harness.host.unix_sockets import unix_socket

if TYPE_CHECKING:
    from pathlib import Path

    from harness.host.processes import Exit, OwnedProcess

CONNECT_TIMEOUT_S = 10.0
GUEST_PORT = 1717
"""Where the harness's own programs listen in a guest: a VMM whose ports are fixed when it starts has this one."""
_PORT_MAX = 0xFFFFFFFE  # the last of all is VMADDR_PORT_ANY
_ANSWER_MAX = 24
_BACKLOG = 1024


class VsockListener(Protocol):
    """A port of the host on which a guest finds somebody."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *exc: object) -> None: ...

    def accept(self, timeout_s: float) -> socket.socket:
        """The guest's next connection; raises NotSeen in time, VsockLost when there can be none any more."""
        ...

    def fileno(self) -> int:
        """A descriptor that is readable when somebody may have come, for an event loop."""
        ...

    def close(self) -> None: ...


class Vsock(Protocol):
    """The ports of one machine."""

    def connect(self, port: int, timeout_s: float = CONNECT_TIMEOUT_S) -> socket.socket:
        """A stream to whoever listens on ``port`` in the guest.

        Raises PortRefused, GuestSilent when the guest's kernel does not answer, VsockLost.
        """
        ...

    def listen(self, port: int) -> VsockListener:
        """Let the guest connect to ``port`` of CID 2; raises InvalidConfiguration when somebody listens already."""
        ...


class UnixVsock:
    """Vsock through the unix sockets of a device process, ``path`` and ``path``_PORT."""

    def __init__(self, path: Path, process: OwnedProcess, log: Path) -> None:
        self._path = path
        self._process = process
        self._log = log
        self._listeners: set[UnixListener] = set()
        self._lock = threading.Lock()
        process.on_exit(self._wake_listeners)

    def connect(self, port: int, timeout_s: float = CONNECT_TIMEOUT_S) -> socket.socket:
        """As :meth:`Vsock.connect`."""
        _check(port)
        deadline = time.monotonic() + timeout_s
        stream = unix_socket()
        try:
            stream.settimeout(timeout_s)
            stream.connect(os.fspath(self._path))
            stream.sendall(f"CONNECT {port}\n".encode())
            answered = _read_answer(stream, deadline)
        except TimeoutError:
            stream.close()
            raise GuestSilent(
                f"the guest's kernel did not answer within {timeout_s:g} s who listens on vsock port {port}",
                fix="allow more time, or look at its console",
            ) from None
        except OSError as error:
            stream.close()
            raise self.lost() or PortRefused(f"vsock port {port}: {error.strerror}") from error
        if not answered:
            stream.close()
            raise self.lost() or PortRefused(
                f"nobody in the guest listens on vsock port {port}, or it has no driver for vsock yet",
                fix="start the listener first, after `modprobe vmw_vsock_virtio_transport`",
            )
        stream.settimeout(None)
        return stream

    def listen(self, port: int) -> UnixListener:
        """As :meth:`Vsock.listen`."""
        _check(port)
        listener = UnixListener(self, port, self._path.with_name(f"{self._path.name}_{port}"))
        with self._lock:
            self._listeners.add(listener)
        if self._process.exited:
            listener.wake()
        return listener

    def forget(self, listener: UnixListener) -> None:
        """It is closed."""
        with self._lock:
            self._listeners.discard(listener)

    def lost(self) -> VsockLost | None:
        """Why there is no vsock any more; None while its process runs."""
        ended = self._process.exited
        if ended is None:
            return None
        said = self._log.read_text(errors="replace").splitlines()[-1:] if self._log.is_file() else []
        how = f"signal {-ended.status}" if ended.status < 0 else f"status {ended.status}"
        return VsockLost(
            f"the vsock device of the machine ended with {how}" + (f": {said[0]}" if said else ""),
            fix="start the machine anew; its other channels still work",
            status=ended.status, log=self._log,
        )  # fmt: skip

    def _wake_listeners(self, _: Exit) -> None:
        with self._lock:
            for listener in self._listeners:
                listener.wake()


class UnixListener:
    """One port of the host: a unix socket that is gone when it is closed."""

    def __init__(self, vsock: UnixVsock, port: int, path: Path) -> None:
        self._vsock = vsock
        self._port = port
        self._path = path
        self._wakes, self._woken = socket.socketpair()  # a listening socket that is shut down wakes nobody
        self._socket = unix_socket()
        try:
            if len(os.fsencode(path)) > SOCKADDR_UN_MAX:
                raise InvalidConfiguration(f"the path {path} is too long for a socket", fix="set TMPDIR")
            self._socket.bind(os.fspath(path))
            self._socket.listen(_BACKLOG)
        except OSError as error:
            self._close_sockets()
            raise InvalidConfiguration(
                f"vsock port {port} of the host: {error.strerror}",
                fix="close its other listener, or take another port",
            ) from error
        except InvalidConfiguration:
            self._close_sockets()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def accept(self, timeout_s: float) -> socket.socket:
        """As :meth:`VsockListener.accept`."""
        ready, _, _ = select.select([self._socket, self._woken], [], [], timeout_s)
        if self._woken in ready:
            raise self._vsock.lost() or VsockLost(f"the listener of vsock port {self._port} was closed")
        if not ready:
            raise NotSeen(
                f"the guest did not connect to vsock port {self._port} within {timeout_s:g} s",
                awaited=f"vsock port {self._port}", timeout_s=timeout_s, tail=[],
            )  # fmt: skip
        stream, _ = self._socket.accept()
        return stream

    def fileno(self) -> int:
        """As :meth:`VsockListener.fileno`."""
        return self._socket.fileno()

    def wake(self) -> None:
        """Nobody will connect any more: whoever waits is told."""
        with suppress(OSError):  # it is closed already
            self._wakes.shutdown(socket.SHUT_RDWR)

    def _close_sockets(self) -> None:
        for each in (self._socket, self._wakes, self._woken):
            each.close()

    def close(self) -> None:
        """No more connections; those that were accepted stay. Nothing the second time."""
        self._vsock.forget(self)
        self._close_sockets()
        self._path.unlink(missing_ok=True)


def _check(port: int) -> None:
    if not 0 < port <= _PORT_MAX:
        raise InvalidConfiguration(f"{port} is no vsock port", fix=f"it can be 1 to {_PORT_MAX}")


def _read_answer(stream: socket.socket, deadline: float) -> bool:
    """Whether ``OK <port>`` came, and not a byte more was read; False: the connection was closed instead."""
    answer = b""
    while not answer.endswith(b"\n") and len(answer) < _ANSWER_MAX:
        stream.settimeout(max(0.001, deadline - time.monotonic()))
        seen = stream.recv(_ANSWER_MAX - len(answer), socket.MSG_PEEK)
        if not seen:
            return False
        line, newline, _ = seen.partition(b"\n")
        answer += stream.recv(len(line) + len(newline))
    return answer.startswith(b"OK ") and answer.endswith(b"\n")
