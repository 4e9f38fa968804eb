"""The small parts of the QEMU backends: parsers, disk magic, firmware, milestones, the catalogue."""

import threading
from pathlib import Path

import pytest

from harness.channels.stamp import Stamp
from harness.errors import ControlRefused, InvalidConfiguration, MachineDied, UnknownName
from harness.guests.model import Arch, GuestImage
from harness.host.qemu import find_qemus
from harness.machines import catalogue
from harness.machines.disk import Disk, DiskInterface, ImageFormat
from harness.machines.images import image_format
from harness.machines.milestones import Milestones
from harness.machines.model import MachineSpec, Phase
from harness.machines.qemu import defaults
from harness.machines.qemu.control import QemuControl, forwarded_port_in
from harness.machines.qemu.definition import define
from harness.machines.qemu.picture import ppm_to_png

USERNET = """Hub -1 (net0):\r
  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\r
  TCP[HOST_FORWARD]  16       127.0.0.1 40213       10.0.2.15    22     0     0\r
  TCP[HOST_FORWARD]  17       127.0.0.1 40214       10.0.2.15  8080     0     0\r
  TCP[ESTABLISHED]   18       127.0.0.1 40213       10.0.2.15    22     0     0\r
Hub -1 (net1):\r
  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\r
  TCP[HOST_FORWARD]  19       127.0.0.1 40215       10.0.3.15    22     0     0\r
"""


@pytest.mark.parametrize(("guest_port", "host_port"), [(22, 40213), (8080, 40214), (80, None)])
def test_the_forwarded_port_is_read_from_qemus_table(guest_port, host_port):
    assert forwarded_port_in(USERNET, guest_port) == host_port


def test_of_two_networks_that_of_the_address_is_meant():
    assert forwarded_port_in(USERNET, 22, "10.0.2.15") == 40213
    assert forwarded_port_in(USERNET, 22, "10.0.3.15") == 40215
    assert forwarded_port_in(USERNET, 22, "10.0.4.15") is None


@pytest.mark.parametrize(
    ("head", "is_"), [(b"QFI\xfb\0\0\0\3", "qcow2"), (b"", "raw"), (b"\xeb\x3c\x90MSDOS", "raw")]
)
def test_an_image_is_what_its_magic_says(tmp_path, head, is_):
    image = tmp_path / "image.vmdk"
    image.write_bytes(head)
    assert image_format(image) == is_


@pytest.mark.parametrize(
    ("head", "name"),
    [(b"KDMV", "VMDK"), (b"vhdxfile", "VHDX"), (b"\x1f\x8b\x08", "gzip"), (b"\xfd7zXZ\0", "xz")],
)
def test_an_image_of_another_kind_is_named_and_how_to_convert_it(tmp_path, head, name):
    image = tmp_path / "image.qcow2"
    image.write_bytes(head)
    with pytest.raises(InvalidConfiguration, match=f"is a {name} file") as caught:
        image_format(image)
    assert "convert" in caught.value.fix


@pytest.mark.parametrize("head", [b"", b"<html>Not found</html>"])
def test_what_is_called_qcow2_and_is_not_is_no_raw_disk(tmp_path, head):
    image = tmp_path / "disk.QCOW2"
    image.write_bytes(head)
    with pytest.raises(InvalidConfiguration, match=r"is called \.qcow2 and is no qcow2 image"):
        image_format(image)


def test_an_x86_guest_on_a_weakly_ordered_host_has_one_tcg_thread(monkeypatch):
    monkeypatch.setattr(defaults, "host_arch", lambda: "arm64")
    assert defaults.accelerator("tcg", Arch.X86_64).properties == {}
    assert defaults.accelerator("tcg", Arch.ARM64).properties == {"thread": "multi"}


def test_a_ppm_becomes_a_png(tmp_path):
    ppm = tmp_path / "picture.ppm"
    ppm.write_bytes(b"P6\n2 1\n255\n" + bytes([255, 0, 0, 0, 0, 255]))
    ppm_to_png(ppm, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG\r\n")


class WithoutPng:
    """QMP of a QEMU that writes PPM only."""

    def __init__(self, refusal):
        self.refusal = refusal

    def execute(self, command, arguments, timeout_s):
        if "format" in arguments:
            raise ControlRefused(f"QEMU refused {command}", desc=self.refusal)
        Path(arguments["filename"]).write_bytes(b"P6\n1 1\n255\n" + bytes(3))


@pytest.mark.parametrize(
    "refusal", ["Parameter 'format' is unexpected", "Enable PNG support with libpng for screendump"]
)
def test_of_an_old_qemu_a_screenshot_is_converted_and_nothing_beside_it_is_touched(tmp_path, refusal):
    (tmp_path / "shot.ppm").write_text("precious")
    QemuControl(WithoutPng(refusal)).screendump(tmp_path / "shot.png")
    assert (tmp_path / "shot.png").read_bytes().startswith(b"\x89PNG\r\n")
    assert (tmp_path / "shot.ppm").read_text() == "precious"
    assert len([*tmp_path.iterdir()]) == 2


def test_only_the_first_time_of_a_phase_counts_and_another_boot_forgets_it():
    milestones = Milestones()
    milestones.begin(Stamp(100))
    milestones.reach(Phase.INIT, Stamp(200))
    milestones.reach(Phase.INIT, Stamp(300))
    assert milestones.timeline.phases == {Phase.INIT: Stamp(200)}
    milestones.forget()
    milestones.reach(Phase.FIRST_CONSOLE, Stamp(350))
    milestones.reach(Phase.INIT, Stamp(450))
    milestones.begin(Stamp(400))
    milestones.reach(Phase.GUEST_READY, Stamp(399))  # a console's reader that was not scheduled
    assert milestones.timeline.phases == {Phase.INIT: Stamp(450)}
    assert milestones.timeline.seconds(Phase.INIT) == 50e-9


def test_a_wait_ends_with_the_phase_with_the_time_or_with_the_machine():
    milestones = Milestones()
    milestones.begin(Stamp(0))
    assert milestones.wait(Phase.INIT, 0.01) is None
    threading.Timer(0.05, milestones.reach, (Phase.INIT, Stamp(1))).start()
    assert milestones.wait(Phase.INIT, 30) == Stamp(1)
    threading.Timer(0.05, milestones.end, (lambda: MachineDied("gone"),)).start()
    with pytest.raises(MachineDied, match="gone"):
        milestones.wait(Phase.GUEST_READY, 30)
    assert milestones.wait(Phase.INIT, 0) == Stamp(1)


def test_the_catalogue_has_every_backend_and_names_the_nearest():
    assert list(catalogue.backends()) == ["native", "tcg", "kvm", "hvf", "whpx", "vz", "krun"]
    assert all(backend.name == name for name, backend in catalogue.backends().items())
    with pytest.raises(UnknownName, match="did you mean 'hvf'"):
        catalogue.get("hfv")


def test_a_probe_never_raises_for_what_a_host_lacks(tmp_path):
    probe = catalogue.get("tcg", qemu=tmp_path / "none").probe(Arch.ARM64)
    assert (probe.usable, probe.code) == (False, "no-qemu")
    assert probe.fix


def test_one_vcpu_beside_nvme_could_have_another(tmp_path):
    """Without the barriers of TCG's parallel code NVMe loses requests (defaults.most_cpus)."""
    qemu = next((each for each in find_qemus() if each.arch == Arch.X86_64), None)
    if qemu is None:
        pytest.skip("no qemu-system-x86_64")
    disk = tmp_path / "disk.raw"
    disk.touch()
    for interface, most in ((DiskInterface.NVME, 2), (DiskInterface.VIRTIO_BLK, None)):
        own = (Disk("disk", disk, ImageFormat.RAW, interface),)
        guest = GuestImage("any", Arch.X86_64, kernel=disk, takes_credentials=False)
        assert define(MachineSpec(guest, disks=own), qemu, "tcg").most_cpus == most
