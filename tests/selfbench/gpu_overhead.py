"""Frame rate through the harness ÷ the same program started by hand, in the same guest: how far from 1 it is."""

from __future__ import annotations

import json
import shlex

from harness.guests.catalogue import ensure_built
from harness.guests.model import Arch
from harness.machines.catalogue import get
from harness.machines.gpu_guest import proved
from harness.machines.model import GpuMode, MachineSpec
from harness.runtimes.choice import gpu_qemu_folder
from tests.selfbench.pairs import measured_in_turns
from tests.selfbench.result import Result

LIMIT = 0.03
PAIRS = (20, 100)
"""At least and at most."""
SCENE, SIZE, SECONDS = "fill", (320, 180), 1


def run() -> Result:
    """The distance from 1 of the ratio of interleaved pairs, the order of every other turned round."""
    guest = ensure_built("gpu", Arch.X86_64)
    qemu = gpu_qemu_folder(None, Arch.X86_64.value)
    with get("tcg", qemu=qemu).machine(MachineSpec(guest, gpu=GpuMode.VENUS)) as machine:
        machine.boot(timeout_s=300)
        venus = proved(GpuMode.VENUS, machine).contenders[0]
        variables = " ".join(f"{name}={value}" for name, value in venus.route.environment.items())
        program = shlex.quote(venus.workload.program)
        options = f"--width {SIZE[0]} --height {SIZE[1]} --seconds {SECONDS} --frames 1000 --warmup 2"
        line = f"{variables} {program} --api vulkan --scene {SCENE} {options}"
        pairs = measured_in_turns(
            lambda: venus.draw(SCENE, SIZE, frames=1000, seconds=SECONDS).frames.fps,
            lambda: _fps(machine.ssh.run(line, timeout_s=120).stdout),
            [1 - LIMIT, 1 + LIMIT], PAIRS,
        )  # fmt: skip
    detail = {"renderer": venus.adapter.device, **pairs.to_detail("harness_fps", "by_hand_fps", digits=1)}
    return Result("gpu_overhead", abs(pairs.ratio - 1), "distance from 1", LIMIT, detail)


def _fps(said: bytes) -> float:
    """Frames ÷ time, from the lines themselves: nothing of the harness's parser."""
    lines = [json.loads(line) for line in said.splitlines()]
    times_ns = [ns for line in lines if line["event"] == "frames" for ns in line["times_ns"]]
    return len(times_ns) / sum(times_ns) * 1e9
