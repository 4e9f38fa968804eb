"""The vsock of a double's guest: vb-vsock, whose one socket becomes those of vfkit and krunkit, one a port."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROGRAM = "VSOCK_DEVICE"
"""Names vb-vsock, without which a guest here has no vsock."""
CID = 3


@dataclass
class VsockPort:
    """``connect``: who connects to ``socket`` is led to the guest; else the guest is led to ``socket``."""

    number: int
    socket: str
    connect: bool


def start(ports: list[VsockPort], folder: Path) -> socket.socket:
    """QEMU's end of the device. For a double that has no threads yet."""
    ours, theirs = socket.socketpair()
    path = folder / "vsock"
    argv = [os.environ[PROGRAM], f"--cid={CID}", f"--path={path}", f"--front={theirs.fileno()}"]
    with theirs:  # nobody's child, as the guest is; it ends when QEMU does
        subprocess.run(
            ["setsid", "--fork", *argv], pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, check=True
        )
    for port in ports:
        if not port.connect:
            Path(f"{path}_{port.number}").symlink_to(port.socket)
    return ours


def listen(ports: list[VsockPort], folder: Path) -> None:
    """Be there for the host."""
    for port in ports:
        if port.connect:
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(port.socket)
            listener.listen()
            threading.Thread(
                target=_serve, args=(listener, folder / "vsock", port.number), daemon=True
            ).start()


def _serve(listener: socket.socket, device: Path, port: int) -> None:
    while True:
        stream, _ = listener.accept()
        guest = socket.socket(socket.AF_UNIX)
        try:
            guest.connect(os.fspath(device))
            guest.sendall(f"CONNECT {port}\n".encode())
            answer = b""
            while not answer.endswith(b"\n"):
                answer += guest.recv(1) or b"\n"
        except OSError:
            answer = b""
        if not answer.startswith(b"OK "):  # nobody listens there: the host's connection ends
            stream.close()
            guest.close()
            continue
        for source, sink in ((stream, guest), (guest, stream)):
            threading.Thread(target=_pump, args=(source, sink), daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
