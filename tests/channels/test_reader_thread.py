"""Two channels on one thread: as good as two threads, whichever of them floods, ends or is closed."""

from __future__ import annotations

import socket
import threading
from contextlib import closing

import pytest

from harness.channels.console import Console
from harness.channels.events import EventPort
from harness.channels.reader_thread import ReaderThread
from harness.errors import ChannelClosed

PATIENCE_S = 60


@pytest.fixture
def pair():
    """The guest's ends of a console and a port, and the two, on one thread."""
    (guest, console_end), (port, port_end) = socket.socketpair(), socket.socketpair()
    with guest, port, closing(ReaderThread("both")) as thread:
        console, ready = Console(console_end, thread=thread), EventPort(port_end, thread=thread)
        assert _threads() == 1
        with closing(console), closing(ready):
            yield guest, port, console, ready
    assert _threads() == 0


def _threads() -> int:
    return [each.name for each in threading.enumerate()].count("visorbench-both")


def test_each_has_its_own_lines_with_stamps_in_the_order_they_came(pair):
    guest, port, console, ready = pair
    guest.sendall(b"on the console\n")
    said = console.wait_for("console", PATIENCE_S)
    port.sendall(b"ready 1\n")
    event = ready.wait_for("ready", PATIENCE_S)
    assert (said.text, event.text) == ("on the console", "ready 1")
    assert said.stamp.at_ns <= event.stamp.at_ns


def test_a_flood_on_one_does_not_keep_the_other_from_being_read(pair):
    guest, port, _, ready = pair
    over = threading.Event()

    def flood() -> None:
        while not over.is_set():
            guest.sendall(b"a line of a guest that will not stop\n" * 1000)

    flooding = threading.Thread(target=flood)
    flooding.start()
    try:
        for number in range(20):
            mark = ready.mark()
            port.sendall(b"event %d\n" % number)
            assert ready.wait_for("event", PATIENCE_S, since=mark).text == f"event {number}"
    finally:
        over.set()
        flooding.join()


def test_the_end_of_one_is_not_the_others(pair):
    guest, port, console, ready = pair
    port.close()
    with pytest.raises(ChannelClosed):
        ready.wait_for("ready", PATIENCE_S)
    guest.sendall(b"still there\n")
    console.wait_for("still there", PATIENCE_S)
    ready.close()
    guest.sendall(b"even now\n")
    console.wait_for("even now", PATIENCE_S)


def test_a_callback_of_one_may_close_both(pair):
    guest, port, console, ready = pair
    ready.on_event(lambda _: (console.close(), ready.close()))
    port.sendall(b"bye\n")
    assert (guest.recv(1), port.recv(1)) == (b"", b"")


def test_an_errand_comes_after_what_had_arrived_and_is_done_even_when_the_thread_is_over():
    ours, theirs = socket.socketpair()
    done: list[str] = []
    busy, free = threading.Event(), threading.Event()
    thread = ReaderThread("errands")
    with theirs, closing(Console(ours, thread=thread)) as console:
        console.on_line(lambda line: done.append(line.text))
        thread.call(lambda: (busy.set(), free.wait(PATIENCE_S)))
        assert busy.wait(PATIENCE_S)
        theirs.sendall(b"one\n")
        free.set()
        console.wait_for("one", PATIENCE_S)
        for number in range(1000):  # more than a bell could be rung without anyone answering
            thread.call(lambda number=number: done.append(str(number)))
        assert console.settle(PATIENCE_S)
    thread.close()
    thread.close()
    thread.call(lambda: done.append("late"))
    assert done == ["one", *map(str, range(1000)), "late"]
