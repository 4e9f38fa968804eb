"""The configuration as frozen models: what ``visorbench.toml`` may say, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from harness.gate.rules import FALSE_DISCOVERY_RATE, MIN_EFFECT, MetricRule, Rules
from harness.guests.model import Arch

Count = Annotated[int, Field(ge=1, le=10_000, strict=True)]
CountOrNone = Annotated[int, Field(ge=0, le=10_000, strict=True)]
Size = tuple[
    Annotated[int, Field(ge=64, le=1920, strict=True)], Annotated[int, Field(ge=64, le=1080, strict=True)]
]
GpuRoute = Literal["venus", "zink", "virgl", "software-vulkan", "software-gles"]
"""Names of ``harness.machines.gpu_routes``."""
Share = Annotated[float, Field(ge=0, le=10, strict=True)]
"""Of the baseline: 0.05 is 5 %."""
MemoryMib = Annotated[int, Field(ge=32, le=4 << 20, strict=True)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Profile(_Frozen):
    """How much a bench measures."""

    boots: Count = 3
    """Measured boots of each subject, with a warm page cache."""
    cold_boots: CountOrNone = 0
    """Measured boots of each subject with a cold page cache, where the host lets one drop it."""
    pause_rounds: Count = 3
    """How often a machine is paused and resumed."""
    lifecycle_rounds: Count = 2
    """How many machines are reset and powered down, and how many killed."""
    compute_rounds: Count = 3
    """Repetitions of every compute kernel, guest and native interleaved."""
    compute_ms: Count = 200
    """How long one of them takes, about."""
    gpu_rounds: CountOrNone = 0
    """Repetitions of every GPU scene on every route, guests and native in turns."""
    gpu_archs: Literal["one", "all"] = "all"
    """``one``: guests of the host's own architecture only, or of the one that is measured."""
    gpu_routes: Annotated[tuple[GpuRoute, ...], Field(min_length=1)] = get_args(GpuRoute)
    """What takes part in a guest; virgl and the software ones bring the negative controls along."""
    gpu_scenes: tuple[str, ...] = ("triangle",)
    """Scenes of ``harness.machines.gpu``."""
    gpu_sizes: tuple[Size, ...] = ((640, 360),)
    """Width and height of the pictures."""
    gpu_frames: Count = 300
    """Frames of a repetition, at most."""
    gpu_seconds: Count = 1
    """A repetition begins no frame after so many seconds."""
    gpu_others: StrictBool = False
    """Whether the workloads of others (glmark2, kmscube, vkmark) run too."""
    long_scenarios: StrictBool = False
    """Whether scenarios that take minutes (devices, display, encode, network, snapshot …) run unnamed."""
    frame_rounds: Count = 1
    """Repetitions of every way that frames take, in turns."""
    frame_seconds: Count = 1
    """How long a guest draws for one of them."""
    frame_sizes: tuple[Size, ...] = ((1280, 720),)
    """Width and height of displays whose frames are taken, and encoded."""
    transport_rounds: Count = 5
    """Repetitions of every transport, in turns: 50 round trips of each size and a frame each way."""
    device_rounds: Count = 2
    """How often each kind of device is plugged in and out, a disc is changed, and a client greets a display server."""
    snapshot_rounds: Count = 2
    """How often a machine is saved, loaded and forgotten, and an overlay committed."""
    network_rounds: Count = 1
    """Repetitions of every direction of every network, in turns: iperf3, and 50 round trips."""
    network_seconds: Count = 1
    """How long iperf3 sends for one of them."""
    storage_rounds: Count = 1
    """Repetitions of every fio job on every kind of disk, and kills of a machine that writes."""
    storage_seconds: Count = 1
    """How long fio does one job."""
    image_mib: Annotated[int, Field(ge=8, le=1 << 20, multiple_of=8, strict=True)] = 256
    """The size of disk images that are converted and copied."""
    precision: Annotated[float, Field(gt=0, lt=1, strict=True)] | None = None
    """Rounds go on until every median is known this well: half its 95 % interval ÷ the median, 0.01 for ±1 %."""
    budget_s: Annotated[float, Field(gt=0, le=1e6, strict=True)] = 60
    """With ``precision``: how many seconds the rounds of one scenario on one subject may take together."""
    memory_seconds: Count = 5
    """How long a machine's memory is looked at, at rest and at work."""
    memory_rounds: Count = 2
    """How often a guest's balloon is filled and emptied, and free memory comes back by itself."""
    density_machines: Count = 8
    """Up to how many machines are started beside each other."""
    idle_seconds: CountOrNone = 0
    """How long an idle guest is looked at."""
    overhead_rounds: CountOrNone = 0
    """How often the host's CPU time for the same work is taken, native and in a guest."""
    machine_per_round: StrictBool = False
    """Whether every round of a scenario has a machine of its own: for runs that others are compared with."""
    machine_types: StrictBool = False
    """Whether boot is measured on every machine type of the architecture, not only the default one."""


class GuestConfig(_Frozen):
    """A guest of the user's own: a kernel (and initrd), or a disk image."""

    arch: Arch
    kernel: Path | None = None
    initrd: Path | None = None
    append: str = ""
    disk: Path | None = None
    firmware: Path | None = None
    ready_marker: str | None = None
    """Regular expression searched in the console; it stands for "guest ready"."""
    memory_mib: MemoryMib = 512


class AttachConfig(_Frozen):
    """``[subjects.attach]``, of the backend ``attached``: see :class:`harness.machines.attached.attach.Attach`."""

    utm: str | None = None
    qmp: str | None = None
    ssh: str | None = None
    ssh_key: Path | None = None
    ssh_host_key: str | None = None


class SubjectConfig(_Frozen):
    """One thing to measure: a guest on a backend, with what differs from the backend's defaults."""

    backend: str
    arch: Arch
    guest: str = "tiny"
    label: str | None = None
    """What a report calls it; by default backend and architecture."""
    memory_mib: MemoryMib | None = None
    cpus: Annotated[int, Field(ge=1, le=512, strict=True)] | None = None
    machine_type: str | None = None
    cpu_model: str | None = None
    gpu: Literal["none", "2d", "virgl", "venus"] = "none"
    """The graphics that the guest sees (``harness.machines.model.GpuMode``)."""
    efi: StrictBool = False
    """Whether it boots through UEFI firmware."""
    qemu: Path | None = None
    runtime: str | None = None
    """As in Config; beats both of that."""
    attach: AttachConfig | None = None
    """Of the backend ``attached``: which running machine."""


class MetricRuleConfig(_Frozen):
    """``[gate.metrics."boot/*"]``: what a gate asks of the metrics that the glob matches."""

    min_effect: Share | None = None
    ignore: StrictBool = False


class GateConfig(_Frozen):
    """``[gate]``: when a run is worse than another; see :mod:`harness.gate.rules`."""

    false_discovery_rate: Annotated[float, Field(gt=0, le=0.2, strict=True)] = FALSE_DISCOVERY_RATE
    min_effect: Share = MIN_EFFECT
    missing: Literal["report", "fail"] = "report"
    metrics: dict[str, MetricRuleConfig] = {}

    def rules(self) -> Rules:
        """As the gate takes it; of two globs that match a metric, the later one counts."""
        rules = tuple(MetricRule(glob, one.min_effect, one.ignore) for glob, one in self.metrics.items())
        return Rules(self.false_discovery_rate, self.min_effect, self.missing, rules)


class Config(_Frozen):
    """Everything a bench is told, after file, environment and command line were joined."""

    profile: str = "standard"
    backends: tuple[str, ...] = ()
    """Backends to measure; empty: every one that this host can use."""
    archs: Annotated[tuple[Arch, ...], Field(min_length=1)] = tuple(Arch)
    guest: str = "tiny"
    qemu: Path | None = None
    runtime: str | None = None
    """``system``: the host's QEMU; ``managed``: that of the runtime ``gpu``; or the folder of a runtime. None: the
    host's, but the managed one's for a guest with a GPU that the host's cannot give it."""
    mirror: str | None = None
    store: str | None = None
    """SQLAlchemy URL of the results store; None: SQLite in the user's data directory."""
    reports: Path | None = None
    """Folder of the reports; None: ``reports/`` of the clone, else of the working directory."""
    guests: dict[str, GuestConfig] = {}
    subjects: tuple[SubjectConfig, ...] = ()
    profiles: dict[str, Profile] = {}
    gate: GateConfig = GateConfig()
