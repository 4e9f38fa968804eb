"""The real guest under a double: arm64 on QEMU's TCG, driven by QMP over a socket that it inherits.

vfkit's guest runs in another process than vfkit (:func:`apart`); krunkit is the process of its guest (:func:`become`).
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from tests.doubles import vsock

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.doubles.vsock import VsockPort

QEMU = "qemu-system-aarch64"
FIRMWARE = (
    "/usr/share/qemu-efi-aarch64/QEMU_EFI.fd",
    "/usr/share/AAVMF/AAVMF_CODE.fd",
    "/usr/share/edk2/aarch64/QEMU_EFI.fd",
)
_LOOK_S = 0.005


@dataclass
class Hardware:
    """What the guest sees, in QEMU's words."""

    cpus: int
    memory_mib: int
    kernel: str | None = None
    initrd: str | None = None
    cmdline: str = ""
    disks: list[tuple[str, str]] = field(default_factory=list)
    """Path and format of each."""
    mac: str | None = None
    ssh: tuple[str, int] | None = None
    """Where on the host the guest's port 22 is."""
    console: str = "null"
    """A chardev of QEMU's: ``stdio``, ``file,path=…``."""
    gpu: str | None = None
    rng: bool = False
    vsock: list[VsockPort] = field(default_factory=list)


def argv(hardware: Hardware, qmp_fd: int, vsock_fd: int | None) -> list[str]:
    """QEMU's command line."""
    line = [QEMU, "-machine", "virt,gic-version=3", "-cpu", "cortex-a57", "-accel", "tcg,thread=multi"]
    line += ["-nodefaults", "-no-user-config", "-display", "none", "-S"]
    line += ["-smp", str(hardware.cpus), "-m", str(hardware.memory_mib)]
    line += ["-chardev", f"socket,id=qmp,fd={qmp_fd}", "-mon", "chardev=qmp,mode=control"]
    if hardware.kernel:
        line += ["-kernel", hardware.kernel, "-append", hardware.cmdline]
    else:
        line += ["-bios", next(path for path in FIRMWARE if Path(path).is_file())]
    if hardware.initrd:
        line += ["-initrd", hardware.initrd]
    kind, _, rest = hardware.console.partition(",")
    extra = ",signal=off" if kind == "stdio" else ""
    line += ["-chardev", f"{kind},id=console{extra}" + (f",{rest}" if rest else "")]
    line += ["-device", "virtio-serial-pci", "-device", "virtconsole,chardev=console"]
    for number, (path, kind) in enumerate(hardware.disks):
        escaped = path.replace(",", ",,")
        line += ["-drive", f"if=none,id=d{number},format={kind},file={escaped}"]
        line += ["-device", f"virtio-blk-pci,drive=d{number}"]
    if hardware.mac:
        forward = f",hostfwd=tcp:{hardware.ssh[0]}:{hardware.ssh[1]}-:22" if hardware.ssh else ""
        line += ["-netdev", f"user,id=net{forward}"]
        line += ["-device", f"virtio-net-pci,netdev=net,mac={hardware.mac},romfile="]
    if hardware.rng:
        line += ["-device", "virtio-rng-pci"]
    if vsock_fd is not None:
        line += ["-object", f"memory-backend-memfd,id=memory,size={hardware.memory_mib}M,share=on"]
        line += ["-machine", "memory-backend=memory", "-chardev", f"socket,id=vsock,fd={vsock_fd}"]
        line += ["-device", "vhost-user-vsock-pci,chardev=vsock"]
    if hardware.gpu:
        line += ["-device", hardware.gpu]
    return line


class Prepared:
    """A QEMU that can be executed; ``named``: what it is called in the process table."""

    def __init__(self, hardware: Hardware, named: str) -> None:
        self.hardware = hardware
        self.ours, theirs = socket.socketpair()
        self.folder = Path(tempfile.mkdtemp(prefix="vbd-"))
        self.program = str(self.folder / named)
        Path(self.program).symlink_to(str(shutil.which(QEMU)))
        front = vsock.start(hardware.vsock, self.folder) if hardware.vsock else None
        self.inherited = [end for end in (theirs, front) if end]
        line = argv(hardware, theirs.fileno(), front.fileno() if front else None)
        self.argv = [self.program, *line[1:]]

    def execute(self) -> NoReturn:
        """Be it."""
        for end in self.inherited:
            end.set_inheritable(True)
        os.execv(self.program, self.argv)

    def speaker(self, pid: int) -> Guest:
        """Who drives it, in a process that never becomes it."""
        for end in self.inherited:
            end.close()
        return Guest(pid, self.ours, self.folder, self.hardware.vsock)


def apart(hardware: Hardware, console_fd: int | None, *, named: str, tied: bool) -> Guest:
    """Run apart from the double: in a session of its own and nobody's child, as a process of launchd's is.

    ``tied``: it ends when the double does, however that ends. For a double that has no threads yet.
    """
    made = Prepared(hardware, named)
    guest = made.speaker(_spawn_apart(made, console_fd))
    if tied:
        guest.life = _tie(guest.pid, made.folder)
    guest.start()
    return guest


def become(hardware: Hardware, named: str, beside: Callable[[Guest], None]) -> NoReturn:
    """From now on this process is the guest's QEMU, with its virtual CPUs as threads.

    ``beside`` is called in another process, which is nobody's child and ends with it, before the guest runs.
    """
    made = Prepared(hardware, named)
    vmm = os.getpid()
    if (between := os.fork()) == 0:
        os.setsid()
        if os.fork() == 0:
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, 0)
            os.dup2(null, 1)
            guest = made.speaker(vmm)
            beside(guest)
            with suppress(ConnectionError):
                guest.start()
            guest.ended.wait()
            shutil.rmtree(made.folder, ignore_errors=True)  # what else would do it ends here
        os._exit(0)
    os.waitpid(between, 0)
    made.execute()


class Guest:
    """A QEMU as its double drives it."""

    def __init__(self, pid: int, stream: socket.socket, folder: Path, ports: list[VsockPort]) -> None:
        self.pid = pid
        self.folder = folder
        self.life: int | None = None
        self._ports = ports
        self._stream = stream.makefile("rwb")
        self._lock = threading.Lock()
        self._answers: list[dict[str, object]] = []
        self._answered = threading.Condition()
        self.shutdown: str | None = None
        self.ended = threading.Event()

    def start(self) -> None:
        """Let it run; raises ConnectionError for one that has ended already."""
        threading.Thread(target=self._read, daemon=True).start()
        vsock.listen(self._ports, self.folder)
        self.execute("qmp_capabilities")
        self.execute("cont")  # only now: of a guest that ends at once, nothing was told before

    def execute(self, command: str) -> dict[str, object]:
        """QMP's answer; raises ConnectionError when there is no QEMU any more."""
        with self._lock:
            self._answers.clear()
            self._stream.write(json.dumps({"execute": command}).encode() + b"\n")
            self._stream.flush()
            with self._answered:
                self._answered.wait_for(lambda: self._answers or self.ended.is_set())
            if not self._answers:
                raise ConnectionError("the guest has ended")
            return self._answers.pop()

    def status(self) -> str:
        """``running``, ``paused`` …"""
        answer = self.execute("query-status").get("return")
        return str(answer["status"]) if isinstance(answer, dict) else "internal-error"

    def kill(self) -> None:
        """End it now."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def await_awake(self) -> None:
        """Wait while job control has it stopped: its process is one that answers nothing then."""
        status = Path(f"/proc/{self.pid}/stat")
        with suppress(OSError):
            while status.read_text().rpartition(")")[2].split()[0] == "T":
                time.sleep(_LOOK_S)

    def _read(self) -> None:
        with suppress(ConnectionError):  # a QEMU that ends has perhaps not read what it was told last
            for line in self._stream:
                self._hear(json.loads(line))
        self.ended.set()
        with self._answered:
            self._answered.notify_all()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _hear(self, message: dict[str, Any]) -> None:
        if message.get("event") == "SHUTDOWN":
            self.shutdown = message["data"]["reason"]
        if "return" in message or "error" in message:
            with self._answered:
                self._answers.append(message)
                self._answered.notify_all()


def _spawn_apart(made: Prepared, console_fd: int | None) -> int:
    """Its pid, told by the process in between, which then is gone."""
    read, write = os.pipe()
    if (between := os.fork()) == 0:
        os.setsid()
        if (pid := os.fork()) == 0:
            null = os.open(os.devnull, os.O_RDWR)
            for fd, source in ((0, console_fd), (1, console_fd)):
                os.dup2(null if source is None else source, fd)
            made.execute()
        os.write(write, str(pid).encode())
        os._exit(0)
    os.close(write)
    os.waitpid(between, 0)
    pid = int(os.read(read, 20))
    os.close(read)
    return pid


def _tie(pid: int, folder: Path) -> int:
    """Have ``pid`` killed when this process is gone: the far end of a pipe in a process of its own waits for that."""
    read, write = os.pipe()
    if (between := os.fork()) == 0:
        os.setsid()
        if os.fork() == 0:
            os.closerange(0, read)
            os.closerange(read + 1, 64)
            os.read(read, 1)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            shutil.rmtree(folder, ignore_errors=True)
        os._exit(0)
    os.close(read)
    os.waitpid(between, 0)
    return write
