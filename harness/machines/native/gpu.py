"""What draws on the host itself: its own drivers, or Mesa out of the managed runtime where it has none.

Where the machines' QEMU is a runtime's, software of that same runtime is the baseline, not an older Mesa of the host's:
it is what renders for the guests.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import GpuApiMissing, HostLacks
from harness.gpu.renderer import classify
from harness.machines.gpu import prepare
from harness.machines.gpu_routes import Contender, Route, contender
from harness.runtimes import catalogue
from harness.runtimes.model import RUN, containing
from harness.runtimes.ways import way_for

if TYPE_CHECKING:
    from harness.machines.gpu import GpuWorkload
    from harness.machines.runner import Runner
    from harness.runtimes.model import Runtime

METAL = Route("metal", "metal")
VULKAN = Route("vulkan", "vulkan")
GLES = Route("gl", "gles")


def native_routes(os: str) -> tuple[Route, ...]:
    """The host's APIs that guests' routes are compared with."""
    return (METAL,) if os == "macos" else (VULKAN, GLES)


def native_contenders(native: Runner, qemu: str | None = None) -> list[Contender]:
    """Every route of the host that has an adapter; ``qemu`` is the machines', or its folder. Raises what prepare
    raises, GpuError."""
    workload = prepare(native)
    chosen = (_best(native, workload, route, qemu) for route in native_routes(native.target.os))
    return [each for each in chosen if each is not None]


def _best(native: Runner, workload: GpuWorkload, route: Route, qemu: str | None) -> Contender | None:
    own = _try(native, workload, route, ())
    if own is not None and not classify(own.adapter).on_processor:
        return own
    runtime = _runtime_of(qemu) or (None if own else catalogue.find(catalogue.GPU))
    if runtime is None:
        return own
    try:
        # Not the host's: another Mesa that shares its folder of shaders truncates the index that this one has mapped.
        own_shaders = f"MESA_SHADER_CACHE_DIR={runtime.root / 'shaders'}"
        launcher = ("env", own_shaders, *runtime.command([], way_for(runtime)))
    except HostLacks:
        return own
    return _try(native, workload, route, launcher) or own


def _runtime_of(qemu: str | None) -> Runtime | None:
    if qemu is None:
        return None
    return containing(Path(qemu) / RUN) or containing(Path(qemu))


def _try(native: Runner, workload: GpuWorkload, route: Route, launcher: tuple[str, ...]) -> Contender | None:
    try:
        return contender(native, workload, route, launcher=launcher)
    except GpuApiMissing:
        return None
