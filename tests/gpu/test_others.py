"""The workloads of others: output captured from real guests, and every way in which it can be none."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import MeasurementError
from harness.gpu.others import parse_kmscube, parse_mark

SAID = Path(__file__).parent / "said"
GLMARK2, VKMARK, KMSCUBE = ((SAID / f"{name}.txt").read_text() for name in ("glmark2", "vkmark", "kmscube"))


def test_captured_reports() -> None:
    glmark2, vkmark, cube = (
        parse_mark("glmark2", GLMARK2),
        parse_mark("vkmark", VKMARK),
        parse_kmscube(KMSCUBE),
    )
    assert glmark2.renderer == cube.renderer == "virgl (LLVMPIPE (LLVM 19.1.7, 256 bits))"
    assert vkmark.renderer == "Virtio-GPU Venus (llvmpipe (LLVM 19.1.7, 256 bits))"
    assert glmark2.fps == pytest.approx({"build": 18.196, "texture": 16.979}, rel=1e-4)
    assert vkmark.fps == pytest.approx({"vertex": 275.03, "texture": 317.97}, rel=1e-4)
    assert cube.fps == pytest.approx({"cube": 131.448}, rel=1e-4)


def test_a_score_is_as_near_to_its_mean_as_a_busy_host_lets_it_be() -> None:
    assert parse_mark("vkmark", VKMARK.replace("vkmark Score: 296", "vkmark Score: 290")).fps
    with pytest.raises(MeasurementError, match="scores 270"):
        parse_mark("vkmark", VKMARK.replace("vkmark Score: 296", "vkmark Score: 270"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("FPS: 275 FrameTime: 3.636 ms", "FPS: 27 FrameTime: 3.636 ms"), "cannot take"),
        (("FrameTime: 3.636 ms", "FrameTime: 0.000 ms"), "cannot take"),
        (
            ("[texture] duration=2: FPS: 318 FrameTime: 3.145 ms", "[texture] duration=2: Set up failed"),
            "did not run",
        ),
        (("[texture]", "[vertex]"), "not once"),
        (("vkmark Score: 296", "vkmark Score: 2960"), "scores 2960"),
        (("vkmark Score: 296", ""), "gave no report"),
        (("vkmark Score: 296", "glmark2 Score: 296"), "gave no report"),
        (("Device Name:", "Device Nmae:"), "gave no report"),
    ],
)
def test_a_report_that_is_none_is_no_number(change, words) -> None:
    changed = VKMARK.replace(*change)
    assert changed != VKMARK
    with pytest.raises(MeasurementError, match=words):
        parse_mark("vkmark", changed)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Error: vk::PhysicalDevice::createDevice: ErrorExtensionNotPresent\n",
        KMSCUBE.replace("Rendered 119", "Rendered 9"),
        KMSCUBE.replace("Rendered 119", "Rendered 0"),
        KMSCUBE + "user interrupted!\n",
        KMSCUBE.partition("Rendered")[0],
    ],
)
def test_a_cube_that_was_not_drawn_is_no_number(text: str) -> None:
    with pytest.raises(MeasurementError):
        parse_kmscube(text)
    with pytest.raises(MeasurementError):
        parse_mark("glmark2", text)
