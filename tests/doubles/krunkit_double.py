"""What ``tests/doubles/krunkit`` does: parse, and be the guest, beside a process that listens.

krunkit listens in the process of its guest: what it is asked while that is stopped, it answers when it goes on.
"""

from __future__ import annotations

import contextlib
import json
import signal
import sys

from tests.doubles.guest import Guest, Hardware, become
from tests.doubles.krunkit_options import Options, Refused, parse
from tests.doubles.modes import Mode, modes
from tests.doubles.networks import reached
from tests.doubles.rest_server import Reply, RestServer
from tests.doubles.vsock import VsockPort

VERSION, OLD_VERSION = "1.3.1+double", "1.3.0+double"
VARIABLE = "KRUNKIT_DOUBLE"
COMMANDS = {"Stop": "system_powerdown", "HardStop": "quit"}


class Machine:
    """One guest, and what the REST server says of it."""

    def __init__(self, guest: Guest | None, misbehaves: frozenset[Mode]) -> None:
        self.guest = guest
        self.misbehaves = misbehaves
        self.stopping = False

    def answer(self, method: str, path: str, body: bytes) -> Reply:
        """The REST interface as its code has it."""
        if self.guest:
            self.guest.await_awake()
        if method == "POST" and (Mode.OLD in self.misbehaves or path == "/vm/state"):
            return self.change(body)
        if (method, path) == ("GET", "/vm/state"):
            return 200, self.state()
        return 404, "404 page not found"

    def state(self) -> dict[str, object]:
        """Running from the moment on at which somebody listens, whatever the guest does."""
        word = "Stopping" if self.stopping else "Running"
        able = {
            "canStart": False,
            "canPause": False,
            "canResume": False,
            "canStop": True,
            "canHardStop": True,
        }
        return {"state": f"VirtualMachineState{word}", **able}

    def change(self, body: bytes) -> Reply:
        """``{"state": …}``; an old one reads nothing, and stops."""
        try:
            wanted = "Stop" if Mode.OLD in self.misbehaves else json.loads(body)["state"]
        except (ValueError, KeyError, TypeError):
            return 400, {"error": "invalid request"}
        if wanted not in COMMANDS:
            return 400, {"error": f"unsupported state {wanted}"}
        self.stopping = True
        if self.guest:
            with contextlib.suppress(ConnectionError, OSError):
                self.guest.execute(COMMANDS[wanted])
        return 200, self.state()


def hardware(options: Options) -> Hardware:
    """In QEMU's words."""
    found = Hardware(options.cpus, options.memory_mib, gpu="virtio-gpu-pci")
    for kind, keys in options.devices:
        if kind == "virtio-blk":
            found.disks.append((keys["path"], keys.get("format", "raw")))
        elif kind == "virtio-serial":
            found.console = "file,path=" + keys["logFilePath"].replace(",", ",,")
        elif kind == "virtio-net":
            found.mac = keys["mac"]
            found.ssh = reached(keys.get("path", keys.get("unixSocketPath", "")), found.mac)
        elif kind == "virtio-rng":
            found.rng = True
        elif kind == "virtio-vsock":
            found.vsock.append(VsockPort(int(keys["port"]), keys["socketURL"], connect="connect" in keys))
    return found


def main(argv: list[str]) -> int:
    """As krunkit's."""
    misbehaves = modes(VARIABLE)
    if argv == ["--version"]:
        print(f"krunkit {OLD_VERSION if Mode.OLD in misbehaves else VERSION}")
        return 0
    try:
        options = parse(argv)
        if Mode.DIES in misbehaves:
            raise Refused("Error: HV_DENIED (0xfae94007)")
    except Refused as refused:
        print(refused, file=sys.stderr)
        return 1

    def listen(guest: Guest | None) -> None:
        if options.rest:
            machine = Machine(guest, misbehaves)
            RestServer(options.rest, machine.answer, misbehaves | {Mode.NUL}, one_read=True)

    if Mode.MUTE not in misbehaves:
        become(hardware(options), "krunkit", listen)
    listen(None)
    signal.pause()
    return 1
