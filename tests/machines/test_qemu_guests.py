"""The reference guest on tcg, both architectures: phases, commands, pause, reset, power down, panic."""

import os
import shutil
import signal
from dataclasses import replace

import psutil
import pytest

from harness.errors import ChannelError, GuestPanicked, GuestRebooted, GuestSilent, MachineDied
from harness.guests.model import READY_MARKER, READY_PORT, Arch
from harness.machines.model import MachineSpec, Phase, State
from harness.machines.qemu.backend import QemuBackend

pytestmark = pytest.mark.guest_boot


def counter(machine):
    return machine.ssh.run("cat /run/counter").number()


def ask_for_ever(machine):
    """Every question has more time than this test; the first may be answered before the death is noticed."""
    while True:
        machine.ssh.run("true", timeout_s=10_000)


def test_x86_64_from_boot_to_power_off_while_its_button_is_pressed_again(tcg, tiny, tmp_path, monkeypatch):
    with tcg.machine(MachineSpec(tiny(Arch.X86_64), extra={"video": "VGA"})) as machine:
        timeline = machine.boot()
        assert list(timeline.phases) == list(Phase)
        assert sorted(timeline.phases.values(), key=lambda stamp: stamp.at_ns) == list(
            timeline.phases.values()
        )
        assert (
            timeline.phases[Phase.SSH_BANNER].resolution_ns > 0 == timeline.phases[Phase.INIT].resolution_ns
        )

        machine.console.wait_for("visorbench: ready", 5)
        before = counter(machine)
        machine.pause()
        with pytest.raises((GuestSilent, ChannelError)):
            machine.ssh.run("true", timeout_s=1)
        machine.resume()
        assert counter(machine) - before < 10
        assert machine.screenshot(tmp_path / "ü.png").read_bytes().startswith(b"\x89PNG")

        machine.reset()
        again = machine.timeline
        machine.wait_for(Phase.FIRST_COMMAND, 90)
        assert machine.timeline.spawn == again.spawn
        assert list(machine.timeline.phases) == list(Phase)

        monkeypatch.setattr("harness.machines.qemu.machine.POWER_BUTTON_AGAIN_S", 0)
        press, qemu = machine.control.press_power_button, psutil.Process(machine.pids[0])
        pressed = []

        def press_and_wait():
            if pressed:
                qemu.wait(120)
            pressed.append(press)
            press()

        monkeypatch.setattr(machine.control, "press_power_button", press_and_wait)
        machine.powerdown()
        assert machine.state is State.STOPPED
        assert len(pressed) == 2
        assert machine.pids == []


def test_arm64_from_boot_to_power_off(tcg, tiny):
    with tcg.machine(MachineSpec(tiny(Arch.ARM64))) as machine:
        assert list(machine.boot().phases) == list(Phase)
        assert machine.ssh.run("uname -m").text().strip() == "aarch64"
        machine.powerdown()
        assert machine.state is State.STOPPED


def test_without_a_ready_port_the_console_says_that_it_is_ready_and_who_waits_hears_of_its_death(
    tcg, tiny, tmp_path
):
    guest = replace(tiny(Arch.X86_64), ready_port=None)
    with tcg.machine(MachineSpec(guest)) as machine:
        timeline = machine.boot(until=Phase.GUEST_READY)
        said = machine.console.wait_for(READY_MARKER, 0)
        assert timeline.phases[Phase.GUEST_READY] == said.stamp
        machine.wait_for(Phase.FIRST_COMMAND, 300)
        os.kill(machine.pids[0], signal.SIGKILL)
        with pytest.raises(MachineDied):
            ask_for_ever(machine)
    (argv,) = tmp_path.glob("logs*/argv")
    assert READY_PORT not in argv.read_text(encoding="utf-8")


def test_a_boot_from_and_to_folders_that_option_parsers_dislike_and_a_reboot_that_nobody_asked_for(
    tiny, tmp_path
):
    image = tiny(Arch.X86_64)
    cache = tmp_path / "cä che, d"
    cache.mkdir()
    guest = replace(
        image,
        kernel=shutil.copy(image.kernel, cache / image.kernel.name),
        initrd=shutil.copy(image.initrd, cache / image.initrd.name),
    )
    logs = tmp_path / "lö gs, d"
    with QemuBackend("tcg", logs=logs).machine(MachineSpec(guest)) as machine:
        assert list(machine.boot().phases) == list(Phase)
        with pytest.raises(GuestRebooted, match="because its guest rebooted"):
            machine.ssh.run("reboot -f; sleep 1000", timeout_s=300)
    assert str(guest.kernel) in (logs / "argv").read_text(encoding="utf-8").splitlines()
    assert READY_MARKER in (logs / "console.log").read_text(encoding="utf-8", errors="replace")


def test_a_panic_is_named_at_once_and_its_guest_does_not_reboot(tcg, tiny, tmp_path):
    image = tiny(Arch.X86_64)
    kernel = tmp_path / "a kernel, with ü"
    kernel.symlink_to(image.kernel)
    guest = replace(image, kernel=kernel, initrd=None, takes_credentials=False)
    with tcg.machine(MachineSpec(guest)) as machine:
        with pytest.raises(GuestPanicked, match="VFS: Unable to mount root fs"):
            machine.boot(until=Phase.GUEST_READY, timeout_s=90)
        with pytest.raises(GuestPanicked):
            machine.wait_for(Phase.GUEST_READY, 5)
