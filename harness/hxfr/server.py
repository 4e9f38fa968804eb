"""The HXFR server: scanouts on one side, clients on sockets of any kind on the other, an event loop between them."""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

from harness.errors import ChannelClosed, InvalidConfiguration, NotSeen, VsockLost
from harness.hxfr.allowance import Allowance
from harness.hxfr.connection import Connection
from harness.hxfr.limits import Limits
from harness.hxfr.sessions import Sessions
from harness.hxfr.stream import Wanted

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Coroutine, Mapping
    from pathlib import Path

    from harness.channels.vsock import VsockListener
    from harness.hxfr.scanout import Scanout

T = TypeVar("T")
_log = logging.getLogger(__name__)
_WORKERS = 4
_REOPEN_S = 2
"""After this a port is there again for a client that was hung up on and has not closed it."""
_RETRY_S = 1
"""After this a guest is let in for which there was no descriptor."""


class Port(Protocol):
    """A stream into a guest that stays when clients of the guest come and go."""

    on_change: Callable[[bool], None]
    """Called when a client has left; whether there is another already."""

    def connect(self) -> socket.socket:
        """The host's end, of which there is one; raises ChannelClosed when it is gone for good."""
        ...


class HxfrServer:
    """Serves ``scanouts``, which it does not own, by their numbers; runs from ``with`` on.

    ``wanted``: how streams are until a client configures them. ``any_resource``: take every resource id that a client
    asks for with the current scanout's size for what is shown, as clients that send GEM handles in its place need.
    """

    def __init__(
        self,
        scanouts: Mapping[int, Scanout] | None = None,
        *,
        wanted: Wanted | None = None,
        limits: Limits | None = None,
        any_resource: bool = False,
    ) -> None:
        self._scanouts = dict(scanouts or {})
        self._wanted = wanted or Wanted()
        self._limits = limits or Limits()
        self._allowance = Allowance(self._limits.memory_bytes)
        self._any_resource = any_resource
        self._loop = asyncio.new_event_loop()
        self._workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="hxfr-encode")
        self._thread = threading.Thread(target=self._loop.run_forever, name="hxfr", daemon=True)
        self._listening: list[asyncio.Server] = []
        self._connections: set[Connection] = set()
        self._guests: list[VsockListener] = []
        self._tasks: set[asyncio.Task[object]] = set()
        self._paths: list[Path] = []

    @property
    def clients(self) -> int:
        """How many are connected."""
        return len(self._connections)

    @property
    def memory_bytes(self) -> int:
        """What they make it use, of what its limits allow."""
        return self._allowance.used

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._workers.shutdown()
        self._loop.close()
        for path in self._paths:
            path.unlink(missing_ok=True)

    def offer(self, number: int, scanout: Scanout) -> None:
        """One more scanout, from now on."""
        self._scanouts[number] = scanout

    def listen_unix(self, path: Path) -> None:
        """Listen on a unix socket, which goes with the server; raises InvalidConfiguration when that cannot be."""
        self._listen(self._loop.create_unix_server(self._client, str(path)), str(path))
        self._paths.append(path)

    def listen_tcp(self, port: int = 0, host: str = "127.0.0.1") -> int:
        """Listen on TCP, and return the port; 0: the system picks one. Raises InvalidConfiguration."""
        server = self._listen(self._loop.create_server(self._client, host, port), f"{host}:{port}")
        return int(server.sockets[0].getsockname()[1])

    def listen_on(self, sock: socket.socket) -> None:
        """Take clients from a socket that listens already, of any family (vsock); it belongs to the server then."""
        self._listen(self._loop.create_server(self._client, sock=sock), "a socket")

    def listen_vsock(self, listener: VsockListener) -> None:
        """Take clients from a port of a machine's vsock, whatever carries it; owned from now on."""
        self._guests.append(listener)
        self._loop.call_soon_threadsafe(self._await_guests, listener)

    def serve_port(self, port: Port) -> None:
        """Serve whoever has a virtio-serial port open in the guest, one after the other; ``port`` stays the caller's.

        A connection that had to be closed is begun anew, for as long as the machine is there.
        """
        self._run(self._begin_port(port))

    def attach(self, sock: socket.socket) -> None:
        """Serve the one client at the other end of a connected socket. Owned from now on."""
        self._run(self._attached(sock))

    def _await_guests(self, listener: VsockListener) -> None:
        if listener in self._guests:
            self._loop.add_reader(listener.fileno(), self._accept, listener)

    def _accept(self, listener: VsockListener) -> None:
        try:
            self._keep(self._attached(listener.accept(0)))
        except NotSeen:  # it left before it was let in, or was another guest's
            pass
        except VsockLost as error:
            _log.info("no guest can connect any more: %s", error)
            self._loop.remove_reader(listener.fileno())
        except OSError as error:  # no descriptor is free: whoever waits would be told of again at once
            _log.warning("a guest was not let in: %s", error)
            self._loop.remove_reader(listener.fileno())
            self._loop.call_later(_RETRY_S, self._await_guests, listener)

    async def _begin_port(self, port: Port) -> None:
        self._keep(self._hold(port))

    async def _hold(self, port: Port) -> None:
        while True:
            try:
                sock = await self._loop.run_in_executor(self._workers, port.connect)
            except ChannelClosed as error:
                _log.info("%s", error)
                return
            connection = await self._attached(sock, invited=True)
            left = asyncio.Event()
            port.on_change = partial(self._changed_hands, connection, left)
            await connection.over
            left.clear()
            if connection.said_farewell:
                # A reader does not see that its port was closed when it is open again at once.
                with suppress(TimeoutError):
                    await asyncio.wait_for(left.wait(), _REOPEN_S)

    def _changed_hands(self, connection: Connection, left: asyncio.Event, still_open: bool) -> None:
        def tell() -> None:
            if not still_open:
                left.set()
            connection.changed_hands(still_open=still_open)

        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(tell)

    async def _attached(self, sock: socket.socket, *, invited: bool = False) -> Connection:
        sock.setblocking(False)  # noqa: FBT003 - socket has no keywords
        _, connection = await self._loop.create_connection(partial(self._client, invited=invited), sock=sock)
        return connection

    def _keep(self, work: Coroutine[Any, Any, object]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _listen(self, starting: Coroutine[Any, Any, asyncio.Server], where: str) -> asyncio.Server:
        try:
            server = self._run(starting)
        except OSError as error:
            raise InvalidConfiguration(
                f"nobody can listen on {where}: {error.strerror}", fix="name another place"
            ) from error
        self._listening.append(server)
        return server

    def _client(self, *, invited: bool = False) -> Connection:
        limits = self._limits
        full = not invited and len(self._connections) >= limits.connections
        allowance = Allowance(limits.client_memory_bytes, within=self._allowance)
        sessions = Sessions(
            self._scanouts, self._workers, self._wanted, limits.sessions, allowance,
            any_resource=self._any_resource,
        )  # fmt: skip
        refused = f"this server has {limits.connections} clients already" if full else ""
        connection = Connection(sessions, limits, allowance, self._gone, refused=refused)
        self._connections.add(connection)
        return connection

    def _gone(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self._workers.submit(connection.sessions.close)

    async def _stop(self) -> None:
        for server in self._listening:
            server.close()
        while self._guests:
            listener = self._guests.pop()
            self._loop.remove_reader(listener.fileno())
            listener.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for connection in list(self._connections):
            connection.drop()
        while self._connections:  # each tells the loop that it was lost
            await asyncio.sleep(0)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()
