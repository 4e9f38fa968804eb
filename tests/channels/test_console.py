"""A console over a real socket: what is seen, when, and what a hostile guest cannot do."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import threading
import time

import pytest

from harness.channels.console import Console
from harness.channels.events import EventPort
from harness.errors import ChannelClosed, GuestPanicked, GuestSilent, NotSeen


def test_a_line_is_found_when_it_comes(wire):
    guest, console = wire
    before = time.monotonic_ns()
    threading.Timer(0.1, guest.sendall, [b"[    0.0] hello\r\nready: 7\r\n"]).start()
    line = console.wait_for(r"ready: (\d)", 5)
    assert line.text == "ready: 7"
    assert before + 0.1e9 <= line.stamp.at_ns <= time.monotonic_ns()
    assert console.first_byte.at_ns == line.stamp.at_ns


def test_a_line_that_came_before_is_found_with_its_own_stamp(wire):
    guest, console = wire
    guest.sendall(b"ready\n")
    first = console.wait_for("ready", 5)
    guest.sendall(b"more\n")
    console.wait_for("more", 5)
    assert console.wait_for("ready", 0) == first


def test_a_mark_forgets_what_came_before(wire):
    guest, console = wire
    guest.sendall(b"ready\n")
    console.wait_for("ready", 5)
    mark = console.mark()
    with pytest.raises(NotSeen):
        console.wait_for("ready", 0.05, since=mark)
    guest.sendall(b"ready again\n")
    assert console.wait_for("ready", 5, since=mark).text == "ready again"


def test_a_prompt_has_no_line_end(wire):
    guest, console = wire
    guest.sendall(b"\r\nDebian 13\r\n\r\ndebian lo")
    threading.Timer(0.1, guest.sendall, [b"gin: "]).start()
    assert console.wait_for(re.compile(r"login: $"), 5).text == "debian login: "
    assert console.wait_for(r"login: $", 0).text == "debian login: "
    assert console.tail(2) == ["Debian 13", "debian login: "]


def test_not_seen_tells_what_was(wire):
    guest, console = wire
    guest.sendall(b"something else\n")
    console.wait_for("something", 5)
    with pytest.raises(NotSeen, match="'ready' did not appear") as missed:
        console.wait_for("ready", 0.05)
    assert missed.value.tail == ["something else"]


def test_a_closed_console_ends_the_wait(wire):
    guest, console = wire
    guest.sendall(b"last words")
    threading.Timer(0.1, guest.close).start()
    with pytest.raises(ChannelClosed) as closed:
        console.wait_for("ready", 5)
    assert closed.value.tail == ["last words"]
    assert console.closed
    with pytest.raises(ChannelClosed):
        console.wait_for("ready", 5)
    assert console.wait_for("words", 5).text == "last words"


def test_a_panic_ends_the_wait_and_is_an_event(wire):
    guest, console = wire
    seen = []
    console.on_panic(seen.append)
    panic = b"[    1.2] Kernel panic - not syncing: VFS: Unable to mount root fs\r\n"
    threading.Timer(0.1, guest.sendall, [b"before\n" + panic]).start()
    with pytest.raises(GuestPanicked, match="Unable to mount") as panicked:
        console.wait_for("ready", 5)
    assert panicked.value.console[0] == "before"
    assert console.panic.text in panicked.value.message
    console.wait_for("before", 5)
    console.on_panic(seen.append)
    assert seen == [console.panic] * 2
    mark = console.mark()  # a reset guest gets another chance
    guest.sendall(b"ready\n")
    assert console.wait_for("ready", 5, since=mark).text == "ready"


def test_a_cut_makes_a_prompt_what_came_before(wire):
    guest, console = wire
    heard = []
    console.on_line(lambda line: heard.append(line.text))
    guest.sendall(b"old\nlogin: ")
    console.wait_for("login:", 5)
    assert console.wait_for("login:", 0, since=console.mark())  # unfinished, it counts as what comes
    mark = console.cut()
    with pytest.raises(NotSeen):
        console.wait_for("login:", 0.05, since=mark)
    assert console.cut() == mark
    guest.sendall(b"new\n")
    assert console.wait_for("new", 5, since=mark).text == "new"
    assert console.settle(5)
    assert heard == ["old", "login: ", "new"]


def test_what_has_arrived_is_before_the_cut_even_if_nobody_has_read_it(wire):
    guest, console = wire
    reading, go_on = threading.Event(), threading.Event()
    console.on_line(lambda line: (reading.set(), go_on.wait(30)) if line.text == "first" else None)
    guest.sendall(b"first\n")
    assert reading.wait(30)
    guest.sendall(b"second, unread")
    threading.Timer(0.1, go_on.set).start()
    mark = console.cut(30)
    assert console.tail() == ["first", "second, unread"]
    with pytest.raises(NotSeen):
        console.wait_for("second", 0.05, since=mark)


def test_a_listener_may_cut_and_so_may_who_comes_after_the_end(wire):
    guest, console = wire
    cuts = []
    console.on_line(lambda _line: cuts.append(console.cut()))
    guest.sendall(b"one\ntwo")
    guest.close()
    with pytest.raises(ChannelClosed):
        console.wait_for("three", 5)
    assert console.tail() == ["one", "two"]
    assert console.cut() == cuts[-1]


def test_a_panic_can_be_what_is_waited_for(wire):
    guest, console = wire
    guest.sendall(b"Kernel panic - not syncing: as told\n")
    assert console.wait_for("as told", 5)


def test_the_first_byte(wire):
    guest, console = wire
    with pytest.raises(NotSeen):
        console.wait_first_byte(0.05)
    guest.sendall(b"S")
    assert console.wait_first_byte(5) == console.first_byte


def test_no_first_byte_ever(wire):
    guest, console = wire
    guest.close()
    with pytest.raises(ChannelClosed):
        console.wait_first_byte(5)


def test_typing(wire):
    guest, console = wire
    console.write(b"root\r")
    assert guest.recv(10) == b"root\r"
    with pytest.raises(GuestSilent, match="does not read"):
        console.write(bytes(16 << 20), timeout_s=0.1)
    guest.close()
    with pytest.raises(ChannelClosed):
        console.write(b"x")


def test_a_pty(tmp_path):
    primary, secondary = os.openpty()
    console = Console(primary, log=tmp_path / "log")
    os.write(secondary, b"login: ")
    assert console.wait_for("login: $", 5)
    console.write(b"root\n")
    assert os.read(secondary, 10) == b"root\n"
    os.close(secondary)
    with pytest.raises(ChannelClosed):
        console.wait_for("nothing", 5)
    console.close()


def test_the_log_is_the_bytes(tmp_path):
    guest, host = socket.socketpair()
    console = Console(host, log=tmp_path / "console.log")
    guest.sendall(b"\x1b[1mraw\x1b[0m\r\n\xff")
    guest.close()
    with pytest.raises(ChannelClosed):
        console.wait_for("nothing", 5)
    console.close()
    console.close()
    assert (tmp_path / "console.log").read_bytes() == b"\x1b[1mraw\x1b[0m\r\n\xff"


FLOOD = """
import resource, socket, sys, threading
from pathlib import Path
from harness.channels.console import Console
guest, host = socket.socketpair()
console = Console(host, log=Path(sys.argv[1]))
shown = []
console.on_line(lambda line: shown.append(line.text) if "not shown" in line.text else None)
def peak():  # of this program alone: after exec, getrusage still remembers its parent's
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 20
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if "VmHWM" in line) >> 10
before = peak()
guest.sendall(b"the first line\\n")
block = {block}
for _ in range(({megabytes} << 20) // len(block)):
    guest.sendall(block)
    del shown[10:]
guest.sendall(b"\\nready: 42\\nlogin: ")
assert console.wait_for("^ready: 42$", 60).text == "ready: 42"
assert console.wait_for("login: $", 5)
console.close()
print(peak() - before)
"""


@pytest.mark.parametrize(
    ("block", "megabytes"),
    [
        ("b'y\\n' * 32768", 300),
        ("b'[    1.234567] a kernel message ' * 2000 + b'\\r\\n'", 300),
        ("b'\\0' * 65536", 200),
    ],
)
def test_a_flood_neither_blocks_nor_grows(tmp_path, block, megabytes):
    log = tmp_path / "log"
    done = subprocess.run(
        [sys.executable, "-c", FLOOD.format(block=block, megabytes=megabytes), log],
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 32  # MiB, for hundreds that came
    written = log.read_bytes()
    assert len(written) < 6 << 20
    assert written.startswith(b"the first line\n")
    assert written.endswith(b"ready: 42\nlogin: ")
    assert b"[visorbench: truncated, " in written


def test_many_tiny_writes_are_bounded_too(wire):
    guest, console = wire
    for _ in range(5000):
        guest.sendall(b"\n")
        guest.sendall(b"x\n")
    guest.sendall(b"end\n")
    console.wait_for("end", 20)
    assert console._reader._held <= (256 << 10) + 200


def test_events_are_lines_by_name():
    guest, host = socket.socketpair()
    port = EventPort(host)
    guest.sendall(b"ready-not\nready pid=1\n")
    first = port.wait_for("ready", 5)
    assert first.text == "ready pid=1"
    mark = port.mark()
    guest.sendall(b"ready\nsuspended\n")
    assert port.wait_for("suspended", 5).text == "suspended"
    assert port.wait_for("ready", 5, since=mark).text == "ready"
    with pytest.raises(NotSeen):
        port.wait_for("read", 0.05)
    guest.close()
    with pytest.raises(ChannelClosed):
        port.wait_for("gone", 5)
    port.close()


def test_a_flood_cannot_keep_a_console_open(wire):
    """Here a listener floods its own console: there is always more to read."""
    guest, console = wire
    guest.settimeout(0)
    block = b"y\n" * 512

    def more(_):
        with contextlib.suppress(BlockingIOError):
            guest.send(block)

    console.on_line(more)
    guest.send(block)
    console.wait_for("y", 5)
    closing = threading.Thread(target=console.close, daemon=True)
    closing.start()
    closing.join(10)
    assert not closing.is_alive()
