"""A machine that runs already: looked at, measured, paused if asked; never reset, powered down or ended."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn, Self

from harness.channels.qmp import Qmp
from harness.channels.stamp import Stamp
from harness.errors import ControlError, ControlTimeout, InvalidConfiguration, WrongState
from harness.machines.attached.login import login
from harness.machines.attached.target import SSH_PORT, find
from harness.machines.model import Phase, State, Timeline
from harness.machines.qemu.control import QemuControl

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from harness.channels.console import Console
    from harness.channels.ssh import Ssh
    from harness.channels.vsock import Vsock
    from harness.machines.attached.attach import Attach
    from harness.machines.attached.target import Target
    from harness.machines.balloon import Balloon
    from harness.machines.devices import Devices
    from harness.machines.model import MachineSpec
    from harness.machines.snapshots import Snapshots

_GREETING_S = 5
_PAUSED = ("paused", "suspended", "prelaunch")
_GONE = ("shutdown", "guest-panicked", "internal-error", "io-error")


class AttachedMachine:
    """One running guest, reached by QMP, by SSH, or by both; ``spec`` describes it, it makes nothing of it.

    Attached at the first use and let go by :meth:`kill`, which also resumes what was paused here. One thread drives it.
    """

    def __init__(self, attach: Attach, spec: MachineSpec) -> None:
        self._attach = attach
        self._spec = spec
        self._target: Target | None = None
        self._qmp: Qmp | None = None
        self._ssh: Ssh | None = None
        self._timeline: Timeline | None = None
        self._paused_here = False

    @property
    def name(self) -> str:
        return f"{self._attach.name} (attached)"

    @property
    def spec(self) -> MachineSpec:
        return self._spec

    @property
    def settings(self) -> Mapping[str, str | int]:
        """What it says of itself; attaches, and lets go again where nothing was attached before."""
        from harness.machines.attached.settings import settings  # noqa: PLC0415 - only for fingerprints

        was_attached = self._timeline is not None
        try:
            self.start()
            return settings(
                self._target, self.control if self._qmp else None, self.ssh if self._attach.ssh else None
            )
        finally:
            if not was_attached:
                self.kill()

    @property
    def state(self) -> State:
        """By QMP; without it, running until SSH says otherwise."""
        if self._timeline is None:
            return State.DEFINED
        if self._qmp is None:
            return State.RUNNING
        try:
            status = self.control.status()
        except ControlTimeout:
            raise
        except ControlError:
            return State.DEAD
        return State.PAUSED if status in _PAUSED else State.STOPPED if status in _GONE else State.RUNNING

    @property
    def timeline(self) -> Timeline:
        """When the harness attached: no clock of a boot, which was somebody else's."""
        if self._timeline is None:
            raise WrongState(f"{self.name} is not attached", state=State.DEFINED, required=State.RUNNING)
        return self._timeline

    @property
    def control(self) -> QemuControl:
        """QMP; raises InvalidConfiguration when the machine takes none from us."""
        self.start()
        if self._qmp is None:
            raise InvalidConfiguration(
                f"{self.name} has no QMP that others may use",
                fix="`visorbench utm show` tells the argument to add",
            )
        return QemuControl(self._qmp)

    @property
    def ssh(self) -> Ssh:
        self.start()
        if self._attach.ssh is None:
            raise InvalidConfiguration(
                f"{self.name} has no SSH", fix="name a user and a key in [subjects.attach]"
            )
        if self._ssh is None:
            self._ssh = login(self._attach, self._ssh_host)
        return self._ssh

    @property
    def console(self) -> Console:
        self._not_ours("a console of the harness's")

    @property
    def vsock(self) -> Vsock:
        self._not_ours("a vsock of the harness's")

    @property
    def snapshots(self) -> Snapshots:
        self._not_ours("snapshots of the harness's")

    @property
    def devices(self) -> Devices:
        self._not_ours("ports of the harness's for devices")

    @property
    def balloon(self) -> Balloon:
        self._not_ours("a balloon of the harness's")

    @property
    def pids(self) -> list[int]:
        """Its QEMU, where that is a process of this user's."""
        import psutil  # noqa: PLC0415 - light commands do not need it

        qemu = self._target.qemu if self._target else None
        return [qemu.pid] if qemu and psutil.pid_exists(qemu.pid) else []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.kill()

    def start(self) -> None:
        """Attach; nothing is started. Raises WrongState when it does not run, ControlError."""
        if self._timeline is not None:
            return
        began = Stamp(time.monotonic_ns())
        target = find(self._attach)
        if target.qmp is None and self._attach.ssh is None:
            raise InvalidConfiguration(
                f"nothing leads into {self._attach.name}",
                fix="name a user and a key for SSH, or give it a QMP monitor: `visorbench utm show` tells the argument",
            )
        timeline = Timeline(began)
        if target.qmp:
            timeline.phases[Phase.VMM_READY] = self._greet(target)
        self._target, self._timeline = target, timeline

    def boot(self, until: Phase = Phase.FIRST_COMMAND, timeout_s: float = 120) -> Timeline:
        """Attach, and wait until it answers what ``until`` asks for; raises WrongState for a guest that is paused."""
        self.start()
        if self._qmp and self.state is not State.RUNNING:
            raise WrongState(
                f"{self.name} is {self.state}", fix="let it run", state=self.state, required=State.RUNNING
            )
        if until in (Phase.SSH_BANNER, Phase.FIRST_COMMAND):
            self.wait_for(until, timeout_s)
        return self.timeline

    def wait_for(self, phase: Phase, timeout_s: float) -> Stamp:
        """Until SSH answers; every phase of a boot is in the past. Raises GuestSilent, ChannelError."""
        if phase is Phase.SSH_BANNER:
            stamp = self.ssh.wait_banner(timeout_s)
        elif phase is Phase.FIRST_COMMAND:
            self.ssh.run("true", timeout_s=timeout_s)
            stamp = Stamp(time.monotonic_ns())
        else:
            self._not_ours(f"the phase {phase}")
        return self.timeline.phases.setdefault(phase, stamp)

    def pause(self) -> None:
        if self.state is State.RUNNING:
            self.control.pause()
            self._paused_here = True

    def resume(self) -> None:
        if self.state is State.PAUSED:
            self.control.resume()
        self._paused_here = False

    def reset(self) -> None:
        self._leave_alone("reset")

    def powerdown(self, timeout_s: float = 60) -> None:  # noqa: ARG002
        self._leave_alone("power down")

    def stop(self, timeout_s: float = 5) -> None:  # noqa: ARG002
        self._leave_alone("stop")

    def kill(self) -> None:
        """Let go: resume what was paused here, and close the channels. The machine runs on."""
        if self._paused_here and self._qmp and not self._qmp.lost:
            with suppress(ControlError):
                self.resume()
        if self._ssh:
            self._ssh.close()
        if self._qmp:
            self._qmp.close()
        self._qmp, self._ssh, self._timeline, self._paused_here = None, None, None, False

    def screenshot(self, to: Path) -> Path:
        """Written by its QEMU, so ``to`` must be where that may write (UTM's: in its sandbox)."""
        self.control.screendump(to)
        return to

    def _greet(self, target: Target) -> Stamp:
        if target.qmp is None:
            raise AssertionError("asked for without an address")
        qmp = Qmp(target.qmp.connect(_GREETING_S), self._attach.name)
        try:
            stamp = qmp.negotiate(_GREETING_S)
        except ControlTimeout as error:
            qmp.close()
            raise ControlTimeout(
                f"{self.name}: the QEMU at {target.qmp} does not greet",
                fix="a monitor takes one client at a time: end the other one, or give it a monitor of its own",
                timeout_s=_GREETING_S,
            ) from error
        except BaseException:
            qmp.close()
            raise
        self._qmp = qmp
        return stamp

    def _ssh_host(self) -> tuple[str, int] | None:
        """What QEMU forwards, else what UTM tells."""
        if self._qmp:
            with suppress(InvalidConfiguration):
                return "127.0.0.1", self.control.forwarded_port(SSH_PORT)
        return self._target.ssh_host() if self._target else None

    def _leave_alone(self, what: str) -> NoReturn:
        raise WrongState(
            f"{self.name} is not the harness's, which does not {what} it", fix="do it where it was started",
            state=State.RUNNING, required=State.DEFINED,
        )  # fmt: skip

    def _not_ours(self, what: str) -> NoReturn:
        raise InvalidConfiguration(
            f"{self.name} has not {what}", fix="boot a machine of the harness's own for that"
        )
