"""A guest that draws numbered frames, and readers that count them."""

from __future__ import annotations

import json
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from harness.display.pattern import numbers
from harness.errors import ArchiveUnreachable, HostLacks, NoFrame
from harness.guests import catalogue
from harness.guests.model import Arch
from harness.guests.toolchain import guest_target
from harness.guests.workloads import workload
from harness.machines.model import GpuMode, MachineSpec
from harness.machines.qemu.backend import QemuBackend
from harness.runtimes.catalogue import installed
from harness.runtimes.choice import MANAGED, qemu_folder

if TYPE_CHECKING:
    from harness.display.frame import Damage

WIDTH, HEIGHT = 1280, 720


@dataclass(frozen=True)
class Seen:
    """One frame, as a test remembers it."""

    top: int | None
    bottom: int | None
    damage: Damage
    sequence: int
    at_ns: int
    bytes_copied: int


class Drawing:
    """``vb-pattern`` at work in a guest, over SSH, in a thread of its own."""

    def __init__(self, machine, *options: str) -> None:
        self._output: list[object] = []
        argv = ["/tmp/vb-pattern", *options]
        self._thread = threading.Thread(target=self._run, args=(machine, argv))
        self._thread.start()

    def _run(self, machine, argv) -> None:
        try:
            self._output.append(machine.ssh.run(argv, timeout_s=120))
        except Exception as error:  # noqa: BLE001 - told in the test's own thread
            self._output.append(error)

    @property
    def going_on(self) -> bool:
        return self._thread.is_alive()

    def events(self) -> list[dict[str, object]]:
        self._thread.join()
        (result,) = self._output
        if isinstance(result, Exception):
            raise result
        return [json.loads(line) for line in result.stdout.splitlines()]


def watch(source, drawing: Drawing) -> list[Seen]:
    """Every frame of the pattern until it has been drawn; frames of the guest's text console have no number."""
    seen = []
    while drawing.going_on:
        try:
            with source.frame(0.5) as frame:
                said = numbers(frame.surface)
                seen.append(
                    Seen(
                        said.top,
                        said.bottom,
                        frame.damage,
                        frame.sequence,
                        frame.arrived.at_ns,
                        frame.bytes_copied,
                    )
                )
        except NoFrame:
            continue
    return [each for each in seen if each.top is not None or each.bottom is not None]


@pytest.fixture(scope="session")
def drawing_machine(tmp_path_factory):
    """The guest gpu with a 720p display that can be looked at in every way, and ``vb-pattern`` in it."""
    if sys.platform != "linux":
        pytest.skip("the managed runtime is for Linux hosts")
    try:
        qemu = qemu_folder(MANAGED, provide=installed)
        guest = catalogue.ensure_built("gpu", Arch.X86_64)
    except (ArchiveUnreachable, HostLacks) as lack:
        pytest.skip(f"no guest with a display: {lack}")
    backend = QemuBackend("tcg", qemu=qemu, logs=tmp_path_factory.mktemp("logs"))
    extra = {"display": "dbus,p2p=yes", "vnc": "on", "size": f"{WIDTH}x{HEIGHT}"}
    with backend.machine(MachineSpec(guest, gpu=GpuMode.TWO_D, vsock=True, extra=extra)) as machine:
        machine.boot(timeout_s=300)
        machine.ssh.put(workload("pattern", guest_target(Arch.X86_64)), "/tmp/vb-pattern")
        yield machine
