"""One QEMU process with its channels: launched together, closed together."""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.channels.console import Console
from harness.channels.events import EventPort
from harness.channels.qmp import Qmp
from harness.channels.qmp_log import QmpLog
from harness.errors import ChannelError, MachineError
from harness.host.processes import OwnedProcess, spawn
from harness.host.write_errors import naming_write_errors
from harness.machines.qemu.command import build
from harness.machines.qemu.control import QemuControl
from harness.machines.qemu.devices import Port
from harness.machines.qemu.gpu import environment
from harness.machines.qemu.wires import Wires

if TYPE_CHECKING:
    from pathlib import Path

    from harness.machines.qemu.config import QemuConfig

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
    logs: Path
    """Where console.log, stderr.log, qmp.log and argv are."""
    private: bool
    """Whether ``logs`` goes when the machine goes."""

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
        self.qmp.close()
        self.console.close()
        if self.ready:
            self.ready.close()


def launch(config: QemuConfig, logs: Path, *, private: bool, purpose: str, window: Path) -> Vmm:
    """Start QEMU with the machine's channels in place of the configuration's; ``window`` is a private folder for the
    sockets of a window system.

    ``logs`` gets console.log, qmp.log, stderr.log and argv; ``private``: it is gone when the machine is. Every
    reader runs before QEMU does, so that what arrives is stamped by a thread that waits for it. Raises ToolMissing,
    InvalidConfiguration, DiskFull, CacheReadOnly.
    """
    wires = Wires.lay(ready=bool(config.ports))
    with ExitStack() as undo:
        undo.callback(wires.close)
        ports = (Port(config.ports[0].name, wires.ready.chardev), *config.ports[1:]) if wires.ready else ()
        argv = build(
            replace(config, monitor=wires.monitor.chardev, console=wires.console.chardev, ports=ports)
        )
        with naming_write_errors("the logs of a machine", logs, elsewhere="name another folder for them"):
            (logs / "argv").write_text("\n".join(argv) + "\n", encoding="utf-8", errors="surrogateescape")
            console = Console(wires.console.ours, log=logs / "console.log")
            undo.callback(console.close)
            record = QmpLog(logs / "qmp.log")
            stderr = undo.enter_context((logs / "stderr.log").open("wb"))
        ready = EventPort(wires.ready.ours, name="ready port") if wires.ready else None
        if ready:
            undo.callback(ready.close)
        qmp = Qmp(wires.monitor.ours, log=record)
        undo.callback(qmp.close)
        process = spawn(
            argv,
            purpose=purpose,
            stderr=stderr,
            pass_fds=wires.fds(),
            env=environment(config.environment, window),
        )
        wires.hand_over()
        stderr.close()
        undo.pop_all()
    return Vmm(process, qmp, QemuControl(qmp), console, ready, logs, private)
