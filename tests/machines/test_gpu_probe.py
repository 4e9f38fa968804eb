"""What is said of a QEMU that comes up on no display: the host's slowness is not taken for what it lacks."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

import pytest

from harness.guests.model import Arch
from harness.host.introspection import features as read_features
from harness.host.qemu import QemuBinary
from harness.machines.model import GpuMode
from harness.machines.qemu.gpu import probe

if TYPE_CHECKING:
    from pathlib import Path

SLOW = "exec sleep 60"
NO_NODE = 'echo "qemu-system-x86_64: egl: no drm render node available" >&2; exit 1'
NO_GL = 'echo "OpenGL is not supported by the display" >&2; exit 1'


@pytest.mark.parametrize(
    ("sdl", "egl", "code", "said"),
    [
        (SLOW, NO_NODE, "hangs", "sdl,gl=on: it did not come up within 1 s"),
        (NO_GL, NO_NODE, "no-render-node", "no drm render node|DRM render node"),
        (NO_GL, NO_GL, "no-gl-display", "OpenGL is not supported"),
    ],
)
def test_the_verdict_names_what_stands_in_the_way(
    tmp_path: Path, sdl: str, egl: str, code: str, said: str
) -> None:
    script = tmp_path / "qemu-system-x86_64"
    script.write_text(f'#!/bin/sh\ncase "$*" in *egl-headless*) {egl};; *) {sdl};; esac\n')
    script.chmod(0o755)
    told = {"target": {"arch": "x86_64"}, "machines": [], "types": []}
    features = dataclasses.replace(
        read_features(told), virtio_gpu_gl=True, venus=True, displays=("sdl", "egl-headless")
    )
    qemu = QemuBinary(script, "x86-64", (10, 0, 0), "QEMU emulator version 10.0.0", "--qemu", features)
    found = probe(GpuMode.VENUS, Arch.X86_64, qemu, deadline_s=1)
    assert (found.usable, found.code) == (False, code)
    assert re.search(said, found.reason)
