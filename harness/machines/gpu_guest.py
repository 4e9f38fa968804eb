"""A booted guest with the GPU workload in it: its driver checked, its routes proved, its negative control asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import GpuError
from harness.machines.gpu import prepare
from harness.machines.gpu_diagnosis import check_driver, why_no_route
from harness.machines.gpu_routes import (
    GUEST_ROUTES,
    VENUS,
    ZINK,
    ZINK_ON_PROCESSOR,
    Contender,
    check_control,
    contender,
)
from harness.machines.model import GpuMode
from harness.machines.runner import SshRunner

if TYPE_CHECKING:
    from collections.abc import Collection

    from harness.machines.model import Machine


@dataclass(frozen=True, slots=True)
class Guest:
    """A booted machine with the workload in it, and what of its routes is proved."""

    mode: GpuMode
    machine: Machine
    contenders: tuple[Contender, ...]
    control: str
    """What the negative control found instead of what the machine must not have; empty in Venus mode."""


def proved(mode: GpuMode, machine: Machine, routes: Collection[str] | None = None) -> Guest:
    """Install the workload in a booted guest and prove its routes, or those of these names.

    Raises GuestGpuMissing, RenderServerMissing, AccelerationUnproved, GpuApiMissing.
    """
    check_driver(machine)
    runner = SshRunner.of(machine)
    workload = prepare(runner)
    wanted = {route.name for route in GUEST_ROUTES[mode] if routes is None or route.name in routes}
    needed = wanted | ({VENUS.name} if ZINK.name in wanted else set())  # which draws on it
    found: list[Contender] = []
    try:
        for route in (each for each in GUEST_ROUTES[mode] if each.name in needed):
            on_processor = route is ZINK and found[0].adapter.kind == "cpu"
            found.append(contender(runner, workload, ZINK_ON_PROCESSOR if on_processor else route))
    except GpuError as error:
        raise why_no_route(machine, error) from error
    control = "" if mode is GpuMode.VENUS else check_control(runner, workload, mode)
    return Guest(mode, machine, tuple(each for each in found if each.route.name in wanted), control)
