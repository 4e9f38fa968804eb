"""A log keeps its head and its tail and says what it left out."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.channels.console_log import ConsoleLog

HEAD, TAIL = 10, 7


@given(st.lists(st.binary(max_size=30), max_size=12))
def test_head_and_tail_however_it_came(chunks):
    whole = b"".join(chunks)
    with tempfile.TemporaryDirectory() as folder:
        log = ConsoleLog(Path(folder) / "log", HEAD, TAIL)
        for chunk in chunks:
            log.write(chunk)
        log.close()
        written = (Path(folder) / "log").read_bytes()
    left_out = len(whole) - HEAD - TAIL
    if left_out <= 0:
        assert written == whole
    else:
        note = b"\n[visorbench: truncated, %d bytes left out here]\n" % left_out
        assert written == whole[:HEAD] + note + whole[-TAIL:]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")
def test_a_full_disk_is_no_error():
    log = ConsoleLog(Path("/dev/full"))
    log.write(b"x" * 100)
    log.write(b"y" * 100)
    log.close()
