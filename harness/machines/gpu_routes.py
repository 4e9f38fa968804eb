"""Routes: how what a program draws gets to what draws it, and the proof, by name, that it took that route.

On the host there is one for each API. In a guest the drivers of Mesa are routes: Venus and virgl carry commands to the
host, zink is OpenGL on top of Venus, lavapipe and llvmpipe draw on the guest's own processor. Variables choose between
them (https://docs.mesa3d.org/envvars.html), and the adapter's name proves which it was, never its type.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.errors import AccelerationUnproved, GpuApiMissing, GpuHung, SceneTooSlow
from harness.gpu.renderer import RendererKind, classify
from harness.machines.gpu import APIS
from harness.machines.model import GpuMode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from harness.channels.ssh import Completed
    from harness.gpu.report import Adapter, GpuReport
    from harness.guests.toolchain import Target
    from harness.machines.gpu import GpuWorkload
    from harness.machines.runner import Runner

_ICD = "/usr/share/vulkan/icd.d"
"""Where the guest gpu has its Vulkan drivers."""
ONLY_VIRTIO = {"VK_DRIVER_FILES": f"{_ICD}/virtio_icd.json"}
ONLY_LAVAPIPE = {"VK_DRIVER_FILES": f"{_ICD}/lvp_icd.json"}


@dataclass(frozen=True, slots=True)
class Route:
    """One way to draw. ``proof`` is the renderer that an adapter's name must tell first; None: whatever there is."""

    name: str
    api: str
    proof: RendererKind | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    baseline: str = ""
    """The host's API that does the same work; with Metal, that is the baseline of all."""

    @property
    def in_software(self) -> bool:
        """The guest's own processor draws: it may be slow without end, and that is no failure."""
        return self.proof in (RendererKind.LAVAPIPE, RendererKind.LLVMPIPE)

    @property
    def frame_deadline_s(self) -> float:
        """The longest that the setup, or a frame, may take."""
        return SOFTWARE_DEADLINE_S if self.in_software else FRAME_DEADLINE_S


VENUS = Route("venus", "vulkan", RendererKind.VENUS, ONLY_VIRTIO, "vulkan")
VIRGL = Route("virgl", "gles", RendererKind.VIRGL, baseline="gles")
LAVAPIPE = Route("software-vulkan", "vulkan", RendererKind.LAVAPIPE, ONLY_LAVAPIPE, "vulkan")
LLVMPIPE = Route("software-gles", "gles", RendererKind.LLVMPIPE, baseline="gles")
ZINK = Route("zink", "gles", RendererKind.ZINK, {"MESA_LOADER_DRIVER_OVERRIDE": "zink"} | ONLY_VIRTIO, "gles")
ZINK_ON_PROCESSOR = Route(
    "zink", "gles", RendererKind.ZINK,
    {"GALLIUM_DRIVER": "zink", "LIBGL_ALWAYS_SOFTWARE": "1"} | ONLY_VIRTIO, "gles",
)  # fmt: skip
"""zink takes a Vulkan whose device is of the type CPU, as Venus's is where the host renders in software, only then."""

GUEST_ROUTES: Mapping[GpuMode, tuple[Route, ...]] = {
    GpuMode.VENUS: (VENUS, ZINK),
    GpuMode.VIRGL: (VIRGL,),
    GpuMode.TWO_D: (LAVAPIPE, LLVMPIPE),
}
"""What each machine is there to draw with. Where a machine has no GPU to offer, its guest draws in software: the lower
control."""


@dataclass(frozen=True, slots=True)
class Along:
    """A runner that runs one program along a route, and everything else as it is.

    ``launcher`` is put before the program, e.g. the wrapper of a managed runtime.
    """

    runner: Runner
    program: str
    route: Route
    launcher: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Whose route it is: ``native vulkan``, ``gpu (x86-64) on tcg venus``."""
        return f"{self.runner.name} {self.route.name}"

    @property
    def target(self) -> Target:
        return self.runner.target

    def install(self, program: Path, *libraries: Path) -> str:
        """As :meth:`Runner.install`."""
        return self.runner.install(program, *libraries)

    def run(
        self, argv: Sequence[str], *, timeout_s: float = 30, check: bool = True, stdin: bytes = b""
    ) -> Completed:
        """As :meth:`Runner.run`."""
        if argv[0] == self.program:
            variables = [f"{name}={value}" for name, value in self.route.environment.items()]
            argv = [*(["env", *variables] if variables else []), *self.launcher, *argv]
        return self.runner.run(argv, timeout_s=timeout_s, check=check, stdin=stdin)


@dataclass(frozen=True, slots=True)
class Contender:
    """A route on a runner where the workload is installed, its adapter known and proved."""

    runner: Along
    workload: GpuWorkload
    route: Route
    adapter: Adapter

    @property
    def name(self) -> str:
        """As the runner's."""
        return self.runner.name

    def draw(
        self, scene: str, size: tuple[int, int], *, frames: int, seconds: int, picture: bool = False
    ) -> GpuReport:
        """One invocation. Raises AccelerationUnproved when something else has drawn, SceneTooSlow where software in the
        guest has not drawn in time, and what GpuWorkload.run does."""
        deadline_s = self.route.frame_deadline_s
        try:
            report = self.workload.run(
                self.runner, api=self.route.api, scene=scene, size=size, frames=frames, seconds=seconds,
                warmups=WARMUPS, picture=picture, frame_deadline_s=deadline_s, timeout_s=TIMEOUT_S + seconds,
            )  # fmt: skip
        except GpuHung as hung:
            if not self.route.in_software:
                raise
            raise SceneTooSlow(
                f"{scene} at {size[0]}x{size[1]} takes software in the guest more than {deadline_s:g} s a frame",
                scene=scene, api=self.route.api,
            ) from hung  # fmt: skip
        prove(self.route, report.adapter, self.runner.name)
        return report


FRAME_DEADLINE_S = 30
SOFTWARE_DEADLINE_S = 15
"""Of software in the guest: the four frames of the shortest invocation end within the time-out."""
TIMEOUT_S = 90
"""Of one invocation beside its timed seconds."""
WARMUPS = 2
"""Frames before the timed ones: enough that every pipeline has been used, few enough for a frame of seconds."""


def contender(
    runner: Runner, workload: GpuWorkload, route: Route, *, launcher: tuple[str, ...] = ()
) -> Contender:
    """The route on this runner. Raises GpuApiMissing when there is no adapter, AccelerationUnproved when its name is
    another's."""
    along = Along(runner, workload.program, route, launcher)
    found = workload.adapters(along, route.api)
    if not found:
        raise GpuApiMissing(
            f"on {runner.name}: no adapter speaks {route.api} along the route {route.name}",
            fix=APIS.get(route.api), api=route.api, route=route.name,
        )  # fmt: skip
    prove(route, found[0], runner.name)
    return Contender(along, workload, route, found[0])


def prove(route: Route, adapter: Adapter, where: str) -> None:
    """Raise AccelerationUnproved unless the adapter's name says that it is the route's."""
    renderer = classify(adapter)
    if route.proof is not None and renderer.kind is not route.proof:
        raise AccelerationUnproved(
            f"on {where}: {route.name} was asked for, and {adapter.device!r} ({renderer}) draws",
            fix="nothing was measured of it: look into the guest's kernel log and QEMU's stderr for the reason",
            adapter=adapter.device, route=route.name,
        )  # fmt: skip


def check_control(runner: Runner, workload: GpuWorkload, mode: GpuMode) -> str:
    """The negative control of a machine: what it must not have, asked in the words that find it elsewhere.

    A machine in virgl mode has all that Venus needs but Venus; one in 2d mode has no OpenGL to carry. Returns what was
    found instead, in words. Raises AccelerationUnproved when the control comes out positive: then no name proves
    anything.
    """
    route = VENUS if mode is GpuMode.VIRGL else VIRGL
    found = workload.adapters(Along(runner, workload.program, route), route.api)
    carried = [adapter.device for adapter in found if classify(adapter).leaves_guest]
    if carried:
        raise AccelerationUnproved(
            f"{runner.name} has no {route.name}, and its guest names {carried[0]!r}",
            fix="names do not tell acceleration from software here: trust no figure of these GPUs",
            adapter=carried[0], route=route.name,
        )  # fmt: skip
    return ", ".join(adapter.device for adapter in found) or f"no {route.api} adapter of the virtio driver"
