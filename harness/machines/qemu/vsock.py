"""The vsock of a QEMU machine: carried by the host's kernel where that works, else by vb-vsock, a process of ours."""

from __future__ import annotations

import socket
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.channels.vsock import UnixVsock
from harness.errors import HostLacks, InvalidConfiguration, UnknownName
from harness.guests.toolchain import host_target
from harness.guests.workloads import workload
from harness.host.processes import OwnedProcess, spawn
from harness.host.vhost_vsock import free_cid
from harness.machines.qemu.devices import Inherited, Nowhere, VsockCard

if TYPE_CHECKING:
    from pathlib import Path

    from harness.machines.qemu.config import QemuConfig

USER_CID = 3
"""The first that a guest can have: behind a device process of its own, no other machine has it."""
_CID_MAX = 0xFFFFFFFE
_SOCKET = "vsock"
_END_TIMEOUT_S = 10


def card() -> VsockCard:
    """What a machine of this host gets. Raises HostLacks where neither kernel nor process can carry vsock."""
    cid = free_cid()
    if cid is not None:
        return VsockCard(cid)
    if sys.platform != "linux":
        raise HostLacks(
            "vsock for QEMU needs Linux on the host",
            fix="use ssh or virtio-serial, or the backend vz or krun",
        )
    return VsockCard(USER_CID, Nowhere())


def check_vsock(config: QemuConfig) -> None:
    """Raise InvalidConfiguration or UnknownName for what QEMU would refuse, or what would never work."""
    vsock = config.vsock
    if vsock is None:
        return
    if not USER_CID <= vsock.guest_cid <= _CID_MAX:
        raise InvalidConfiguration(
            f"a guest's CID is {vsock.guest_cid}", fix=f"it can be {USER_CID} to {_CID_MAX}"
        )
    if vsock.chardev is not None and not config.shared_memory:
        raise InvalidConfiguration(
            "a vhost-user vsock device without shared memory, which its process could not read",
            fix="set shared_memory (QEMU: -object memory-backend-memfd,share=on)",
        )
    known = config.features.devices if config.features else ()
    if known and vsock.driver not in known:
        raise UnknownName("device", vsock.driver, known, where=str(config.binary))


@dataclass(frozen=True, slots=True)
class VsockDevice:
    """A running vb-vsock of one machine, connected to its QEMU and gone with it."""

    process: OwnedProcess
    channel: UnixVsock
    front: socket.socket
    """QEMU's end, to be inherited by it and then closed here."""

    @classmethod
    def start(cls, vsock: VsockCard, purpose: str, sockets: Path, logs: Path) -> VsockDevice:
        """Start it, its unix sockets in ``sockets``. Raises what :func:`harness.guests.workloads.workload` raises."""
        program = workload("vsock", host_target())
        ours, theirs = socket.socketpair()
        path, log = sockets / _SOCKET, logs / "vsock.log"
        argv = [str(program), f"--cid={vsock.guest_cid}", f"--path={path}", f"--front={theirs.fileno()}"]
        try:
            with theirs, log.open("wb") as stderr:
                process = spawn(argv, purpose=f"{purpose}: vsock", stderr=stderr, pass_fds=[theirs.fileno()])
        except BaseException:
            ours.close()
            raise
        return cls(process, UnixVsock(path, process, log), ours)

    def attached(self, config: QemuConfig) -> QemuConfig:
        """The configuration with this device behind its card."""
        if config.vsock is None:
            raise AssertionError("a device without its card")
        return replace(config, vsock=replace(config.vsock, chardev=Inherited(self.front.fileno())))

    def close(self) -> None:
        """End it; nothing the second time."""
        self.front.close()
        if self.process.exited is None:
            self.process.kill()
            self.process.wait(_END_TIMEOUT_S)
