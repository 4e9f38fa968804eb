"""A VMM's control socket, by a server that keeps to the protocol, and by ones that do not."""

import json
import socket
import threading

import pytest

from harness.channels.rest import Answer, RestClient, parse_answer
from harness.errors import ControlLost, ControlRefused, ControlTimeout, InvalidConfiguration
from harness.host.paths import private_directory
from tests.doubles.modes import Mode
from tests.doubles.rest_server import RestServer


@pytest.fixture
def serve():
    """Makes a server that misbehaves as it is told, and gives a client of it and what it was sent."""
    with private_directory() as folder:

        def make(*modes, handler=None):
            asked = []

            def echo(method, path, body):
                asked.append((method, path, body))
                return (202, None) if method == "POST" else (200, {"state": "VirtualMachineStateRunning"})

            RestServer(folder / "rest.sock", handler or echo, frozenset(modes))
            return RestClient(folder / "rest.sock", "vfkit"), asked

        yield make


def test_a_question_and_a_change(serve):
    client, asked = serve()
    assert client.get("/vm/state").body == {"state": "VirtualMachineStateRunning"}
    assert client.post("/vm/state", {"state": "Pause"}).status == 202
    assert asked == [
        ("GET", "/vm/state", b""),
        ("POST", "/vm/state", json.dumps({"state": "Pause"}).encode()),
    ]


def test_what_the_documentation_says_of_a_change_is_a_yes_too(serve):
    client, _ = serve(Mode.DOCUMENTED)
    assert client.post("/vm/state", {"state": "Pause"}).status == 200


def test_a_body_that_ends_with_a_nul_and_has_no_length(serve):
    client, _ = serve(Mode.NUL)
    assert client.get("/vm/state").body == {"state": "VirtualMachineStateRunning"}


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ((500, {"error": "Invalid virtual machine state transition"}), "500: Invalid virtual machine state"),
        ((400, {"error": "EOF"}), "status 400: EOF"),
        ((404, "404 page not found"), "status 404: 404 page not found"),
        ((500, None), "status 500$"),
    ],
)
def test_a_refusal_says_what_the_vmm_says(serve, reply, said):
    client, _ = serve(handler=lambda *_: reply)
    with pytest.raises(ControlRefused, match=said):
        client.post("/vm/state", {"state": "Pause"})


@pytest.mark.parametrize(
    ("mode", "said"),
    [(Mode.HALF, "answered GET /vm/state, but that ended after"), (Mode.GARBAGE, "not HTTP")],
)
def test_an_answer_that_makes_no_sense_is_a_lost_channel(serve, mode, said):
    client, _ = serve(mode)
    with pytest.raises(ControlLost, match=said):
        client.get("/vm/state")


@pytest.mark.parametrize(
    ("raw", "answer"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}more", Answer(200, {})),
        (b"HTTP/1.1 200 OK\r\nContent-Length: \xb2\r\n\r\n{}", Answer(200, {})),
        (b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n{}", Answer(200, {})),
        (b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"\r\n{}", Answer(200, {})),
        (b"HTTP/1.1 500 no\r\n\r\n" + b"[" * 100_000, Answer(500, "[" * 100_000)),
    ],
    ids=[
        "the length said",
        "a digit of another script",
        "a number too long",
        "too many headers",
        "a refusal",
    ],
)
def test_what_can_be_understood_is(raw, answer):
    assert parse_answer(raw) == answer


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"HTTP/1.1 200 OK\r\n", "not HTTP"),
        (b"HTTP/1.1 " + b"2" * 5000 + b"\r\n\r\n{}", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 100_000, "not JSON"),
    ],
    ids=["no end of headers", "a status too long", "too deep"],
)
def test_what_cannot_is_said_in_one_error(raw, said):
    with pytest.raises(ValueError, match=said):
        parse_answer(raw)


@pytest.mark.parametrize("mode", [Mode.JAMMED, Mode.DRIPS])
def test_nobody_waits_longer_than_asked_however_slowly_an_answer_comes(serve, mode):
    client, _ = serve(mode)
    with pytest.raises(ControlTimeout, match=r"did not answer GET /vm/state within 0.2 s"):
        client.get("/vm/state", timeout_s=0.2)


def test_nobody_there_is_told_from_somebody_who_hangs_up(serve):
    with private_directory() as folder:
        path = folder / "rest.sock"
        with pytest.raises(ControlLost, match="does not listen") as lost:
            RestClient(path, "vfkit").get("/vm/state")
        assert lost.value.facts["listening"] is False
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
            server.listen()

            def hang_up():
                stream, _ = server.accept()
                stream.recv(4096)
                stream.close()

            thread = threading.Thread(target=hang_up)
            thread.start()
            with pytest.raises(ControlLost, match="not HTTP") as lost:
                RestClient(path, "vfkit").get("/vm/state")
            thread.join()
        assert "listening" not in lost.value.facts


def test_a_path_that_no_socket_address_holds_is_named(tmp_path):
    with pytest.raises(InvalidConfiguration, match="that of a socket at most 103"):
        RestClient(tmp_path / ("x" * 100) / "rest.sock", "vfkit")
