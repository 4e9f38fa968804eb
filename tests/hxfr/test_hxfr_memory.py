"""Memory that clients make the server use: it has a bound, it is counted beforehand, and all of it comes back."""

from __future__ import annotations

import pytest

from harness.encoder.model import EncoderConfig
from harness.hxfr.allowance import Allowance
from harness.hxfr.connection import FROM_CLIENTS
from harness.hxfr.failures import RequestFailed
from harness.hxfr.limits import Limits
from harness.hxfr.messages import ErrorCode, Failure, FrameRequest, Message, Type
from harness.hxfr.parser import Parser
from tests.hxfr.conftest import HEIGHT, WIDTH, shown, with_pixels

pytestmark = pytest.mark.timeout(60)
ENCODER = EncoderConfig(WIDTH, HEIGHT).memory_bytes
PIXELS = 4 * WIDTH * HEIGHT


def refused(client, session: int, request: FrameRequest) -> str:
    with pytest.raises(RequestFailed) as caught:
        client.encode(request, session)
    assert caught.value.code is ErrorCode.ENCODE_FAILED
    return caught.value.message


def settled(server, used_bytes: int) -> None:
    """Wait until so much is in use: an answer is sent before its request is forgotten."""
    while server.memory_bytes != used_bytes:
        server._run(_turn())


async def _turn() -> None:
    """One turn of the server's loop."""


def test_what_is_taken_counts_for_the_whole_too() -> None:
    whole = Allowance(100)
    one, other = Allowance(80, within=whole), Allowance(80, within=whole)
    assert not one.take(81)
    assert one.take(80)
    assert not other.take(21)
    assert other.take(20)
    assert (whole.used, one.used, other.used) == (100, 80, 20)
    one.give(80)
    assert other.take(60)
    assert whole.used == other.used == 80


def test_memory_counts_for_as_long_as_anybody_holds_it() -> None:
    allowance = Allowance(100)
    memory = allowance.memory(60)
    assert memory is not None
    assert len(memory) == allowance.used == 60
    assert allowance.memory(41) is None
    held = [memory]
    del memory
    assert allowance.used == 60
    held.clear()
    assert allowance.used == 0


def test_pixels_without_memory_are_passed_over_and_the_next_message_is_heard() -> None:
    asked: list[int] = []
    parser = Parser(FROM_CLIENTS, memory=asked.append)
    for width in (1, 320, 8000):  # less than what is passed over at once, and more
        said = [Message(Type.FRAME_REQUEST, 5, with_pixels(1, width)), Message(Type.PING, 6)]
        first, second = parser.feed(b"".join(each.to_bytes() for each in said))
        assert (first.type, first.session) == (Type.FRAME_REQUEST, 5)
        assert isinstance(first.payload, Failure)
        assert first.payload.code is ErrorCode.ENCODE_FAILED
        assert second == said[1]
        assert asked.pop() == 4 * width * HEIGHT


def test_all_sessions_of_all_clients_have_one_bound(serve, canvas) -> None:
    canvas.draw(1)
    connect = serve(memory_bytes=3 * ENCODER, connections=8, sessions=8)
    answers = []
    for client in [connect() for _ in range(8)]:
        for session in range(8):
            client.send(Message(Type.FRAME_REQUEST, session, shown()))
            answers.append(client.receive().payload)
        assert connect.server.memory_bytes <= 3 * ENCODER
    codes = [each.code for each in answers if isinstance(each, Failure)]
    assert codes == [ErrorCode.ENCODE_FAILED] * 61
    assert client.ask(Message(Type.PING)).type is Type.PONG


def test_a_client_that_takes_all_it_can_leaves_some_for_others(serve) -> None:
    connect = serve(memory_bytes=3 * ENCODER + 8 * PIXELS, client_memory_bytes=2 * ENCODER + 4 * PIXELS)
    greedy, modest = connect(), connect()
    for session in range(2):
        assert greedy.encode(with_pixels(1), session).is_keyframe
    refused(greedy, 2, with_pixels(1))
    assert modest.encode(with_pixels(1)).is_keyframe
    assert not greedy.encode(with_pixels(2), 0).is_keyframe  # what it has it keeps


def test_what_a_client_had_comes_back_when_it_has_gone(serve) -> None:
    connect = serve(memory_bytes=ENCODER + 2 * PIXELS)
    first, second = connect(), connect()
    assert first.encode(with_pixels(1)).is_keyframe
    settled(connect.server, ENCODER)
    assert f"{WIDTH}x{HEIGHT}" in refused(second, 0, with_pixels(1))
    settled(connect.server, ENCODER)
    first.close()
    settled(connect.server, 0)
    assert second.encode(with_pixels(2)).is_keyframe


def test_pixels_without_memory_are_an_error_and_the_client_goes_on(serve, canvas) -> None:
    connect = serve(memory_bytes=ENCODER + PIXELS)
    client = connect()
    assert "no memory for these pixels" in refused(client, 0, with_pixels(1, 3000, 2400))
    assert client.encode(with_pixels(2)).is_keyframe
    settled(connect.server, ENCODER)
    assert not client.encode(with_pixels(3)).is_keyframe


def test_a_smaller_picture_gives_memory_back(serve) -> None:
    large, small = EncoderConfig(640, 480).memory_bytes, ENCODER
    connect = serve()
    client = connect()
    assert client.encode(with_pixels(1, 640, 480)).is_keyframe
    settled(connect.server, large)
    assert client.encode(with_pixels(2)).is_keyframe
    settled(connect.server, small)


def test_half_a_frame_is_forgotten_with_its_client(serve) -> None:
    connect = serve()
    client = connect()
    client._stream.send(Message(Type.FRAME_REQUEST, 0, with_pixels(1)).to_bytes()[:1000])
    settled(connect.server, PIXELS)
    client.close()
    settled(connect.server, 0)


def test_the_largest_frame_fits_into_what_one_client_may_have() -> None:
    limits, largest = Limits(), EncoderConfig(8192, 4352)  # MaxFS of level 6.2, table A-1 of ITU-T H.264
    assert largest.memory_bytes + limits.pixel_bytes <= limits.client_memory_bytes < limits.memory_bytes
