"""The HXFR server: scanouts on one side, clients on sockets of any kind on the other, an event loop between them."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self, TypeVar

from harness.errors import InvalidConfiguration
from harness.hxfr.connection import Connection
from harness.hxfr.limits import Limits
from harness.hxfr.sessions import Sessions
from harness.hxfr.stream import Wanted

if TYPE_CHECKING:
    import socket
    from collections.abc import Coroutine, Mapping
    from pathlib import Path

    from harness.hxfr.scanout import Scanout

T = TypeVar("T")
_WORKERS = 4


class HxfrServer:
    """Serves ``scanouts``, which it does not own, by their numbers; runs from ``with`` on.

    ``wanted``: how streams are until a client configures them.
    """

    def __init__(
        self,
        scanouts: Mapping[int, Scanout] | None = None,
        *,
        wanted: Wanted | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._scanouts = dict(scanouts or {})
        self._wanted = wanted or Wanted()
        self._limits = limits or Limits()
        self._loop = asyncio.new_event_loop()
        self._workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="hxfr-encode")
        self._thread = threading.Thread(target=self._loop.run_forever, name="hxfr", daemon=True)
        self._listening: list[asyncio.Server] = []
        self._connections: set[Connection] = set()
        self._paths: list[Path] = []

    @property
    def clients(self) -> int:
        """How many are connected."""
        return len(self._connections)

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

    def attach(self, sock: socket.socket) -> None:
        """Serve the one client at the other end of a connected socket: a virtio-serial port's. Owned from now on."""
        self._run(self._loop.create_connection(self._client, sock=sock))

    def _listen(self, starting: Coroutine[Any, Any, asyncio.Server], where: str) -> asyncio.Server:
        try:
            server = self._run(starting)
        except OSError as error:
            raise InvalidConfiguration(
                f"nobody can listen on {where}: {error.strerror}", fix="name another place"
            ) from error
        self._listening.append(server)
        return server

    def _client(self) -> Connection:
        limits = self._limits
        full = len(self._connections) >= limits.connections
        sessions = Sessions(self._scanouts, self._workers, self._wanted, limits.sessions)
        refused = f"this server has {limits.connections} clients already" if full else ""
        connection = Connection(sessions, limits, self._gone, refused=refused)
        self._connections.add(connection)
        return connection

    def _gone(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self._workers.submit(connection.sessions.close)

    async def _stop(self) -> None:
        for server in self._listening:
            server.close()
        for connection in list(self._connections):
            connection.drop()
        while self._connections:  # each tells the loop that it was lost
            await asyncio.sleep(0)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()
