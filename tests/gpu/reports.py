"""Reports of vb-gpu as it prints them."""

from __future__ import annotations

import copy
import json
from typing import Any

EVENTS: list[dict[str, Any]] = [
    {"event": "start", "schema": 1, "os": "linux", "arch": "x86-64", "compiler": "Clang 22", "wgpu": "29.0.1.1",
     "api": "vulkan", "scene": "fill", "width": 64, "height": 64, "in_flight": 2},
    {"event": "adapter", "api": "vulkan", "kind": "cpu", "device": "llvmpipe (LLVM 15.0.6, 256 bits)",
     "driver": "llvmpipe", "driver_info": "Mesa 22.3.6 (LLVM 15.0.6)", "vendor_id": 65541, "device_id": 0},
    {"event": "picture", "frame": 4, "pixels": 4096, "tolerance": 1, "max_error": 0, "wrong": 0, "undecided": 0},
    {"event": "setup", "device_ns": 30, "scene_ns": 20, "first_frame_ns": 90},
    {"event": "warmup", "first": 0, "times_ns": [40, 30]},
    {"event": "frames", "first": 0, "times_ns": [10, 20, 30]},
    {"event": "work", "upload_bytes": 16, "readback_bytes": 0, "flop": 0},
    {"event": "end", "lines": 7},
]  # fmt: skip


def events() -> list[dict[str, Any]]:
    """A report that may be changed."""
    return copy.deepcopy(EVENTS)


def encoded(report: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(event) + "\n" for event in report).encode()


def timed(times_ns: list[int]) -> list[dict[str, Any]]:
    """A report of these frames."""
    report = events()
    batches = [times_ns[at : at + 128] for at in range(0, len(times_ns), 128)]
    report[5:6] = [
        {"event": "frames", "first": 128 * n, "times_ns": batch} for n, batch in enumerate(batches)
    ]
    report[2]["frame"] = 2 + len(times_ns) - 1
    report[-1]["lines"] = len(report) - 1
    return report
