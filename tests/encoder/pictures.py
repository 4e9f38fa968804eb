"""Pictures that say which frame they are, and a decoder that has nothing to do with the encoder: FFmpeg's, by PyAV."""

from __future__ import annotations

import av
import numpy as np

BITS = 20
"""Of a frame number: blocks of BLOCK by BLOCK pixels in a row, black or white, at the top left."""
BLOCK = 8


def picture(number: int, width: int, height: int) -> np.ndarray:
    """B, G, R, x: a gradient that moves, and the number in its top rows (where it is wide enough for that)."""
    x = (np.arange(width)[None, :] * 2 + number * 3) % 256
    y = (np.arange(height)[:, None] + number) % 256
    pixels = np.empty((height, width, 4), np.uint8)
    triangle = np.abs(x - 128) * 2 % 256  # a ramp without a jump: nothing that chroma at half size would blur
    pixels[..., 0] = triangle // 2 + 40
    pixels[..., 1] = (np.abs(y - 128) + 60) * np.ones_like(x)
    pixels[..., 2] = 200 - triangle // 3
    pixels[..., 3] = 0xAA  # unused: must not be seen
    for bit in range(min(BITS, width // BLOCK)):
        pixels[:BLOCK, bit * BLOCK : (bit + 1) * BLOCK, :3] = 255 if number >> bit & 1 else 0
    return pixels


def number_in(frame: av.VideoFrame) -> int:
    """The number in a decoded frame."""
    luma = plane(frame, 0)
    half = BLOCK // 2
    return sum(1 << bit for bit in range(BITS) if luma[half, bit * BLOCK + half] > 128)


def plane(frame: av.VideoFrame, index: int) -> np.ndarray:
    """One plane of a 4:2:0 frame, without padding."""
    one = frame.planes[index]
    return np.frombuffer(one, np.uint8).reshape(one.height, one.line_size)[:, : one.width]


def decode(stream: bytes | list[bytes]) -> list[av.VideoFrame]:
    """Every frame of an Annex B stream; an error in it is raised and not concealed."""
    decoder = av.CodecContext.create("h264", "r")
    decoder.options = {"err_detect": "explode+crccheck+bitstream+buffer"}
    chunks = [stream] if isinstance(stream, bytes) else stream
    frames = []
    for chunk in chunks:
        for packet in decoder.parse(chunk):
            frames += decoder.decode(packet)
    for packet in decoder.parse(None):
        frames += decoder.decode(packet)
    return [*frames, *decoder.decode(None)]


KR_KB = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114)}
"""The matrices of ITU-T H.264 table E-5 by their number."""


def to_rgb(frame: av.VideoFrame) -> np.ndarray:
    """R, G, B as the frame's own VUI says that it is to be understood; chroma repeated."""
    full = frame.color_range == 2
    kr, kb = KR_KB[int(frame.colorspace)]
    luma = plane(frame, 0).astype(float)
    cb, cr = (np.repeat(np.repeat(plane(frame, i), 2, 0), 2, 1).astype(float) - 128 for i in (1, 2))
    cb, cr = cb[: luma.shape[0], : luma.shape[1]], cr[: luma.shape[0], : luma.shape[1]]
    luma, scale = (luma, 255.0) if full else ((luma - 16) * 255 / 219, 224.0)
    cb, cr = cb * 255 / scale, cr * 255 / scale
    red, blue = luma + 2 * (1 - kr) * cr, luma + 2 * (1 - kb) * cb
    green = (luma - kr * red - kb * blue) / (1 - kr - kb)
    return np.clip(np.stack([red, green, blue], -1), 0, 255)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Decibels."""
    error = np.mean((a.astype(float) - b.astype(float)) ** 2)
    return float("inf") if error == 0 else 10 * float(np.log10(255**2 / error))
