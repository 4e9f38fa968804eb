"""One QEMU process with its channels: launched together, closed together."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.channels.console import Console
from harness.channels.events import EventPort
from harness.channels.qmp import Qmp
from harness.channels.qmp_log import QmpLog
from harness.channels.reader_thread import ReaderThread
from harness.errors import ChannelError, MachineError
from harness.host.memory import oom_kills
from harness.host.processes import OwnedProcess, spawn
from harness.host.write_errors import naming_write_errors
from harness.machines.qemu.command import build
from harness.machines.qemu.control import QemuControl
from harness.machines.qemu.devices import Port
from harness.machines.qemu.gpu import environment
from harness.machines.qemu.ivshmem import SharedMemory
from harness.machines.qemu.vsock import VsockDevice
from harness.machines.qemu.wire_pairs import WirePairs
from harness.machines.qemu.wire_tcp import TcpWires
from harness.machines.qemu.wires import Channel

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from harness.machines.qemu.config import QemuConfig
    from harness.machines.qemu.wires import Wires

WIRES: type[Wires] = TcpWires if sys.platform == "win32" else WirePairs
"""How channels lead to a QEMU on this platform."""

_KILL_TIMEOUT_S = 10
_TAIL_BYTES = 8192
_NEVER = r"(?!)"
"""A pattern that no line has."""


@dataclass(frozen=True, slots=True)
class Vmm:
    """A QEMU that has been spawned, and everything that leads to it."""

    process: OwnedProcess
    qmp: Qmp
    control: QemuControl
    console: Console
    ready: EventPort | None
    reader: ReaderThread
    """Of the console and the ready port."""
    logs: Path
    """Where console.log, stderr.log, qmp.log and argv are."""
    private: bool
    """Whether ``logs`` goes when the machine goes."""
    vsock: VsockDevice | None = None
    shared_memory: memoryview | None = None
    """Of its ivshmem device."""
    oom_kills: int = 0
    """:func:`harness.host.memory.oom_kills` when it was started."""

    @property
    def argv(self) -> tuple[str, ...]:
        return self.process.argv

    def stderr_tail(self, lines: int = 20) -> list[str]:
        """The last lines that QEMU said on its standard error; none once its private folder is gone."""
        try:
            with (self.logs / "stderr.log").open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
                return file.read().decode(errors="replace").splitlines()[-lines:]
        except FileNotFoundError:
            return []

    def read_on(self) -> str:
        """What a user does who wants to know more."""
        return "keep the logs to read more (visorbench boot: --logs)" if self.private else f"read {self.logs}"

    def drain(self, timeout_s: float = 1) -> None:
        """Wait until everything that a QEMU which has ended said on its console has been read."""
        with suppress(ChannelError, MachineError):
            self.console.wait_for(_NEVER, timeout_s, since=self.console.mark())

    def close(self) -> None:
        """Kill what still runs, and close every channel; idempotent."""
        if self.process.exited is None:
            self.process.kill()
            with suppress(TimeoutError):  # a process that even SIGKILL cannot end is the kernel's now
                self.process.wait(_KILL_TIMEOUT_S)
        if self.vsock:
            self.vsock.close()
        self.qmp.close()
        self.console.close()
        if self.ready:
            self.ready.close()
        self.reader.close()


def launch(
    config: QemuConfig,
    logs: Path,
    *,
    private: bool,
    purpose: str,
    window: Path,
    overlays: Path,
    inherits: Sequence[int] = (),
) -> Vmm:
    """Start QEMU with the machine's channels in place of the configuration's; ``window`` is a private folder for the
    sockets of a window system, ``overlays`` is one for what guests write on disks that stay as they are, ``inherits``
    are descriptors that the configuration names.

    ``logs`` gets console.log, qmp.log, stderr.log and argv; ``private``: it is gone when the machine is. Raises
    ToolMissing, InvalidConfiguration, ControlTimeout, DiskFull, CacheReadOnly.
    """
    channels = (Channel.MONITOR, Channel.CONSOLE, *((Channel.READY,) if config.ports else ()))
    wires = WIRES.lay(channels)
    with ExitStack() as undo:
        undo.callback(wires.close)
        config = _wired(config, wires)
        vsock = None
        if config.vsock and config.vsock.chardev:
            vsock = VsockDevice.start(config.vsock, purpose, window, logs)
            undo.callback(vsock.close)
            config = vsock.attached(config)
        shared = None
        if config.ivshmem:
            shared = SharedMemory.make(config.ivshmem)
            undo.callback(os.close, shared.fd)
            config = shared.attached(config)
        inherited = [*inherits, *([vsock.front.fileno()] if vsock else []), *([shared.fd] if shared else [])]
        argv = build(config)
        with naming_write_errors("the logs of a machine", logs, elsewhere="name another folder for them"):
            (logs / "argv").write_text("\n".join(argv) + "\n", encoding="utf-8", errors="surrogateescape")
            stderr = undo.enter_context((logs / "stderr.log").open("wb"))

        def start(fds: Sequence[int]) -> OwnedProcess:
            return spawn(
                argv,
                purpose=purpose,
                stderr=stderr,
                pass_fds=[*fds, *inherited],
                env=environment(config.environment, window)
                | dict.fromkeys(("TMPDIR", "TMP", "TEMP"), os.fspath(overlays)),
            )

        reader = ReaderThread("console")
        undo.callback(reader.close)

        def read(ends: Mapping[Channel, socket.socket]) -> tuple[Qmp, Console, EventPort | None]:
            with naming_write_errors("the logs of a machine", logs, elsewhere="name another folder for them"):
                console = Console(ends[Channel.CONSOLE], log=logs / "console.log", thread=reader)
                undo.callback(console.close)
                record = QmpLog(logs / "qmp.log")
            ready = None
            if Channel.READY in ends:
                ready = EventPort(ends[Channel.READY], name="ready port", thread=reader)
                undo.callback(ready.close)
            qmp = Qmp(ends[Channel.MONITOR], log=record)
            undo.callback(qmp.close)
            return qmp, console, ready

        oom_kills_before = oom_kills()
        process, (qmp, console, ready) = wires.start(start, read)
        stderr.close()
        if vsock:
            vsock.front.close()
        if shared:
            os.close(shared.fd)
        undo.pop_all()
    memory = shared.memory if shared else None
    control = QemuControl(qmp)
    return Vmm(process, qmp, control, console, ready, reader, logs, private, vsock, memory, oom_kills_before)


def _wired(config: QemuConfig, wires: Wires) -> QemuConfig:
    """The configuration with the machine's channels in place of its own; its first port is the ready port."""
    ports = config.ports
    if ports:
        ports = (Port(ports[0].name, wires.chardev(Channel.READY)), *ports[1:])
    return replace(
        config,
        monitor=wires.chardev(Channel.MONITOR),
        console=wires.chardev(Channel.CONSOLE),
        ports=ports,
    )
