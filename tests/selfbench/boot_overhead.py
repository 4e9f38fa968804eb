"""Time to the guest's ready event through the harness ÷ the same QEMU command line started by a bare shell."""

from __future__ import annotations

import os
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

from harness.guests.catalogue import ensure_built
from harness.guests.credentials import Credentials, with_credentials
from harness.guests.model import Arch, GuestImage
from harness.machines.model import MachineSpec, Phase
from harness.machines.qemu.backend import QemuBackend
from harness.machines.qemu.command import build
from harness.machines.qemu.config import Port
from harness.machines.qemu.devices import Nowhere, Stdio
from tests.selfbench.pairs import measured_in_turns
from tests.selfbench.result import Result

LIMIT = 1.02
PAIRS = (20, 100)
"""At least and at most."""

SHELL = """
started=$EPOCHREALTIME
coproc QEMU { exec "$@" 2>/dev/null; }
read -r _ <&"${QEMU[0]}"
ready=$EPOCHREALTIME
kill -9 $QEMU_PID
echo $(( ${ready/./} - ${started/./} ))
"""
"""Microseconds from just before QEMU is started to the first line on the ready port, which is its stdout."""


def run() -> Result:
    """The ratio of interleaved pairs, the order of every other turned round."""
    with tempfile.TemporaryDirectory() as folder:
        guest = _with_keys(Path(folder))
        pairs = measured_in_turns(
            lambda: _through_harness(guest), lambda: _through_shell(guest),
            [LIMIT], PAIRS,
        )  # fmt: skip
    return Result("boot_overhead", pairs.ratio, "ratio", LIMIT, pairs.to_detail("harness_s", "shell_s"))


def _with_keys(folder: Path) -> GuestImage:
    """The guest tiny with one set of keys for all boots, so that both sides boot the same bytes."""
    guest = ensure_built("tiny", Arch.X86_64)
    initrd = with_credentials(guest, Credentials.generate(), folder / "initrd")
    return replace(guest, initrd=initrd, takes_credentials=False)


def _through_harness(guest: GuestImage) -> float:
    with QemuBackend("tcg").machine(MachineSpec(guest=guest)) as machine:
        return machine.boot(until=Phase.GUEST_READY).seconds(Phase.GUEST_READY)


def _through_shell(guest: GuestImage) -> float:
    config = QemuBackend("tcg").machine(MachineSpec(guest=guest)).config
    assert guest.ready_port
    argv = build(replace(config, monitor=None, console=Nowhere(), ports=(Port(guest.ready_port, Stdio()),)))
    done = subprocess.run(
        ["bash", "-c", SHELL, "bash", *argv],
        capture_output=True, text=True, check=True, env={**os.environ, "LC_ALL": "C"},
    )  # fmt: skip
    return int(done.stdout) / 1e6
