"""What a guest's kernel log says of its host's renderer, and which errors that explains; the logs were recorded."""

from __future__ import annotations

import pytest

from harness.errors import (
    AccelerationUnproved,
    DeviceLost,
    GpuApiMissing,
    GpuHung,
    RenderServerMissing,
    WrongPicture,
)
from harness.machines.gpu_diagnosis import told_by

OFFERED = "[    3.034579] [drm] cap set 2: id 4, max-version 0, max-size 160\n"
REFUSED = (
    "[    6.0991] [drm:virtio_gpu_dequeue_ctrl_func [virtio_gpu]] *ERROR* response 0x1200 (command 0x10c)\n"
)
TIMED_OUT = "[    9.1] [drm] timed out waiting for cap set 2\n"
VIRGL_ONLY = "[    3.034220] [drm] cap set 1: id 2, max-version 2, max-size 1384\n"
VENUS_MISSING = GpuApiMissing("no adapter", route="venus")


@pytest.mark.parametrize("log", [OFFERED, OFFERED + REFUSED, TIMED_OUT])
def test_an_offered_venus_that_has_no_adapter_lacks_its_render_server(log: str) -> None:
    found = told_by(log, VENUS_MISSING, "a guest")
    assert isinstance(found, RenderServerMissing)
    assert found.log == log
    assert "virgl-server" in str(found)


def test_another_renderer_in_the_place_of_an_offered_venus_lacks_it_too() -> None:
    error = AccelerationUnproved("llvmpipe draws", route="venus", adapter="llvmpipe")
    assert isinstance(told_by(OFFERED, error, "a guest"), RenderServerMissing)


@pytest.mark.parametrize("kind", [DeviceLost, GpuHung, WrongPicture])
def test_a_gpu_that_fails_while_it_draws_has_a_renderer(kind: type[DeviceLost]) -> None:
    error = kind("it was drawing")
    assert told_by(OFFERED + REFUSED, error, "a guest") is error


@pytest.mark.parametrize(
    ("log", "error"),
    [(OFFERED, GpuApiMissing("no gles", route="zink")), (VIRGL_ONLY, VENUS_MISSING), ("", VENUS_MISSING)],
)
def test_what_the_log_does_not_explain_stays_itself(log: str, error: GpuApiMissing) -> None:
    assert told_by(log, error, "a guest") is error
