"""Lengths before NAL units become start codes; what is no such stream is refused. This is what VideoToolbox needs."""

from __future__ import annotations

import subprocess

import pytest
from cffi import FFI
from hypothesis import given
from hypothesis import strategies as st

from harness.encoder import build
from harness.host.paths import shipped

START = b"\0\0\0\1"
MOST_NALS = 64


@pytest.fixture(scope="module")
def convert(tmp_path_factory):
    """The C function: bytes and the size of a length → the byte stream, or None where it refuses."""
    file = tmp_path_factory.mktemp("annexb") / "libannexb.so"
    flags = [flag for flag in build.FLAGS if flag != "-fvisibility=hidden"]
    argv = [*build.recipe().compiler, *flags, "annexb.c", "failure.c", "-o", file]
    subprocess.run(argv, cwd=shipped("native", "encoder"), check=True)
    ffi = FFI()
    ffi.cdef("""
        typedef struct { uint8_t *bytes; size_t size, capacity; uint32_t nal_count; uint32_t nal_sizes[64]; } stream;
        int vb_byte_stream_add_lengths(stream *, const uint8_t *, size_t, int, void *);
        void vb_byte_stream_free(stream *);
    """)
    c = ffi.dlopen(str(file))

    def run(data: bytes, length_bytes: int) -> list[bytes] | None:
        stream = ffi.new("stream *")
        status = c.vb_byte_stream_add_lengths(stream, data, len(data), length_bytes, ffi.NULL)
        whole = bytes(ffi.buffer(stream.bytes, stream.size)) if stream.size else b""
        sizes = [stream.nal_sizes[i] for i in range(stream.nal_count)]
        c.vb_byte_stream_free(stream)
        assert sum(sizes) == len(whole)
        return None if status else [whole[sum(sizes[:n]) : sum(sizes[: n + 1])] for n in range(len(sizes))]

    return run


def lengths(nals: list[bytes], length_bytes: int) -> bytes:
    return b"".join(len(nal).to_bytes(length_bytes, "big") + nal for nal in nals)


@given(
    nals=st.lists(st.binary(min_size=1, max_size=200), max_size=MOST_NALS),
    length_bytes=st.sampled_from([1, 2, 4]),
)
def test_every_nal_unit_is_behind_a_start_code(convert, nals, length_bytes):
    assert convert(lengths(nals, length_bytes), length_bytes) == [START + nal for nal in nals]


@given(nals=st.lists(st.binary(min_size=1, max_size=9), min_size=1, max_size=5), data=st.data())
def test_a_stream_that_breaks_off_is_refused(convert, nals, data):
    whole = lengths(nals, 4)
    ends = {len(lengths(nals[:n], 4)) for n in range(len(nals) + 1)}
    end = data.draw(st.sampled_from(sorted(set(range(len(whole))) - ends)))
    assert convert(whole[:end], 4) is None


@pytest.mark.parametrize(("data", "length_bytes"), [
    (b"\0\0\0\0", 4), (b"\xff\xff\xff\xff\1", 4), (b"\1\1", 3), (b"\1\1", 0), (lengths([b"x"] * 65, 1), 1),
], ids=["empty", "4 GiB", "of 3 bytes", "of no bytes", "too many"])  # fmt: skip
def test_what_is_no_stream_is_refused(convert, data, length_bytes):
    assert convert(data, length_bytes) is None
