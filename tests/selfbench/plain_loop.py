"""libyuv and x264 with nothing around them, built as the encoder is: what the harness's ways are compared with."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from cffi import FFI

from harness.encoder import build

if TYPE_CHECKING:
    from harness.encoder.model import Buffer

_SOURCE = Path(__file__).with_name("data") / "encoder_plain_loop.c"


class PlainLoop:
    """One stream of 60 frames a second, of constant quality ``crf``, or else of ``bitrate`` (bit/s)."""

    def __init__(
        self,
        folder: Path,
        width: int,
        height: int,
        *,
        threads: int,
        gop: int = 240,
        crf: float = 0,
        bitrate: int = 0,
    ) -> None:
        made_of = build.recipe()
        file = folder / "libplain.so"
        words = [word for library in made_of.libraries for word in library.arguments]
        flags = [flag for flag in build.FLAGS if flag != "-fvisibility=hidden"]
        subprocess.run([*made_of.compiler, *flags, _SOURCE, *words, "-o", file], check=True)
        self._ffi = FFI()
        self._ffi.cdef("""
            void *plain_open(int, int, int, int, float, int);
            int plain_encode(void *, const uint8_t *, uint8_t **);
            void plain_close(void *);
        """)
        self._c = self._ffi.dlopen(str(file))
        self._loop = self._c.plain_open(width, height, threads, gop, crf, bitrate)
        self._data = self._ffi.new("uint8_t **")

    def encode(self, pixels: Buffer) -> bytes:
        """One access unit of BGRX pixels, rows without padding."""
        size = self._c.plain_encode(self._loop, self._ffi.from_buffer(pixels), self._data)
        return bytes(self._ffi.buffer(self._data[0], size))

    def close(self) -> None:
        """End it."""
        self._c.plain_close(self._loop)
