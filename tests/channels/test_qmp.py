"""QMP against a peer that misbehaves on purpose: every call ends, and its error names the cause."""

import json
import socket
import threading
import time

import pytest

from harness.channels.doorbell import PlainDoorbell
from harness.channels.qmp import Qmp
from harness.errors import ControlLost, ControlRefused, ControlTimeout, WrongState

GREETING = {"QMP": {"version": {"qemu": {"major": 7, "minor": 2, "micro": 0}}, "capabilities": []}}


class Peer:
    """The far end, for a test to script: says lines, reads commands."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.sock.settimeout(5)
        self._file = sock.makefile("rb")

    def say(self, *messages: object) -> None:
        self.raw(b"".join(json.dumps(message).encode() + b"\r\n" for message in messages))

    def raw(self, data: bytes) -> None:
        self.sock.sendall(data)

    def command(self) -> dict:
        """The next command; they are not framed by lines."""
        text = b""
        while True:
            text += self._file.read(1)
            if text.endswith(b"}"):
                try:
                    return json.loads(text)
                except ValueError:
                    continue

    def answer(self, **reply: object) -> dict:
        asked = self.command()
        self.say(reply | ({"id": asked["id"]} if "id" in asked else {}))
        return asked

    def hang_up(self) -> None:
        self._file.close()
        self.sock.close()


@pytest.fixture(params=["native", "plain"])
def pair(request, monkeypatch):
    """A client and its peer, with this platform's doorbell and with the portable one."""
    if request.param == "plain":
        monkeypatch.setattr("harness.channels.qmp_link.doorbell", PlainDoorbell)
    ours, theirs = socket.socketpair()
    client, peer = Qmp(ours, line_limit=100_000, kept=64), Peer(theirs)
    yield client, peer
    peer.hang_up()
    client.close()


@pytest.fixture
def ready(pair):
    client, peer = pair
    peer.say(GREETING)
    negotiation = in_background(peer.answer, **{"return": {}})
    client.negotiate()
    negotiation.join()
    return client, peer


def in_background(function, *args, **kwargs):
    thread = threading.Thread(target=function, args=args, kwargs=kwargs, daemon=True)
    thread.start()
    return thread


def test_the_greeting_is_stamped_on_arrival_not_when_asked_for(pair):
    client, peer = pair
    before = time.monotonic_ns()
    peer.say(GREETING)
    deadline = time.monotonic() + 5
    while client.greeted is None and time.monotonic() < deadline:
        time.sleep(0.001)
    seen = time.monotonic_ns()
    in_background(peer.answer, **{"return": {}})
    assert before < client.negotiate().at_ns < seen
    assert client.greeting.QMP.version["qemu"]["major"] == 7


def test_out_of_band_is_enabled_where_offered(pair):
    client, peer = pair
    peer.say({"QMP": GREETING["QMP"] | {"capabilities": ["oob"]}})
    asked = []
    thread = in_background(lambda: asked.append(peer.answer(**{"return": {}})))
    client.negotiate()
    thread.join()
    assert asked == [{"execute": "qmp_capabilities", "arguments": {"enable": ["oob"]}}]


@pytest.mark.parametrize(
    ("said", "error", "words"),
    [
        (b"", ControlTimeout, "no QMP greeting"),
        (b'{"QMP": {"vers', ControlTimeout, "no QMP greeting"),
        (b"{}\n", ControlLost, "nonsense"),
        (b"[1, 2]\n", ControlLost, "not a JSON object"),
        (b"HTTP/1.1 400 Bad Request\r\n", ControlLost, "nonsense"),
        (b"\xff\xfe\x00\n", ControlLost, "nonsense"),
        (b'{"QMP": 5}\n', ControlLost, "JSON object"),
        (b"[" * 90_000 + b"\n", ControlLost, "nonsense"),
    ],
)
def test_what_is_no_greeting(pair, said, error, words):
    client, peer = pair
    peer.raw(said)
    with pytest.raises(error, match=words):
        client.negotiate(timeout_s=0.3 if error is ControlTimeout else 5)


def test_half_a_greeting_and_then_the_end(pair):
    client, peer = pair
    peer.raw(b'{"QMP": {"vers')
    peer.hang_up()
    with pytest.raises(ControlLost, match="in the middle of a line, after 14 bytes"):
        client.negotiate()


def test_a_refusal_carries_class_and_description(ready):
    client, peer = ready
    in_background(peer.answer, error={"class": "DeviceNotFound", "desc": "no such thing"})
    with pytest.raises(ControlRefused, match="refused device_del: no such thing") as caught:
        client.execute("device_del", {"id": "x"})
    assert (caught.value.qmp_class, caught.value.command) == ("DeviceNotFound", "device_del")


def test_a_late_reply_is_dropped_and_never_taken_for_the_next(ready):
    client, peer = ready
    with pytest.raises(ControlTimeout, match="first took more than"):
        client.execute("first", timeout_s=0.1)
    assert "id" not in peer.command()
    peer.say({"return": "late"})
    in_background(peer.answer, **{"return": "second"})
    assert client.execute("second") == "second"


def test_a_late_error_is_dropped_too(ready):
    client, peer = ready
    with pytest.raises(ControlTimeout):
        client.execute("first", timeout_s=0.1)
    peer.command()
    peer.say({"error": {"class": "GenericError", "desc": "late"}})
    in_background(peer.answer, **{"return": 2})
    assert client.execute("second") == 2


def test_a_reply_with_a_wrong_id_is_nobodys(ready):
    client, peer = ready
    in_background(lambda: (peer.command(), peer.say({"return": {}, "id": "wrong"})))
    with pytest.raises(ControlTimeout):
        client.execute("query-status", timeout_s=0.2)


def test_a_malformed_reply_ends_the_channel(ready):
    client, peer = ready
    in_background(lambda: (peer.command(), peer.say({"error": {"class": 1}})))
    with pytest.raises(ControlLost, match="nonsense"):
        client.execute("query-status")


def test_garbage_between_commands_is_noticed(ready):
    client, peer = ready
    peer.raw(b"qemu: warning: not JSON\n")
    with pytest.raises(ControlLost, match="nonsense"):
        client.wait_event("STOP", timeout_s=5)
    with pytest.raises(ControlLost, match="nonsense"):
        client.execute("query-status")


def test_an_endless_line_is_bounded(ready):
    client, peer = ready
    in_background(lambda: (peer.command(), peer.raw(b'{"return": "' + b"x" * 120_000)))
    with pytest.raises(ControlLost, match="without the end of a line"):
        client.execute("query-status")


def test_a_peer_that_hangs_up_in_mid_call_ends_it_at_once(ready):
    client, peer = ready
    in_background(lambda: (peer.command(), peer.hang_up()))
    with pytest.raises(ControlLost, match="closed its control channel"):
        client.execute("query-status", timeout_s=60)


def test_closing_ends_a_call_and_a_wait_of_other_threads(ready):
    client, peer = ready
    ended = []

    def attempt(action):
        with pytest.raises(ControlLost):
            action()
        ended.append(action)

    waits = [
        in_background(attempt, lambda: client.execute("query-status", timeout_s=60)),
        in_background(attempt, lambda: client.wait_event("STOP", timeout_s=60)),
    ]
    peer.command()
    client.close()
    for wait in waits:
        wait.join(5)
    assert len(ended) == 2
    client.close()


def test_a_peer_that_does_not_read_cannot_block_a_caller(ready):
    client, _ = ready
    with pytest.raises(ControlTimeout, match="does not read"):
        client.execute("object-add", {"text": "x" * 4_000_000}, timeout_s=0.3)
    with pytest.raises(ControlLost, match="in the middle of a command"):
        client.execute("query-status")


def test_a_second_caller_waits_its_turn_no_longer_than_it_said(ready):
    client, peer = ready

    def slow():
        with pytest.raises(ControlTimeout):
            client.execute("slow", timeout_s=1)

    first = in_background(slow)
    peer.command()
    with pytest.raises(ControlTimeout, match="busy with another"):
        client.execute("query-status", timeout_s=0.1)
    first.join()


def test_events_between_and_during_commands_are_stamped_and_found(ready):
    client, peer = ready
    heard = []
    client.on_event(heard.append)
    start = time.monotonic_ns()
    peer.say({"event": "STOP", "timestamp": {}})
    stop = client.wait_event("STOP", 5, since=client.greeted)
    in_background(lambda: (peer.command(), peer.say({"event": "RESUME", "data": {"a": 1}}, {"return": {}})))
    client.execute("cont")
    resume = client.wait_event("RESUME", 0, since=stop.stamp)
    assert start < stop.stamp.at_ns < resume.stamp.at_ns < time.monotonic_ns()
    assert resume.data == {"a": 1}
    assert [event.name for event in client.events] == ["STOP", "RESUME"] == [e.name for e in heard]
    with pytest.raises(ControlTimeout, match="no event STOP"):
        client.wait_event("STOP", 0.01)


def test_an_event_is_waited_for_by_what_it_says(ready):
    client, peer = ready
    peer.say(*({"event": "JOB_STATUS_CHANGE", "data": {"id": name}} for name in ("other", "mine", "mine")))
    mine = client.wait_event(
        "JOB_STATUS_CHANGE", 5, since=client.greeted, matching=lambda event: event.data["id"] == "mine"
    )
    assert mine == client.events[1]
    with pytest.raises(ControlTimeout):
        client.wait_event("JOB_STATUS_CHANGE", 0.01, since=client.greeted, matching=lambda _: False)


def test_a_listener_cannot_send_and_cannot_break_the_channel(ready):
    client, peer = ready
    caught = []

    def listener(event):
        try:
            client.execute("query-status")
        except WrongState as error:
            caught.append(error)
        raise RuntimeError("a listener's own mistake")

    client.on_event(listener)
    peer.say({"event": "STOP"})
    client.wait_event("STOP", 5, since=client.greeted)
    in_background(peer.answer, **{"return": 1})
    assert client.execute("query-status") == 1
    assert len(caught) == 1


def test_a_flood_of_events_neither_starves_callers_nor_grows(ready):
    client, peer = ready
    over = threading.Event()
    flood = b'{"event": "RTC_CHANGE", "data": {"offset": 1}}\r\n' * 500
    send = threading.Lock()

    def pour():
        while not over.is_set():
            with send:
                peer.raw(flood)

    def serve():
        for _ in range(20):
            peer.command()
            with send:
                peer.say({"return": "ok"})

    threads = [in_background(pour), in_background(serve)]
    try:
        for _ in range(20):
            assert client.execute("query-status", timeout_s=20) == "ok"
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert len(client.events) == 64


def test_many_threads_share_one_channel(ready):
    client, peer = ready

    def serve():
        for _ in range(100):
            asked = peer.command()
            peer.say({"return": asked["arguments"]["n"]})

    server = in_background(serve)
    wrong = []

    def ask(start):
        wrong.extend(n for n in range(start, start + 25) if client.execute("echo", {"n": n}) != n)

    threads = [in_background(ask, 100 * k) for k in range(4)]
    for thread in [*threads, server]:
        thread.join(20)
    assert wrong == []
