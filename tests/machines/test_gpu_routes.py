"""Routes are proved by names: what another renderer's name does, on recorded names and on what runs here."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from harness.channels.ssh import Completed
from harness.errors import AccelerationUnproved, GpuApiMissing
from harness.gpu.report import Adapter
from harness.guests.toolchain import host_target
from harness.machines.gpu import GpuWorkload
from harness.machines.gpu_routes import (
    LAVAPIPE,
    LLVMPIPE,
    VENUS,
    VIRGL,
    ZINK_ON_PROCESSOR,
    Along,
    Route,
    check_control,
    contender,
    prove,
)
from harness.machines.model import GpuMode
from harness.machines.native import NativeRunner

if TYPE_CHECKING:
    from pathlib import Path

ROUTES = (VENUS, VIRGL, ZINK_ON_PROCESSOR, LAVAPIPE, LLVMPIPE)
NAMES = {
    VENUS.name: "Virtio-GPU Venus (llvmpipe (LLVM 19.1.7, 256 bits))",
    VIRGL.name: "virgl (LLVMPIPE (LLVM 19.1.7, 256 bits))",
    ZINK_ON_PROCESSOR.name: "zink Vulkan 1.2(Virtio-GPU Venus (llvmpipe (LLVM 19.1.7, 256 bits)) (MESA_VENUS))",
    LAVAPIPE.name: "llvmpipe (LLVM 19.1.7, 256 bits)",
    LLVMPIPE.name: "llvmpipe (LLVM 19.1.7, 128 bits)",
}


def adapter(api: str, device: str) -> Adapter:
    return Adapter(
        event="adapter",
        api=api,
        kind="cpu",
        device=device,
        driver="",
        driver_info="",
        vendor_id=0,
        device_id=0,
    )


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_a_route_is_proved_by_its_own_name_and_by_no_other(route) -> None:
    prove(route, adapter(route.api, NAMES[route.name]), "a guest")
    for other in ROUTES:
        if other.api == route.api and other.proof is not route.proof:
            with pytest.raises(AccelerationUnproved, match="was asked for"):
                prove(route, adapter(route.api, NAMES[other.name]), "a guest")


@dataclass(frozen=True)
class Guest:
    """A runner on which a program of the host stands for vb-gpu: it prints what the test says."""

    name: str = "a guest"
    target: object = host_target()

    def run(self, argv, *, timeout_s=30, check=True, stdin=b"") -> Completed:
        done = subprocess.run(argv, capture_output=True, check=check, input=stdin, timeout=timeout_s)
        return Completed(stdout=done.stdout, stderr=done.stderr, status=done.returncode, seconds=0)


def workload(folder: Path, *adapters: Adapter) -> GpuWorkload:
    program = folder / "vb-gpu"
    lines = "\n".join(f"echo '{one.model_dump_json()}'" for one in adapters) or "exit 4"
    program.write_text(f"#!/bin/sh\n{lines}\n")
    program.chmod(0o755)
    return GpuWorkload(str(program))


@pytest.mark.parametrize(("mode", "positive"), [(GpuMode.VIRGL, VENUS), (GpuMode.TWO_D, VIRGL)])
def test_a_control_that_comes_out_positive_ends_everything(tmp_path, mode, positive) -> None:
    lying = workload(tmp_path, adapter(positive.api, NAMES[positive.name]))
    with pytest.raises(AccelerationUnproved, match="trust no figure"):
        check_control(Guest(), lying, mode)


def test_controls_say_what_there_was_instead(tmp_path) -> None:
    assert "no vulkan adapter" in check_control(Guest(), workload(tmp_path), GpuMode.VIRGL)
    software = workload(tmp_path, adapter("gles", NAMES[LLVMPIPE.name]))
    assert check_control(Guest(), software, GpuMode.TWO_D) == NAMES[LLVMPIPE.name]


def test_a_route_without_an_adapter_is_missing_by_name(tmp_path) -> None:
    with pytest.raises(GpuApiMissing, match="along the route venus"):
        contender(Guest(), workload(tmp_path), VENUS)


def test_only_the_program_goes_along_the_route() -> None:
    route = Route("mine", "vulkan", environment={"VK_DRIVER_FILES": "/one two"})
    along = Along(NativeRunner(), "/bin/sh", route, launcher=("nice",))
    assert along.name == "native mine"
    said = along.run(["/bin/sh", "-c", 'echo "$VK_DRIVER_FILES"']).text()
    assert said == "/one two"
    assert along.run(["/usr/bin/env"]).text().count("VK_DRIVER_FILES") == 0
