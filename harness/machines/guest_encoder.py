"""Software encoders in a guest: GStreamer between two pipes, raw frames in, NAL units behind their sizes out."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.display.pattern_report import PatternReport
    from harness.machines.pattern import Pattern

PLUGINS = "/usr/lib/visorbench-gstreamer"
"""Where the guest media has links to the few plugins that are used: GStreamer opens all that it finds."""
BITRATE = 4_000_000
GOP = 60
_FOLDER = "/tmp"  # noqa: S108 - in a guest of ours, alone with itself


@dataclass(frozen=True, slots=True)
class GuestEncoder:
    """An element of GStreamer and its properties: as the server's own streams, as far as it can be."""

    name: str
    element: str


X264 = GuestEncoder(
    "guest-x264",
    f"x264enc tune=zerolatency speed-preset=ultrafast threads=1 bitrate={BITRATE // 1000} key-int-max={GOP}",
)
OPENH264 = GuestEncoder(
    "guest-openh264",
    f"openh264enc usage-type=screen complexity=low rate-control=bitrate bitrate={BITRATE} gop-size={GOP} "
    "multi-thread=1 slice-mode=n-slices num-slices=1 scene-change-detection=false",
)


def draw_and_encode(
    pattern: Pattern, encoder: GuestEncoder, size: tuple[int, int], words: Sequence[str], record: str
) -> PatternReport:
    """Draw in a guest that encodes what it draws; the stream is in the guest's file ``record`` afterwards.

    The pipeline reads one frame at a time and holds none back. Raises what :meth:`Pattern.draw` does; what GStreamer
    complained about is in the message.
    """
    program = [
        pattern.program,
        *words,
        f"--encode={_FOLDER}/in:{_FOLDER}/out",
        "--by=pipe",
        f"--record={record}",
    ]
    # When GStreamer cannot begin, the pipes are opened for a moment, so that nobody waits for it.
    line = f"""
        cd {_FOLDER} && rm -f in out && mkfifo in out || exit 1
        ({_pipeline(encoder, size)} > gst.log 2>&1 || {{ exec 3<> in 4<> out; sleep 1; }}) &
        {shlex.join(program)}
        status=$?
        [ $status = 0 ] || tail -n 3 gst.log >&2
        exit $status
    """
    return pattern.run(["sh", "-c", line])


def _pipeline(encoder: GuestEncoder, size: tuple[int, int]) -> str:
    width, height = size
    elements = [
        f"filesrc location=in blocksize={4 * width * height}",
        f"rawvideoparse width={width} height={height} format=bgrx framerate=60/1",
        "videoconvert",
        "video/x-raw,format=I420,colorimetry=bt601",
        encoder.element,
        "h264parse config-interval=-1",
        "video/x-h264,stream-format=avc3,alignment=au",
        "filesink location=out buffer-mode=unbuffered",
    ]
    variables = f"GST_PLUGIN_SYSTEM_PATH={PLUGINS} GST_REGISTRY={_FOLDER}/registry GST_REGISTRY_FORK=no"
    return f"{variables} gst-launch-1.0 -q {' ! '.join(elements)}"
