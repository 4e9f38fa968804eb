"""The REST server of a double: one thread, one request for each connection; it misbehaves as it is told."""

from __future__ import annotations

import json
import os
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from tests.doubles.modes import Mode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Handler = Callable[[str, str, bytes], "Reply"]
    """Method, path, body → reply."""

Reply = tuple[int, object]
"""Status and JSON body; None for no body, a str for plain text."""

_REASONS = {200: "OK", 202: "Accepted", 400: "Bad Request", 404: "Not Found", 500: "Internal Server Error"}


class RestServer:
    """Listens as soon as it is made. ``one_read``: what a first read does not bring of a request is never read."""

    def __init__(
        self, path: Path, handler: Handler, modes: frozenset[Mode], *, one_read: bool = False
    ) -> None:
        self._handler, self._modes, self._one_read = handler, modes, one_read
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(os.fspath(path))
        self._socket.listen(16)
        self._kept: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            stream, _ = self._socket.accept()
            done = True
            with suppress(OSError):  # who asked has gone
                done = self._answer(stream)
            if done:
                stream.close()
            else:
                self._kept.append(stream)

    def _answer(self, stream: socket.socket) -> bool:
        """False: the connection stays open, unanswered."""
        request = stream.recv(4096)
        if Mode.JAMMED in self._modes:
            return False
        head, end, body = request.partition(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        while end and len(body) < length and not self._one_read:
            more = stream.recv(4096)
            if not more:
                return True
            body += more
        words = head.split(b" ", 2)
        if len(words) < 3:
            return True
        method, path = words[0].decode(), words[1].decode()
        if method == "POST" and Mode.JAMMED_POST in self._modes:
            return False
        status, reply = (
            (500, {"error": "Error Domain=VZErrorDomain Code=1"})
            if method == "POST" and Mode.ERROR in self._modes
            else self._handler(method, path, body)
        )
        if Mode.DOCUMENTED in self._modes and status == 202:
            status = 200
        written = self._written(status, reply)
        if Mode.DRIPS in self._modes:
            for byte in written[:-1]:
                stream.sendall(bytes([byte]))
                threading.Event().wait(0.05)
            return False
        stream.sendall(written)
        return True

    def _written(self, status: int, reply: object) -> bytes:
        if Mode.GARBAGE in self._modes:
            return b"\x7fELF, or whatever else this is"
        line = f"HTTP/1.1 {status} {_REASONS[status]}\r\n".encode()
        if reply is None:
            return line + b"Content-Length: 0\r\n\r\n"
        body = reply.encode() if isinstance(reply, str) else json.dumps(reply).encode()
        if Mode.NUL in self._modes:
            whole = body + b"\0"
            said = whole[: len(whole) // 2] if Mode.HALF in self._modes else whole
            return line + b"Content-type: application/json\r\n\r\n" + said
        kind = "text/plain" if isinstance(reply, str) else "application/json; charset=utf-8"
        head = line + f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        return head + (body[: len(body) // 2] if Mode.HALF in self._modes else body)
