"""UTM's files in a folder of the test's own; and one real guest, started as UTM starts its QEMU."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from harness.channels.qmp import Qmp
from harness.errors import ArchiveUnreachable
from harness.guests.credentials import Credentials, with_credentials
from harness.guests.model import Arch
from harness.host.paths import private_directory
from harness.host.processes import spawn
from harness.machines.qemu import defaults
from harness.utm.monitor import QmpAddress, argument
from tests.utm.folder import Home, config_plist

if TYPE_CHECKING:
    from pathlib import Path

QEMU = shutil.which("qemu-system-x86_64")
GUEST_UUID = str(uuid4()).upper()
"""Another in each process: machines are found among those of the whole host."""
PATIENCE_S = 120


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


@dataclass(frozen=True)
class Guest:
    """The real guest: UTM's files that describe it, and how to get in."""

    home: Home
    uuid: str
    pid: int
    qmp: QmpAddress
    key: Path
    host_key: str

    @property
    def attach(self) -> dict[str, str]:
        """For ``[subjects.attach]``."""
        return {"utm": "Tiny guest", "ssh": "root", "ssh_key": str(self.key), "ssh_host_key": self.host_key}


def utm_configuration() -> dict:
    """As a user would have it in UTM; its arguments are one that QEMU got, one that it did not, one without effect."""
    config = config_plist("Tiny guest", GUEST_UUID)
    config["System"] |= {"Architecture": "x86_64", "Target": "q35", "CPUCount": 1, "MemorySize": 256}
    config["QEMU"] |= {
        "Hypervisor": False,
        "AdditionalArguments": [
            argument(GUEST_UUID), '-fw_cfg "name=opt/visorbench,string=x"', "-accel tcg,thread=single",
        ],
    }  # fmt: skip
    config["Display"], config["Drive"] = [], []
    config["Network"] = [
        {"Mode": "Emulated", "Hardware": "virtio-net-pci", "MacAddress": "5E:00:00:00:00:01"}
    ]
    return config


@pytest.fixture(scope="module")
def guest(tmp_path_factory):
    """A guest that runs until the module ends, its QEMU told what UTM tells one."""
    from harness.guests import catalogue

    if QEMU is None:
        pytest.skip("no qemu-system-x86_64 on PATH")
    try:
        image = catalogue.ensure_built("tiny", Arch.X86_64)
    except ArchiveUnreachable as error:
        pytest.skip(f"the guest tiny is not built, and {error}")
    home = Home(tmp_path_factory.mktemp("utm"))
    home.add(utm_configuration(), name="Tiny guest", uuid=GUEST_UUID)
    keys = Credentials.generate()
    with private_directory() as folder:
        initrd = with_credentials(image, keys, folder / "initrd")
        key = home.folder / "key"
        key.touch(mode=0o600)
        key.write_text(keys.client.openssh)
        argv = [
            QEMU, "-nodefaults", "-vga", "none", "-display", "none",
            "-device", "virtio-net-pci,mac=5E:00:00:00:00:01,netdev=net0",
            "-netdev", "user,id=net0,restrict=on,hostfwd=tcp:127.0.0.1:0-:22",
            "-smp", "cpus=1,sockets=1,cores=1,threads=1", "-machine", "q35,vmport=off,hpet=off",
            "-cpu", defaults.cpu_model(Arch.X86_64, "tcg"),
            "-accel", "tcg,tb-size=64", "-m", "512", "-name", "Tiny guest", "-uuid", GUEST_UUID,
            "-kernel", image.kernel, "-initrd", initrd, "-append", image.append,
            "-chardev", f"file,id=term0,path={folder / 'console.log'}", "-serial", "chardev:term0",
            *argument(GUEST_UUID).split(), "-accel", "tcg,thread=single",
        ]  # fmt: skip
        process = spawn(argv, purpose="a guest as UTM runs it", cwd=folder)
        try:
            address = QmpAddress(path=folder / argument(GUEST_UUID).split(":")[1].split(",")[0])
            _wait_for(address.path, process)
            yield Guest(home, GUEST_UUID, process.pid, address, key, keys.host.public_line)
        finally:
            process.kill()
            process.wait(30)


def _wait_for(socket, process) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not socket.exists():
        assert process.exited is None, "QEMU ended"
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def qmp(guest):
    """A way to speak QMP to the guest, each time over a connection of its own."""

    def ask(command: str, **arguments):
        client = Qmp(guest.qmp.connect())
        try:
            client.negotiate(PATIENCE_S)
            return client.execute(command, arguments or None)
        finally:
            client.close()

    return ask
