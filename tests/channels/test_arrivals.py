"""What arrives and when: all of it, in order, bounded, by the native thread as by Python's."""

from __future__ import annotations

import gc
import os
import random
import select
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.channels import arrivals as module
from harness.channels import native_stamper
from harness.channels.arrivals import TakenArrivals, arrivals
from harness.channels.console import Console
from harness.channels.lines import LineReader
from harness.channels.native_stamper import NativeArrivals
from harness.channels.source import owned
from harness.errors import ChannelClosed, InvalidConfiguration, ToolMissing
from harness.plugin.noise import late_stamps

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there Python reads everything")

PATIENCE_S = 30
MOST_WAITING = 256 << 10
"""Bytes that the native thread keeps for one stream."""


@contextmanager
def _stream(kind):
    """The guest's end and what arrives at ours."""
    guest, host = socket.socketpair()
    source = owned(host)
    arrived = kind(source)
    try:
        yield guest, arrived
    finally:
        arrived.close()
        source.close()
        guest.close()


def _native(source):
    found = arrivals(source)
    assert isinstance(found, NativeArrivals), "this host has a compiler, and so a native stamper"
    return found


both = pytest.mark.parametrize("kind", [_native, TakenArrivals])


def _taken(arrived, enough=b"", *, timeout_s=PATIENCE_S):
    """(bytes, at_ns) as they came, until ``enough`` was among them, or until the end."""
    found = []
    deadline = time.monotonic() + timeout_s
    while not enough or enough not in b"".join(data for data, _ in found):
        assert select.select([arrived], [], [], max(0.0, deadline - time.monotonic()))[0], "nothing came"
        try:
            found.append(arrived.take())
        except BlockingIOError:
            continue
        if not found[-1][0]:
            break
    return found


@both
def test_what_was_written_is_taken_with_a_time_between_writing_and_taking(kind):
    with _stream(kind) as (guest, arrived):
        before = time.monotonic_ns()
        guest.sendall(b"ready\n")
        ((data, at_ns),) = _taken(arrived, b"ready\n")
        assert data == b"ready\n"
        assert before <= at_ns <= time.monotonic_ns()


def test_lines_have_their_own_times_however_late_they_are_taken():
    with _stream(_native) as (guest, arrived):
        written = []
        for number in range(5):
            written.append(time.monotonic_ns())
            guest.sendall(b"line %d\n" % number)
            time.sleep(0.05)
        found = _taken(arrived, b"line 4\n")
    assert [data for data, _ in found] == [b"line %d\n" % number for number in range(5)]
    nexts = [*written[1:], time.monotonic_ns()]
    assert all(wrote <= at < later for wrote, (_, at), later in zip(written, found, nexts, strict=True))


def test_a_line_has_the_time_of_its_end_and_the_first_byte_its_own():
    with _stream(_native) as (guest, arrived):
        times = []
        for piece in (b"f", b"irst", b" line", b"\n"):
            times.append(time.monotonic_ns())
            guest.sendall(piece)
            time.sleep(0.02)
        (first, first_ns), (rest, rest_ns) = _taken(arrived, b"\n")
    assert (first, rest) == (b"f", b"irst line\n")
    assert times[0] <= first_ns < times[1]
    assert rest_ns >= times[-1]


@both
@given(pieces=st.lists(st.binary(min_size=1, max_size=3000), max_size=40), seed=st.integers(0, 9))
def test_the_same_bytes_arrive_in_order_however_they_were_cut(kind, pieces, seed):
    turns = random.Random(seed)
    with _stream(kind) as (guest, arrived):
        found = []
        for piece in pieces:
            guest.sendall(piece)
            if turns.random() < 0.3:
                found += _taken(arrived, piece[-1:])
        guest.shutdown(socket.SHUT_WR)
        found += _taken(arrived)
    assert b"".join(data for data, _ in found) == b"".join(pieces)
    assert [at for _, at in found] == sorted(at for _, at in found)
    assert found[-1][0] == b""


def test_a_flood_waits_with_its_writer_and_loses_nothing():
    block = bytes(range(256)) * 64
    with _stream(_native) as (guest, arrived):
        guest.settimeout(0)
        sent = 0
        deadline = time.monotonic() + 0.5
        while time.monotonic() < deadline:
            try:
                sent += guest.send(block)
            except BlockingIOError:
                time.sleep(0.01)
        queued = guest.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) + MOST_WAITING
        assert MOST_WAITING < sent <= queued, "what is not taken is bounded"
        guest.shutdown(socket.SHUT_WR)
        found = b"".join(data for data, _ in _taken(arrived))
    assert found == (block * (sent // len(block) + 1))[:sent]


def test_who_is_behind_gets_much_at_once():
    """A line each would be too slow for a flood of short ones."""
    with _stream(_native) as (guest, arrived):
        for number in range(3000):
            guest.sendall(b"a line of some fifty bytes that says it is %06d\n" % number)
        for _ in range(20):  # each has one read done
            arrived.settle()
        first, second = arrived.take()[0], arrived.take()[0]
    assert second.count(b"\n") > 1000 > first.count(b"\n")


@both
def test_what_had_come_can_be_taken_once_it_is_settled(kind):
    with _stream(kind) as (guest, arrived):
        for number in range(200):
            guest.sendall(b"%d\n" % number)
            arrived.settle()
            assert arrived.take()[0] == b"%d\n" % number


@both
def test_who_has_left_still_takes_what_came_and_what_comes(kind):
    with _stream(kind) as (guest, arrived):
        guest.sendall(b"before\n")
        arrived.settle()
        arrived.leave()
        arrived.leave()
        guest.sendall(b"after\n")
        found = b""
        while found != b"before\nafter\n":
            found += arrived.take()[0]
        with pytest.raises(BlockingIOError):
            arrived.take()
        guest.close()
        assert arrived.take()[0] == b""


@both
def test_the_end_comes_after_everything_and_stays(kind):
    with _stream(kind) as (guest, arrived):
        guest.sendall(b"the last")
        guest.close()
        assert [data for data, _ in _taken(arrived)] == [b"the last", b""]
        assert arrived.take()[0] == b""


@both
def test_a_pseudo_terminal_whose_far_side_is_gone_is_at_its_end(kind):
    ours, theirs = os.openpty()
    source = owned(ours)
    arrived = kind(source)
    os.write(theirs, b"hello")
    assert _taken(arrived, b"hello")
    os.close(theirs)
    assert _taken(arrived)[-1][0] == b""
    arrived.close()
    source.close()


def test_many_come_and_go_and_leave_nothing_behind():
    with _stream(_native):
        pass  # the thread is there
    me = psutil.Process()
    before = me.num_fds(), me.num_threads()
    stop = threading.Event()
    wrong = []

    def come_and_go(number):
        while not stop.is_set():
            with _stream(_native) as (guest, arrived):
                text = b"%d says so\n" % number * 20
                guest.sendall(text)
                guest.shutdown(socket.SHUT_WR)
                if b"".join(data for data, _ in _taken(arrived)) != text:
                    wrong.append(number)

    going = [threading.Thread(target=come_and_go, args=[number]) for number in range(4)]
    for each in going:
        each.start()
    time.sleep(1)
    stop.set()
    for each in going:
        each.join()
    assert not wrong
    deadline = time.monotonic() + PATIENCE_S  # the kernel's part of a thread ends a moment after Python's
    while (me.num_fds(), me.num_threads()) != before:
        assert time.monotonic() < deadline, (me.num_fds(), me.num_threads(), before)
        time.sleep(0.01)


@pytest.fixture
def held_up():
    """A console whose listener stands still until it is let go, and its guest's end."""
    guest, host = socket.socketpair()
    go, heard = threading.Event(), []

    def listen(line):
        heard.append(line.text)
        go.wait(PATIENCE_S)

    with guest, closing(Console(host)) as console:
        console.on_line(listen)
        yield guest, console, heard, go
        go.set()


@pytest.mark.parametrize("size", [1, 4])
@pytest.mark.parametrize("done", ["close", "settle", "cut"])
def test_all_that_waits_is_read_before_a_console_is_closed_settled_or_cut(held_up, done, size):
    guest, console, heard, go = held_up
    text = b"".join(b"%d\r\n" % number for number in range(80))
    for start in range(0, len(text), size):
        guest.sendall(text[start : start + size])
    threading.Timer(0.2, go.set).start()
    if done == "settle":
        assert console.settle(PATIENCE_S)
    elif done == "cut":
        assert console.cut(PATIENCE_S) == len(text)
    else:
        console.close()
    assert heard == text.decode().split()


def test_a_console_that_nobody_closed_leaves_nothing_behind():
    me = psutil.Process()
    with _stream(_native):
        before = me.num_fds()
        for _ in range(20):
            guest, host = socket.socketpair()
            console = Console(host)
            guest.sendall(b"the last\n")
            guest.close()
            with pytest.raises(ChannelClosed):
                console.wait_for("never", PATIENCE_S)
        del console
        deadline = time.monotonic() + PATIENCE_S
        while gc.collect() or me.num_fds() != before:  # a console's own thread ends after its channel
            assert time.monotonic() < deadline
            time.sleep(0.01)


FORKED = """
import os, socket
from harness.channels.arrivals import NativeArrivals, arrivals
from harness.channels.console import Console
ours, theirs = socket.socketpair()
parents = Console(ours)
child = os.fork()
guest, host = socket.socketpair()
console = Console(host)
assert isinstance(console._reader._arrivals, NativeArrivals)
guest.sendall(b"ready\\n")
assert console.wait_for("ready", 20).text == "ready"
console.close()
if not child:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
theirs.sendall(b"still there\\n")
parents.wait_for("still there", 20)
"""


def test_a_forked_child_has_a_thread_of_its_own():
    subprocess.run([sys.executable, "-c", FORKED], check=True, timeout=2 * PATIENCE_S)


def test_a_failed_console_is_read_by_nobody():
    guest, host = socket.socketpair()
    with _stream(_native), guest:
        with pytest.raises(InvalidConfiguration):
            LineReader(host, name="bad", fatal="(")
        gc.collect()
        with pytest.raises(OSError, match=r"(?i)pipe|reset"):
            guest.sendall(b"is there somebody?")


class _Silent:
    """A source that nobody reads."""

    def fileno(self):
        return -1


class _Refusing:
    """A stamper that no thread or descriptor is left for."""

    def add(self, _fd, _started):
        return None


def test_where_no_stream_can_be_had_python_reads(monkeypatch):
    monkeypatch.setattr(module, "stamper", _Refusing)
    guest, host = socket.socketpair()
    with guest, closing(Console(host)) as console:
        guest.sendall(b"ready\n")
        assert console.wait_for("ready", PATIENCE_S).text == "ready"


def test_where_there_is_no_compiler_python_reads(monkeypatch):
    def none():
        raise ToolMissing("the compiler for workloads is not installed", fix="pip install ziglang")

    monkeypatch.setattr("harness.guests.workloads.find_compiler", none)
    monkeypatch.setattr(native_stamper, "_find", native_stamper._find.__wrapped__)
    assert late_stamps() == (
        "Consoles are read by Python, on a busy host up to 3 ms late: the compiler for workloads is not installed."
    )
    assert isinstance(arrivals(_Silent()), TakenArrivals)


def test_a_run_with_native_stamps_says_nothing_of_them():
    assert late_stamps() == ""
