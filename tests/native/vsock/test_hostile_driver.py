"""The vsock device under a driver that misbehaves: it neither crashes nor reads outside the guest's memory."""

from __future__ import annotations

import socket
import struct
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.host.paths import private_directory
from tests.native.vsock.front import (
    BUFFERS,
    HEADER,
    NEXT,
    RINGS,
    RST,
    RW,
    RX,
    SIZE,
    SPLIT,
    TABLE,
    TX,
    WRITE,
    FrontEnd,
    connected,
)  # fmt: skip

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="vhost-user by eventfd and memfd is Linux's")


def loop(front):
    front.describe(TX, 0, BUFFERS, 44, NEXT, 0)


def outside(front):
    front.describe(TX, 0, 2 * SPLIT - 10, 44)


def wrapped(front):
    front.describe(TX, 0, 2**64 - 4, 44)


def enormous(front):
    front.describe(TX, 0, 0, 0xFFFFFFFF)


def next_outside(front):
    front.describe(TX, 0, BUFFERS, 44, NEXT, SIZE)


def wrong_direction(front):
    front.describe(TX, 0, BUFFERS, 44, WRITE)


def table_of_nothing(front):
    front.describe(TX, 0, BUFFERS, 0, TABLE)


def table_with_a_rest(front):
    front.describe(TX, 0, BUFFERS, 17, TABLE)


def table_outside(front):
    front.describe(TX, 0, 2 * SPLIT - 8, 16, TABLE)


def table_in_a_table(front):
    struct.pack_into("<QIHH", front.memory, BUFFERS, BUFFERS, 16, TABLE, 0)
    front.describe(TX, 0, BUFFERS, 16, TABLE)


def table_in_circles(front):
    struct.pack_into("<QIHH", front.memory, BUFFERS, BUFFERS, 16, NEXT, 0)
    front.describe(TX, 0, BUFFERS, 16, TABLE)


def table_out_of_itself(front):
    struct.pack_into("<QIHH", front.memory, BUFFERS, BUFFERS, 16, NEXT, 1)
    front.describe(TX, 0, BUFFERS, 16, TABLE)


def index_ahead(front):
    struct.pack_into("<H", front.memory, RINGS[TX] + 0x800 + 2, 1000)


BROKEN = [
    loop, outside, wrapped, enormous, next_outside, wrong_direction, table_of_nothing, table_with_a_rest,
    table_outside, table_in_a_table, table_in_circles, table_out_of_itself, index_ahead,
]  # fmt: skip


@pytest.mark.parametrize("breaking", BROKEN)
def test_a_broken_queue_is_told_of_and_begins_anew_after_a_reset(driver, breaking):
    with connected(driver) as stream:
        breaking(driver)
        driver.push(TX, 0)
        assert driver.broke(TX)
        assert stream.recv(1) == b""
    driver.restart()
    connected(driver).close()


def test_a_buffer_too_small_for_a_packet_breaks_the_queue_to_the_guest(front):
    front.start()
    for index in range(SIZE):
        front.describe(RX, index, BUFFERS, 44, WRITE)
    front.send(RW, 1, 2)
    assert front.broke(RX)


def test_an_indirect_table_is_read(driver):
    header = HEADER.pack(3, 2, 1, 2, 0, 1, RW, 0, 0, 0)
    driver.memory[SPLIT - 20 : SPLIT + 24] = header
    at = SPLIT - 2 * SIZE - 40
    for number, (start, length) in enumerate([(SPLIT - 20, 5), (SPLIT - 15, 39)]):
        struct.pack_into(
            "<QIHH", driver.memory, at + number * 16, start, length, NEXT if number == 0 else 0, 1
        )
    driver.describe(TX, 0, at, 32, TABLE)
    driver.push(TX, 0)
    assert driver.receive().operation == RST


TABLE_TOO_LARGE = struct.pack("<II", 1, 0) + struct.pack("<QQQQ", 0, 4 * SPLIT, 0, 0)
WRAPPED = struct.pack("<II", 1, 0) + struct.pack("<QQQQ", 2**64 - 1, 4096, 0, 0)


@pytest.mark.parametrize(
    ("request_", "payload", "with_fd", "words"),
    [
        (99, b"", False, "kind that was not agreed on"),
        (5, TABLE_TOO_LARGE, True, "larger than its file"),
        (5, WRAPPED, True, "wraps around"),
        (5, struct.pack("<II", 1, 0) + bytes(32), False, "without a descriptor each"),
        (5, struct.pack("<II", 1, 0), True, "too short"),
        (8, struct.pack("<II", 2, 16), False, "does not have"),
        (8, struct.pack("<II", 0, 3), False, "no power of two"),
        (8, struct.pack("<II", 0, 65536), False, "no power of two"),
        (10, struct.pack("<II", 0, 70000), False, "index"),
        (12, struct.pack("<Q", 0), False, "without its descriptor"),
        (12, struct.pack("<Q", 0x100), False, "polled"),
        (2, struct.pack("<Q", 1 << 40), False, "not offered"),
        (2, b"", False, "too short"),
        (24, bytes(4), False, "too short"),
    ],
)  # fmt: skip
def test_a_message_that_makes_no_sense_ends_it_with_a_sentence(front, request_, payload, with_fd, words):
    front.say(request_, payload, [front.file] if with_fd else ())
    assert front.process.wait(20) == 1
    assert words in front.process.stderr.read().decode()


def test_memory_that_cannot_be_taken_ends_queues_that_run(front):
    """What was mapped is gone by then, and nothing is written to it any more."""
    front.start()
    table = bytearray(front.table())
    struct.pack_into("<Q", table, 8 + 8, 1 << 40)
    front.say(5, bytes(table), [front.file, front.file])
    assert front.process.wait(20) == 1
    assert "larger than its file" in front.process.stderr.read().decode()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (struct.pack("<III", 1, 1, 1 << 31), "larger than any"),
        (struct.pack("<III", 1, 2, 0), "version"),
        (struct.pack("<III", 2, 1, 8) + b"half", "half a message"),
        (b"\x01", "half a message"),
    ],
)
def test_bytes_that_are_no_message(front, data, words):
    front.socket.sendall(data)
    front.socket.shutdown(socket.SHUT_WR)
    assert front.process.wait(20) == 1
    assert words in front.process.stderr.read().decode()


def test_it_ends_with_its_front_end_and_leaves_no_socket(front):
    front.start()
    front.socket.close()
    assert front.process.wait(20) == 0
    assert not front.path.exists()


def test_a_misspelt_command_line_is_told(vb_vsock):
    done = subprocess.run([vb_vsock, "--cid=2"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--cid is a number from 3" in done.stderr


anything = st.builds(
    lambda address, length, flags, following: (address, length, flags, following),
    st.sampled_from([0, BUFFERS, SPLIT - 20, 2 * SPLIT - 4, 2**63]) | st.integers(0, 2 * SPLIT),
    st.sampled_from([0, 16, 32, 44, 48, 4096, 0xFFFFFFFF]) | st.integers(0, 200),
    st.integers(0, 7), st.integers(0, SIZE + 1),
)  # fmt: skip


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    st.lists(anything, min_size=1, max_size=SIZE),
    st.binary(max_size=400),
    st.lists(st.integers(0, SIZE), min_size=1, max_size=6),
)
def test_no_chain_crashes_it(vb_vsock, descriptors, content, heads):
    with private_directory() as folder, FrontEnd(vb_vsock, folder) as front:
        front.start()
        front.memory[BUFFERS : BUFFERS + len(content)] = content
        for index, values in enumerate(descriptors):
            front.describe(TX, index, *values)
        for head in heads:
            front.push(TX, head)
        front.ask(11, struct.pack("<II", TX, 0))
        front.ask(11, struct.pack("<II", RX, 0))
        front.start_queue(RX)
        front.start_queue(TX)
        for index in range(SIZE):
            front.offer(index)
        front.send(RW, 5, 6)
        while front.receive().operation != RST:
            pass
    assert front.process.returncode == 0, front.said
