"""Vsock where the host's kernel carries it (vhost-vsock): AF_VSOCK sockets of the host's own."""

from __future__ import annotations

import errno
import select
import socket
import sys
import time
from typing import Self

from harness.channels.vsock import CONNECT_TIMEOUT_S
from harness.errors import GuestSilent, InvalidConfiguration, NotSeen, PortRefused

_BACKLOG = 1024

if sys.platform == "linux":

    class KernelVsock:
        """The ports of the guest with this CID."""

        def __init__(self, guest_cid: int) -> None:
            self._cid = guest_cid

        def connect(self, port: int, timeout_s: float = CONNECT_TIMEOUT_S) -> socket.socket:
            """As :meth:`harness.channels.vsock.Vsock.connect`."""
            stream = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
            stream.settimeout(timeout_s)
            try:
                stream.connect((self._cid, port))
            except OSError as error:
                stream.close()
                if isinstance(error, TimeoutError) or error.errno == errno.ETIMEDOUT:
                    raise GuestSilent(
                        f"the guest's kernel did not answer within {timeout_s:g} s on vsock port {port}"
                    ) from error
                raise PortRefused(
                    f"nobody in the guest listens on vsock port {port}: {error.strerror}"
                ) from error
            stream.settimeout(None)
            return stream

        def listen(self, port: int) -> KernelListener:
            """As :meth:`harness.channels.vsock.Vsock.listen`; the port is one of the whole host's."""
            return KernelListener(self._cid, port)

    class KernelListener:
        """A port of the host, for one guest: the connections of others are closed."""

        def __init__(self, guest_cid: int, port: int) -> None:
            self._cid = guest_cid
            self._port = port
            self._socket = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
            try:
                self._socket.bind((socket.VMADDR_CID_ANY, port))
                self._socket.listen(_BACKLOG)
            except OSError as error:
                self._socket.close()
                raise InvalidConfiguration(
                    f"vsock port {port} of the host: {error.strerror}", fix="take another port"
                ) from error

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *exc: object) -> None:
            self.close()

        def accept(self, timeout_s: float) -> socket.socket:
            """As :meth:`harness.channels.vsock.VsockListener.accept`."""
            deadline = time.monotonic() + timeout_s
            while select.select([self._socket], [], [], max(0.0, deadline - time.monotonic()))[0]:
                stream, (cid, _) = self._socket.accept()
                if cid == self._cid:
                    return stream
                stream.close()
            raise NotSeen(
                f"the guest did not connect to vsock port {self._port} within {timeout_s:g} s",
                awaited=f"vsock port {self._port}", timeout_s=timeout_s, tail=[],
            )  # fmt: skip

        def fileno(self) -> int:
            """As :meth:`harness.channels.vsock.VsockListener.fileno`."""
            return self._socket.fileno()

        def close(self) -> None:
            """No more connections."""
            self._socket.close()
