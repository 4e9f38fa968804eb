"""A coded stream of ``vb-pattern``'s frames, decoded strictly: every number once and in order, and how good it looks.

PSNR and SSIM are of the luma plane (8 bit, limited range), against the picture that was drawn, converted as the
stream's VUI says. SSIM: Wang et al. 2004, Gaussian window with a deviation of 1.5, averaged over the picture. Both are
summed over strips of the picture: the harness stays small while it measures.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from harness.display.pattern import BAND, decode, middles
from harness.display.pattern_picture import drawn
from harness.errors import FramesWrong, ToolMissing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from av.video.frame import VideoFrame
    from numpy.typing import NDArray

    Luma = NDArray[np.float64]

_KR_KB = {1: (0.2126, 0.0722)}
"""Weights of red and blue by the VUI's matrix; 1 is BT.709, all others are taken for BT.601."""
_BT601 = (0.299, 0.114)
_SSIM_SIGMA = 1.5
_REACH = 6
"""How many rows away a row still counts for SSIM: four deviations, as scipy.ndimage cuts its window."""
_STRIP = 64
"""Rows."""
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


@dataclass(frozen=True, slots=True)
class Pair:
    """A decoded frame and the picture that it was made from, both as RGBA bytes."""

    number: int
    width: int
    height: int
    decoded: bytes
    source: bytes
    psnr_db: float

    def middle(self, width: int, height: int) -> Pair:
        """At most so much of both."""
        width, height = min(width, self.width), min(height, self.height)
        top, left = (self.height - height) // 2, (self.width - width) // 2

        def cut(rgba: bytes) -> bytes:
            whole = np.frombuffer(rgba, np.uint8).reshape(self.height, self.width, 4)
            return whole[top : top + height, left : left + width].tobytes()

        return replace(self, width=width, height=height, decoded=cut(self.decoded), source=cut(self.source))


@dataclass(frozen=True, slots=True)
class Decoded:
    """A stream that has every frame. ``psnr_db`` and ``ssim`` are of the frames that were compared."""

    frames: int
    psnr_db: tuple[float, ...]
    ssim: tuple[float, ...]
    pair: Pair | None = field(default=None, repr=False)


def check(stream: bytes, numbers: Sequence[int], *, compared: int = 4) -> Decoded:
    """Decode ``stream``, which must show ``numbers``; ``compared`` of its frames, evenly, with their sources.

    Raises FramesWrong for a stream that does not decode, a torn frame, or other numbers; ToolMissing without PyAV.
    """
    chosen = {round(at) for at in np.linspace(0, len(numbers) - 1, min(compared, len(numbers)))}
    seen: list[int] = []
    psnr, ssim, pair = [], [], None
    for at, frame in enumerate(_frames(stream)):
        number = _number(frame, at)
        seen.append(number)
        if at in chosen:
            source = drawn(number, frame.width, frame.height)
            psnr_db, similar = _likeness(frame, source)
            psnr.append(psnr_db)
            ssim.append(similar)
            if at == max(chosen):
                pair = _pair(frame, source, number, psnr_db)
    _compare(seen, list(numbers))
    return Decoded(len(seen), tuple(psnr), tuple(ssim), pair)


def _frames(stream: bytes) -> Iterator[VideoFrame]:
    try:
        import av  # noqa: PLC0415 - slow to import
    except ImportError:
        raise ToolMissing("streams are checked with PyAV, which is not here", fix="pip install av") from None
    try:
        with av.open(io.BytesIO(stream), "r", format="h264", options={"err_detect": "explode"}) as container:
            for frame in container.decode(video=0):
                if frame.is_corrupt:
                    raise FramesWrong("the stream has a damaged frame")
                yield frame
    except av.error.FFmpegError as error:
        raise FramesWrong(f"the stream does not decode: {error}") from None


def _number(frame: VideoFrame, at: int) -> int:
    plane = _plane(frame)
    columns = middles(frame.width)
    top, bottom = (
        decode([int(plane[row, column]) for column in columns])
        for row in (BAND // 2, frame.height - BAND // 2)
    )
    if top is None or top != bottom:
        raise FramesWrong(f"frame {at} of the stream is torn: {top} at its top, {bottom} at its bottom")
    return top


def _compare(seen: list[int], wanted: list[int]) -> None:
    if seen == wanted:
        return
    lost = sorted(set(wanted) - set(seen))
    doubled = len(seen) - len(set(seen))
    raise FramesWrong(
        f"of {len(wanted)} frames the stream has {len(seen)}: {len(lost)} lost"
        + (f" (the first is {lost[0]})" if lost else "")
        + f", {doubled} twice, {'in' if seen == sorted(seen) else 'not in'} order"
    )


def _plane(frame: VideoFrame) -> NDArray[np.uint8]:
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    visible: NDArray[np.uint8] = rows[: frame.height, : frame.width]
    return visible


def _likeness(frame: VideoFrame, source: NDArray[np.uint8]) -> tuple[float, float]:
    """PSNR in dB, 100 for equal pictures, and SSIM."""
    plane, height = _plane(frame), frame.height
    red, blue = _KR_KB.get(int(frame.colorspace), _BT601)
    weights = np.array([blue, 1 - red - blue, red]) * (219 / 255)
    error = similar = 0.0
    for top in range(0, height, _STRIP):
        bottom = min(top + _STRIP, height)
        above, below = max(top - _REACH, 0), min(bottom + _REACH, height)
        ours = plane[above:below].astype(np.float64)
        theirs = 16 + source[above:below, :, :3] @ weights
        own = slice(top - above, bottom - above)
        error += float(((ours[own] - theirs[own]) ** 2).sum())
        similar += float(_similarity(ours, theirs)[own].sum())
    pixels = height * frame.width
    return (float(10 * np.log10(255**2 * pixels / error)) if error else 100.0), similar / pixels


def _similarity(a: Luma, b: Luma) -> Luma:
    """SSIM around each pixel."""
    from scipy.ndimage import gaussian_filter  # noqa: PLC0415 - slow to import

    def mean(plane: Luma) -> Luma:
        smooth: Luma = gaussian_filter(plane, _SSIM_SIGMA)
        return smooth

    mean_a, mean_b = mean(a), mean(b)
    var_a, var_b = mean(a * a) - mean_a**2, mean(b * b) - mean_b**2
    covariance = mean(a * b) - mean_a * mean_b
    similar = (2 * mean_a * mean_b + _C1) * (2 * covariance + _C2)
    around: Luma = similar / ((mean_a**2 + mean_b**2 + _C1) * (var_a + var_b + _C2))
    return around


def _pair(frame: VideoFrame, source: NDArray[np.uint8], number: int, psnr_db: float) -> Pair:
    rgba = source[..., [2, 1, 0, 3]]
    rgba[..., 3] = 255
    decoded = frame.to_ndarray(format="rgba").tobytes()
    return Pair(number, frame.width, frame.height, decoded, rgba.tobytes(), psnr_db)
