"""The GPU workload on any runner: install once, then draw any scene with any API as often as one likes::

workloads = {runner: prepare(runner) for runner in (native, guest)}
for _ in range(rounds):
    for runner, workload in workloads.items():
        report = workload.run(runner, api="vulkan", scene="fill", frames=200)
        for metric in metrics(report):
            …
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

from harness.errors import (
    AdapterMissing,
    CommandFailed,
    DeviceLost,
    GpuApiMissing,
    GpuError,
    GpuHung,
    MeasurementError,
    SceneUnsupported,
    UnknownName,
    WrongPicture,
)
from harness.gpu.picture import Picture, parse_ppm
from harness.gpu.report import FRAMES_LIMIT, Adapter, GpuReport, parse_adapters, parse_report
from harness.guests.workloads import libraries_of, workload

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.machines.runner import Runner

APIS: Mapping[str, str] = {
    "vulkan": "install a Vulkan driver; Mesa's also draws without a GPU: apt install mesa-vulkan-drivers",
    "gles": "install OpenGL ES for EGL; Mesa's also draws without a GPU: apt install libegl1 libgl1-mesa-dri",
    "metal": "Metal is there on macOS only",
    "dx12": "Direct3D 12 is there on Windows only",
}
"""Every API, and what brings it."""

SCENES: Mapping[str, str] = {
    "triangle": "one small draw a frame: submission",
    "fill": "twenty blended layers: overdraw",
    "draws": "10,000 small draw calls a frame: the command stream",
    "upload": "a new texture and new vertices every frame: streaming to the GPU",
    "compute": "a matrix product: arithmetic",
    "latency": "one pixel back from every frame: the round trip",
    "readback": "every frame's picture back: streaming from the GPU",
}
"""Every scene, and what it measures."""

_FRAMES = 300
"""What the program draws when nobody says how many."""

_ERRORS: Mapping[int, type[MeasurementError]] = {
    3: WrongPicture,
    4: GpuApiMissing,
    5: AdapterMissing,
    6: SceneUnsupported,
    7: DeviceLost,
    8: GpuHung,
}
"""The program's exit statuses."""

_DIED = frozenset({-1, -6, -11, 128 + 6, 128 + 11})
"""Ended by a signal, as SSH (-1), the harness and a shell say it: SIGABRT, SIGSEGV."""

_GAVE_UP = "Timed out trying to wait for the given submission"
"""What wgpu says of a frame that takes more than 5 s where the ones before were fast."""

_FIXES: Mapping[type[MeasurementError], str] = {
    WrongPicture: "the GPU draws wrongly: trust no figure of it",
    AdapterMissing: "see which adapters there are: `vb-gpu --list-adapters`",
    SceneUnsupported: "choose another scene, or a smaller picture",
    DeviceLost: "look into the log of the machine and of its kernel for what the driver said",
    GpuHung: "look whether the machine's render server still runs; where drawing is only slow, allow more time",
}


@dataclass(frozen=True, slots=True)
class GpuWorkload:
    """An installed ``vb-gpu``."""

    program: str

    def run(
        self,
        runner: Runner,
        *,
        api: str,
        scene: str,
        size: tuple[int, int] = (1280, 720),
        frames: int | None = None,
        seconds: int | None = None,
        warmups: int = 10,
        in_flight: int | None = None,
        adapter: str | None = None,
        picture: bool = False,
        environment: Mapping[str, str] | None = None,
        frame_deadline_s: float = 30,
        timeout_s: float = 180,
    ) -> GpuReport:
        """Draw ``frames`` frames, or for ``seconds``, or until one of them is reached; 300 frames without either.

        ``size`` is width and height, from 64 by 64 to 1920 by 1080. ``adapter`` is a part of its name. ``in_flight`` is
        2 where frames do not answer. With ``picture`` the report has the last frame. ``environment`` chooses among
        drivers: ``{"MESA_LOADER_DRIVER_OVERRIDE": "zink"}``. Raises GpuApiMissing, AdapterMissing, SceneUnsupported,
        WrongPicture, DeviceLost, GpuHung, GpuError, MeasurementError, UnknownName, ChannelError.
        """
        _known("API", api, APIS)
        _known("scene", scene, SCENES)
        options = {
            "--api": api, "--scene": scene, "--width": size[0], "--height": size[1], "--frames": frames,
            "--seconds": seconds, "--warmup": warmups, "--in-flight": in_flight, "--adapter": adapter,
            "--deadline-ms": round(frame_deadline_s * 1000),
        }  # fmt: skip
        given = [f"{name}={value}" for name, value in options.items() if value is not None]
        argv = [*_under(environment), self.program, *given]
        drawn: Picture | None = None
        if picture:
            report, drawn = self._run_with_picture(runner, argv, api, scene, timeout_s)
        else:
            report = parse_report(_invoke(runner, argv, api, scene, timeout_s))
        asked = (api, scene, *size, str(runner.target.arch), runner.target.os)
        got = (report.api, report.scene, report.width, report.height, report.arch, report.os)
        fewer = seconds is not None and report.frames.count <= (frames or FRAMES_LIMIT)
        counted = fewer or report.frames.count == (frames or _FRAMES)
        if got != asked or not counted or len(report.warmup_ns) != warmups or report.adapter.api != api:
            raise MeasurementError(f"vb-gpu on {runner.name} did not draw what it was asked to")
        if drawn is not None and (drawn.width, drawn.height) != size:
            raise MeasurementError(f"vb-gpu on {runner.name} wrote a picture of another size")
        return dataclasses.replace(report, picture=drawn)

    def adapters(
        self,
        runner: Runner,
        api: str | None = None,
        *,
        environment: Mapping[str, str] | None = None,
        timeout_s: float = 60,
    ) -> tuple[Adapter, ...]:
        """Every adapter, or those of one API; none is no error. Raises GpuError, MeasurementError, ChannelError."""
        chosen = [] if api is None else [f"--api={_known('API', api, APIS)}"]
        argv = [*_under(environment), self.program, "--list-adapters", *chosen]
        try:
            return parse_adapters(_invoke(runner, argv, api or "any API", "none", timeout_s))
        except GpuApiMissing:
            return ()

    def _run_with_picture(
        self, runner: Runner, argv: Sequence[str], api: str, scene: str, timeout_s: float
    ) -> tuple[GpuReport, Picture]:
        path = runner.run(["mktemp"]).stdout.decode(errors="replace").strip()
        try:
            report = parse_report(_invoke(runner, [*argv, f"--picture={path}"], api, scene, timeout_s))
            return report, parse_ppm(runner.run(["cat", path], timeout_s=timeout_s).stdout)
        except CommandFailed as error:
            raise MeasurementError(
                f"the picture of {scene} on {runner.name} cannot be read: {error}"
            ) from error
        finally:
            runner.run(["rm", "-f", path], check=False)


def prepare(runner: Runner) -> GpuWorkload:
    """Install the workload, building it and fetching its library first if need be.

    Raises what :func:`harness.guests.workloads.workload` raises, and ChannelError.
    """
    program = workload("gpu", runner.target)
    return GpuWorkload(runner.install(program, *libraries_of(program)))


def _invoke(runner: Runner, argv: Sequence[str], api: str, scene: str, timeout_s: float) -> bytes:
    completed = runner.run(argv, timeout_s=timeout_s, check=False)
    if completed.status == 0:
        return completed.stdout
    stderr = completed.stderr[-4000:].decode(errors="replace")
    own, said = _said([line.strip() for line in stderr.splitlines() if line.strip()])
    # A driver whose host is gone aborts the program: Mesa's Venus does, without a word.
    died = completed.status in _DIED
    kind = DeviceLost if died else _ERRORS.get(completed.status, GpuError)
    if died and _GAVE_UP in stderr:
        kind = GpuHung
    said = f"its driver ended the program: {said}" if died and not own else said
    how = "" if kind is not GpuError else f"vb-gpu ended with status {completed.status}: "
    raise kind(
        f"on {runner.name}: {how}{said}"[:600],
        fix=APIS.get(api) if kind is GpuApiMissing else _FIXES.get(kind),
        argv=list(argv), status=completed.status, stderr=stderr, api=api, scene=scene,
    )  # fmt: skip


def _said(lines: Sequence[str]) -> tuple[bool, str]:
    """Which line of standard error is the reason, and whether the program itself gave it: a panic in wgpu-native tells
    its reason where it begins, and ends with lines that are the same for all."""
    own = [line.removeprefix("vb-gpu: ") for line in lines if line.startswith("vb-gpu: ")]
    if own:
        return True, own[-1]
    panic = next((at for at, line in enumerate(lines) if " panicked at " in line), None)
    if panic is not None:
        return False, " ".join(map(str.strip, takewhile(_is_reason, lines[panic:])))
    return False, lines[-1] if lines else "it said nothing"


def _is_reason(line: str) -> bool:
    """Whether a line of a panic says what happened: what follows is about how to see more, and how it ended."""
    return not line.startswith(("note: ", "stack backtrace:", "fatal ", "thread caused non-unwinding panic"))


def _under(environment: Mapping[str, str] | None) -> list[str]:
    """The words before a command that give it these variables, on any runner."""
    return ["env", *(f"{name}={value}" for name, value in environment.items())] if environment else []


def _known(kind: str, name: str, known: Mapping[str, str]) -> str:
    if name not in known:
        raise UnknownName(kind, name, known)
    return name
