"""Surfaces as a peer may send them: sizes, strides, offsets, descriptors, true and false."""

from __future__ import annotations

import mmap
import os
import struct
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.encoder.encoder import Encoder
from harness.encoder.model import EncoderConfig, IOSurface, PixelFormat, Quality, Surface
from harness.errors import SurfaceUnusable
from tests.encoder.pictures import BITS, BLOCK, decode, number_in, picture

RGB = [PixelFormat.XRGB8888, PixelFormat.ARGB8888, PixelFormat.XBGR8888, PixelFormat.ABGR8888]
WIDTH, HEIGHT = 192, 64
UDMABUF, UDMABUF_CREATE, UDMABUF_CLOEXEC = Path("/dev/udmabuf"), 0x40187542, 1  # linux/udmabuf.h


@pytest.fixture
def memory():
    """Shared memory of a size that is asked for, without a name."""
    opened = []

    def make(size: int) -> int:
        opened.append(os.memfd_create("surface", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING))
        os.ftruncate(opened[-1], size)
        return opened[-1]

    if not hasattr(os, "memfd_create"):
        pytest.skip("this system has no memfd_create")
    yield make
    for fd in opened:
        os.close(fd)


def shared(fd: int, *, offset: int = 0, stride: int = WIDTH * 4) -> Surface:
    return Surface(WIDTH, HEIGHT, stride, PixelFormat.XRGB8888, fd, offset)


def draw(fd: int, number: int, *, offset: int = 0, stride: int = WIDTH * 4) -> None:
    for row, pixels in enumerate(picture(number, WIDTH, HEIGHT)):
        os.pwrite(fd, pixels.tobytes(), offset + row * stride)


LAYOUTS = st.tuples(
    st.integers(1, 90),
    st.integers(1, 70),
    st.integers(0, 40),
    st.integers(0, 99),
    st.integers(0, 99),
    st.sampled_from(RGB),
)


@given(LAYOUTS)
def test_any_size_stride_and_offset_is_the_picture_that_it_is(layout):
    width, height, extra, offset, seed, pixel_format = layout
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 4), np.uint8)
    pixels[:] = pixels[:1, :1]  # one colour, so that any pixel from elsewhere shows
    rows = np.full((height, width * 4 + extra), 255 - pixels[0, 0, 1], np.uint8)
    rows[:, : width * 4] = pixels.reshape(height, -1)
    data = b"\xff" * offset + rows.tobytes()[: rows.size - extra]  # it ends with its last pixel
    with Encoder(EncoderConfig(width, height, Quality(1), threads=1)) as encoder:
        unit = encoder.encode(Surface(width, height, width * 4 + extra, pixel_format, data, offset))
    [frame] = decode(unit.data)
    assert (frame.width, frame.height) == (width + width % 2, height + height % 2)
    luma = np.frombuffer(frame.planes[0], np.uint8).reshape(frame.height, -1)[:, : frame.width].astype(int)
    assert luma.max() - luma.min() <= 3


ANYTHING = st.integers(-(1 << 66), 1 << 66) | st.integers(-1, 5000)
HOSTILE = st.builds(
    Surface, ANYTHING, ANYTHING, ANYTHING, st.sampled_from(PixelFormat) | st.integers(0, (1 << 32) - 1),
    st.integers(0, 4096).map(bytes), ANYTHING,
)  # fmt: skip


@given(surface=HOSTILE, as_file=st.booleans())
def test_a_surface_is_encoded_or_refused_in_a_sentence(surface, as_file):
    source = os.memfd_create("hostile") if as_file else None
    try:
        if source is not None:
            os.ftruncate(source, len(surface.memory))
            surface = replace(surface, memory=source)
        with Encoder(EncoderConfig(16, 16, threads=1)) as encoder:
            try:
                assert len(encoder.encode(surface).data) > 0
            except SurfaceUnusable as refused:
                said = refused.message
            else:
                said = "it was encoded"
            assert 10 < len(said) < 252
            fine = Surface(16, 16, 64, PixelFormat.XRGB8888, bytes(16 * 64))
            assert len(encoder.encode(fine).data) > 0
    finally:
        if source is not None:
            os.close(source)


@pytest.mark.parametrize(("change", "said"), [
    ({"stride": WIDTH * 4 - 1}, "less than a row"),
    ({"stride": 1 << 21}, "is more than"),
    ({"width": 0}, "cannot be encoded"),
    ({"width": 1 << 20}, "cannot be encoded"),
    ({"height": -1}, "cannot have a height"),
    ({"height": HEIGHT + 1}, "does not fit"),
    ({"offset": 1}, "does not fit"),
    ({"offset": (1 << 64) - 1}, "does not fit"),
    ({"offset": 1 << 64}, "cannot begin"),
    ({"format": 0x20202020}, "format that is not known"),
    ({"format": PixelFormat.NV12, "height": HEIGHT - 1}, "sizes are even"),
    ({"memory": b""}, "does not fit"),
    ({"memory": -1}, "cannot be used"),
    ({"memory": 1 << 40}, "cannot be used"),
    ({"memory": IOSurface(0)}, "IOSurface"),
])  # fmt: skip
def test_what_is_wrong_with_a_surface_is_said(change, said):
    fields = {"width": WIDTH, "height": HEIGHT, "stride": WIDTH * 4, "format": PixelFormat.XRGB8888,
              "memory": bytes(WIDTH * HEIGHT * 4), "offset": 0}  # fmt: skip
    with Encoder(EncoderConfig(WIDTH, HEIGHT)) as encoder, pytest.raises(SurfaceUnusable, match=said):
        encoder.encode(Surface(**{**fields, **change}))


def test_shared_memory_is_read_where_it_is_and_never_written(memory):
    offset, stride = 4096 * 3 + 44, WIDTH * 4 + 20
    fd = memory(offset + stride * HEIGHT)
    draw(fd, 12345, offset=offset, stride=stride)
    before = os.pread(fd, 1 << 20, 0)
    read_only = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY)
    try:
        with Encoder(EncoderConfig(WIDTH, HEIGHT)) as encoder:
            unit = encoder.encode(shared(read_only, offset=offset, stride=stride))
            assert encoder.stats().copied_bytes == 0
    finally:
        os.close(read_only)
    assert [number_in(frame) for frame in decode(unit.data)] == [12345]
    assert os.pread(fd, 1 << 20, 0) == before
    assert unit.map_ns > 0
    assert BITS * BLOCK <= WIDTH


@pytest.mark.skipif(
    not os.access(UDMABUF, os.R_OK | os.W_OK), reason="the host has no /dev/udmabuf to make a DMA-BUF with"
)
def test_a_dma_buf_is_read_where_it_is(memory):
    fcntl = pytest.importorskip("fcntl")
    size = -(-WIDTH * HEIGHT * 4 // mmap.PAGESIZE) * mmap.PAGESIZE
    pixels = memory(size)
    fcntl.fcntl(pixels, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)  # who exports memory may not take it away
    maker = os.open(UDMABUF, os.O_RDWR)
    try:
        asked = bytearray(
            struct.pack("=IIQQ", pixels, UDMABUF_CLOEXEC, 0, size)
        )  # bytes would hide the result
        buffer = fcntl.ioctl(maker, UDMABUF_CREATE, asked)
    finally:
        os.close(maker)
    units = []
    try:
        with Encoder(EncoderConfig(WIDTH, HEIGHT)) as encoder:
            for number in range(10):
                draw(pixels, number)
                units.append(encoder.encode(shared(buffer)).data)
            counted = encoder.stats()
            with pytest.raises(SurfaceUnusable, match="does not fit"):
                encoder.encode(shared(buffer, offset=size - 4))
    finally:
        os.close(buffer)
    assert (counted.mappings, counted.copied_bytes) == (1, 0)
    assert [number_in(frame) for frame in decode(units)] == list(range(10))


def test_a_new_descriptor_of_the_same_memory_is_not_mapped_again(memory):
    buffers = [memory(WIDTH * HEIGHT * 4) for _ in range(3)]
    units = []
    with Encoder(EncoderConfig(WIDTH, HEIGHT)) as encoder:
        for number in range(60):
            draw(buffers[number % 3], number)
            fresh = os.dup(buffers[number % 3])
            units.append(encoder.encode(shared(fresh)))
            os.close(fresh)
        assert encoder.stats().mappings == 3
    assert [number_in(frame) for frame in decode([unit.data for unit in units])] == list(range(60))


def test_more_memory_than_is_kept_mapped_is_mapped_again(memory):
    buffers = [memory(WIDTH * HEIGHT * 4) for _ in range(20)]
    for number, fd in enumerate(buffers):
        draw(fd, number)
    with Encoder(EncoderConfig(WIDTH, HEIGHT)) as encoder:
        units = [encoder.encode(shared(fd)) for fd in buffers * 2]
        assert encoder.stats().mappings == 40
    assert [number_in(frame) for frame in decode([u.data for u in units])] == [*range(20), *range(20)]


def test_memory_that_became_shorter_is_refused_and_grown_again_is_fine(memory):
    fd = memory(WIDTH * HEIGHT * 4)
    with Encoder(EncoderConfig(WIDTH, HEIGHT)) as encoder:
        encoder.encode(shared(fd))
        os.ftruncate(fd, WIDTH * HEIGHT * 4 - 1)
        with pytest.raises(SurfaceUnusable, match="does not fit"):
            encoder.encode(shared(fd))
        os.ftruncate(fd, WIDTH * HEIGHT * 4)
        draw(fd, 7)
        unit = encoder.encode(shared(fd))
        encoder.force_keyframe()
        assert [number_in(f) for f in decode(encoder.encode(shared(fd)).data)] == [7]
    assert len(unit.data) > 0


def test_a_descriptor_that_is_no_memory_is_refused(tmp_path):
    reading, writing = os.pipe()
    folder = os.open(tmp_path, os.O_RDONLY)
    (tmp_path / "write-only").write_bytes(bytes(WIDTH * HEIGHT * 4))
    write_only = os.open(tmp_path / "write-only", os.O_WRONLY)
    try:
        with Encoder(EncoderConfig(WIDTH, HEIGHT)) as encoder:
            for fd in (reading, writing, folder, write_only):
                with pytest.raises(SurfaceUnusable):
                    encoder.encode(shared(fd))
    finally:
        for fd in (reading, writing, folder, write_only):
            os.close(fd)


def test_memory_may_be_anything_that_has_bytes():
    data = picture(9, WIDTH, HEIGHT).tobytes()
    anonymous = mmap.mmap(-1, len(data))
    anonymous.write(data)
    with Encoder(EncoderConfig(WIDTH, HEIGHT, gop=1)) as encoder:
        for memory in (data, bytearray(data), memoryview(data), anonymous, np.frombuffer(data, np.uint8)):
            unit = encoder.encode(Surface(WIDTH, HEIGHT, WIDTH * 4, PixelFormat.XRGB8888, memory))
            assert [number_in(frame) for frame in decode(unit.data)] == [9]
    anonymous.close()  # nothing holds on to it


def test_threads_that_share_an_encoder_take_turns_and_closing_waits():
    data = picture(3, WIDTH, HEIGHT).tobytes()
    encoded = []
    with Encoder(EncoderConfig(WIDTH, HEIGHT)) as encoder:

        def work() -> None:
            surface = Surface(WIDTH, HEIGHT, WIDTH * 4, PixelFormat.XRGB8888, data)
            encoded.extend(encoder.encode(surface) for _ in range(50))

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert encoder.stats().frames == 200
    assert sum(unit.is_keyframe for unit in encoded) == 4
