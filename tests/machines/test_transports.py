"""Byte streams to ``vb-transport`` on the host; those of guests are in test_qemu_vsock.py."""

import socket
import subprocess

import pytest

from harness.errors import ChannelClosed, InvalidConfiguration
from harness.guests.toolchain import host_target
from harness.guests.workloads import workload
from harness.machines.transports import LOOPBACK, SHARED_MEMORY, UNIX_SOCKET, ask, native_streams


def test_the_hosts_own_streams_answer_both_ways_and_are_gone_afterwards():
    with native_streams() as streams:
        assert set(streams) == {UNIX_SOCKET, LOOPBACK, SHARED_MEMORY}
        for stream in streams.values():
            assert ask(stream, 0, 1) > 0
            assert ask(stream, 1_000_000, 3_000_000) > 0
        assert streams[LOOPBACK].getpeername()[0] == "127.0.0.1"
        peer = streams[LOOPBACK].getpeername()
    with pytest.raises(ConnectionRefusedError), socket.create_connection(peer):
        pass


def test_who_hangs_up_is_named():
    with native_streams() as streams:
        for name in (UNIX_SOCKET, LOOPBACK):
            streams[name].shutdown(socket.SHUT_RDWR)
            with pytest.raises(ChannelClosed):
                ask(streams[name], 0, 1)


def test_a_memory_without_rings_is_refused(tmp_path):
    memory = tmp_path / "memory"
    memory.write_bytes(bytes(16384))
    argv = [workload("transport", host_target()), "serve", f"shared:{memory}"]
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "Bad message" in ended.stderr


@pytest.mark.guest_boot
def test_a_machine_without_a_network_forwards_nothing(sector):
    machine = sector(extra={"video": "none", "network": "none"})
    machine.start()
    with pytest.raises(InvalidConfiguration, match="port 7 of the guest"):
        machine.control.forward(7)
