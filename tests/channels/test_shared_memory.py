"""A byte stream in shared memory: the real program at its other end, and ends that lie, hang up or say nothing."""

from __future__ import annotations

import threading

import pytest

from harness.channels.shared_memory import SharedMemoryStream
from harness.errors import ChannelClosed

BYTES = 4096 + 2 * 8192
TO_PEER, FROM_PEER, READ = 16, 48, 16


@pytest.fixture
def ends():
    """A stream with rings of 8 KiB, and the words and rings as its peer has them."""
    memory = memoryview(bytearray(BYTES))
    stream = SharedMemoryStream(memory, lambda: False)
    stream.settimeout(60)
    return stream, memory[:4096].cast("I"), memory


def test_bytes_come_in_order_around_the_ring_and_around_the_counters(ends):
    stream, words, memory = ends
    for counter in (TO_PEER, TO_PEER + READ):
        words[counter] = 2**32 - 8192 - 10
    data = bytes(n % 251 for n in range(50_000))
    got = bytearray()

    def peer() -> None:
        while len(got) < len(data):
            at, written = words[TO_PEER + READ], words[TO_PEER]
            for n in range((written - at) % 2**32):
                got.append(memory[4096 + (at + n) % 8192])
            words[TO_PEER + READ] = written

    thread = threading.Thread(target=peer)
    thread.start()
    stream.sendall(data)
    thread.join()
    assert bytes(got) == data

    memory[4096 + 8192 : 4096 + 8192 + 3] = b"abc"
    words[FROM_PEER] = 3
    assert (stream.recv(2), stream.recv(9)) == (b"ab", b"c")


@pytest.mark.parametrize("counted", [8193, 2**32 - 1])
def test_counters_that_cannot_be_end_the_stream(ends, counted):
    stream, words, _ = ends
    words[FROM_PEER] = counted
    with pytest.raises(ChannelClosed, match=f"{counted} bytes in a shared memory's ring of 8192"):
        stream.recv(1)
    words[TO_PEER + READ] = (words[TO_PEER] - counted) % 2**32
    with pytest.raises(ChannelClosed):
        stream.sendall(b"x")


def test_an_end_that_is_gone_or_says_nothing_is_told(ends):
    stream, *_ = ends
    stream.settimeout(0.01)
    with pytest.raises(TimeoutError):
        stream.recv(1)
    with pytest.raises(TimeoutError):
        stream.sendall(bytes(8193))
    stream.close()
    with pytest.raises(ChannelClosed, match="gone"):
        stream.recv(1)
    gone = SharedMemoryStream(memoryview(bytearray(BYTES)), lambda: True)
    with pytest.raises(ChannelClosed, match="gone"):
        gone.recv(1)
    with pytest.raises(ChannelClosed, match="no room"):
        SharedMemoryStream(memoryview(bytearray(8192)), lambda: False)
