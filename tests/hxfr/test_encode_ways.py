"""The scenario encode on a real guest, each way once: every frame is in the stream, every part of its way timed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.display.decoded import check
from harness.host.apart import Apart
from harness.machines.encoder_host import EncoderHost
from harness.machines.pattern import Pattern, options
from harness.machines.runner import SshRunner
from harness.plugin.display_contest import DrawingGuest
from harness.plugin.encode_contest import STAGES
from harness.plugin.encode_ways import NATIVE_WAY, PIXEL_DATA, ZERO_COPY, ZERO_COPY_REQUEST, Desk
from tests.drawing import HEIGHT, WIDTH

pytestmark = [pytest.mark.guest_boot, pytest.mark.timeout(600)]
FRAMES = 12
HOST = {"map", "convert", "encode"}


@pytest.fixture(scope="module")
def host():
    with Apart(EncoderHost, "encoder") as host:
        yield host


@pytest.fixture
def desk(drawing_machine, host, tmp_path):
    pattern = Pattern.prepare(SshRunner.of(drawing_machine))
    return Desk(DrawingGuest(drawing_machine, pattern, (WIDTH, HEIGHT)), host, tmp_path)


@pytest.mark.parametrize(
    ("way", "stages", "copied_bytes"),
    [
        (NATIVE_WAY, {"draw", "transport", *HOST}, 0),
        (ZERO_COPY, {"draw", "transport", "wait", *HOST}, 0),
        (ZERO_COPY_REQUEST, {"draw", "flip", "request-and-encode"}, 0),
        (PIXEL_DATA, {"draw", "flip", "request-and-encode"}, 4 * WIDTH * HEIGHT),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_way_has_every_frame_and_times_every_stage(desk, way, stages, copied_bytes) -> None:
    coded = way.code(desk, options(frames=FRAMES, fps=10))
    decoded = desk.host.call(EncoderHost.check, coded.stream, FRAMES, (64, 48))
    assert decoded == replace(check(coded.stream.read_bytes(), range(FRAMES)), pair=decoded.pair)
    assert (decoded.pair.width, decoded.pair.height) == (64, 48)
    assert coded.copied_bytes == copied_bytes
    assert {stage.name for stage in coded.stages} == stages
    assert stages <= set(STAGES)
    assert {len(stage.seconds) for stage in coded.stages} == {FRAMES}
    assert min(min(stage.seconds) for stage in coded.stages) >= 0
    assert len(coded.to_last_nal_s) == FRAMES
    assert coded.cpu_s > 0
