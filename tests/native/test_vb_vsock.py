"""The vsock device under a driver that misbehaves: it neither crashes nor reads outside the guest's memory.

Built with the sanitizers of the host's compiler where there is one, which end the program with status 99.
"""

from __future__ import annotations

import os
import shutil
import socket
import struct
import subprocess
import sys
from contextlib import suppress

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.guests.toolchain import host_target
from harness.guests.workloads import RECIPES, workload
from harness.host.paths import private_directory
from tests.native.vhost_front import (
    BUFFERS,
    CREDIT_REQUEST,
    CREDIT_UPDATE,
    HEADER,
    NEXT,
    REQUEST,
    RESPONSE,
    RINGS,
    RST,
    RW,
    RX,
    SHUTDOWN,
    SIZE,
    SPLIT,
    TABLE,
    TX,
    WRITE,
    FrontEnd,
)  # fmt: skip

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="vhost-user by eventfd and memfd is Linux's")

SANITIZED = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


@pytest.fixture(scope="session")
def vb_vsock(tmp_path_factory):
    """The program, with sanitizers where the host has a compiler of its own."""
    recipe = RECIPES["vsock"]
    compiler = shutil.which("clang") or shutil.which("gcc")
    if compiler is None:
        return workload("vsock", host_target())
    program = tmp_path_factory.mktemp("sanitized") / recipe.program
    built = subprocess.run(
        [compiler, *recipe.flags, *SANITIZED, "-Wall", "-Wextra", "-Werror", *recipe.sources(), "-o", program],
        cwd=recipe.folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if "cannot find" in built.stderr:  # a compiler without its sanitizers
        return workload("vsock", host_target())
    assert built.returncode == 0, built.stderr
    return program


@pytest.fixture
def front(vb_vsock, monkeypatch):
    monkeypatch.setenv("ASAN_OPTIONS", "exitcode=99")
    monkeypatch.setenv("UBSAN_OPTIONS", "exitcode=99")
    with private_directory() as folder, FrontEnd(vb_vsock, folder) as front:
        yield front
    assert front.process.returncode in (0, 1), front.said


@pytest.fixture
def driver(front):
    front.start()
    yield front
    front.socket.close()
    assert front.process.wait(20) == 0


def listen(front, port):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"{front.path}_{port}")
    listener.listen(64)
    listener.settimeout(20)
    return listener


def connected(front, port=1024, host=80):
    """A stream that the guest opened: the host's end."""
    with listen(front, host) as listener:
        front.send(REQUEST, port, host)
        answer = front.receive()
        assert (answer.operation, answer.source, answer.target) == (RESPONSE, host, port)
        stream, _ = listener.accept()
    front.path.with_name(f"vsock_{host}").unlink()
    stream.settimeout(20)
    return stream


def test_what_it_offers_and_its_cid(front):
    assert front.number(1) == 1 << 32 | 1 << 30 | 1 << 28
    assert front.number(17) == 2
    asked = struct.pack("<III", 0, 8, 0) + bytes(8)
    assert front.ask(24, asked)[12:] == struct.pack("<Q", front.cid)
    beyond = struct.pack("<III", 0xFFFFFFFC, 8, 0) + bytes(8)
    assert front.ask(24, beyond)[12:] == bytes(8)


def test_a_guest_connects_both_sides_talk_and_close_by_halves(driver):
    with connected(driver) as stream:
        data = os.urandom(3000)
        driver.send(RW, 1024, 80, data)
        assert stream.recv(4096) == data
        stream.sendall(b"x" * 5000)  # more than one of the guest's buffers
        got = b""
        while len(got) < 5000:
            packet = driver.receive()
            assert packet.operation == RW
            got += packet.payload
        assert got == b"x" * 5000
        assert packet.forwarded == 3000

        stream.shutdown(socket.SHUT_WR)
        packet = driver.receive()
        assert (packet.operation, packet.flags) == (SHUTDOWN, 2)
        driver.send(RW, 1024, 80, b"still heard")
        assert stream.recv(4096) == b"still heard"
        driver.send(SHUTDOWN, 1024, 80, flags=3)
        assert driver.receive().operation == RST
        assert stream.recv(1) == b""


def test_a_host_connects_by_the_greeting(driver):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(str(driver.path))
        client.sendall(b"CONN")
        client.sendall(b"ECT 9\nand more")
        request = driver.receive()
        assert (request.operation, request.target) == (REQUEST, 9)
        driver.send(RESPONSE, 9, request.source)
        assert driver.receive().payload == b"and more"
        assert client.recv(64) == f"OK {request.source}\n".encode()
        client.close()
        assert driver.receive().flags == 3
        driver.send(RST, 9, request.source)


@pytest.mark.parametrize(
    "greeting",
    [
        b"CONNECT 0\n",
        b"CONNECT -1\n",
        b"CONNECT 4294967295\n",
        b"connect 1\n",
        b"GET / HTTP/1.1\r\n" * 9,
        b"\n",
    ],
)
def test_another_greeting_is_hung_up_on(driver, greeting):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(str(driver.path))
        client.sendall(greeting)
        with suppress(ConnectionResetError):  # which of the two depends on what was not read
            assert client.recv(64) == b""


@pytest.mark.parametrize("operation", [REQUEST, RESPONSE, RW, SHUTDOWN, CREDIT_UPDATE, CREDIT_REQUEST, 0, 99])
def test_what_belongs_to_nobody_is_reset(driver, operation):
    driver.send(operation, 5, 6)
    answer = driver.receive()
    assert (answer.operation, answer.source, answer.target) == (RST, 6, 5)


@pytest.mark.parametrize(
    ("operation", "changes"),
    [
        (RW, {"length": 0xFFFFFFFF}),
        (RW, {"length": 1}),
        (RW, {"type": 2}),
        (REQUEST, {}),
        (RESPONSE, {}),
        (77, {}),
    ],
)
def test_a_packet_that_makes_no_sense_resets_its_connection(driver, operation, changes):
    with connected(driver) as stream:
        driver.send(operation, 1024, 80, **changes)
        assert driver.receive().operation == RST
        assert stream.recv(1) == b""


def test_more_than_the_credit_resets_and_a_slow_reader_loses_nothing(driver):
    with connected(driver) as stream:
        sent = 0
        piece = bytes(range(256)) * 128
        while sent < 1 << 20:
            driver.send(RW, 1024, 80, piece, at=BUFFERS + 0x20000)
            sent += len(piece)
        got = 0
        while got < sent:
            part = stream.recv(1 << 16)
            assert part == (piece * 3)[got % 256 : got % 256 + len(part)]
            got += len(part)
        total = sent
        for _ in range(80):
            driver.send(RW, 1024, 80, piece, at=BUFFERS + 0x20000)
            total += len(piece)
        while (packet := driver.receive()).operation == CREDIT_UPDATE:
            assert packet.forwarded <= total
        assert packet.operation == RST


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


@pytest.fixture
def plain_driver():
    """Without sanitizers, which keep what was freed for a while."""
    with private_directory() as folder, FrontEnd(workload("vsock", host_target()), folder) as front:
        front.start()
        yield front


def test_ten_thousand_connections_cost_no_memory_and_no_descriptor(plain_driver):
    driver, process = plain_driver, psutil.Process(plain_driver.process.pid)

    def open_and_close(count):
        with listen(driver, 80) as listener:
            for number in range(count):
                driver.send(REQUEST, 1024 + number, 80)
                assert driver.receive().operation == RESPONSE
                stream, _ = listener.accept()
                stream.sendall(b"x")
                assert driver.receive().payload == b"x"
                driver.send(SHUTDOWN, 1024 + number, 80, flags=3)
                assert driver.receive().operation == RST
                stream.close()
        driver.path.with_name("vsock_80").unlink()

    open_and_close(1000)
    descriptors, memory = process.num_fds(), process.memory_info().rss
    open_and_close(9000)
    assert process.num_fds() == descriptors
    assert process.memory_info().rss - memory < 256 << 10
