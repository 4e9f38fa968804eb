"""H.264 access units in an MP4 file, each shown when it arrived; what is written is playable at every moment.

The file is fragmented (ISO/IEC 14496-12, movie fragments), about a second each: a recording that ends in any way, by a
full disk or a power cut, lacks what came after its last fragment. PyAV writes it; nothing is encoded again.
"""

from __future__ import annotations

import io
import time
from fractions import Fraction
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from harness.errors import InvalidMessage, ToolMissing
from harness.host.write_errors import naming_write_errors

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from av.container import OutputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

TIMESCALE_HZ = 90_000
CLOCKS_APART_NS = 1_000_000_000
"""A frame whose own time and whose arrival say more different things than this is shown when it arrived."""
LONGEST_SHOWN_NS = 6 * 3600 * 1_000_000_000
"""Of one frame: a sample's duration has 32 bits."""
_FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "frag_duration": "1000000"}
_NAL_TYPE = 0x1F
_PARAMETER_SETS = (7, 8)


class Timeline:
    """When each frame is shown: by the times that came with the frames, which strictly grow where those do not."""

    def __init__(self) -> None:
        self._last: tuple[int, int] | None = None
        self._at_ns = self._ticks = 0

    def ticks(self, pts_ns: int, arrived_ns: int) -> int:
        """Of :data:`TIMESCALE_HZ` since the first frame, which is at 0."""
        if self._last is not None:
            passed_ns, by_arrival_ns = pts_ns - self._last[0], arrived_ns - self._last[1]
            trusted = abs(passed_ns - by_arrival_ns) <= CLOCKS_APART_NS
            self._at_ns += min(LONGEST_SHOWN_NS, max(0, passed_ns if trusted else by_arrival_ns))
            self._ticks = max(self._ticks + 1, self._at_ns * TIMESCALE_HZ // 1_000_000_000)
        self._last = pts_ns, arrived_ns
        return self._ticks


class Mp4Recording:
    """Records into ``path``; where the stream's parameter sets change (its size does), NAME-2.mp4 goes on.

    An MP4 track has one set of them, and players take no other. Frames before the first keyframe are left out.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._track: _Track | None = None
        self._sets: tuple[bytes, ...] = ()
        self.files: tuple[tuple[Path, int], ...] = ()
        """Those that are complete, and how many frames each has; all of them once it is closed."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def add(self, nal_units: Sequence[bytes], pts_ns: int, arrived_ns: int, *, is_keyframe: bool) -> None:
        """One access unit, its NAL units with start codes.

        Raises InvalidMessage for a keyframe that is no H.264, DiskFull, CacheReadOnly, ToolMissing without PyAV.
        """
        if is_keyframe and (sets := parameter_sets(nal_units)) and sets != self._sets:
            self._end(arrived_ns)
            number = len(self.files) + 1
            name = self._path if number == 1 else self._path.with_stem(f"{self._path.stem}-{number}")
            self._track = _Track(name, b"".join(nal_units))
            self._sets = sets
        if self._track is not None:
            self._track.add(b"".join(nal_units), pts_ns, arrived_ns, is_keyframe=is_keyframe)

    def close(self) -> None:
        """Write what is left: the last frame is shown until now. Idempotent; raises what :meth:`add` raises."""
        self._end(time.monotonic_ns())

    def _end(self, now_ns: int) -> None:
        track, self._track = self._track, None
        if track is not None:
            try:
                track.close(now_ns)
            finally:
                self.files += ((track.path, track.frames),)


class _Track:
    """One file and its only track. A frame is written when the next one tells how long it was shown."""

    def __init__(self, path: Path, keyframe: bytes) -> None:
        try:
            import av  # noqa: PLC0415 - slow to import
        except ImportError:
            raise ToolMissing("MP4 is written with PyAV, which is not here", fix="pip install av") from None
        self._new_packet = av.Packet
        self.path = path
        self.frames = 0
        self._timeline = Timeline()
        self._held: Packet[Any] | None = None
        self._arrived_ns = 0
        try:
            probed = av.open(io.BytesIO(keyframe), format="h264")
            like = probed.streams.video[0]
        except (av.error.FFmpegError, IndexError) as error:
            raise InvalidMessage(f"a keyframe is no H.264: {error}") from None
        if not (like.width and like.height):
            raise InvalidMessage("a keyframe is no H.264: its parameter sets say no size")
        with self._writing():
            self._file = path.open("wb")
        self._container: OutputContainer = av.open(
            _Sink(self._file), "w", format="mp4", container_options=_FRAGMENTS
        )
        self._stream: VideoStream = self._container.add_stream_from_template(like)
        self._stream.time_base = Fraction(1, TIMESCALE_HZ)
        probed.close()

    def add(self, unit: bytes, pts_ns: int, arrived_ns: int, *, is_keyframe: bool) -> None:
        packet = self._new_packet(unit)
        packet.stream = self._stream
        packet.time_base = Fraction(1, TIMESCALE_HZ)
        packet.pts = packet.dts = self._timeline.ticks(pts_ns, arrived_ns)
        packet.is_keyframe = is_keyframe
        self._write(packet.pts)
        self._held, self._arrived_ns = packet, arrived_ns

    def close(self, now_ns: int) -> None:
        try:
            shown_ns = min(LONGEST_SHOWN_NS, max(0, now_ns - self._arrived_ns))
            if self._held is not None and self._held.pts is not None:
                self._write(self._held.pts + max(1, shown_ns * TIMESCALE_HZ // 1_000_000_000))
            with self._writing():
                self._container.close()
        finally:
            with self._writing():
                self._file.close()

    def _write(self, until: int) -> None:
        held, self._held = self._held, None
        if held is not None and held.pts is not None:
            held.duration = until - held.pts
            with self._writing():
                self._container.mux(held)
            self.frames += 1

    def _writing(self) -> Any:
        return naming_write_errors("a recording", self.path, elsewhere="name another file")


class _Sink:
    """A file that cannot be sought in, whose every write arrives or raises."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, data: bytes) -> int:
        self._file.write(data)
        self._file.flush()
        return len(data)


def parameter_sets(nal_units: Sequence[bytes]) -> tuple[bytes, ...]:
    """The sequence and picture parameter sets of an access unit, without start codes."""
    bare = (unit.lstrip(b"\0")[1:] for unit in nal_units)
    return tuple(unit for unit in bare if unit and unit[0] & _NAL_TYPE in _PARAMETER_SETS)
