"""A log keeps its head and its tail and says what it left out."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.channels.transcript import Transcript

HEAD, TAIL = 10, 7


@given(st.lists(st.binary(max_size=30), max_size=12))
def test_head_and_tail_however_it_came(chunks):
    whole = b"".join(chunks)
    with tempfile.TemporaryDirectory() as folder:
        transcript = Transcript(Path(folder) / "log", HEAD, TAIL)
        for chunk in chunks:
            transcript.write(chunk)
        transcript.close()
        written = (Path(folder) / "log").read_bytes()
    left_out = len(whole) - HEAD - TAIL
    if left_out <= 0:
        assert written == whole
    else:
        note = b"\n[visorbench: truncated, %d bytes left out here]\n" % left_out
        assert written == whole[:HEAD] + note + whole[-TAIL:]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")
def test_a_full_disk_is_no_error():
    transcript = Transcript(Path("/dev/full"))
    transcript.write(b"x" * 100)
    transcript.write(b"y" * 100)
    transcript.close()
