"""A QEMU machine's life: start, boot, pause, resume, reset, power down, stop, kill."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from harness.channels.stamp import Stamp
from harness.errors import (
    ControlLost,
    ControlTimeout,
    GuestSilent,
    InvalidConfiguration,
    MachineDied,
    NoHotPlug,
    WrongState,
)
from harness.host.firmware import identity
from harness.host.paths import large_files_dir, private_directory
from harness.machines.boot import BootWatch
from harness.machines.login import SSH_PORT, Login
from harness.machines.model import Phase, State
from harness.machines.network import descriptors
from harness.machines.qemu import endings
from harness.machines.qemu.balloon import QemuBalloon
from harness.machines.qemu.hotplug import QemuDevices
from harness.machines.qemu.initrd import booting
from harness.machines.qemu.snapshots import QemuSnapshots
from harness.machines.qemu.vmm import Vmm, launch
from harness.machines.vmm_machine import VmmMachine
from harness.runtimes.model import containing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness.channels.qmp_events import Event
    from harness.channels.ssh import Ssh
    from harness.channels.vsock import Vsock
    from harness.errors import MachineError
    from harness.machines.model import MachineSpec
    from harness.machines.qemu.config import QemuConfig
    from harness.machines.qemu.control import QemuControl

T = TypeVar("T")

GREETING_TIMEOUT_S = 30
"""QEMU greets within 0.2 s; a disk or a display that it must open first may take longer."""
POWER_BUTTON_AGAIN_S = 0.5
"""A guest that has just booted may not listen to its power button yet: it is pressed again after this."""
EXIT_GRACE_S = 5


class QemuMachine(VmmMachine[Vmm]):
    """One guest in one QEMU. One thread drives it; any thread may look at it.

    ``logs``: the folder for console.log, stderr.log, qmp.log and argv; None: in the private directory,
    which is gone when the machine is.
    """

    def __init__(
        self, name: str, spec: MachineSpec, config: QemuConfig, *, logs: Callable[[], Path] | None = None
    ) -> None:
        super().__init__(name, spec, logs)
        self._config = config
        self._snapshots: QemuSnapshots | None = None
        self._devices: QemuDevices | None = None

    @property
    def config(self) -> QemuConfig:
        """What QEMU was, or will be, told."""
        return self._config

    @property
    def settings(self) -> dict[str, str | int]:
        """As :attr:`harness.machines.model.Machine.settings`, every default resolved."""
        config = self._config
        accelerator = ",".join(
            [config.accelerator.name, *(f"{k}={v}" for k, v in config.accelerator.properties.items())]
        )
        runtime = containing(config.binary)
        graphics = {"gpu": str(config.gpu), "display": str(config.display)} if config.gpu else {}
        networks = [network.carrier.name for network in self._spec.networks]
        return {
            "machine_type": config.machine,
            "cpu_model": config.cpu,
            "cpus": config.cpus,
            "memory_mib": config.memory_mib,
            "accelerator": accelerator,
            "kernel_command_line": self._spec.guest.append,
            **({"firmware": identity(config.firmware)} if self._spec.efi and config.firmware else {}),
            **graphics,
            **({"disks": ", ".join(disk.way for disk in self._spec.disks)} if self._spec.disks else {}),
            **({"networks": ", ".join(networks)} if networks else {}),
            **({"runtime": runtime.label} if runtime else {}),
        }

    @property
    def state(self) -> State:
        if self._vmm is None:
            return State.DEFINED
        if self._vmm.process.exited is not None:
            return self._ended()
        return State.PAUSED if self._paused else State.RUNNING

    @property
    def control(self) -> QemuControl:
        """QMP, for what the lifecycle has no word for."""
        return self._started().control

    @property
    def ssh(self) -> Ssh:
        """A client that connects at first use; raises InvalidConfiguration when the guest lets nobody in."""
        vmm = self._started()
        if self._login is None:
            raise WrongState(f"{self.name} has not started", state=self.state, required=State.RUNNING)
        return self._login.ssh(
            lambda: ("127.0.0.1", vmm.control.forwarded_port(SSH_PORT)), self._milestones.check
        )

    @property
    def vsock(self) -> Vsock:
        """As :attr:`harness.machines.model.Machine.vsock`."""
        vmm, card = self._started(), self._config.vsock
        if vmm.vsock:
            return vmm.vsock.channel
        if card is None:
            raise InvalidConfiguration(f"{self.name} has no vsock", fix="ask for it: MachineSpec(vsock=True)")
        if sys.platform == "linux":
            from harness.channels.vsock_kernel import KernelVsock  # noqa: PLC0415 - only Linux has it

            return KernelVsock(card.guest_cid)
        raise AssertionError("only Linux's kernel gives out a CID")

    @property
    def shared_memory(self) -> memoryview:
        """What the guest has as its ivshmem device's memory; raises InvalidConfiguration for a machine without one."""
        memory = self._started().shared_memory
        if memory is None:
            raise InvalidConfiguration(
                f"{self.name} shares no memory with its guest", fix="ask for it: the option ivshmem, in MiB"
            )
        return memory

    @property
    def ended(self) -> bool:
        """Whether its QEMU is gone, which who looks into shared memory asks often."""
        return self._vmm is None or self._vmm.process.exited is not None

    @property
    def snapshots(self) -> QemuSnapshots:
        """As :attr:`harness.machines.model.Machine.snapshots`."""
        self._alive("keep a snapshot", State.RUNNING, State.PAUSED)
        if self._snapshots is None:
            raise AssertionError("a machine that started without its snapshots")
        return self._snapshots

    @property
    def devices(self) -> QemuDevices:
        """As :attr:`harness.machines.model.Machine.devices`."""
        self._alive("plug in a device", State.RUNNING, State.PAUSED)
        if self._devices is None:
            raise NoHotPlug(
                f"{self.name} takes no devices while it runs", fix="ask for it: MachineSpec(hotplug=True)"
            )
        return self._devices

    @property
    def balloon(self) -> QemuBalloon:
        """As :attr:`harness.machines.model.Machine.balloon`; of a machine with the option ``balloon``."""
        return QemuBalloon(self._alive("size its guest", State.RUNNING, State.PAUSED).qmp, self.name)

    @property
    def pids(self) -> list[int]:
        if self._vmm is None or self._vmm.process.exited is not None:
            return []
        import psutil  # noqa: PLC0415 - light commands do not need it

        try:
            qemu = psutil.Process(self._vmm.process.pid)
            vsock = self._vmm.vsock.process if self._vmm.vsock else None
            others = [vsock.pid] if vsock and vsock.exited is None else []
            return [qemu.pid, *(child.pid for child in qemu.children(recursive=True)), *others]
        except psutil.NoSuchProcess:
            return []

    def start(self) -> None:
        """Spawn QEMU and wait for its greeting; raises MachineDied with what it complained about."""
        if self._vmm is not None:
            raise WrongState(
                f"{self.name} was started already", fix="make another machine",
                state=self.state, required=State.DEFINED,
            )  # fmt: skip
        private = self._kept.enter_context(private_directory())
        self._login, initrd = Login.prepare(self._spec.guest, private)
        config = booting(self._config, self._spec, initrd, private)
        overlays = private
        if any(drive.snapshot for drive in config.drives):
            overlays = self._kept.enter_context(private_directory(root=large_files_dir()))
        self._vmm = vmm = launch(
            config, self._logs() if self._logs else private, private=self._logs is None, purpose=self.name,
            window=private, overlays=overlays, inherits=descriptors(self._spec.networks),
        )  # fmt: skip
        self._milestones.begin(Stamp(vmm.process.spawned_ns))
        self._watch = BootWatch(vmm, self._spec.guest, self._milestones, self._failure, self.name)
        self._snapshots = QemuSnapshots(vmm.qmp, self._spec.disks, self._login.disconnect)
        self._devices = QemuDevices(vmm.qmp) if self._spec.hotplug else None
        vmm.qmp.on_event(self._on_event)
        greeted = self._asking(lambda: vmm.qmp.negotiate(GREETING_TIMEOUT_S))
        self._milestones.reach(Phase.VMM_READY, greeted)

    def pause(self) -> None:
        """Stop the virtual CPUs, and return when they have stopped; pausing twice is fine."""
        vmm = self._alive("pause", State.RUNNING, State.PAUSED)
        if not self._paused:
            self._asking(vmm.control.pause)

    def resume(self) -> None:
        """Let the virtual CPUs run again; resuming a running machine is fine."""
        vmm = self._alive("resume", State.RUNNING, State.PAUSED)
        if self._paused:
            self._asking(vmm.control.resume)

    def reset(self) -> None:
        """Pull the reset line: a new boot begins, whose phases are timed from the RESET event.

        From then on the guest may reboot by itself: SeaBIOS answers a reset with one of its own. In the first 10 ms
        after power-on, while it copies itself to RAM, a reset can leave it there half copied, and it hangs (QEMU 7.2).
        """
        vmm = self._alive("reset", State.RUNNING)
        if self._watch:
            self._watch.again()
        self._milestones.forget()
        event = self._asking(vmm.control.reset)
        self._milestones.begin(event.stamp)
        self._milestones.reach(Phase.VMM_READY, event.stamp)
        if self._login:
            self._login.disconnect()

    def powerdown(self, timeout_s: float = 60) -> None:
        """Press the power button until the guest powers off, and wait until QEMU has ended.

        Raises GuestSilent when the guest does not.
        """
        vmm = self._alive("power down", State.RUNNING)
        since, deadline = Stamp(time.monotonic_ns()), time.monotonic() + timeout_s
        while not self._powers_off(vmm, since, deadline):
            if time.monotonic() >= deadline:
                raise GuestSilent(
                    f"{self.name} did not power off within {timeout_s:g} s of its power button",
                    fix="stop or kill it; its guest may not listen to the button",
                    console=vmm.console.tail(), log=vmm.logs / "console.log",
                )  # fmt: skip
        self._await_exit(vmm, max(EXIT_GRACE_S, deadline - time.monotonic()))

    def stop(self, timeout_s: float = 5) -> None:
        """Have QEMU quit, the guest unasked; by force when it does not within ``timeout_s``."""
        if self.state is State.STOPPED:
            return
        vmm = self._alive("stop", State.RUNNING, State.PAUSED)
        self._asked_to_end = True
        with suppress(ControlLost, ControlTimeout):  # it went faster than its answer, or it is jammed
            vmm.control.quit(timeout_s)
        self._await_exit(vmm, timeout_s)

    def kill(self) -> None:
        """End QEMU now and release everything; allowed in any state, any number of times."""
        if self._login:
            self._login.close()
        if self._vmm:
            if self._vmm.process.exited is not None:
                self._ended()  # one that had died before stays dead
            self._asked_to_end = True
            self._vmm.close()
        self._kept.close()

    def screenshot(self, to: Path) -> Path:
        """Write the current picture as PNG. Raises WrongState when the machine has no display device."""
        vmm = self._alive("take a screenshot", State.RUNNING, State.PAUSED)
        if self._config.video is None and self._config.gpu is None:
            raise WrongState(
                f"{self.name} has no display device", fix="start it with a GPU, or the option video=VGA",
                state=self.state, required="a display device",
            )  # fmt: skip
        self._asking(lambda: vmm.control.screendump(to.absolute()))
        return to

    def _asking(self, question: Callable[[], T]) -> T:
        """Ask QEMU; when the channel is lost because QEMU has died, say that instead."""
        try:
            return question()
        except ControlLost:
            vmm = self._started()
            with suppress(TimeoutError):
                vmm.process.wait(EXIT_GRACE_S)
                raise self._failure() from None
            raise

    def _powers_off(self, vmm: Vmm, since: Stamp, deadline: float) -> bool:
        try:
            self._asking(vmm.control.press_power_button)
            patience_s = max(0.0, min(POWER_BUTTON_AGAIN_S, deadline - time.monotonic()))
            with suppress(ControlTimeout):
                self._asking(lambda: vmm.qmp.wait_event("SHUTDOWN", patience_s, since))
                return True
        except MachineDied:
            if self.state is not State.STOPPED:
                raise
            return True  # it powered off while its button was pressed once more
        return False

    def _await_exit(self, vmm: Vmm, timeout_s: float) -> None:
        self._asked_to_end = True
        try:
            vmm.process.wait(timeout_s)
        except TimeoutError:
            vmm.process.end()

    def _ended(self) -> State:
        if self._end is None and self._vmm is not None:
            orderly = self._asked_to_end or endings.shutdown_reason(self._vmm) == "guest-shutdown"
            self._end = State.STOPPED if orderly else State.DEAD
        return self._end or State.DEAD

    def _failure(self) -> MachineError:
        since_ns = self._watch.since_ns if self._watch else 0
        return endings.failure(self._started(), self.name, since_ns=since_ns)

    def _on_event(self, event: Event) -> None:
        if event.name in ("STOP", "RESUME"):
            self._paused = event.name == "STOP"
        elif event.name == "GUEST_PANICKED":
            self._milestones.end(self._failure)
        elif end := endings.brought_about_by(event, booted=self._milestones.booted):
            self._milestones.end(partial(end, self._started(), self.name))
            if self._login:  # who waits for a command is told now, and not when its time is over
                threading.Thread(target=self._login.disconnect, name="disconnect", daemon=True).start()
