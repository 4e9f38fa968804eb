"""The record of a QMP conversation: bounded, and never the reason for an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.channels import qmp_log
from harness.channels.qmp_log import LINE_KEPT, QmpLog


def test_both_directions_with_their_times_and_long_lines_cut(tmp_path):
    log = QmpLog(tmp_path / "qmp.log")
    log.sent(b'{"execute": "quit"}')
    log.received(b"x" * (LINE_KEPT + 1), at_ns=1_500_000_000)
    log.close()
    sent, received = (tmp_path / "qmp.log").read_text().splitlines()
    assert sent.endswith(' > {"execute": "quit"}')
    assert received == f"1.500000 < {'x' * LINE_KEPT} ..."


def test_a_flood_does_not_fill_the_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(qmp_log, "LOG_LIMIT", 1000)
    log = QmpLog(tmp_path / "qmp.log")
    for _ in range(100):
        log.received(b"an event that comes again and again", at_ns=0)
    log.close()
    assert (tmp_path / "qmp.log").stat().st_size < 1100


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")
def test_a_full_disk_is_no_error():
    log = QmpLog(Path("/dev/full"))
    log.sent(b"{}")
    log.received(b"{}", at_ns=0)
    log.close()
    log.sent(b"{}")
