"""What ``tests/doubles/vfkit`` does: parse, start the guest in its worker, listen, wait for its end."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import sys
import threading
import tty

from tests.doubles.guest import Guest, Hardware, apart
from tests.doubles.modes import Mode, modes
from tests.doubles.networks import leased, reached
from tests.doubles.rest_server import Reply, RestServer
from tests.doubles.vfkit_options import Options, Refused, parse
from tests.doubles.vsock import VsockPort

VERSION = "v0.6.1+double"
OLD_VERSION = "v0.5.1+double"
WORKER = "com.apple.Virtualization.VirtualMachine"
CHANGES = ("Pause", "Resume", "Stop", "HardStop")
STATES = {"running": "Running", "paused": "Paused", "shutdown": "Stopping"}


class Machine:
    """One guest, and what its REST server says of it."""

    def __init__(self, options: Options, misbehaves: frozenset[Mode]) -> None:
        self.options = options
        self.misbehaves = misbehaves
        self.pty: str | None = None
        self.guest: Guest | None = None
        self._master: int | None = None

    def console(self) -> str:
        """Where QEMU's console goes."""
        serial = next((keys for kind, keys in self.options.devices if kind == "virtio-serial"), {})
        if "pty" in serial:
            self._master, slave = pty.openpty()
            tty.setraw(slave)
            self.pty = os.ttyname(slave)
            log(f"Using PTY (pty path: {self.pty})")
            return "stdio"
        if "logFilePath" in serial:
            return "file,path=" + serial["logFilePath"].replace(",", ",,")
        return "stdio" if "stdio" in serial else "null"

    def start(self) -> None:
        """Before there is a thread."""
        console = self.console()
        fd = self._master if self.pty else 1 if console == "stdio" else None
        if Mode.MUTE not in self.misbehaves:
            tied = Mode.ORPHAN not in self.misbehaves
            self.guest = apart(hardware(self.options, console), fd, named=WORKER, tied=tied)

    def state(self) -> str:
        """Virtualization.framework's word."""
        if self.guest is None:
            return "Running"
        with contextlib.suppress(ConnectionError, OSError):
            return STATES.get(self.guest.status(), "Error")
        return "Stopped"

    def answer(self, method: str, path: str, body: bytes) -> Reply:
        """The REST interface as its code has it."""
        if (method, path) == ("GET", "/vm/state"):
            state = self.state()
            able = {
                "canStart": state == "Stopped",
                "canPause": state == "Running",
                "canResume": state == "Paused",
                "canStop": state == "Running",
                "canHardStop": state in ("Running", "Paused"),
            }
            return 200, {"state": f"VirtualMachineState{state}", **able}
        if (method, path) == ("GET", "/vm/inspect"):
            return 200, self.inspect()
        if (method, path) == ("POST", "/vm/state"):
            return self.change(body)
        return 404, "404 page not found"

    def change(self, body: bytes) -> Reply:
        """``{"state": …}``."""
        try:
            wanted = json.loads(body)["state"]
        except (ValueError, KeyError, TypeError):
            return 400, {"error": "invalid character in the request"}
        if wanted not in CHANGES:
            return 500, {"error": f"invalid new VMState: {wanted}"}
        state = self.state()
        fits = {
            "Pause": ["Running"],
            "Resume": ["Paused"],
            "Stop": ["Running"],
            "HardStop": ["Running", "Paused"],
        }
        if state not in fits[wanted] or self.guest is None:
            return 500, {"error": f"Invalid virtual machine state transition: {wanted} while {state}"}
        command = {"Pause": "stop", "Resume": "cont", "Stop": "system_powerdown", "HardStop": "quit"}[wanted]
        with contextlib.suppress(ConnectionError, OSError):
            self.guest.execute(command)
        return 202, None

    def inspect(self) -> dict[str, object]:
        """Its configuration as pkg/config's JSON has it."""
        boot = self.options.boot
        if boot["kind"] == "linux":
            loader = {
                "kind": "linuxBootloader", "vmlinuzPath": boot.get("kernel", ""),
                "initrdPath": boot.get("initrd", ""), "kernelCmdLine": boot.get("cmdline", ""),
            }  # fmt: skip
        else:
            store = {"efiVariableStorePath": boot.get("variable-store", "")}
            loader = {"kind": "efiBootloader", **store, "createVariableStore": "create" in boot}
        devices: list[dict[str, object]] = []
        for kind, keys in self.options.devices:
            device: dict[str, object] = {"kind": kind.replace("-", "").replace("virtiovsock", "virtiosock")}
            if kind == "virtio-serial" and self.pty:
                device |= {"usesPty": True, "ptyName": self.pty}
            devices.append(device | {key: value or True for key, value in keys.items()})
        return {
            "vcpus": self.options.cpus, "memoryBytes": self.options.memory_mib << 20,
            "bootloader": loader, "devices": devices,
        }  # fmt: skip


def hardware(options: Options, console: str) -> Hardware:
    """In QEMU's words."""
    found = Hardware(options.cpus, options.memory_mib, console=console)
    if options.boot["kind"] == "linux":
        found.kernel, found.initrd = options.boot["kernel"], options.boot.get("initrd")
        found.cmdline = options.boot.get("cmdline", "")
    for kind, keys in options.devices:
        if kind == "virtio-blk":
            found.disks.append((keys["path"], "raw"))
        elif kind == "virtio-net":
            found.mac = keys.get("mac", "52:54:00:00:00:01")
            socket = keys.get("unixSocketPath")
            found.ssh = reached(socket, found.mac) if socket else leased(found.mac)
        elif kind == "virtio-rng":
            found.rng = True
        elif kind == "virtio-gpu":
            size = f"xres={keys.get('width', 800)},yres={keys.get('height', 600)}"
            found.gpu = f"virtio-gpu-pci,{size}"
        elif kind == "virtio-vsock":
            found.vsock.append(VsockPort(int(keys["port"]), keys["socketURL"], connect="connect" in keys))
    return found


def log(text: str) -> None:
    """As logrus writes to standard error."""
    print(f'time="2026-01-01T00:00:00Z" level=info msg="{text}"', file=sys.stderr, flush=True)


def main(argv: list[str]) -> int:
    """As vfkit's."""
    misbehaves = modes()
    if argv == ["--version"]:
        print(f"vfkit version: {OLD_VERSION if Mode.OLD in misbehaves else VERSION}")
        return 0
    try:
        options = parse(argv)
        if Mode.DIES in misbehaves:
            raise Refused("Error: Error Domain=VZErrorDomain Code=2: the process lacks an entitlement")
    except Refused as refused:
        print(refused, file=sys.stderr)
        return 1
    machine = Machine(options, misbehaves)
    machine.start()
    asked = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: asked.set())
    signal.signal(signal.SIGINT, lambda *_: asked.set())
    if options.rest:
        RestServer(options.rest, machine.answer, misbehaves)
    log("virtual machine is running")
    return wait(machine, asked)


def wait(machine: Machine, asked: threading.Event) -> int:
    """Until the guest has ended, or somebody asked: a power button, 5 s, then force."""
    guest = machine.guest
    if guest is None:
        asked.wait()
        return 1
    threading.Thread(target=lambda: (guest.ended.wait(), asked.set()), daemon=True).start()
    asked.wait()
    if guest.ended.is_set():
        if guest.shutdown:
            log("VM is stopped")
            return 0
        print("Error: virtualization error: hypervisor virtualization error", file=sys.stderr)
        return 1
    with contextlib.suppress(ConnectionError, OSError):
        guest.execute("system_powerdown")
    if not guest.ended.wait(5):
        guest.kill()
    return 1
