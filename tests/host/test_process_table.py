"""The table of processes: from /proc, and from ps as macOS prints it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.host.process_table import living_processes, parse_ps, read_ps

MACOS = """\
    1     0     1 Ss
  345     1   345 Ss
  902   345   902 S+
  903   902   902 R
  904   902   904 Z
  905   902   902 <defunct>
 7001     1   902 SN
"""


def test_macos_ps():
    assert parse_ps(MACOS.replace("<defunct>", "Z+")) == {
        1: (0, 1), 345: (1, 345), 902: (345, 902), 903: (902, 902), 7001: (1, 902),
    }  # fmt: skip


@pytest.mark.skipif(sys.platform != "linux", reason="waitid came to macOS with Python 3.13")
def test_a_zombie_is_not_living_and_a_child_is():
    with subprocess.Popen(["sleep", "60"], process_group=0) as child:
        assert living_processes()[child.pid] == (os.getpid(), child.pid)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert child.pid not in living_processes()


@pytest.mark.skipif(not Path("/bin/ps").exists(), reason="no ps on this host: install procps")
def test_ps_and_proc_agree():
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as child:
        table = read_ps()
        assert table[child.pid] == (os.getpid(), os.getpgrp())
        assert table[os.getpid()] == living_processes()[os.getpid()]
