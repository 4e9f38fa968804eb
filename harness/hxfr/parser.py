"""From bytes to messages, without a socket: the receiver says where the next bytes go, so that pixels are not copied.

The peer is not trusted. What it announces is compared with what its message may have before memory is set aside, and
the first thing that is wrong ends the parser: a stream that has lost its place never finds it again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.errors import InvalidMessage
from harness.hxfr.messages import (
    CONFIG_REQUEST,
    ERROR,
    FRAME_REQUEST,
    HEADER,
    PIXEL_DATA,
    ConfigRequest,
    ErrorCode,
    Failure,
    FrameRequest,
    FrameResponse,
    Header,
    Message,
    Payload,
    Type,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LARGEST_RESPONSE = 16 << 20
"""Of an access unit, for those who receive them."""
MOST_PIXELS = 64 << 20
"""Bytes of an attached frame: 4096x4096 pixels of 32 bits."""
_SCANOUT_ID = 4
_PASSED_OVER = 65536
"""Bytes read at once of pixels for which there is no memory."""

SIZES: Mapping[Type, tuple[int, int]] = {
    Type.FRAME_REQUEST: (FRAME_REQUEST.size, FRAME_REQUEST.size),
    Type.FRAME_RESPONSE: (24, LARGEST_RESPONSE),
    Type.KEYFRAME_REQ: (0, 0),
    Type.CONFIG_REQ: (CONFIG_REQUEST.size, CONFIG_REQUEST.size),
    Type.CONFIG_RESP: (0, 64),
    Type.PING: (0, 0),
    Type.PONG: (0, 0),
    Type.ENABLE_SCANOUT: (0, _SCANOUT_ID),
    Type.DISABLE_SCANOUT: (0, _SCANOUT_ID),
    Type.SCANOUT_RESP: (0, 64),
    Type.SUBSCRIBE: (0, _SCANOUT_ID),
    Type.SUBSCRIBE_RESP: (0, 64),
    Type.ERROR: (ERROR.size, ERROR.size),
}
"""The least and the most bytes of each payload, attached pixels aside."""


class Parser:
    """One direction of one connection.

    ``accepts``: the types that this side may be sent. Fill :meth:`space`, say so with :meth:`filled`, which returns the
    message that is complete now, if any. ``most_pixels``: bytes of an attached frame. ``memory`` is asked for so many
    bytes for them: where it has none the pixels are passed over, and the message's payload is a Failure.
    """

    def __init__(
        self,
        accepts: frozenset[Type],
        *,
        most_pixels: int = MOST_PIXELS,
        memory: Callable[[int], memoryview | None] = lambda count: memoryview(bytearray(count)),
    ) -> None:
        self._accepts = accepts
        self._most_pixels = most_pixels
        self._memory_for_pixels = memory
        self._failed = False
        self._restart()

    @property
    def midway(self) -> bool:
        """Whether a message has begun and is not complete."""
        return self._header is not None or self._at > 0

    def space(self) -> memoryview:
        """Where the next bytes go; never empty, never reaching into the next message."""
        return self._memory[self._at :]

    def filled(self, count: int) -> Message | None:
        """``count`` bytes are there. Raises InvalidMessage, and again whenever it is called after that."""
        if self._failed:
            raise InvalidMessage("a message that made no sense came before this one")
        self._at += count
        try:
            while self._at == len(self._memory):
                if (message := self._advance()) is not None:
                    return message
        except InvalidMessage:
            self._failed = True
            raise
        return None

    def forget(self) -> None:
        """Nothing more will come: the memory of half a message is not needed."""
        self._restart()

    def feed(self, data: bytes | memoryview) -> list[Message]:
        """The same for bytes that lie elsewhere already; raises InvalidMessage."""
        messages, rest = [], memoryview(data)
        while rest:
            space = self.space()
            count = min(len(space), len(rest))
            space[:count] = rest[:count]
            rest = rest[count:]
            if (message := self.filled(count)) is not None:
                messages.append(message)
        return messages

    def _restart(self) -> None:
        self._header: Header | None = None
        self._request: FrameRequest | None = None
        self._to_pass_over = 0
        self._expect(HEADER.size)

    def _expect(self, count: int) -> None:
        self._fill(memoryview(bytearray(count)))

    def _fill(self, memory: memoryview) -> None:
        self._memory = memory
        self._at = 0

    def _advance(self) -> Message | None:
        """The part that was awaited is there: what comes next, or the message."""
        if self._header is None:
            self._header = header = Header.unpack(self._memory)
            self._expect(self._fixed_bytes(header))
            return None
        header = self._header
        payload: Payload
        if self._to_pass_over:
            self._to_pass_over -= len(self._memory)
            if self._to_pass_over:
                self._fill(self._memory[: self._to_pass_over])
                return None
            payload = Failure(ErrorCode.ENCODE_FAILED, "the server has no memory for these pixels now")
        elif self._request is not None:
            payload = _with_pixels(self._request, self._memory)
        else:
            payload = _unpacked(header.type, self._memory)
            if isinstance(payload, FrameRequest) and header.flags & PIXEL_DATA:
                self._expect_pixels(header, payload)
                return None
        raw = b"" if payload else bytes(self._memory)
        self._restart()
        return Message(header.type, header.session, payload, raw)

    def _fixed_bytes(self, header: Header) -> int:
        if header.type not in self._accepts:
            raise InvalidMessage(f"a {header.type.name} is not for this side")
        least, most = SIZES[header.type]
        attached = header.type is Type.FRAME_REQUEST and header.flags & PIXEL_DATA
        if header.payload_bytes < least or (header.payload_bytes > most and not attached):
            wanted = f"{least}" if least == most else f"{least} to {most}"
            raise InvalidMessage(
                f"a {header.type.name} announces {header.payload_bytes} bytes; it can have {wanted}"
            )
        return least if attached else header.payload_bytes

    def _expect_pixels(self, header: Header, request: FrameRequest) -> None:
        pixels = request.attached_bytes()
        announced = header.payload_bytes - FRAME_REQUEST.size
        if pixels != announced:
            raise InvalidMessage(f"a frame's pixels have {pixels} bytes, and {announced} are announced")
        if pixels > self._most_pixels:
            raise InvalidMessage(
                f"a frame has {pixels} bytes of pixels; {self._most_pixels} are taken at most"
            )
        if (memory := self._memory_for_pixels(pixels)) is not None:
            self._request = request
            self._fill(memory)
        else:
            self._to_pass_over = pixels
            self._expect(min(pixels, _PASSED_OVER))


def _with_pixels(request: FrameRequest, pixels: memoryview) -> FrameRequest:
    return FrameRequest(
        request.resource, request.width, request.height, request.format, request.stride,
        request.pts_ns, request.duration_ns, request.force_keyframe, pixels,
    )  # fmt: skip


def _unpacked(kind: Type, data: memoryview) -> Payload:
    match kind:
        case Type.FRAME_REQUEST:
            return FrameRequest.unpack(data)
        case Type.CONFIG_REQ:
            return ConfigRequest.unpack(data)
        case Type.FRAME_RESPONSE:
            return FrameResponse.unpack(data)
        case Type.ERROR:
            return Failure.unpack(data)
        case _:
            return None
