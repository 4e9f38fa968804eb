"""The encode scenario's parts: every way at every pace, its stream checked frame by frame before a number is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.encoder import build
from harness.errors import FramesWrong, HostLacks
from harness.host.apart import Apart
from harness.host.paths import private_directory
from harness.machines.encoder_host import EncoderHost
from harness.machines.pattern import options
from harness.plugin.encode_ways import GUEST_WAYS, NATIVE_WAY, Desk
from harness.plugin.skips import skip_scenario

if TYPE_CHECKING:
    from harness.config.model import Profile
    from harness.display.decoded import Decoded, Pair
    from harness.plugin.display_contest import DrawingGuest
    from harness.plugin.encode_ways import Coded
    from harness.plugin.measure import Measure

PACES = {"30fps": 30, "60fps": 60, "unpaced": 0}
_SHOWN = 480, 270
"""Of a decoded frame and of its source: so much of their middle."""


def need_encoder() -> None:
    """Skip by name where this host has no encoder, and build it where it is not yet."""
    try:
        build.library()
    except HostLacks as error:
        skip_scenario("no-encoder", error.message, error.fix or "")


def entrants(measure: Measure) -> dict[str, Measure]:
    """A subject for each way; all are compared with the same frames encoded on the host without a guest."""
    native = measure.variant("encoder", native=True)
    return {NATIVE_WAY.name: native} | {
        way.name: measure.variant(way.name, config={"gpu": "2d"}, against=native) for way in GUEST_WAYS
    }


def encode_in_turns(
    guest: DrawingGuest, measure: Measure, profile: Profile, taking_part: dict[str, Measure]
) -> None:
    """Every way at every pace. Raises FramesWrong when a stream is not every frame once and in order."""
    with private_directory() as folder, Apart(EncoderHost, "encoder") as host:
        desk = Desk(guest, host, folder)
        for number in measure.rounds(profile.frame_rounds):
            for pace, fps in PACES.items():
                for way in measure.turns(number, NATIVE_WAY, *GUEST_WAYS):
                    group = f"{guest.size[0]}x{guest.size[1]}-{pace}"
                    coded = way.code(desk, options(seconds=profile.frame_seconds, fps=fps))
                    _keep(taking_part[way.name], group, way.name, coded, host)


def _keep(measure: Measure, group: str, way: str, coded: Coded, host: Apart[EncoderHost]) -> None:
    """One repetition: recorded when its stream has been checked."""
    try:
        decoded = host.call(EncoderHost.check, coded.stream, coded.report.frames, _SHOWN)
    except FramesWrong as error:
        raise FramesWrong(f"{way}, {group}: {error.message}") from error
    _record(measure, group, coded, decoded)
    if decoded.pair is not None:
        _show(measure, group, decoded.pair)


def _record(measure: Measure, group: str, coded: Coded, decoded: Decoded) -> None:
    report, seconds = coded.report, coded.report.duration_ns / 1e9
    measure.record(
        f"{group}/fps", report.fps, unit="frames/s", better="higher",
        definition="frames that were drawn, encoded and came back ÷ time",
    )  # fmt: skip
    measure.record_all(
        f"{group}/flip-to-last-nal", coded.to_last_nal_s, unit="s", better="lower",
        definition="from the page flip to the last byte of the frame's last NAL unit, by the clock of whoever drew it",
    )  # fmt: skip
    if coded.asked_s:
        measure.record_all(
            f"{group}/request-to-response", coded.asked_s, unit="s", better="lower",
            definition="from the request for a frame to the last byte of the response",
        )  # fmt: skip
    measure.record(
        f"{group}/host-cpu-per-frame", coded.cpu_s / report.frames, unit="s", better="lower",
        definition="processor time of QEMU, the guest's drawing included, and of what encodes on the host ÷ frames",
    )  # fmt: skip
    measure.record(
        f"{group}/bitrate", 8 * coded.stream.stat().st_size / seconds, unit="bit/s", better="lower",
        definition="bits of the stream ÷ time",
    )  # fmt: skip
    measure.record_all(
        f"{group}/psnr", decoded.psnr_db, unit="dB", better="higher",
        definition="peak signal-to-noise ratio of decoded luma against what was drawn, four frames of each stream",
    )  # fmt: skip
    measure.record_all(
        f"{group}/ssim", decoded.ssim, unit="SSIM", better="higher",
        definition="structural similarity of decoded luma and what was drawn, four frames of each stream",
    )  # fmt: skip
    measure.record(
        f"{group}/lost-or-torn-frames", report.frames - decoded.frames, unit="frames", better="lower",
        definition="a stream with any is a failure: every frame was decoded, once, whole and in order",
    )  # fmt: skip
    if coded.copied_bytes is not None:
        measure.record(
            f"{group}/copied-bytes-per-frame", coded.copied_bytes, unit="B", better="lower",
            definition="bytes of a frame's pixels that were sent or copied to the encoder's input, other than by the "
            "colour conversion; what a channel copies within itself is not counted",
        )  # fmt: skip
    for stage in coded.stages:
        measure.record_all(
            f"{group}/stage-{stage.name}", stage.seconds, unit="s", better="lower", definition=STAGES[stage.name]
        )  # fmt: skip


STAGES = {
    "draw": "drawing the frame",
    "flip": "from the page flip until the host has confirmed it",
    "map": "from the frame's arrival at the host until its memory is read; the guest's display waits",
    "convert": "the colour conversion; the guest's display waits",
    "wait": "waiting for the encoder to finish the frames before",
    "encode": "in the encoder",
    "transport": "what is left of the way from the flip to the last NAL byte: the flip's way to the host, the stream's "
    "way back, scheduling",
    "request-and-encode": "from the request until the response is complete",
    "encode-in-guest": "through the pipe into GStreamer, converted and encoded in the guest",
}


def _show(measure: Measure, group: str, pair: Pair) -> None:
    left, right = (
        np.frombuffer(rgba, np.uint8).reshape(pair.height, pair.width, 4)
        for rgba in (pair.decoded, pair.source)
    )
    both = np.concatenate([left, right], axis=1)
    measure.attach_picture(
        group, both.tobytes(), both.shape[1], both.shape[0],
        caption=f"the middle of frame {pair.number}: left as it was decoded, right as it was drawn",
        facts={"PSNR": f"{pair.psnr_db:.1f} dB"},
    )  # fmt: skip
