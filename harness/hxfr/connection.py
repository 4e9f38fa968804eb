"""One client: its bytes in, its messages one after the other, the answers out. It runs in the server's event loop."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING

from harness.errors import InvalidMessage
from harness.host.unix_sockets import unread_bytes
from harness.hxfr.failures import RequestFailed
from harness.hxfr.messages import ErrorCode, Failure, FrameRequest, Message, Type
from harness.hxfr.parser import Parser

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.hxfr.allowance import Allowance
    from harness.hxfr.limits import Limits
    from harness.hxfr.sessions import Sessions

_log = logging.getLogger(__name__)
_DISCARDED = 65536
"""Bytes read at once of what nobody wants any more."""
FROM_CLIENTS = frozenset(
    {
        Type.FRAME_REQUEST, Type.KEYFRAME_REQ, Type.CONFIG_REQ, Type.PING, Type.PONG, Type.ENABLE_SCANOUT,
        Type.DISABLE_SCANOUT, Type.SUBSCRIBE,
    }
)  # fmt: skip


class Connection(asyncio.BufferedProtocol):
    """``sessions`` does what is asked for, in threads of its own; ``gone`` is called once when the client has left.

    ``allowance``: of the memory for pixels that come with requests.

    Requests are answered in their order. While one is worked on, others wait, and when too many do, the client's bytes
    stay in its socket; other clients notice nothing.
    """

    def __init__(
        self,
        sessions: Sessions,
        limits: Limits,
        allowance: Allowance,
        gone: Callable[[Connection], None],
        *,
        refused: str = "",
    ) -> None:
        self._sessions = sessions
        self._limits = limits
        self._gone = gone
        self._refused = refused
        self._parser = Parser(FROM_CLIENTS, most_pixels=limits.pixel_bytes, memory=allowance.memory)
        self._inbox: deque[Message] = deque()
        self._work: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._farewell: asyncio.TimerHandle | None = None
        self._all_said = False
        self._loop = asyncio.get_running_loop()
        self.over = self._loop.create_future()
        """Done when the client has gone."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The client is there."""
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("HXFR is a byte stream")
        self._transport = transport
        self._sessions.push = self._push
        if self._refused:
            self._end(Failure(ErrorCode.INTERNAL, self._refused))

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - the parser knows better
        """Where the next bytes go: pixels are received where the encoder reads them."""
        return memoryview(bytearray(_DISCARDED)) if self._ending else self._parser.space()

    def buffer_updated(self, nbytes: int) -> None:
        """Bytes have come."""
        if self._ending:
            return
        try:
            message = self._parser.filled(nbytes)
        except InvalidMessage as error:
            self._end(Failure(ErrorCode.INVALID_MESSAGE, error.message))
            return
        self._watch()
        if message is not None:
            self._inbox.append(message)
            if self._full and self._transport:
                self._transport.pause_reading()
            self._next()

    def eof_received(self) -> bool:
        """The client says no more; what it still waits for is sent."""
        if self._parser.midway and not self._ending:
            self._end(Failure(ErrorCode.INVALID_MESSAGE, "the stream ended in the middle of a message"))
        self._all_said = True
        return self._work is not None

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - a client may leave in any way
        """The client has gone, or was dropped."""
        self._transport = None
        self._forget()
        for timer in (self._timer, self._farewell):
            if timer:
                timer.cancel()
        self._gone(self)
        if not self.over.done():
            self.over.set_result(None)

    def changed_hands(self, *, still_open: bool) -> None:
        """The client has left a connection that stays, a virtio-serial port, and perhaps another has come.

        What was said by halves, or is still to be read, is not for the next one: the connection is then given up.
        """
        self._sessions.forget()
        if not still_open and self._transport and not self._quiet(self._transport):
            self._transport.abort()

    def _quiet(self, transport: asyncio.Transport) -> bool:
        """Whether the next client finds the stream at a message's beginning, in both directions."""
        busy = self._parser.midway or self._inbox or self._work or self._sessions.subscribed
        unread = unread_bytes(transport.get_extra_info("socket").fileno())
        return not busy and not transport.get_write_buffer_size() and not unread

    def drop(self) -> None:
        """Close at once, whatever is still to be sent."""
        if self._transport:
            self._transport.abort()

    @property
    def said_farewell(self) -> bool:
        """Whether it was we who ended it."""
        return self._farewell is not None

    @property
    def sessions(self) -> Sessions:
        """What the client has; theirs to close when it has gone."""
        return self._sessions

    @property
    def _ending(self) -> bool:
        return self._farewell is not None or self._transport is None or self._transport.is_closing()

    @property
    def _full(self) -> bool:
        """Whether as much waits as may: so many requests, or one frame's pixels of the largest size."""
        frames = [each.payload.pixels for each in self._inbox if isinstance(each.payload, FrameRequest)]
        held_bytes = sum(len(pixels) for pixels in frames if pixels)
        return len(self._inbox) >= self._limits.pending or held_bytes >= self._limits.pixel_bytes

    def _forget(self) -> None:
        """What has come is not worked on; its pixels are let go now, whoever else still knows this connection."""
        self._inbox.clear()
        self._parser.forget()

    def _next(self) -> None:
        if self._work is None and self._inbox and not self._ending:
            self._work = self._loop.create_task(self._handle(self._inbox.popleft()))
            self._work.add_done_callback(self._done)

    def _done(self, work: asyncio.Task[None]) -> None:
        self._work = None
        if not work.cancelled() and (error := work.exception()):
            _log.error("a request failed in a way that nobody foresaw", exc_info=error)
            self._end(Failure(ErrorCode.INTERNAL, "the server failed"))
        if self._transport and not self._ending and not self._full:
            self._transport.resume_reading()
        self._next()
        if self._all_said and self._work is None and self._transport:
            self._transport.close()

    async def _handle(self, message: Message) -> None:
        try:
            answer = await self._sessions.answer(message)
        except RequestFailed as error:
            answer = Message(Type.ERROR, message.session, Failure(error.code, error.message))
            if error.code is ErrorCode.INVALID_MESSAGE:
                self._end(Failure(error.code, error.message))
                return
        if answer is not None:
            self._send(answer)

    def _push(self, message: Message) -> None:
        """From any thread: send it when the loop comes to it."""
        self._loop.call_soon_threadsafe(self._send, message)

    def _send(self, message: Message) -> None:
        transport = self._transport
        if transport is None or self._ending:
            return
        data = message.to_bytes()
        if transport.get_write_buffer_size() + len(data) > self._limits.queue_bytes:
            _log.warning("a client did not read %d bytes and was dropped", transport.get_write_buffer_size())
            transport.abort()
            return
        transport.write(data)

    def _end(self, failure: Failure) -> None:
        """Say why, and no more; what still comes is dropped, and who does not hang up within a while is cut off.

        To close at once could take back what was just said: TCP resets a connection with unread bytes in it, and QEMU
        stops reading for a port whose other end has gone.
        """
        transport = self._transport
        if transport is None or self._ending:
            return
        self._forget()
        self._send(Message(Type.ERROR, 0, failure))
        self._farewell = self._loop.call_later(self._limits.farewell_s, transport.abort)
        if not transport.is_closing():
            transport.write_eof()
            transport.resume_reading()

    def _watch(self) -> None:
        """A message that has begun must end some time."""
        if not self._parser.midway:
            if self._timer:
                self._timer.cancel()
            self._timer = None
        elif self._timer is None:
            self._timer = self._loop.call_later(self._limits.message_s, self._too_slow)

    def _too_slow(self) -> None:
        self._timer = None
        if self._full:  # it is we who do not read
            self._watch()
            return
        self._end(
            Failure(ErrorCode.INVALID_MESSAGE, f"half a message came within {self._limits.message_s:g} s")
        )
