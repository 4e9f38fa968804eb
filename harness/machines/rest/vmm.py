"""One running VMM and everything that leads to it: made by :func:`launch`, gone with its machine."""

from __future__ import annotations

import os
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from harness.channels.stamp import Stamp
from harness.errors import ChannelError, ControlLost, ControlTimeout, MachineDied, MachineError
from harness.host.processes import OwnedProcess, spawn
from harness.host.write_errors import naming_write_errors
from harness.machines.logs import ARGV
from harness.machines.rest import worker
from harness.machines.rest.control import RestControl
from harness.machines.rest.proof import refusal
from harness.machines.rest.vsock import PortVsock

if TYPE_CHECKING:
    from harness.channels.console import Console
    from harness.channels.events import EventPort
    from harness.machines.by_hand import ByHand
    from harness.machines.rest.network import Network
    from harness.machines.rest.pausing import Pausing
    from harness.machines.rest.vsock import Ports
    from harness.machines.rest.worker import Worker

UP_TIMEOUT_S = 30
"""vfkit answers within a second; the first start of a program that macOS has not checked yet takes longer."""
_LOOK_S = 0.005
"""How often it is tried whether the VMM listens: the resolution of Phase.VMM_READY."""
_KILL_TIMEOUT_S = 10
_TAIL_BYTES = 8192
_NEVER = r"(?!)"


@dataclass(frozen=True, slots=True)
class Place:
    """Where one machine lives."""

    private: Path
    """Its own folder, 0700, with a path short enough for sockets."""
    logs: Path
    purpose: str

    @property
    def rest(self) -> Path:
        """The control socket."""
        return self.private / "rest.sock"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A VMM that can be spawned."""

    argv: tuple[str, ...]
    network: Network
    console: ConsoleWay
    beside: OwnedProcess | None = None
    """Another process that lives as long as the VMM does: its network."""

    def close(self) -> None:
        """The VMM has ended, or never began; idempotent."""
        self.console.end()
        if self.beside:
            _end(self.beside)


class ConsoleWay(Protocol):
    """How a guest's console comes out of its VMM."""

    def open(self, control: RestControl) -> Console:
        """When the VMM answers, once; raises ControlError."""
        ...

    def end(self) -> None:
        """The VMM has ended; idempotent."""
        ...


class Program(Protocol):
    """A VMM with its configuration: how it is told what to do, and what it can."""

    @property
    def name(self) -> str:
        """``vfkit``, for errors."""
        ...

    @property
    def entitlement(self) -> str:
        """What macOS must find it signed with."""
        ...

    @property
    def pausing(self) -> Pausing:
        """How its machines are paused."""
        ...

    @property
    def has_worker(self) -> bool:
        """Whether a process of the system does the work."""
        ...

    @property
    def vsock(self) -> Ports | None:
        """Its vsock ports; None: it has no vsock."""
        ...

    @property
    def settings(self) -> dict[str, str | int]:
        """What decides how its machines behave."""
        ...

    def by_hand(self, place: Place) -> ByHand:
        """How a person starts it, with its sockets in ``place``.

        Raises HostLacks, InvalidConfiguration, KernelUnusable.
        """
        ...

    def prepare(self, place: Place, initrd: Path | None) -> Prepared:
        """Everything but the process itself; ``initrd`` has the machine's keys.

        Raises HostLacks, UsageError, MachineError.
        """
        ...


@dataclass(slots=True)
class RestVmm:
    """A VMM that answers."""

    name: str
    process: OwnedProcess
    control: RestControl
    console: Console
    prepared: Prepared
    logs: Path
    private: bool
    """Whether ``logs`` goes when the machine goes."""
    up: Stamp
    """When its control socket answered first."""
    worker: Worker | None = None
    vsock: PortVsock | None = None
    ready: EventPort | None = field(default=None, init=False)

    @property
    def network(self) -> Network:
        """How its guest is reached."""
        return self.prepared.network

    def stderr_tail(self, lines: int = 20) -> list[str]:
        """The last lines that it said; none once its private folder is gone."""
        return _tail(self.logs, lines)

    def read_on(self) -> str:
        """What a user does who wants to know more."""
        return _read_on(self.logs, private=self.private)

    def drain(self, timeout_s: float = 1) -> None:
        """Wait until everything that the guest of a VMM which has ended said has been read."""
        with suppress(ChannelError, MachineError):
            self.console.wait_for(_NEVER, timeout_s, since=self.console.mark())

    def close(self) -> None:
        """End what still runs, the system's worker included, and close every channel; idempotent."""
        _end(self.process)
        self.end_worker()
        self.prepared.close()
        self.console.close()

    def bury(self) -> None:
        """The VMM has ended: so must its guest, whose console a worker that lives on would keep open."""
        self.end_worker()
        self.prepared.close()
        self.drain()
        self.console.close()

    def end_worker(self) -> None:
        """The VMM has ended: the system's worker must, too. Nothing the second time."""
        if self.worker:
            self.worker.end()


def launch(program: Program, place: Place, initrd: Path | None, *, private: bool) -> RestVmm:
    """Start the VMM and wait until it answers; nothing is left when this raises.

    Raises what :meth:`Program.prepare` does, MachineDied with what the VMM complained about, ControlTimeout,
    ControlLost, ControlRefused.
    """
    with ExitStack() as undo:
        prepared = program.prepare(place, initrd)
        undo.callback(prepared.close)
        before = worker.workers() if program.has_worker else frozenset()
        with naming_write_errors(
            "the logs of a machine", place.logs, elsewhere="name another folder for them"
        ):
            text = "\n".join(prepared.argv) + "\n"
            (place.logs / ARGV).write_text(text, encoding="utf-8", errors="surrogateescape")
            log = undo.enter_context((place.logs / "stderr.log").open("wb"))
        process = spawn(prepared.argv, purpose=place.purpose, stdout=log, stderr=log)
        undo.callback(_end, process)
        log.close()
        control = RestControl(place.rest, program.name)
        up = _await_answer(process, control, place, program.entitlement, private=private)
        console = prepared.console.open(control)
        found = worker.Worker.find(before, place.purpose) if program.has_worker else None
        undo.pop_all()
    made = RestVmm(program.name, process, control, console, prepared, place.logs, private, up, worker=found)
    if program.vsock:
        made.vsock = PortVsock(program.vsock, place.private, process, place.logs / "stderr.log")
    process.on_exit(lambda _: threading.Thread(target=made.bury, daemon=True).start())
    return made


def _await_answer(
    process: OwnedProcess, control: RestControl, place: Place, entitlement: str, *, private: bool
) -> Stamp:
    deadline = time.monotonic() + UP_TIMEOUT_S
    read_on = _read_on(place.logs, private=private)
    while process.exited is None:
        try:
            control.state(max(0.01, deadline - time.monotonic()))
            return Stamp(time.monotonic_ns(), int(_LOOK_S * 1e9))
        except ControlTimeout as error:
            raise ControlTimeout(f"{place.purpose}: {error.message}", fix=read_on) from None
        except ControlLost as error:
            if error.facts.get("listening", True) and process.exited is None:
                raise
        if time.monotonic() >= deadline:
            raise ControlTimeout(
                f"{place.purpose}: its control socket was not there within {UP_TIMEOUT_S} s", fix=read_on
            )
        with suppress(TimeoutError):
            process.wait(_LOOK_S)
    said = _tail(place.logs, 1)
    cause = refusal(said[0], Path(process.argv[0]), entitlement) if said else None
    raise MachineDied(
        f"{place.purpose}: the VMM ended with status {process.exited.status} before its control socket was there"
        + (f": {said[0]}" if said else ""),
        fix=cause.fix if cause else read_on, argv=process.argv,
        status=process.exited.status, stderr=_tail(place.logs, 20), console=[], logs=place.logs,
    )  # fmt: skip


def _end(process: OwnedProcess) -> None:
    if process.exited is None:
        process.kill()
        with suppress(TimeoutError):  # a process that even SIGKILL cannot end is the kernel's now
            process.wait(_KILL_TIMEOUT_S)


def _tail(logs: Path, lines: int) -> list[str]:
    try:
        with (logs / "stderr.log").open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            return file.read().decode(errors="replace").splitlines()[-lines:]
    except FileNotFoundError:
        return []


def _read_on(logs: Path, *, private: bool) -> str:
    return "keep the logs to read more (visorbench boot: --logs)" if private else f"read {logs}"
