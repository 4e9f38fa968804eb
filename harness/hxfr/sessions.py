"""What one client has on the server: a stream for each of its sessions, and its subscriptions."""

from __future__ import annotations

import asyncio
import struct
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from harness.hxfr.failures import RequestFailed
from harness.hxfr.messages import (
    ConfigRequest,
    ErrorCode,
    Failure,
    FrameRequest,
    FrameResponse,
    Message,
    Type,
)
from harness.hxfr.stream import Stream, Wanted, of_request, response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Executor

    from harness.hxfr.allowance import Allowance
    from harness.hxfr.scanout import Scanout

FIRST_FRAME_S = 2
"""For a display that has shown nothing yet."""
_SCANOUT = struct.Struct("<I")
SCANOUT_RESPONSE = struct.Struct("<II")
"""The scanout, and 1 when it may be encoded. The protocol leaves this payload open; so is that of SUBSCRIBE_RESP, which
is the scanout's number here."""


class Sessions:
    """Answers one message at a time. Whatever encodes runs in ``workers``; ``push`` sends what nobody asked for.

    There are ``most`` streams and ``most`` subscriptions; ``allowance`` is of the streams' memory.
    ``any_resource``: see :class:`harness.hxfr.server.HxfrServer`.
    """

    def __init__(
        self,
        scanouts: Mapping[int, Scanout],
        workers: Executor,
        wanted: Wanted,
        most: int,
        allowance: Allowance,
        *,
        any_resource: bool = False,
    ) -> None:
        self._scanouts = scanouts
        self._workers = workers
        self._wanted = wanted
        self._most = most
        self._allowance = allowance
        self._any_resource = any_resource
        self._streams: dict[int, Stream] = {}
        self._subscribed: dict[tuple[int, int], Scanout] = {}
        self._disabled: set[int] = set()
        self.push: Callable[[Message], None] = lambda _: None

    async def answer(self, message: Message) -> Message | None:
        """The answer, None where the protocol has none. Raises RequestFailed."""
        match message.payload:
            case FrameRequest() as request:
                return await self._encode(message.session, request)
            case Failure() as failure:  # there was no memory for a request's pixels
                raise RequestFailed(failure.code, failure.message)
            case ConfigRequest() as request:
                self._stream(message.session).configure(self._wanted.asked(request))
                return Message(Type.CONFIG_RESP, message.session)
            case _:
                return await self._simple(message)

    @property
    def subscribed(self) -> bool:
        """Whether frames may come that nobody asks for again."""
        return bool(self._subscribed)

    def forget(self) -> None:
        """Another client comes over the same connection: its streams are new. For the event loop."""
        streams, self._streams = self._streams, {}
        self._disabled.clear()
        for stream in streams.values():
            self._workers.submit(stream.close)

    def close(self) -> None:
        """The client has gone. May wait for a frame that is being encoded: not for the event loop."""
        for key, scanout in self._subscribed.items():
            scanout.unsubscribe((self, key))
        for stream in self._streams.values():
            stream.close()

    async def _simple(self, message: Message) -> Message | None:
        session = message.session
        match message.type:
            case Type.PING:
                return Message(Type.PONG, session)
            case Type.KEYFRAME_REQ:
                self._stream(session).force_keyframe()
                for (subscriber, _), scanout in self._subscribed.items():
                    if subscriber == session:
                        scanout.force_keyframe()
                return None
            case Type.ENABLE_SCANOUT:
                number, _ = self._scanout(message)
                self._disabled.discard(number)
                return Message(Type.SCANOUT_RESP, session, raw=SCANOUT_RESPONSE.pack(number, 1))
            case Type.DISABLE_SCANOUT:
                number, _ = self._scanout(message)
                self._disabled.add(number)
                self._unsubscribe(number)
                return Message(Type.SCANOUT_RESP, session, raw=SCANOUT_RESPONSE.pack(number, 0))
            case Type.SUBSCRIBE:
                return await self._subscribe(message)
            case _:  # PONG
                return None

    async def _encode(self, session: int, request: FrameRequest) -> Message:
        stream = self._stream(session)
        if request.force_keyframe:
            stream.force_keyframe()
        if request.pixels is not None:
            work = partial(_encode_attached, stream, request)
        else:
            scanout = self._current()
            await _seen(scanout)
            taken = self._any_resource and scanout.size in (None, (request.width, request.height))
            resource = 0 if taken else request.resource
            work = partial(scanout.encode_current, stream, request.pts_ns, resource=resource)
        answer = await asyncio.get_running_loop().run_in_executor(self._workers, work)
        return Message(Type.FRAME_RESPONSE, session, answer)

    def _current(self) -> Scanout:
        """The scanout that a request without pixels means."""
        scanout = self._scanouts.get(0)
        if scanout is None or 0 in self._disabled:
            raise RequestFailed(ErrorCode.RESOURCE_NOT_FOUND, "there is no scanout, or it was disabled")
        return scanout

    async def _subscribe(self, message: Message) -> Message | None:
        number, scanout = self._scanout(message)
        session = message.session
        if number in self._disabled:
            raise RequestFailed(ErrorCode.RESOURCE_NOT_FOUND, f"the scanout {number} was disabled")
        key = session, number
        if key not in self._subscribed and len(self._subscribed) >= self._most:
            raise RequestFailed(ErrorCode.INTERNAL, f"a client has {self._most} subscriptions at most")
        self._subscribed[key] = scanout
        self.push(Message(Type.SUBSCRIBE_RESP, session, raw=_SCANOUT.pack(number)))
        work = partial(scanout.subscribe, (self, key), partial(self._publish, session))
        await asyncio.get_running_loop().run_in_executor(self._workers, work)
        return None

    def _publish(self, session: int, what: FrameResponse | Failure) -> None:
        kind = Type.FRAME_RESPONSE if isinstance(what, FrameResponse) else Type.ERROR
        self.push(Message(kind, session, what))

    def _unsubscribe(self, number: int) -> None:
        for key in [key for key in self._subscribed if key[1] == number]:
            self._subscribed.pop(key).unsubscribe((self, key))

    def _scanout(self, message: Message) -> tuple[int, Scanout]:
        """The scanout that a message names; 0 when it names none."""
        if len(message.raw) not in (0, _SCANOUT.size):
            raise RequestFailed(ErrorCode.INVALID_MESSAGE, f"a scanout's number has {len(message.raw)} bytes")
        number: int = _SCANOUT.unpack(message.raw)[0] if message.raw else 0
        if number not in self._scanouts:
            raise RequestFailed(ErrorCode.RESOURCE_NOT_FOUND, f"there is no scanout {number}")
        return number, self._scanouts[number]

    def _stream(self, session: int) -> Stream:
        if session not in self._streams:
            if len(self._streams) >= self._most:
                raise RequestFailed(ErrorCode.INTERNAL, f"a client has {self._most} sessions at most")
            self._streams[session] = Stream(self._wanted, self._allowance)
        return self._streams[session]


async def _seen(scanout: Scanout) -> None:
    """Wait for a first frame; not in a worker, of which there are fewer than clients."""
    loop, came = asyncio.get_running_loop(), asyncio.Event()

    def tell() -> None:
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(came.set)

    scanout.on_seen(tell)
    try:
        with suppress(TimeoutError):
            await asyncio.wait_for(came.wait(), FIRST_FRAME_S)
    finally:
        scanout.off_seen(tell)


def _encode_attached(stream: Stream, request: FrameRequest) -> FrameResponse:
    return response(stream.encode(of_request(request), request.pts_ns))
