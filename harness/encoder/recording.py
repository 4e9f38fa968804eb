"""A stream of access units kept in files, of the kind that the file's name says."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Protocol, Self

from harness.encoder.mp4 import Mp4Recording
from harness.errors import InvalidConfiguration
from harness.host.write_errors import naming_write_errors

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Recording(Protocol):
    """Takes access units until it is closed, which leaving ``with`` does."""

    @property
    def files(self) -> Sequence[tuple[Path, int]]:
        """What was written, and how many frames each has; complete once it is closed."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...

    def add(self, nal_units: Sequence[bytes], pts_ns: int, arrived_ns: int, *, is_keyframe: bool) -> None:
        """One access unit, its NAL units with start codes; ``arrived_ns`` of time.monotonic_ns().

        Raises InvalidMessage, DiskFull, CacheReadOnly, ToolMissing.
        """
        ...


class ByteStreamRecording:
    """The NAL units as they are (H.264, Annex B), in one file that has no times."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._frames = 0

    @property
    def files(self) -> Sequence[tuple[Path, int]]:
        return [(self._path, self._frames)] if self._frames else []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._file is not None:
            with naming_write_errors("a recording", self._path, elsewhere="name another file"):
                self._file.close()

    def add(self, nal_units: Sequence[bytes], pts_ns: int, arrived_ns: int, *, is_keyframe: bool) -> None:  # noqa: ARG002
        with naming_write_errors("a recording", self._path, elsewhere="name another file"):
            if self._file is None:
                self._file = self._path.open("wb")
            self._file.write(b"".join(nal_units))
        self._frames += 1


def recording(path: Path) -> Recording:
    """Raises InvalidConfiguration for a name that says of no kind."""
    kinds: dict[str, type[ByteStreamRecording | Mp4Recording]] = {
        ".h264": ByteStreamRecording,
        ".mp4": Mp4Recording,
    }
    kind = kinds.get(path.suffix.lower())
    if kind is None:
        raise InvalidConfiguration(
            f"{path} does not say what it is to be", fix="name it .mp4, or .h264 for a byte stream (Annex B)"
        )
    return kind(path)
