"""The vsock device between a guest's driver and the host: connections, credit, half-close."""

from __future__ import annotations

import os
import socket
import struct
import sys
from contextlib import suppress

import psutil
import pytest

from tests.native.vsock.front import (
    BUFFERS,
    CREDIT_REQUEST,
    CREDIT_UPDATE,
    REQUEST,
    RESPONSE,
    RST,
    RW,
    SHUTDOWN,
    connected,
    listen,
)  # fmt: skip

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="vhost-user by eventfd and memfd is Linux's")


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
