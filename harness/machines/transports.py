"""Byte streams to ``vb-transport``: through what a guest has to its host, and natively through the host's own.

The harness asks and the program answers, so that one clock sees every round trip, and both directions.
"""

from __future__ import annotations

import mmap
import socket
import struct
import time
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Protocol

from harness.channels.shared_memory import SharedMemoryStream
from harness.channels.virtio_serial import VirtioSerial
from harness.channels.vsock import GUEST_PORT
from harness.errors import ChannelClosed, GuestSilent
from harness.guests.toolchain import guest_target, host_target
from harness.guests.workloads import workload
from harness.host.paths import private_directory
from harness.host.processes import PIPE, OwnedProcess, spawn
from harness.host.unix_sockets import unix_socket
from harness.machines.guest_ivshmem import guest_memory
from harness.machines.qemu.machine import QemuMachine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.machines.model import Machine

VIRTIO_SERIAL, VSOCK, USER_NET, IVSHMEM = "virtio-serial", "vsock", "user-net-tcp", "ivshmem"
UNIX_SOCKET, LOOPBACK, SHARED_MEMORY = "unix-socket", "loopback-tcp", "shared-memory"
SHARED_MIB = 16
"""Of an ivshmem device for them: each ring has room for a frame of 720p."""
PATIENCE_S = 300
"""For an answer: a guest may be emulated on a host with other things to do."""
_CHUNK = 1 << 18
_SERIAL_PORT = "org.visorbench.transport"
_PROGRAM = "/tmp/vb-transport"  # noqa: S108 - in a guest of ours, alone with itself
_FIND_SERIAL_PORT = (
    f"until port=$(grep -ls {_SERIAL_PORT} /sys/class/virtio-ports/*/name); do :; done; "
    "echo /dev/$(basename $(dirname $port))"
)


class Stream(Protocol):
    """What a transport is used as; a socket is one."""

    def sendall(self, data: bytes, /) -> object: ...
    def recv(self, most: int, /) -> bytes: ...
    def settimeout(self, timeout_s: float, /) -> None: ...


@contextmanager
def guest_streams(machine: Machine, *, vsock: bool = True) -> Iterator[dict[str, Stream]]:
    """To a guest that runs, by the transport's name: those that its machine has, with somebody at the other end.

    ``vsock``: whether the machine was asked for it. Raises ChannelError, ControlError, InvalidConfiguration.
    """
    machine.ssh.put(workload("transport", guest_target(machine.spec.guest.arch)), _PROGRAM, mode=0o755)
    with ExitStack() as undo:
        streams: dict[str, Stream] = {}
        if isinstance(machine, QemuMachine):
            streams[VIRTIO_SERIAL] = undo.enter_context(_virtio_serial(machine))
            _serve(machine, f"tcp:0.0.0.0:{GUEST_PORT}")
            port = machine.control.forward(GUEST_PORT)
            streams[USER_NET] = undo.enter_context(connected_tcp(port))
            if machine.config.ivshmem:
                streams[IVSHMEM] = shared = SharedMemoryStream(machine.shared_memory, lambda: machine.ended)
                undo.callback(shared.close)
                _serve(machine, f"shared:{guest_memory(machine)}")
        if vsock:
            _serve(machine, f"vsock:{GUEST_PORT}")
            streams[VSOCK] = undo.enter_context(machine.vsock.connect(GUEST_PORT, PATIENCE_S))
        for stream in streams.values():
            stream.settimeout(PATIENCE_S)
        yield streams


@contextmanager
def native_streams() -> Iterator[dict[str, Stream]]:
    """To the same program on the host, through a unix socket, TCP on the loopback and memory. Raises HostLacks."""
    with private_directory() as folder, ExitStack() as undo:
        path = folder / "transport"
        undo.enter_context(_serving(f"unix:{path}"))
        memory = folder / "memory"
        shared = SharedMemoryStream(_mapped(memory), lambda: program.exited is not None)
        undo.callback(shared.close)
        program, _ = undo.enter_context(_serving(f"shared:{memory}"))
        unix = undo.enter_context(unix_socket())
        unix.connect(str(path))
        _, port = undo.enter_context(_serving("tcp:127.0.0.1:0"))
        tcp = undo.enter_context(connected_tcp(int(port)))
        streams: dict[str, Stream] = {UNIX_SOCKET: unix, LOOPBACK: tcp, SHARED_MEMORY: shared}
        for stream in streams.values():
            stream.settimeout(PATIENCE_S)
        yield streams


def ask(stream: Stream, there: int, back: int) -> float:
    """Seconds until ``back`` bytes (at least one) have come for a request of ``there`` bytes.

    Raises ChannelClosed, GuestSilent.
    """
    request = struct.pack("<II", there, back) + bytes(there)
    started = time.perf_counter()
    try:
        stream.sendall(request)
        while back > 0:
            got = len(stream.recv(min(back, _CHUNK)))
            if not got:
                raise ChannelClosed("the other end of a transport hung up")
            back -= got
    except TimeoutError:
        raise GuestSilent(f"the other end of a transport said nothing for {PATIENCE_S} s") from None
    except OSError as error:
        raise ChannelClosed(f"a transport broke off: {error.strerror}") from None
    return time.perf_counter() - started


@contextmanager
def _virtio_serial(machine: QemuMachine) -> Iterator[socket.socket]:
    with VirtioSerial(machine.control.qmp, _SERIAL_PORT) as port:
        device = machine.ssh.run(_FIND_SERIAL_PORT).text().strip()
        with port.connect() as stream:
            # A port ends at once for who reads it before the guest has learnt that somebody is at its other end.
            machine.ssh.run(f"while :; do {_PROGRAM} serve file:{device}; done > /dev/null 2>&1 &")
            yield stream


def _serve(machine: Machine, where: str) -> None:
    """Returns when it listens."""
    said = f"/run/said-{where.partition(':')[0]}"
    machine.ssh.run(
        f"mkfifo {said}; {_PROGRAM} serve {where} > {said} 2>&1 & read -r line < {said}; rm {said}"
    )


@contextmanager
def _serving(where: str) -> Iterator[tuple[OwnedProcess, str]]:
    """The program on the host, and what it says after "listening"."""
    argv = [str(workload("transport", host_target())), "serve", where]
    process = spawn(argv, purpose="native transport", stdout=PIPE)
    try:
        if process.stdout is None:
            raise AssertionError("a process without its pipe")
        verb, _, rest = process.stdout.readline().decode().strip().partition(" ")
        if verb != "listening":
            raise ChannelClosed(f"vb-transport does not listen at {where}")
        yield process, rest
    finally:
        process.kill()
        with suppress(TimeoutError):
            process.wait(10)


def _mapped(path: Path) -> memoryview:
    with path.open("wb+") as file:
        file.truncate(SHARED_MIB << 20)
        return memoryview(mmap.mmap(file.fileno(), 0))


def connected_tcp(port: int) -> socket.socket:
    """To a port of the loopback; its small pieces wait for no others."""
    stream = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return stream
