"""Messages between the harness and its watchdog: a length (4 bytes, big-endian) and as many bytes of JSON.

Descriptors travel with the first bytes (SCM_RIGHTS). To the watchdog::

    {"do": "spawn", "id", "argv", "env", "cwd", "fds": [numbers in the child]}
    {"do": "signal", "pid", "signal"}                      end of file means: end everything

and from it::

    {"ready": pid}    {"id", "pid"} or {"id", "errno"}    {"exit": pid, "status", "at_ns"}
    {"failed": traceback}
"""

from __future__ import annotations

import json
import os
import socket
import sys

TYPE_CHECKING = False  # as in the watchdog
if TYPE_CHECKING:
    from typing import Any

assert sys.platform != "win32"  # there harness.host.job_link does what this does

MAX_FDS = 64


def receive(link: socket.socket) -> tuple[dict[str, Any] | None, list[int]]:
    """The next message and its descriptors; (None, []) at end of file."""
    head, fds, _, _ = socket.recv_fds(link, 4, MAX_FDS)
    for fd in fds:
        os.set_inheritable(fd, False)  # noqa: FBT003 - os has no keywords
    head += _exactly(link, 4 - len(head)) if head else b""
    body = _exactly(link, int.from_bytes(head, "big")) if len(head) == 4 else b""
    return (json.loads(body), fds) if body else (None, fds)


def send(link: socket.socket, message: dict[str, Any], fds: list[int] | None = None) -> None:
    """Send one message; raises OSError when the peer is gone."""
    body = json.dumps(message).encode()
    frame = len(body).to_bytes(4, "big") + body
    sent = socket.send_fds(link, [frame], fds) if fds else 0
    link.sendall(frame[sent:])


def _exactly(link: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = link.recv(count - len(data))
        if not part:
            return b""
        data += part
    return data
