"""The protocol's bytes: what is said is what is heard, in pieces of any size, and nothing else is heard."""

from __future__ import annotations

import contextlib
import struct
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import InvalidMessage
from harness.hxfr.client import FROM_SERVERS
from harness.hxfr.connection import FROM_CLIENTS
from harness.hxfr.messages import (
    FRAME_REQUEST,
    HEADER,
    MAGIC,
    ConfigRequest,
    ErrorCode,
    Failure,
    FourCC,
    FrameRequest,
    FrameResponse,
    Message,
    Type,
)
from harness.hxfr.parser import Parser

u32 = st.integers(0, 2**32 - 1)
i64 = st.integers(-(2**63), 2**63 - 1)
sessions = st.integers(0, 2**16 - 1)
bare = st.builds(FrameRequest, u32, u32, u32, st.sampled_from(FourCC), u32, i64, i64, st.booleans())


@st.composite
def attached(draw):
    width, height = draw(st.integers(1, 20)), draw(st.integers(1, 20))
    pixel_format = draw(st.sampled_from([FourCC.ARGB8888, FourCC.NV12]))
    stride = draw(st.integers(0, 9)) + (width if pixel_format is FourCC.NV12 else 4 * width)
    rows = height + (height + 1) // 2 if pixel_format is FourCC.NV12 else height
    pixels = memoryview(draw(st.binary(min_size=stride * rows, max_size=stride * rows)))
    return FrameRequest(
        0, width, height, pixel_format, stride, draw(i64), draw(i64), draw(st.booleans()), pixels
    )


u8 = st.integers(0, 255)
configs = st.builds(ConfigRequest, u32, u32, u32, u32, u32, u8, u8, st.booleans())
to_server = st.one_of(
    st.builds(Message, st.just(Type.FRAME_REQUEST), sessions, st.one_of(bare, attached())),
    st.builds(Message, st.just(Type.CONFIG_REQ), sessions, configs),
    st.builds(Message, st.sampled_from([Type.PING, Type.KEYFRAME_REQ, Type.SUBSCRIBE]), sessions),
    st.builds(Message, st.just(Type.SUBSCRIBE), sessions, st.none(), st.binary(min_size=4, max_size=4)),
)
units = st.lists(st.binary(max_size=40), max_size=5).map(tuple)
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60)
to_client = st.one_of(
    st.builds(
        Message, st.just(Type.FRAME_RESPONSE), sessions,
        st.builds(FrameResponse, i64, i64, st.booleans(), units),
    ),
    st.builds(Message, st.just(Type.ERROR), sessions, st.builds(Failure, st.sampled_from(ErrorCode), texts)),
    st.builds(Message, st.sampled_from([Type.PONG, Type.CONFIG_RESP]), sessions),
)  # fmt: skip


def heard(accepts, data: bytes, cuts) -> list[Message]:
    parser, messages, at = Parser(accepts), [], 0
    for cut in [*sorted(cuts), len(data)]:
        messages += parser.feed(data[at:cut])
        at = max(at, cut)
    assert not parser.midway
    return messages


@given(st.lists(to_server, max_size=4), st.lists(st.integers(0, 300), max_size=6))
def test_what_a_client_says_is_heard(messages, cuts) -> None:
    assert heard(FROM_CLIENTS, b"".join(each.to_bytes() for each in messages), cuts) == messages


@given(st.lists(to_client, max_size=4), st.lists(st.integers(0, 300), max_size=6))
def test_what_a_server_says_is_heard(messages, cuts) -> None:
    assert heard(FROM_SERVERS, b"".join(each.to_bytes() for each in messages), cuts) == messages


@given(st.lists(to_server, min_size=1, max_size=3), st.data())
def test_a_changed_byte_is_a_message_or_an_error_with_a_name(messages, data) -> None:
    said = bytearray(b"".join(each.to_bytes() for each in messages))
    for _ in range(data.draw(st.integers(1, 3))):
        said[data.draw(st.integers(0, len(said) - 1))] = data.draw(u8)
    parser = Parser(FROM_CLIENTS)
    try:
        parser.feed(bytes(said))
    except InvalidMessage:
        with pytest.raises(InvalidMessage):
            parser.filled(0)


@given(st.sampled_from([FROM_CLIENTS, FROM_SERVERS]), st.binary(max_size=400), st.booleans())
def test_noise_is_an_error_with_a_name(accepts, noise: bytes, with_magic: bool) -> None:
    with contextlib.suppress(InvalidMessage):
        Parser(accepts).feed((b"HXFR" if with_magic else b"") + noise)


def header(kind: int, size: int, *, magic: int = MAGIC, flags: int = 0) -> bytes:
    return HEADER.pack(magic, kind, flags, 0, size)


def request(width: int, height: int, fourcc: int, stride: int, announced: int) -> bytes:
    fixed = FRAME_REQUEST.pack(0, width, height, fourcc, stride, 0, 0, 0)
    return header(1, FRAME_REQUEST.size + announced, flags=1) + fixed


ARGB, NV12 = FourCC.ARGB8888.value, FourCC.NV12.value
BAD = {
    "bad magic": header(0x10, 0, magic=0x46524658),
    "unknown type": header(0x77, 0),
    "a type for the other side": header(0x02, 24),
    "4 GiB of payload": header(0x01, 0xFFFFFFFF),
    "4 GiB of payload with pixels": header(0x01, 0xFFFFFFFF, flags=1)
    + FRAME_REQUEST.pack(0, 8, 8, ARGB, 32, 0, 0, 0),
    "4 GiB in a ping": header(0x10, 0xFFFFFFFF),
    "a payload too short": header(0x01, 43),
    "pixels too short": header(0x01, 43, flags=1),
    "a stride smaller than the width": request(8, 8, ARGB, 31, 31 * 8),
    "an unknown format": request(8, 8, 0x36314752, 32, 256),
    "a format that is not said": request(8, 8, 0, 32, 256),
    "no width": request(0, 8, ARGB, 32, 256),
    "a height of 2^32 - 1": request(8, 0xFFFFFFFF, ARGB, 32, 256),
    "a product that overflows 32 bits": request(8192, 8192, ARGB, 32768, 8192 * 32768),
    "a stride of 4 GiB": request(8, 1, ARGB, 0xFFFFFFFF, 0xFFFFFFFF - 44),
    "fewer pixels than the size": request(8, 8, ARGB, 32, 255),
    "more pixels than the size": request(8, 8, ARGB, 32, 257),
    "NV12 without chroma": request(8, 8, NV12, 8, 64),
}


@pytest.mark.parametrize("said", BAD.values(), ids=BAD.keys())
def test_bad_input_is_named_before_memory_is_set_aside(said: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(InvalidMessage):
            Parser(FROM_CLIENTS).feed(said)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "payload",
    [
        struct.pack("<qqB3xI", 0, 0, 0, 0xFFFFFFFF),
        struct.pack("<qqB3xII", 0, 0, 0, 1, 5) + b"1234",
        struct.pack("<qqB3xII", 0, 0, 0, 1, 3) + b"1234",
        struct.pack("<qqB3xII", 0, 0, 0, 2, 0) + b"123",
    ],
)
def test_a_response_whose_sizes_disagree(payload: bytes) -> None:
    with pytest.raises(InvalidMessage):
        Parser(FROM_SERVERS).feed(header(0x02, len(payload)) + payload)


def test_the_layout_is_the_protocols() -> None:
    """Byte by byte, as existing clients have it."""
    message = Message(
        Type.FRAME_REQUEST, 7, FrameRequest(3, 1280, 720, FourCC.ARGB8888, 5120, 1, 2, force_keyframe=True)
    )
    assert message.to_bytes() == bytes.fromhex(
        "48584652 01 00 0700 2c000000"
        "03000000 00050000 d0020000 41523234 00140000"
        "0100000000000000 0200000000000000 01 00000000000000"
    )
    answer = Message(
        Type.FRAME_RESPONSE, 7, FrameResponse(1, 1, is_keyframe=True, nal_units=(b"\0\0\0\1\x67",))
    )
    assert answer.to_bytes() == bytes.fromhex(
        "48584652 02 00 0700 21000000 0100000000000000 0100000000000000 01 000000 01000000 05000000 0000000167"
    )
    error = Message(Type.ERROR, 7, Failure(ErrorCode.ENCODE_FAILED, "é" * 200)).to_bytes()
    assert (len(error), error[12:16], error[-2:]) == (12 + 4 + 256, b"\xfb\xff\xff\xff", b"\0\0")
