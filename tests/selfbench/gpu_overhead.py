"""Frame rate through the harness ÷ the same program started by hand, in the same guest: how far from 1 it is."""

from __future__ import annotations

import json
import shlex
import statistics

from harness.guests.catalogue import ensure_built
from harness.guests.model import Arch
from harness.machines.catalogue import get
from harness.machines.gpu_guest import proved
from harness.machines.model import GpuMode, MachineSpec
from harness.runtimes.choice import gpu_qemu_folder
from tests.selfbench.result import Result

LIMIT = 0.03
PAIRS = 21
SCENE, SIZE, SECONDS = "fill", (320, 180), 1


def run() -> Result:
    """The distance from 1 of the ratio of the medians of PAIRS interleaved pairs, the order of each turned round."""
    guest = ensure_built("gpu", Arch.X86_64)
    qemu = gpu_qemu_folder(None, Arch.X86_64.value)
    through: list[float] = []
    by_hand: list[float] = []
    with get("tcg", qemu=qemu).machine(MachineSpec(guest, gpu=GpuMode.VENUS)) as machine:
        machine.boot(timeout_s=300)
        venus = proved(GpuMode.VENUS, machine).contenders[0]
        variables = " ".join(f"{name}={value}" for name, value in venus.route.environment.items())
        program = shlex.quote(venus.workload.program)
        options = f"--width {SIZE[0]} --height {SIZE[1]} --seconds {SECONDS} --frames 1000 --warmup 2"
        line = f"{variables} {program} --api vulkan --scene {SCENE} {options}"
        for pair in range(PAIRS):
            for side in (0, 1) if pair % 2 else (1, 0):
                if side:
                    report = venus.draw(SCENE, SIZE, frames=1000, seconds=SECONDS)
                    through.append(report.frames.fps)
                else:
                    by_hand.append(_fps(machine.ssh.run(line, timeout_s=120).stdout))
    ratio = statistics.median(through) / statistics.median(by_hand)
    detail = {
        "ratio": round(ratio, 4), "pairs": PAIRS, "renderer": venus.adapter.device,
        "harness_fps": [round(min(through), 1), round(statistics.median(through), 1), round(max(through), 1)],
        "by_hand_fps": [round(min(by_hand), 1), round(statistics.median(by_hand), 1), round(max(by_hand), 1)],
    }  # fmt: skip
    return Result("gpu_overhead", abs(ratio - 1), "distance from 1", LIMIT, detail)


def _fps(said: bytes) -> float:
    """Frames ÷ time, from the lines themselves: nothing of the harness's parser."""
    lines = [json.loads(line) for line in said.splitlines()]
    times_ns = [ns for line in lines if line["event"] == "frames" for ns in line["times_ns"]]
    return len(times_ns) / sum(times_ns) * 1e9
