"""glmark2, kmscube and vkmark in the guest gpu, each along the route that it is for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import AccelerationUnproved, GpuError
from harness.gpu.others import parse_kmscube, parse_mark
from harness.gpu.renderer import classify
from harness.gpu.report import Adapter
from harness.machines.gpu_routes import ONLY_VIRTIO, VENUS, VIRGL, Route

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.gpu.others import Said
    from harness.machines.runner import Runner

_GUEST_INPUT = "[ -p /tmp/silence ] || mkfifo /tmp/silence; exec"
"""kmscube ends when its standard input has something to say, or its end: this one has neither."""


@dataclass(frozen=True, slots=True)
class Other:
    """A program, how it is called, and the route that it draws along."""

    name: str
    command: str
    route: Route
    environment: Mapping[str, str]


OTHERS = (
    Other("glmark2", "glmark2-es2-drm --off-screen --size 640x360 -b build:duration=5.0 -b texture:duration=5.0",
          VIRGL, {}),
    Other("kmscube", "kmscube -c 300 0<>/tmp/silence", VIRGL, {}),
    # Its swap chain works on Venus from Mesa 26.1 on both sides on, with pictures that the processor presents.
    Other("vkmark", "vkmark --winsys headless --size 640x360 -b vertex:duration=5 -b texture:duration=5",
          VENUS, {"MESA_VK_WSI_DEBUG": "sw"} | ONLY_VIRTIO),
)  # fmt: skip


def run_other(runner: Runner, other: Other, *, timeout_s: float = 180) -> Said:
    """Raises GpuError when it ends badly, AccelerationUnproved when another renderer drew, MeasurementError when its
    report is none, ChannelError."""
    variables = " ".join(f"{name}={value}" for name, value in other.environment.items())
    script = f"{_GUEST_INPUT} env {variables} {other.command} 2>&1"
    done = runner.run(["sh", "-c", script], timeout_s=timeout_s, check=False)
    text = done.stdout.decode(errors="replace")
    if done.status != 0:
        said = next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "it said nothing")
        raise GpuError(
            f"on {runner.name}: {other.name} ended with status {done.status}: {said[:300]}",
            fix="vkmark needs Mesa 26.1 or newer in the guest and on the host" if other.name == "vkmark" else None,
            status=done.status,
        )  # fmt: skip
    found = parse_kmscube(text) if other.name == "kmscube" else parse_mark(other.name, text)
    adapter = Adapter(
        event="adapter", api=other.route.api, kind="unknown", device=found.renderer, driver="", driver_info="",
        vendor_id=0, device_id=0,
    )  # fmt: skip
    if classify(adapter).kind is not other.route.proof:
        raise AccelerationUnproved(
            f"on {runner.name}: {other.name} is for {other.route.name}, and {found.renderer!r} draws",
            adapter=found.renderer, route=other.route.name,
        )  # fmt: skip
    return found
