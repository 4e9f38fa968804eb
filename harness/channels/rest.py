"""HTTP to a VMM's control socket: one request for each connection, one send for each request, one deadline for each.

Written for two servers. vfkit is Go's net/http with gin: a Content-Length, an ``error`` in the JSON of a refusal.
krunkit reads a request with a single read of 4096 bytes, so that headers and body must leave together, and answers
without a Content-Length, its JSON ended by a NUL, and closes. Neither needs more of HTTP than is here.
"""

from __future__ import annotations

import io
import json
import os
import re
import time
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPException, parse_headers
from typing import TYPE_CHECKING, Any

from harness.errors import ControlLost, ControlRefused, ControlTimeout, InvalidConfiguration
from harness.host.paths import SOCKADDR_UN_MAX
from harness.host.unix_sockets import unix_socket

if TYPE_CHECKING:
    import socket
    from pathlib import Path

REQUEST_MAX = 4096
"""What krunkit reads of a request."""
ANSWER_MAX = 4 << 20
_END_OF_HEADERS = b"\r\n\r\n"
_STATUS_LINE = re.compile(rb"HTTP/1\.\S+\s+(?P<status>[1-5][0-9]{2})(\s|$)")
_LENGTH = re.compile("[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; ``body`` is the decoded JSON, None when there was none."""

    status: int
    body: Any


class RestClient:
    """A client of the server at a Unix socket. ``peer`` is what errors call it."""

    def __init__(self, path: Path, peer: str) -> None:
        """Raises InvalidConfiguration for a path that is too long for a socket."""
        check_socket_path(path)
        self._path = path
        self._peer = peer

    def get(self, resource: str, timeout_s: float = 5) -> Answer:
        """Raises ControlTimeout, ControlRefused, ControlLost."""
        return self._ask("GET", resource, b"", timeout_s)

    def post(self, resource: str, body: object, timeout_s: float = 5) -> Answer:
        """Raises ControlTimeout, ControlRefused, ControlLost."""
        return self._ask("POST", resource, json.dumps(body).encode(), timeout_s)

    def _ask(self, method: str, resource: str, body: bytes, timeout_s: float) -> Answer:
        what = f"{method} {resource}"
        deadline = time.monotonic() + timeout_s
        try:
            with closing(unix_socket()) as stream:
                stream.settimeout(timeout_s)
                self._connect(stream, what)
                stream.sendall(_request(method, resource, body))
                answer = parse_answer(_read(stream, deadline))
        except TimeoutError:
            raise ControlTimeout(
                f"{self._peer} did not answer {what} within {timeout_s:.3g} s",
                fix="it may be jammed: stop or kill the machine",
            ) from None
        except OSError as error:
            raise self._lost(f"broke off {what}: {error.strerror or error}") from error
        except ValueError as error:
            raise self._lost(f"answered {what}, but that {error}") from None
        if answer.status >= 400:
            said = answer.body.get("error") if isinstance(answer.body, dict) else answer.body
            raise ControlRefused(
                f"{self._peer} refused {what} with status {answer.status}" + (f": {said}" if said else ""),
                status=answer.status, desc=str(said or ""),
            )  # fmt: skip
        return answer

    def _connect(self, stream: socket.socket, what: str) -> None:
        try:
            stream.connect(os.fspath(self._path))
        except TimeoutError:
            raise
        except OSError as error:
            raise ControlLost(
                f"{self._peer} does not listen for {what}: {error.strerror or error}", listening=False
            ) from error

    def _lost(self, how: str) -> ControlLost:
        return ControlLost(
            f"{self._peer} {how}",
            fix=f"start the machine anew; if that does not help, {self._peer}'s log may (visorbench boot: --logs)",
        )


def parse_answer(raw: bytes) -> Answer:
    """All that a server said; raises ValueError with what is wrong with it."""
    head, _, body = raw.partition(_END_OF_HEADERS)
    line = _STATUS_LINE.match(head)
    if not line or len(head) == len(raw):
        raise ValueError(f"is not HTTP: {raw[:60]!r}")
    status, length = int(line["status"]), _content_length(head)
    if length is not None and len(body) < length:
        raise ValueError(f"ended after {len(body)} of {length} bytes")
    text = body[:length]
    try:
        return Answer(status, json.loads(text.rstrip(b"\0 \r\n") or b"null"))
    except (ValueError, RecursionError):
        if status >= 400:  # gin and net/http say some refusals in plain text
            return Answer(status, text.decode(errors="replace").strip())
        raise ValueError(f"is not JSON: {text[:60]!r}") from None


def check_socket_path(path: Path) -> None:
    """Raise InvalidConfiguration for a path that no socket address of macOS can hold."""
    length = len(os.fsencode(path))
    if length > SOCKADDR_UN_MAX:
        raise InvalidConfiguration(
            f"the path {path} has {length} bytes, and that of a socket at most {SOCKADDR_UN_MAX}",
            fix="set TMPDIR to a shorter folder, such as /tmp",
        )


def _request(method: str, resource: str, body: bytes) -> bytes:
    lines = [f"{method} {resource} HTTP/1.1", "Host: localhost", "Connection: close"]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    request = "\r\n".join(lines).encode() + _END_OF_HEADERS + body
    if len(request) > REQUEST_MAX:
        raise AssertionError(f"a request of {len(request)} bytes: krunkit reads {REQUEST_MAX}")
    return request


def _read(stream: socket.socket, deadline: float) -> bytes:
    """Until the answer is whole, or its sender closes; raises TimeoutError at the deadline, however slowly it drips."""
    raw = b""
    while len(raw) < ANSWER_MAX and not _whole(raw):
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        stream.settimeout(left)
        data = stream.recv(65536)
        if not data:
            break
        raw += data
    return raw


def _whole(raw: bytes) -> bool:
    head, end, body = raw.partition(_END_OF_HEADERS)
    if not end:
        return False
    length = _content_length(head)
    return body.endswith(b"\0") if length is None else len(body) >= length


def _content_length(head: bytes) -> int | None:
    """In bytes; None where the headers do not say it, or are none."""
    try:
        fields = parse_headers(io.BytesIO(head.partition(b"\r\n")[2] + _END_OF_HEADERS))
    except HTTPException:  # too many, or too long
        return None
    said = fields.get("Content-Length", "")
    return int(said) if _LENGTH.fullmatch(said) else None
