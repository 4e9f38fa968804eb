"""A client of HXFR, as small as a guest's: one request, one answer; or what a subscription pushes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from harness.display.stream import Stream
from harness.errors import DisplayLost, InvalidMessage
from harness.hxfr.failures import RequestFailed
from harness.hxfr.messages import Failure, FrameResponse, Message, Type
from harness.hxfr.parser import Parser

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from harness.hxfr.messages import FrameRequest

FROM_SERVERS = frozenset(
    {
        Type.FRAME_RESPONSE, Type.CONFIG_RESP, Type.PING, Type.PONG, Type.SCANOUT_RESP, Type.SUBSCRIBE_RESP,
        Type.ERROR,
    }
)  # fmt: skip


class HxfrClient:
    """Owns ``sock``. One thread uses it."""

    def __init__(self, sock: socket.socket) -> None:
        self._stream = Stream(sock, "the HXFR server")
        self._parser = Parser(FROM_SERVERS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def send(self, message: Message) -> None:
        """Raises DisplayLost."""
        for piece in message.pack():
            self._stream.send(piece)

    def receive(self, timeout_s: float = 10) -> Message:
        """The next message; raises NoFrame (in mid-message the rest is lost), DisplayLost, InvalidMessage."""
        deadline = time.monotonic() + timeout_s
        while True:
            space = self._parser.space()
            self._stream.read_into(space, deadline)
            if (message := self._parser.filled(len(space))) is not None:
                return message

    def ask(self, message: Message, timeout_s: float = 10) -> Message:
        """Send it, and return the answer; raises RequestFailed for an ERROR, and what send and receive raise."""
        self.send(message)
        return _accepted(self.receive(timeout_s))

    def encode(self, request: FrameRequest, session: int = 0, timeout_s: float = 10) -> FrameResponse:
        """One frame in, one access unit out; raises what :meth:`ask` raises."""
        answer = self.ask(Message(Type.FRAME_REQUEST, session, request), timeout_s).payload
        if not isinstance(answer, FrameResponse):
            raise InvalidMessage("the server answered a FRAME_REQUEST with something else")
        return answer

    def subscribe(self, scanout: int = 0, timeout_s: float = 10) -> Iterator[FrameResponse]:
        """Every later access unit of a scanout; waits ``timeout_s`` for each. Ends when the server ends.

        Raises RequestFailed, InvalidMessage, NoFrame.
        """
        answer = self.ask(Message(Type.SUBSCRIBE, raw=scanout.to_bytes(4, "little")), timeout_s)
        if answer.type is not Type.SUBSCRIBE_RESP:
            raise InvalidMessage("the server answered a SUBSCRIBE with something else")
        while True:
            try:
                payload = _accepted(self.receive(timeout_s)).payload
            except DisplayLost:
                return
            if isinstance(payload, FrameResponse):
                yield payload

    def close(self) -> None:
        """Hang up."""
        self._stream.close()


def _accepted(message: Message) -> Message:
    if isinstance(message.payload, Failure):
        raise RequestFailed(message.payload.code, message.payload.message)
    return message
