"""Byte streams to ``vb-transport`` on the host; those of guests are in test_qemu_vsock.py."""

import socket

import pytest

from harness.errors import ChannelClosed, InvalidConfiguration
from harness.machines.transports import LOOPBACK, UNIX_SOCKET, ask, native_streams


def test_the_hosts_own_sockets_answer_both_ways_and_are_gone_afterwards():
    with native_streams() as streams:
        assert set(streams) == {UNIX_SOCKET, LOOPBACK}
        for stream in streams.values():
            assert ask(stream, 0, 1) > 0
            assert ask(stream, 1_000_000, 3_000_000) > 0
        assert streams[LOOPBACK].getpeername()[0] == "127.0.0.1"
        peer = streams[LOOPBACK].getpeername()
    with pytest.raises(ConnectionRefusedError), socket.create_connection(peer):
        pass


def test_who_hangs_up_is_named():
    with native_streams() as streams:
        for stream in streams.values():
            stream.shutdown(socket.SHUT_RDWR)
            with pytest.raises(ChannelClosed):
                ask(stream, 0, 1)


@pytest.mark.guest_boot
def test_a_machine_without_a_network_forwards_nothing(sector):
    machine = sector(extra={"video": "none", "network": "none"})
    machine.start()
    with pytest.raises(InvalidConfiguration, match="port 7 of the guest"):
        machine.control.forward(7)
