"""Who listens to a console: every line in order, none twice, from the moment it comes until it leaves."""

from __future__ import annotations

import socket
import threading

import pytest

from harness.channels.lines import SHOWN_LINES
from harness.errors import ChannelClosed


def test_listeners_see_every_line_and_can_leave(wire):
    guest, console = wire
    seen, bad = [], []

    def bad_listener(line):
        bad.append(line)
        leave_bad()

    leave_bad = console.on_line(bad_listener)
    leave = console.on_line(lambda line: seen.append(line.text))
    guest.sendall(b"one\ntwo\n")
    console.wait_for("two", 5)
    guest.sendall(b"three\n")
    console.wait_for("three", 5)
    leave()
    guest.sendall(b"four\n")
    console.wait_for("four", 5)
    console.close()
    assert seen == ["one", "two", "three"]
    assert len(bad) == 1


def test_who_comes_late_gets_every_line_in_order_and_none_twice(wire):
    """However the listener's arrival and the guest's lines fall together."""
    guest, console = wire
    said = [str(n) for n in range(150)]
    writer = threading.Thread(target=lambda: [guest.sendall(f"{line}\n".encode()) for line in said])
    heard = [[] for _ in range(40)]
    writer.start()
    for seen in heard:
        console.on_line(lambda line, seen=seen: seen.append(line.text), replay=True)
    writer.join()
    console.wait_for("^149$", 5)
    assert console.settle(5)
    assert heard == [said] * 40


def test_a_listener_may_come_from_a_callback_or_after_the_end_and_leave_at_once(wire):
    guest, console = wire
    inner, late, left = [], [], []
    console.on_line(
        lambda line: line.text == "one" and console.on_line(lambda line: inner.append(line.text), replay=True)
    )
    leave = console.on_line(left.append, replay=True)
    leave()
    leave()
    guest.sendall(b"one\ntwo\n")
    console.wait_for("two", 5)
    guest.close()
    with pytest.raises(ChannelClosed):
        console.wait_for("three", 5)
    console.on_line(lambda line: late.append(line.text), replay=True)()
    assert console.settle(0)
    assert (inner, late, left) == (["one", "two"], ["one", "two"], [])


def test_who_has_left_hears_nothing_of_what_came_in_the_same_moment(wire):
    guest, console = wire
    busy, free, left = threading.Event(), threading.Event(), []

    def keep_busy(line):
        busy.set()
        free.wait(5)

    console.on_line(keep_busy)
    leave = [console.on_line(left.append, replay=replay) for replay in (False, True)]
    assert console.settle(5)
    guest.sendall(b"one\n")
    assert busy.wait(5)
    for each in leave:
        each()
    guest.sendall(b"two\n")
    free.set()
    console.wait_for("two", 5)
    assert console.settle(5)
    assert left == []


def test_a_callback_may_close(wire):
    guest, console = wire
    closed = threading.Event()
    console.on_line(lambda _: (console.close(), closed.set()))
    guest.sendall(b"bye\n")
    assert closed.wait(5)
    assert guest.recv(1) == b""


def test_of_a_flood_listeners_get_both_ends(wire):
    guest, console = wire
    seen = []
    console.on_line(lambda line: seen.append(line.text))
    text = "".join(f"{n}\n" for n in range(1000))
    guest.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    guest.sendall(text.encode())
    console.wait_for("^999$", 5)
    console.close()
    assert seen[0] == "0"
    assert seen[-1] == "999"
    if len(seen) < 1000:  # it came at once, as one block
        assert len(seen) == 2 * SHOWN_LINES + 1
        assert seen[SHOWN_LINES] == "… 800 lines not shown …"
