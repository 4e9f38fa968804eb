"""AF_VSOCK of real guests through the device process: both ways, half-close, reset, and what happens when it dies.

The same guests share memory with us (ivshmem): frames and bytes.
"""

import os
import signal
import socket
import struct
import threading
from dataclasses import replace

import psutil
import pytest

from harness.display.ivshmem import SharedMemoryDisplay
from harness.display.watching import watch
from harness.errors import InvalidConfiguration, NotSeen, PortRefused, VsockLost
from harness.guests.model import Arch
from harness.guests.toolchain import guest_target
from harness.guests.workloads import workload
from harness.machines.guest_ivshmem import guest_memory
from harness.machines.model import MachineSpec, Phase
from harness.machines.pattern import Pattern
from harness.machines.qemu.command import build
from harness.machines.qemu.definition import define
from harness.machines.runner import SshRunner
from harness.machines.transports import (
    IVSHMEM,
    SHARED_MIB,
    USER_NET,
    VIRTIO_SERIAL,
    VSOCK,
    ask,
    guest_streams,
)

PROGRAM = "/run/vb-transport"
NOISE = os.urandom(1 << 20)


def serve(machine, *services):
    """Put the guest's program there, and have it listen."""
    machine.ssh.put(workload("transport", guest_target(machine.spec.guest.arch)), PROGRAM)
    for number, service in enumerate(services):
        log = f"/run/serve{number}"
        machine.ssh.run(f"mkfifo {log}; {PROGRAM} {service} > {log} 2>&1 & read -r said < {log}; echo $said")


def read_all(stream):
    return b"".join(iter(lambda: stream.recv(1 << 16), b""))


def echo(machine, data):
    with machine.vsock.connect(8) as stream:
        sender = threading.Thread(target=lambda: (stream.sendall(data), stream.shutdown(socket.SHUT_WR)))
        sender.start()
        got = read_all(stream)
        sender.join()
    return got


def frames_in_shared_memory(machine):
    """A guest without a display shows frames, and whatever is seen of them is whole and in order."""
    display = SharedMemoryDisplay(machine.shared_memory, lambda: machine.ended)
    pattern = Pattern.prepare(SshRunner.of(machine))
    drawing = pattern.start("--frames=200", "--size=640x480", f"--shared={guest_memory(machine)}")
    seen = watch(display, lambda: drawing.going_on)
    assert drawing.report().frames == 200
    assert seen.numbers
    assert seen.backwards == 0
    assert seen.torn == 0
    assert set(seen.bytes_copied) == {0}


@pytest.mark.guest_boot
@pytest.mark.parametrize("arch", [Arch.X86_64, pytest.param(Arch.ARM64, marks=pytest.mark.slow)])
def test_both_ways_after_a_reset_and_without_its_process(tcg, tiny, arch):
    with tcg.machine(MachineSpec(tiny(arch), vsock=True, extra={"ivshmem": str(SHARED_MIB)})) as machine:
        machine.boot(timeout_s=300)
        frames_in_shared_memory(machine)
        pids = machine.pids
        (device,) = [pid for pid in pids if "vb-vsock" in psutil.Process(pid).name()]
        serve(machine, "serve vsock:7", "echo vsock:8")
        assert echo(machine, NOISE) == NOISE

        with machine.vsock.connect(7) as stream:
            stream.sendall(struct.pack("<II", 3, 300_000) + b"abc")
            assert len(stream.recv(300_000, socket.MSG_WAITALL)) == 300_000
        with pytest.raises(PortRefused, match="port 99"):
            machine.vsock.connect(99)

        with guest_streams(machine) as streams:
            assert set(streams) == {VIRTIO_SERIAL, VSOCK, USER_NET, IVSHMEM}
            for stream in streams.values():
                assert ask(stream, 5000, 300_000) > 0
                assert ask(stream, 300_000, 1) > 0

        with machine.vsock.listen(1234) as listener:
            with pytest.raises(NotSeen):
                listener.accept(timeout_s=0.1)
            answers = []

            def answer():
                with listener.accept(60) as stream:
                    got = read_all(stream)
                    answers.append((len(got), got == bytes(n % 251 for n in range(1_000_000))))
                    stream.sendall(b"\x01" * 5000)

            host = threading.Thread(target=answer)
            host.start()
            said = machine.ssh.run(f"{PROGRAM} send 1234 1000000").text()
            host.join()
        assert answers == [(1_000_000, True)]
        assert said.split() == ["5000", "5000"]
        with pytest.raises(InvalidConfiguration, match="0 is no vsock port"):
            machine.vsock.listen(0)

        held = machine.vsock.connect(8)
        machine.reset()
        machine.wait_for(Phase.FIRST_COMMAND, 120)
        held.settimeout(20)
        assert held.recv(1) == b""
        serve(machine, "echo vsock:8")
        assert echo(machine, b"again" * 1000) == b"again" * 1000

        machine.pause()
        machine.resume()
        assert echo(machine, b"and on" * 1000) == b"and on" * 1000

        os.kill(device, signal.SIGKILL)
        with machine.vsock.listen(5) as listener, pytest.raises(VsockLost, match="signal 9"):
            listener.accept(20)
        with pytest.raises(VsockLost, match="signal 9"):
            machine.vsock.connect(8)
        assert machine.ssh.run("echo alive").text() == "alive"
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_a_machine_without_vsock_says_how_to_get_it(sector):
    machine = sector()
    machine.start()
    with pytest.raises(InvalidConfiguration, match="has no vsock"):
        _ = machine.vsock
    with pytest.raises(InvalidConfiguration, match="shares no memory"):
        _ = machine.shared_memory


def test_a_device_process_without_shared_memory_is_refused(tcg, tiny):
    from harness.host.qemu import qemu_for

    config = define(MachineSpec(tiny(Arch.X86_64), vsock=True), qemu_for("x86-64"), "tcg")
    if config.vsock.chardev is None:
        pytest.skip("the kernel of this host carries vsock")
    assert "share=on" in " ".join(build(config))
    with pytest.raises(InvalidConfiguration, match="shared memory"):
        build(replace(config, shared_memory=False))
    with pytest.raises(InvalidConfiguration, match="CID"):
        build(replace(config, vsock=replace(config.vsock, guest_cid=2)))
