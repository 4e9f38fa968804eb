"""``visorbench boot --dry-run``: the command line on standard output, what is different by hand on standard error."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.main import print_json
from harness.errors import GuestNotBuilt, UsageError
from harness.guests import catalogue
from harness.host.paths import SOCKADDR_UN_MAX, runtime_dir
from harness.machines.qemu.by_hand import by_hand
from harness.machines.qemu.machine import QemuMachine
from harness.machines.rest.machine import RestMachine
from harness.machines.rest.vmm import Place

if TYPE_CHECKING:
    from harness.guests.model import Arch, GuestImage
    from harness.machines.by_hand import ByHand
    from harness.machines.model import Machine

_LONGEST_SOCKET = "vsock-to_4294967294"


def built(name: str, arch: Arch) -> GuestImage:
    """The reference guest as it lies in the cache; raises GuestNotBuilt: only its build can tell where it will lie."""
    image = catalogue.find(catalogue.get(name, arch))
    if image is None:
        raise GuestNotBuilt(
            f"guest {name} ({arch}) is not built yet, and a dry run builds nothing",
            fix=f"run `visorbench guests build {name} --arch {arch}` first",
        )
    return image


def show(machine: Machine, *, as_json: bool) -> None:
    """Print what starting ``machine`` would run. Raises UsageError for a backend without a command line."""
    hand = _by_hand(machine)
    if as_json:
        print_json(
            {
                "machine": machine.name,
                "argv": list(hand.argv),
                "environment": dict(hand.environment),
                "differs": dict(hand.differs),
            }
        )
        return
    click.echo(
        f"{machine.name}, to run by hand. Where it differs from what the harness would start:", err=True
    )
    for what, how in hand.differs.items():
        click.echo(f"  {what:<11} {how}", err=True)
    click.echo(hand.command)


def _by_hand(machine: Machine) -> ByHand:
    if isinstance(machine, QemuMachine):
        return by_hand(machine.config, machine.spec.guest, _short("by-hand.qmp"))
    if isinstance(machine, RestMachine):
        folder = _short("by-hand", longest=_LONGEST_SOCKET)
        folder.mkdir(mode=0o700, exist_ok=True)
        return machine.program.by_hand(Place(folder, folder, machine.name))
    raise UsageError(f"{machine.name} has no command line to show", fix="choose a backend of QEMU")


def _short(name: str, longest: str = "") -> Path:
    """In the harness's private folder, unless its path, or that of ``longest`` in it, is too long for a socket."""
    path = runtime_dir() / name
    fits = len(os.fsencode(path / longest)) <= SOCKADDR_UN_MAX
    return path if fits else Path(tempfile.gettempdir()) / f"visorbench-{name}"
