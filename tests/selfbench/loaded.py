"""A host whose every core is busy with a TCG guest: the worst place to take the time."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psutil

from harness.guests.catalogue import ensure_built
from harness.guests.model import Arch
from harness.machines.catalogue import get
from harness.machines.model import MachineSpec, Phase

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def loaded_host() -> Iterator[dict[str, Any]]:
    """A guest with a busy loop on as many vCPUs as the host has cores; the dict says how busy that made it."""
    cores = os.cpu_count() or 1
    guest = ensure_built("tiny", Arch.ARM64)
    load: dict[str, Any] = {}
    with get("tcg").machine(MachineSpec(guest=guest, cpus=cores)) as machine:
        machine.boot(until=Phase.FIRST_COMMAND)
        machine.ssh.run(f"for n in $(seq {cores}); do while :; do :; done >/dev/null 2>&1 </dev/null & done")
        process = psutil.Process(machine.pids[0])
        process.cpu_percent()
        yield load
        load["qemu_cpu_percent"] = round(process.cpu_percent())
