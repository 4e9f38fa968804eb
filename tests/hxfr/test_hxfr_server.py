"""The server: every message, several clients and sessions, and what the hostile and the slow among them cannot do."""

from __future__ import annotations

import io
import socket
import threading
from pathlib import Path

import av
import pytest

from harness.display.pattern import decode
from harness.errors import DisplayLost, InvalidConfiguration, NoFrame
from harness.hxfr.client import HxfrClient
from harness.hxfr.failures import RequestFailed
from harness.hxfr.messages import ConfigRequest, ErrorCode, Failure, FrameRequest, Message, Type
from harness.hxfr.server import HxfrServer
from tests.hxfr.conftest import HEIGHT, WIDTH, shown, with_pixels
from tests.hxfr.test_hxfr_parser import BAD

pytestmark = pytest.mark.timeout(60)


def decoded(responses) -> list[tuple[int | None, tuple[int, int]]]:
    """The number and the size of every picture in a stream, by a strict decoder."""
    stream = io.BytesIO(b"".join(b"".join(each.nal_units) for each in responses))
    pictures = []
    with av.open(stream, format="h264", options={"err_detect": "explode"}) as container:
        for frame in container.decode(video=0):
            grey = frame.to_ndarray(format="gray")
            cells = [int(grey[8, (2 * cell + 1) * frame.width // 64]) for cell in range(32)]
            pictures.append((decode(cells), (frame.width, frame.height)))
    return pictures


def failure(client: HxfrClient, message: Message) -> ErrorCode:
    with pytest.raises(RequestFailed) as caught:
        client.ask(message)
    return caught.value.code


def test_ping_is_answered_in_its_session(connect) -> None:
    answer = connect().ask(Message(Type.PING, 9))
    assert (answer.type, answer.session) == (Type.PONG, 9)


def test_pixels_become_a_stream_without_configuration(connect) -> None:
    client = connect()
    responses = [client.encode(with_pixels(number)) for number in range(70)]
    assert [each.pts_ns for each in responses] == [1000 * number for number in range(70)]
    assert [number for number, each in enumerate(responses) if each.is_keyframe] == [0, 60]
    assert all(unit.startswith((b"\0\0\0\1", b"\0\0\1")) for each in responses for unit in each.nal_units)
    assert decoded(responses) == [(number, (WIDTH, HEIGHT)) for number in range(70)]


def test_a_new_size_in_mid_stream_begins_with_a_keyframe(connect) -> None:
    client = connect()
    responses = [
        client.encode(with_pixels(1)),
        client.encode(with_pixels(2)),
        client.encode(with_pixels(3, 640, 128)),
    ]
    assert [each.is_keyframe for each in responses] == [True, False, True]
    assert decoded(responses) == [(1, (WIDTH, HEIGHT)), (2, (WIDTH, HEIGHT)), (3, (640, 128))]


def test_keyframes_come_when_asked_for(connect) -> None:
    client = connect()
    client.encode(with_pixels(0))
    assert not client.encode(with_pixels(1)).is_keyframe
    assert client.encode(with_pixels(2, keyframe=True)).is_keyframe
    client.send(Message(Type.KEYFRAME_REQ))
    assert client.encode(with_pixels(3)).is_keyframe


def test_sessions_are_streams_of_their_own(connect) -> None:
    client = connect()
    one = [client.encode(with_pixels(1), session=1), client.encode(with_pixels(2), session=1)]
    other = [client.encode(with_pixels(3), session=2)]
    assert [each.is_keyframe for each in one + other] == [True, False, True]
    assert decoded(one)[1][0] == 2


def not_found(client, request) -> bool:
    return failure(client, Message(Type.FRAME_REQUEST, 0, request)) is ErrorCode.RESOURCE_NOT_FOUND


def test_the_current_scanout_by_0_and_by_the_resource_that_it_shows(connect, canvas) -> None:
    canvas.draw(11)
    client = connect()
    assert decoded([client.encode(shown())])[0][0] == 11
    assert not_found(client, shown(4711))  # which one is shown is not known
    canvas.resource = 4711
    canvas.draw(12)
    response = client.encode(shown(4711, keyframe=True))
    assert (decoded([response])[0][0], response.pts_ns) == (12, 42)
    assert not_found(client, shown(4712))
    canvas.resource = None  # switched off, which is no frame
    assert not_found(client, shown(4711))
    assert client.ask(Message(Type.PING)).type is Type.PONG  # an error is no end


def test_any_resource_of_its_size_where_clients_send_gem_handles(serve, canvas) -> None:
    canvas.resource = 4711
    canvas.draw(13)
    client = serve(any_resource=True)()
    assert decoded([client.encode(shown(2))])[0][0] == 13
    assert not_found(client, shown(2, 640))
    assert client.encode(shown(4711, 640)).nal_units  # what is asked for rightly is not measured


def test_subscribers_get_every_flip_beginning_with_a_keyframe(connect, canvas) -> None:
    canvas.draw(100)
    first = connect().subscribe()
    got = [next(first)]  # what is shown already
    canvas.draw(101)
    got.append(next(first))
    second = connect().subscribe()
    late = [next(second)]
    got.append(next(first))  # the newcomer's keyframe is for everybody
    for number in range(102, 110):
        canvas.draw(number)
        got.append(next(first))
        late.append(next(second))
    assert late[0].is_keyframe
    assert [number for number, _ in decoded(got)] == [100, 101, *range(101, 110)]
    assert [number for number, _ in decoded(late)] == list(range(101, 110))


def test_scanout_control(connect, canvas) -> None:
    canvas.draw(5)
    client = connect()
    disabled = client.ask(Message(Type.DISABLE_SCANOUT, 3, raw=b"\0\0\0\0"))
    assert (disabled.type, disabled.session, disabled.raw) == (Type.SCANOUT_RESP, 3, bytes(8))
    assert failure(client, Message(Type.FRAME_REQUEST, 0, shown())) is ErrorCode.RESOURCE_NOT_FOUND
    assert failure(client, Message(Type.SUBSCRIBE)) is ErrorCode.RESOURCE_NOT_FOUND
    assert connect().encode(shown()).is_keyframe  # another client's scanout is its own
    assert client.ask(Message(Type.ENABLE_SCANOUT)).raw == b"\0\0\0\0\1\0\0\0"
    assert client.encode(shown()).is_keyframe
    assert failure(client, Message(Type.SUBSCRIBE, raw=b"\7\0\0\0")) is ErrorCode.RESOURCE_NOT_FOUND


GOOD = ConfigRequest(WIDTH, HEIGHT, 1_000_000, 30, 1, 100, 40, realtime=True)


def test_a_configuration_is_acknowledged_and_used(connect) -> None:
    client = connect()
    assert client.ask(Message(Type.CONFIG_REQ, 0, GOOD)).type is Type.CONFIG_RESP
    (sps,) = [unit for unit in client.encode(with_pixels(0)).nal_units if unit.lstrip(b"\0\1")[:1] == b"\x67"]
    assert sps.lstrip(b"\0\1")[1] == 100  # profile_idc: High


@pytest.mark.parametrize(
    "wrong",
    [
        ConfigRequest(WIDTH, HEIGHT, 0, 30, 1, 100, 40, realtime=True),
        ConfigRequest(WIDTH, HEIGHT, 1_000_000, 30, 0, 100, 40, realtime=True),
        ConfigRequest(WIDTH, HEIGHT, 1_000_000, 2**32 - 1, 1, 100, 40, realtime=True),
        ConfigRequest(WIDTH, HEIGHT, 1_000_000, 30, 1, 99, 40, realtime=True),
        ConfigRequest(2**32 - 1, HEIGHT, 1_000_000, 30, 1, 100, 40, realtime=True),
    ],
)
def test_a_configuration_that_cannot_be_changes_nothing(connect, wrong) -> None:
    client = connect()
    client.encode(with_pixels(0))
    assert failure(client, Message(Type.CONFIG_REQ, 0, wrong)) is ErrorCode.NOT_CONFIGURED
    assert not client.encode(with_pixels(1)).is_keyframe


@pytest.mark.parametrize("said", BAD.values(), ids=BAD.keys())
def test_garbage_is_answered_with_error_1_and_a_close(connect, said) -> None:
    bystander, client = connect(), connect()
    bystander.encode(with_pixels(0))
    client._stream.send(said)
    answer = client.receive()
    assert isinstance(answer.payload, Failure)
    assert answer.payload.code is ErrorCode.INVALID_MESSAGE
    with pytest.raises(DisplayLost):
        client.receive()
    assert not bystander.encode(with_pixels(1)).is_keyframe


def test_half_a_message_and_nothing_more(serve) -> None:
    client = serve(message_s=0.2)()
    client._stream.send(b"HXFR\x01")
    answer = client.receive()
    assert isinstance(answer.payload, Failure)
    assert "half a message" in answer.payload.message
    with pytest.raises(DisplayLost):
        client.receive()


def test_half_a_message_and_the_end(connect) -> None:
    client = connect()
    client._stream.send(b"HXFR\x01")
    client._stream._sock.shutdown(socket.SHUT_WR)
    assert isinstance(client.receive().payload, Failure)


def test_silence_is_no_error(serve) -> None:
    connect = serve(message_s=0.1)
    client = connect()
    with pytest.raises(NoFrame):
        client.receive(timeout_s=0.3)
    assert client.ask(Message(Type.PING)).type is Type.PONG


def test_a_subscriber_that_does_not_read_is_dropped_and_stalls_nobody(serve, canvas) -> None:
    connect = serve(queue_bytes=20_000)
    canvas.draw(0)
    lazy, diligent = connect(), connect().subscribe()
    lazy._stream._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    lazy.send(Message(Type.SUBSCRIBE))
    next(diligent)
    number = 0
    while connect.server.clients == 2:
        number += 1
        assert number < 5000, "it was never dropped"
        canvas.draw(number, 320, 96 + 32 * (number % 2))  # another size each time: keyframes
        next(diligent)
    canvas.draw(number + 1)
    assert next(diligent)


def test_too_many_clients_and_sessions_are_told(serve) -> None:
    connect = serve(connections=2, sessions=2)
    first, _ = connect(), connect()
    assert first.ask(Message(Type.PING)).type is Type.PONG
    for session in (0, 1):
        first.encode(with_pixels(0), session=session)
    assert failure(first, Message(Type.FRAME_REQUEST, 2, with_pixels(0))) is ErrorCode.INTERNAL
    answer = connect().receive()
    assert isinstance(answer.payload, Failure)
    assert "2 clients" in answer.payload.message


def test_many_requests_at_once_are_answered_in_order(connect) -> None:
    client = connect()
    sender = threading.Thread(
        target=lambda: [client.send(Message(Type.FRAME_REQUEST, 0, with_pixels(n))) for n in range(50)]
    )
    sender.start()
    assert [client.receive().payload.pts_ns for _ in range(50)] == [1000 * n for n in range(50)]
    sender.join()


def test_a_display_that_dies_is_told_to_subscribers_and_askers(connect, canvas) -> None:
    canvas.draw(1)
    frames = connect().subscribe()
    next(frames)
    canvas.break_down()
    with pytest.raises(RequestFailed, match="died"):
        next(frames)
    client = connect()
    assert failure(client, Message(Type.FRAME_REQUEST, 0, shown())) is ErrorCode.RESOURCE_NOT_FOUND
    with pytest.raises(RequestFailed, match="died"):
        list(client.subscribe(0))
    assert client.encode(with_pixels(1)).is_keyframe


def test_a_display_that_shows_nothing_yet(connect) -> None:
    assert failure(connect(), Message(Type.FRAME_REQUEST, 0, shown())) is ErrorCode.RESOURCE_NOT_FOUND


def test_who_waits_for_a_first_frame_stalls_nobody(connect, canvas, monkeypatch) -> None:
    monkeypatch.setattr("harness.hxfr.sessions.FIRST_FRAME_S", 600)
    waiting = [connect() for _ in range(8)]  # more than the server has workers
    for client in waiting:
        client.send(Message(Type.FRAME_REQUEST, 0, shown()))
    assert connect().encode(with_pixels(1)).is_keyframe
    canvas.draw(5)
    assert {client.receive().type for client in waiting} == {Type.FRAME_RESPONSE}


def test_tcp_and_a_connected_socket_are_served_too(connect) -> None:
    server = connect.server
    with HxfrClient(socket.create_connection(("127.0.0.1", server.listen_tcp()))) as client:
        assert client.ask(Message(Type.PING)).type is Type.PONG
    ours, theirs = socket.socketpair()
    server.attach(theirs)
    with HxfrClient(ours) as client:
        assert client.encode(with_pixels(0)).is_keyframe


def test_a_unix_socket_goes_with_its_server(tmp_path) -> None:
    path = tmp_path / "frames.sock"
    with HxfrServer() as server:
        server.listen_unix(path)
        assert path.is_socket()
        with pytest.raises(InvalidConfiguration):
            server.listen_unix(tmp_path / "no" / "such.sock")
    assert not path.exists()


def test_clients_come_and_go_and_nothing_stays(connect) -> None:
    def visit() -> None:
        with connect() as client:
            assert client.ask(Message(Type.PING)).type is Type.PONG

    visit()
    threads, files = threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(500):
        visit()
    while connect.server.clients:
        connect.server._run(_turn())
    assert threading.active_count() <= threads + 4  # the encoders' workers, at most
    assert len(list(Path("/proc/self/fd").iterdir())) <= files


async def _turn() -> None:
    """One turn of the server's loop."""


def test_a_request_for_a_type_nobody_has_is_garbage(connect) -> None:
    client = connect()
    request = FrameRequest(0, 8, 8, 0, 0, 0, 0, force_keyframe=False)
    client.send(Message(Type.FRAME_RESPONSE, 0, request))
    assert isinstance(client.receive().payload, Failure)
