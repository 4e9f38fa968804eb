"""Owned processes on Windows: the job object ends what the harness started, whatever becomes of the harness."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import psutil
import pytest

from harness.errors import ToolMissing
from harness.host import registry
from harness.host.processes import PIPE, SIGKILL, STDOUT, link, signal_name, spawn

pytestmark = [
    pytest.mark.skipif(sys.platform != "win32", reason="job objects are Windows's"),
    pytest.mark.usefixtures("registry_dir"),
]

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
FAMILY = f"""
import subprocess, time
print(subprocess.Popen({SLEEP!r}).pid, flush=True)
time.sleep(60)
"""
HARNESS = f"""
import sys, time
from harness.host.processes import PIPE, spawn
child = spawn([sys.executable, "-c", {FAMILY!r}], purpose="test", stdout=PIPE)
print(child.pid, int(child.stdout.readline()), flush=True)
time.sleep(60)
"""


def gone(pids: list[int]) -> bool:
    deadline = time.monotonic() + 5
    while any(psutil.pid_exists(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_streams_status_environment_and_folder(tmp_path):
    program = (
        "import os, sys; print(sys.stdin.read(), os.environ['A'], os.getcwd(), flush=True); sys.exit('oops')"
    )
    process = spawn(
        [sys.executable, "-X", "utf8", "-c", program], purpose="test", stdin=PIPE, stdout=PIPE, stderr=STDOUT,
        env={**os.environ, "A": "ü ="}, cwd=tmp_path,
    )  # fmt: skip
    process.stdin.write(b"in")
    process.stdin.close()
    assert process.stdout.read().decode().split("\r\n") == [f"in ü = {tmp_path}", "oops", ""]
    assert process.wait(10) == 1
    process.stdout.close()


@pytest.mark.parametrize("word", ["", " ", 'a "quoted" word', "back\\slash\\", "ü", "100%"])
def test_words_arrive_as_they_are(word):
    program = "import sys; sys.stdout.buffer.write(sys.argv[1].encode())"
    process = spawn([sys.executable, "-c", program, word], purpose="test", stdout=PIPE)
    assert process.stdout.read().decode() == word
    process.stdout.close()


def test_kill_ends_what_it_started_too():
    process = spawn([sys.executable, "-c", FAMILY], purpose="test", stdout=PIPE)
    pids = [process.pid, int(process.stdout.readline())]
    process.kill()
    assert process.wait(10) == -SIGKILL
    assert signal_name(SIGKILL) == "SIGKILL"
    assert gone(pids)
    process.stdout.close()


def test_what_a_process_started_ends_with_it():
    program = f"import subprocess; print(subprocess.Popen({SLEEP!r}).pid, flush=True)"
    process = spawn([sys.executable, "-c", program], purpose="test", stdout=PIPE)
    pid = int(process.stdout.readline())
    assert process.wait(10) == 0
    assert gone([pid])
    process.stdout.close()


def test_kill_of_the_harness_leaves_nothing():
    harness = subprocess.Popen(
        [sys.executable, "-c", HARNESS], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    )
    pids = [int(word) for word in harness.stdout.readline().split()]
    assert len(pids) == 2
    harness.kill()
    harness.communicate()
    assert gone(pids)


def test_the_end_of_the_owner_is_the_end_of_all_and_a_new_one_serves():
    process = spawn(SLEEP, purpose="test")
    link().end()
    assert process.poll() is not None
    assert gone([process.pid])
    assert spawn([sys.executable, "-c", ""], purpose="test").wait(10) == 0


def test_entries_come_and_go_with_the_process():
    process = spawn(SLEEP, purpose="a nap")
    (entry,) = registry.owned()
    assert (entry.process.pid, entry.purpose, entry.orphan) == (process.pid, "a nap", False)
    process.end()
    assert registry.owned() == []


@pytest.mark.parametrize("argv", [["no-such-program"], [__file__]])
def test_what_cannot_be_run(argv):
    with pytest.raises(ToolMissing):
        spawn(argv, purpose="test")


def test_a_nul_is_refused():
    with pytest.raises(OSError, match="Invalid argument"):
        spawn([sys.executable, "a\0b"], purpose="test")


def test_only_the_standard_streams_are_inherited():
    with pytest.raises(ValueError, match="no other descriptor"):
        spawn(SLEEP, purpose="test", pass_fds=[5])
