"""The machines, routes and samples of the GPU scenario: booted together, proved, then drawn with in turns.

A guest has one machine for each GPU mode that its routes need, and each is also a control: the one in virgl mode has
all that Venus needs but Venus, the one in 2d mode no OpenGL of its host. All are asked what they have before
anything is timed.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from harness.errors import (
    AccelerationUnproved,
    CommandTimeout,
    DeviceLost,
    GpuError,
    GpuHung,
    GpuUnavailable,
    GuestSilent,
    SceneTooSlow,
    SceneUnsupported,
    VisorbenchError,
)
from harness.gpu.metrics import metrics
from harness.gpu.renderer import classify
from harness.host import disturbance
from harness.machines.gpu_guest import Guest, proved
from harness.machines.gpu_others import OTHERS, run_other
from harness.machines.gpu_routes import GUEST_ROUTES, WARMUPS, Contender, Route
from harness.machines.model import GpuMode, Phase
from harness.machines.native.gpu import native_contenders
from harness.machines.usage import usage

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from harness.config.model import Profile
    from harness.gpu.picture import Picture
    from harness.gpu.report import GpuReport
    from harness.machines.model import Machine
    from harness.machines.runner import Runner
    from harness.plugin.fixtures import MachineFactory
    from harness.plugin.measure import Measure

TARGETS = {"80 %": 0.8, "95 %": 0.95}
"""Shares of native's frame rate that a GPU for guests is held against."""
BOOT_TIMEOUT_S = 180
_SERIES = frozenset({"frame-time", "frame-time-p95", "frame-time-p99"})
"""What the raw frame times say by themselves."""


MOST_RENEWALS = 2
"""Machines whose GPU stopped that another takes the place of, for each mode: with more, the GPU has failed."""


@dataclass
class Stand:
    """A machine and the routes that draw in it: a GPU that is lost or answers no more is left with its machine.

    ``again`` boots and proves another of the same kind.
    """

    guest: Guest
    again: Callable[[], Guest]
    entrants: list[Entrant] = field(default_factory=list)
    renewals: int = 0

    def renew(self, why: VisorbenchError) -> None:
        """Put another machine in its place, but not for ever: then ``why`` is raised. Raises what ``again`` raises."""
        if self.renewals == MOST_RENEWALS:
            raise why
        self.renewals += 1
        self.guest.machine.kill()
        self.guest = self.again()
        for entrant, contender in zip(self.entrants, self.guest.contenders, strict=True):
            entrant.contender = contender


@dataclass
class Entrant:
    """One route that takes part, and the measure of its subject."""

    contender: Contender
    measure: Measure
    stand: Stand | None = None
    """Where it draws; None: on the host."""
    beyond: dict[str, int] = field(default_factory=dict)
    """The pixels from which on a scene is left out."""
    given_up: set[str] = field(default_factory=set)
    """Workloads of others that do not run here, or not rightly."""
    pictured: set[str] = field(default_factory=set)
    failures: list[VisorbenchError] = field(default_factory=list)
    ended: bool = False
    """A failure ended its part: a wrong picture, a lost device, a silent guest."""

    def draw(self, scene: str, size: tuple[int, int], profile: Profile) -> None:
        """One repetition, recorded. A scene that the adapter cannot do, or that software does too slowly, is left out
        from that size up, by name; a route that fails draws no more, which :func:`together` tells at the end."""
        if self.ended or size[0] * size[1] >= self.beyond.get(scene, sys.maxsize):
            return
        group = f"{scene}-{size[0]}x{size[1]}"
        before = usage(self.stand.guest.machine.pids) if self.stand else None
        host = disturbance.read()
        try:
            report, again = self._draw(group, scene, size, profile)
        except SceneTooSlow as error:
            busy = disturbance.advice(disturbance.between(host, disturbance.read()))
            self._leave_out(scene, size, "gpu-too-slow", error.message, busy)
            return
        except SceneUnsupported as error:
            self._leave_out(scene, size, "gpu-unsupported", error.message, error.fix or "")
            return
        except VisorbenchError as error:
            self.failures.append(error)
            self.ended = True
            return
        self._record(group, report)
        if again:
            self.measure.note(f"{group}/fps", f"a repetition was begun again: {again}")
        elif before is not None and self.stand is not None:
            after = usage(self.stand.guest.machine.pids)
            self._record_cost(group, after.cpu_s - before.cpu_s, after.memory_bytes, report)

    def _leave_out(self, scene: str, size: tuple[int, int], code: str, reason: str, fix: str) -> None:
        self.beyond[scene] = size[0] * size[1]
        self.measure.leave_out(code=code, reason=f"{reason}; larger pictures are left out with it", fix=fix)

    def _draw(self, group: str, scene: str, size: tuple[int, int], profile: Profile) -> tuple[GpuReport, str]:
        """A hang is met once with a second attempt, and why is returned: under TCG with QEMU 10 one program in some
        hundred on Venus waits for good, for the guest's write to a device is lost while a blob is mapped
        (fixtures/runtimes/gpu.toml), or its ring is not woken (defaults.most_cpus).

        Where a program does not even end, its guest stops, or its device is lost, nothing else in that guest may ever
        draw: the second attempt is made in another machine, and the report says so at its top.
        """
        limits = {"frames": profile.gpu_frames, "seconds": profile.gpu_seconds}
        picture = group not in self.pictured
        try:
            return self.contender.draw(scene, size, picture=picture, **limits), ""
        except GpuHung as hung:
            why = hung.message
        except (CommandTimeout, GuestSilent, DeviceLost) as lost:
            if self.stand is None:
                raise
            self.stand.renew(lost)
            why = f"{lost.message}; another machine took the place of its own"
            self.measure.notice(f"{scene} was begun again: {why}.")
        return self.contender.draw(scene, size, picture=picture, **limits), why

    def draw_with_others(self) -> None:
        """The workloads of others that are for this route, once; one that does not run here is left out by name, and is
        not asked again; one that another renderer drew has failed."""
        for other in OTHERS:
            if self.ended or other.route != self.contender.route or other.name in self.given_up:
                continue
            try:
                found = run_other(self.contender.runner.runner, other)
            except VisorbenchError as error:
                self.given_up.add(other.name)
                if isinstance(error, GpuError) and not isinstance(error, AccelerationUnproved):
                    self.measure.leave_out(code=f"no-{other.name}", reason=error.message, fix=error.fix or "")
                else:
                    self.failures.append(error)
                continue
            for benchmark, fps in found.fps.items():
                self.measure.record(
                    f"{other.name}-{benchmark}/fps", fps, unit="frames/s", better="higher",
                    definition=f"what {other.name} says of {benchmark}", facts={"renderer": found.renderer},
                )  # fmt: skip

    def _record(self, group: str, report: GpuReport) -> None:
        for each in metrics(report):
            if each.name not in _SERIES:
                self.measure.record(
                    f"{group}/{each.name}", each.value, unit=each.unit, better=each.better,
                    targets=TARGETS if each.name == "fps" else None, definition=each.definition,
                )  # fmt: skip
        self.measure.record_all(
            f"{group}/frame-time", [ns / 1e9 for ns in report.frames.times_ns], unit="s", better="lower",
            definition="time from the end of one frame to the end of the next, every frame after the warm-up",
        )  # fmt: skip
        if report.picture is not None and group not in self.pictured:
            self.pictured.add(group)
            self._show(group, report, report.picture)

    def _show(self, group: str, report: GpuReport, picture: Picture) -> None:
        check = report.check
        self.measure.attach_picture(
            group, picture.rgba, picture.width, picture.height,
            caption=f"drawn by {report.adapter.device}",
            facts={
                "renderer": str(classify(report.adapter)), "driver": report.adapter.driver_info,
                "check": f"{check.wrong} of {check.pixels - check.undecided} compared pixels wrong, off by up to "
                         f"{check.max_error} of 255 ({check.tolerance} allowed)",
            },
        )  # fmt: skip

    def _record_cost(self, group: str, cpu_s: float, memory_bytes: int, report: GpuReport) -> None:
        self.measure.record(
            f"{group}/host-cpu-per-frame", cpu_s / (report.frames.count + WARMUPS), unit="s", better="lower",
            definition="processor time of QEMU and its render server while the program ran, its start and shaders "
                       "included ÷ frames",
        )  # fmt: skip
        self.measure.record(
            f"{group}/host-memory", memory_bytes, unit="B", better="lower",
            definition="memory of QEMU and its render server after the last frame, shared pages divided",
        )  # fmt: skip


def boot_guests(machine_factory: MachineFactory, measure: Measure, routes: Collection[str]) -> list[Guest]:
    """A machine for each mode that these routes need, all booted and proved at once; a mode that this host cannot give
    a guest is left out by name. Raises what booting raises, GuestGpuMissing, AccelerationUnproved."""
    machines: dict[GpuMode, Machine] = {}
    for mode in (mode for mode, own in GUEST_ROUTES.items() if any(each.name in routes for each in own)):
        try:
            machines[mode] = machine_factory(gpu=mode.value)
        except GpuUnavailable as error:
            measure.leave_out(
                f"{measure.facts['backend']}-{measure.facts['arch']}-{mode}", code=error.code, reason=error.message,
                fix=error.fix or "",
            )  # fmt: skip
    for machine in machines.values():
        machine.start()
    for machine in machines.values():
        machine.wait_for(Phase.FIRST_COMMAND, BOOT_TIMEOUT_S)
    with ThreadPoolExecutor(len(GpuMode), "gpu-proof") as pool:
        return list(pool.map(lambda mode: proved(mode, machines[mode], routes), machines))


def entrants(
    native: Runner, guests: Sequence[Guest], measure: Measure, machine_factory: MachineFactory
) -> list[Entrant]:
    """The host's routes first: each of a guest's is compared with the one that does the same work.

    Notes what the negative controls found, and at the top of the report that the host renders in software.
    """
    hosts = [
        Entrant(each, measure.variant(each.route.name, native=True, config=_renderer(each)))
        for each in native_contenders(native, measure.facts.get("config", {}).get("qemu"))
    ]
    if hosts and all(classify(each.contender.adapter).on_processor for each in hosts):
        measure.notice(
            f"No GPU that can be used: native draws on the processor ({hosts[0].contender.adapter.device}), and so "
            "does the host for its guests. The shares compare ways to the same processor, not to a GPU."
        )
    if guests and not any(guest.control for guest in guests):
        measure.notice(
            "No negative control: without virgl and the software routes nothing shows that a guest without Venus is "
            "told from one that has it."
        )
    taking_part = list(hosts)
    for guest in guests:
        stand = Stand(guest, partial(_another, machine_factory, guest))
        for each in guest.contenders:
            against = _baseline(hosts, each.route)
            own = measure.variant(
                each.route.name, on=guest.machine, config=_renderer(each) | _control(guest),
                against=against.measure if against else None,
            )  # fmt: skip
            stand.entrants.append(Entrant(each, own, stand))
        taking_part += stand.entrants
    return taking_part


def _another(machine_factory: MachineFactory, like: Guest) -> Guest:
    machine = machine_factory(gpu=like.mode.value)
    machine.boot(Phase.FIRST_COMMAND, BOOT_TIMEOUT_S)
    return proved(like.mode, machine, [each.route.name for each in like.contenders])


@contextmanager
def together(taking_part: Sequence[Entrant]) -> Iterator[None]:
    """The contest itself: raises the failures of its routes when the others have been measured, and also when something
    else ends it: none hides another."""
    other: Exception | None = None
    try:
        yield
    except Exception as error:  # noqa: BLE001 - it is raised again
        other = error
    failures = [failure for entrant in taking_part for failure in entrant.failures]
    found = [*failures, *([other] if other else [])]
    if len(found) == 1:
        raise found[0]
    if found:
        raise GpuError("; ".join(str(each) or type(each).__name__ for each in found)) from found[-1]


def _baseline(hosts: Sequence[Entrant], route: Route) -> Entrant | None:
    same = (each for each in hosts if each.contender.route.api == route.baseline)
    return next(same, hosts[0] if hosts else None)


def _renderer(each: Contender) -> dict[str, Any]:
    return {
        "api": each.route.api,
        "renderer": each.adapter.device,
        "driver": each.adapter.driver_info,
        "drawn_by": str(classify(each.adapter)),
    }


def _control(guest: Guest) -> dict[str, Any]:
    return {"negative_control": guest.control} if guest.control else {}
