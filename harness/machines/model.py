"""What every backend has in common: the words for a machine's life, and the protocols a backend fulfils.

A backend is found by name in :mod:`harness.machines.catalogue`. It proves that it works on this host
(:meth:`Backend.probe`) and makes machines (:meth:`Backend.machine`); a machine is a context manager that leaves
nothing behind.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from harness.channels.console import Console
    from harness.channels.ssh import Ssh
    from harness.channels.stamp import Stamp
    from harness.channels.vsock import Vsock
    from harness.guests.model import Arch, GuestImage
    from harness.machines.balloon import Balloon
    from harness.machines.devices import Devices
    from harness.machines.disk import Disk
    from harness.machines.network import Network
    from harness.machines.snapshots import Snapshots


class Phase(StrEnum):
    """The clocks of a boot, in the order in which they stop."""

    VMM_READY = "vmm-ready"
    """QMP greeting, or REST up."""
    FIRST_CONSOLE = "first-console"
    """First byte on the console: firmware, boot loader or kernel."""
    INIT = "init"
    """The guest's init says so on the console."""
    GUEST_READY = "guest-ready"
    """Event on a virtio-serial port, or a console marker where the backend has no such port."""
    SSH_BANNER = "ssh-banner"
    """The guest's SSH server sent its banner (polled: see the stamp's resolution)."""
    FIRST_COMMAND = "first-command"
    """The first SSH command returned."""


class State(StrEnum):
    """A machine's life: defined → running ⇄ paused → stopped; any of them → dead when the VMM crashes."""

    DEFINED = "defined"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    DEAD = "dead"


class GpuMode(StrEnum):
    """The graphics that a guest sees."""

    NONE = "none"
    TWO_D = "2d"
    """A virtio-gpu that shows a framebuffer: whatever is drawn, the guest's own processor draws."""
    VIRGL = "virgl"
    """OpenGL, carried to the host by virglrenderer."""
    VENUS = "venus"
    """Vulkan, carried to the host, and OpenGL as with virgl."""


@dataclass(slots=True)
class Timeline:
    """The stamps of one boot, from spawn."""

    spawn: Stamp
    phases: dict[Phase, Stamp] = field(default_factory=dict)

    def seconds(self, phase: Phase) -> float:
        """Seconds from spawn to ``phase``; KeyError when it was not reached."""
        return (self.phases[phase].at_ns - self.spawn.at_ns) / 1e9


@dataclass(frozen=True, slots=True)
class MachineSpec:
    """What to run, in no backend's own words; ``None`` means the backend's default for the guest."""

    guest: GuestImage
    memory_mib: int | None = None
    cpus: int | None = None
    machine_type: str | None = None
    cpu_model: str | None = None
    gpu: GpuMode = GpuMode.NONE
    efi: bool = False
    """Whether it boots through UEFI firmware: a disk, or a kernel from a disk that is made of it and its EFI stub."""
    vsock: bool = False
    """Whether the guest has AF_VSOCK, and the machine :attr:`Machine.vsock`."""
    disks: tuple[Disk, ...] = ()
    """Besides what it boots from."""
    networks: tuple[Network, ...] = ()
    """Besides the one by which the harness reaches it."""
    hotplug: bool = False
    """Whether devices may come and go while it runs, and it has :attr:`Machine.devices`."""
    extra: Mapping[str, str] = field(default_factory=dict)
    """Options only one backend knows, named in its documentation; an unknown one is an error."""

    @property
    def memory_bytes(self) -> int:
        """What the guest has, as asked for or as its image wants."""
        return (self.guest.memory_mib if self.memory_mib is None else self.memory_mib) << 20


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What machines of a backend can do on this host; a scenario skips by name what is missing."""

    archs: frozenset[Arch]
    start: bool = True
    """Whether the harness starts and ends its machines; False: it attaches to one that runs."""
    pause: bool = True
    pause_stops_clock: bool = True
    """Whether a paused guest's clock stands still; else it goes on, and the guest finds itself later when resumed."""
    reset: bool = True
    powerdown: bool = True
    screenshot: bool = False
    machine_types: bool = False
    """Whether MachineSpec.machine_type chooses between several."""
    virtio_serial: bool = False
    ssh: bool = True
    vsock: bool = False
    disks: bool = False
    """Whether MachineSpec.disks may name any."""
    networks: bool = False
    """Whether MachineSpec.networks may name any."""
    snapshots: bool = False
    hotplug: bool = False
    """Whether MachineSpec.hotplug may be asked for."""
    balloon: bool = False
    firmware_only: bool = False
    """Whether its machines boot through UEFI firmware whatever MachineSpec.efi says."""
    gpus: frozenset[GpuMode] = frozenset({GpuMode.NONE})
    """What MachineSpec.gpu may ask for; whether a host has it, :meth:`Backend.probe_gpu` proves."""


@dataclass(frozen=True, slots=True)
class GpuProbe:
    """Whether a GPU mode works here for guests of an architecture; when not: code, reason and fix."""

    mode: GpuMode
    arch: Arch
    usable: bool
    display: str = ""
    """What renders for it on the host, e.g. ``sdl,gl=on``."""
    code: str = "usable"
    """``usable``, ``no-qemu``, ``no-gl-device``, ``no-venus``, ``no-gl-display``, ``no-render-node``, ``refused``."""
    reason: str = ""
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Probe:
    """Whether a backend is usable here for an architecture; when not: code, reason and fix, one sentence each."""

    backend: str
    arch: Arch | None
    usable: bool
    version: str = ""
    build: str = ""
    """What tells two of one version apart, where that is known."""
    code: str = "usable"
    """``usable``, ``no-qemu``, ``old-qemu``, ``no-device``, ``no-permission``, ``hangs``, ``wrong-os``,
    ``wrong-arch``, ``refused`` …: stable words that scripts may match."""
    reason: str = ""
    fix: str = ""


class Machine(Protocol):
    """One guest on one backend. Every method raises MachineDied when the VMM has died, WrongState when the
    lifecycle does not allow the step, and ControlError when the control channel fails."""

    @property
    def name(self) -> str: ...
    @property
    def spec(self) -> MachineSpec: ...
    @property
    def settings(self) -> Mapping[str, str | int]:
        """What decides how it behaves, every default resolved; part of its subject's fingerprint."""
        ...

    @property
    def state(self) -> State: ...
    @property
    def timeline(self) -> Timeline: ...
    @property
    def console(self) -> Console: ...
    @property
    def ssh(self) -> Ssh: ...
    @property
    def vsock(self) -> Vsock:
        """Raises InvalidConfiguration when MachineSpec.vsock did not ask for it."""
        ...

    @property
    def snapshots(self) -> Snapshots:
        """Raises InvalidConfiguration when the backend keeps none."""
        ...

    @property
    def devices(self) -> Devices:
        """Raises NoHotPlug when MachineSpec.hotplug did not ask for it."""
        ...

    @property
    def balloon(self) -> Balloon:
        """Raises InvalidConfiguration when the backend has none."""
        ...

    @property
    def pids(self) -> list[int]:
        """Every process that runs this machine, helpers included."""
        ...

    def __enter__(self) -> Self: ...
    def __exit__(self, *exc: object) -> None: ...

    def boot(self, until: Phase = Phase.FIRST_COMMAND, timeout_s: float = 120) -> Timeline:
        """Start and wait for ``until``; raises BootTimeout, GuestPanicked."""
        ...

    def start(self) -> None: ...
    def wait_for(self, phase: Phase, timeout_s: float) -> Stamp: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def reset(self) -> None: ...
    def powerdown(self, timeout_s: float = 60) -> None:
        """Ask the guest to power off and wait until the VMM has ended."""
        ...

    def stop(self, timeout_s: float = 5) -> None:
        """End the VMM in an orderly way, the guest unasked."""
        ...

    def kill(self) -> None:
        """End every process of the machine now; allowed in any state."""
        ...

    def screenshot(self, to: Path) -> Path:
        """Write the current scanout as PNG."""
        ...


class Backend(Protocol):
    """One way to run a guest."""

    @property
    def name(self) -> str: ...

    def probe(self, arch: Arch, *, deadline_s: float = 6) -> Probe:
        """Prove it by running a payload for a moment; never raises for a foreseeable lack."""
        ...

    def capabilities(self) -> Capabilities: ...

    def probe_gpu(self, arch: Arch, mode: GpuMode) -> GpuProbe:
        """Start a VMM with this GPU for a moment, no guest in it; never raises for a foreseeable lack."""
        ...

    def machine(self, spec: MachineSpec) -> Machine:
        """A defined machine; raises UsageError for options that do not fit."""
        ...
