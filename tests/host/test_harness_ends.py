"""However the harness ends, nothing that it started is left."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("tmpdir_of_children")

HARNESS = """
import os, sys, time
from harness.host.paths import private_directory
from harness.host.processes import install_endings, spawn
install_endings()
with private_directory() as folder:
    print(folder, flush=True)
    {body}
    print("ready", flush=True)
    time.sleep(60)
"""
DAEMON = "(setsid sleep 60 &) ;" if sys.platform == "linux" else ""  # macOS has no subreaper to find it
FAMILY = f"spawn(['sh', '-c', 'sleep 60 & {DAEMON} exec sleep 60'], purpose='test')"
QEMU = "spawn(['qemu-system-x86_64', '-S', '-display', 'none', '-accel', 'tcg'], purpose='test')"
STUBBORN = "spawn(['sh', '-c', 'trap \"\" TERM INT HUP; while :; do sleep 1; done'], purpose='test')"


def start(body: str, tmp_path, marked) -> subprocess.Popen[str]:
    env = os.environ | marked.env | {"VISORBENCH_RUNTIME_DIR": str(tmp_path / "run")}
    return subprocess.Popen(
        [sys.executable, "-c", HARNESS.format(body=body)], env=env, stdout=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip


def test_kill_9_at_any_moment_leaves_no_child_and_no_grandchild(tmp_path, marked):
    moments = random.Random(7)
    for _ in range(20):
        harness = start("\n    ".join([FAMILY] * 4), tmp_path, marked)
        harness.stdout.readline()  # Python has started; from here on it spawns
        time.sleep(moments.uniform(0, 0.08))
        harness.kill()
        harness.wait()
        harness.stdout.close()
        assert marked.gone_within(5), marked.living()


@pytest.mark.skipif(shutil.which("qemu-system-x86_64") is None, reason="no QEMU for x86-64: visorbench setup")
def test_kill_9_leaves_no_qemu(tmp_path, marked):
    harness = start(QEMU, tmp_path, marked)
    harness.stdout.readline()
    assert harness.stdout.readline() == "ready\n"
    assert any("qemu" in process.name for process in marked.living())
    harness.kill()
    harness.wait()
    harness.stdout.close()
    assert marked.gone_within(5)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has PR_SET_PDEATHSIG")
def test_kill_9_of_harness_and_watchdog_together(tmp_path, marked):
    """The kernel ends the children then (PR_SET_PDEATHSIG)."""
    harness = start("spawn(['sleep', '60'], purpose='test')", tmp_path, marked)
    assert "ready" in harness.stdout.readline() + harness.stdout.readline()
    for process in marked.living():
        if "sleep" not in process.name:
            os.kill(process.pid, signal.SIGKILL)
    harness.wait()
    harness.stdout.close()
    assert marked.gone_within(3)


def test_a_fork_of_the_harness_does_not_keep_its_children_alive(tmp_path, marked):
    fork = "pid = os.fork()\n    if pid == 0: time.sleep(3); os._exit(0)"
    harness = start(f"{FAMILY}\n    {fork}", tmp_path, marked)
    harness.stdout.readline()
    assert harness.stdout.readline() == "ready\n"
    harness.kill()
    harness.wait()
    deadline = time.monotonic() + 2
    while any("sleep" in process.name for process in marked.living()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    harness.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("body", [FAMILY, STUBBORN], ids=["family", "stubborn"])
def test_a_signal_cleans_up_within_three_seconds(tmp_path, marked, number, body):
    harness = start(body, tmp_path, marked)
    folder = Path(harness.stdout.readline().strip())
    assert harness.stdout.readline() == "ready\n"
    assert folder.is_dir()
    began = time.monotonic()
    harness.send_signal(number)
    harness.wait(3)
    harness.stdout.close()
    assert marked.gone_within(3 - (time.monotonic() - began))
    assert not folder.exists()
    assert list((tmp_path / "run").glob("*/*")) == []


TWICE = """
import time
from harness.host import processes
processes._ONE_SIGNAL_S = {one_signal_s}
processes.install_endings()
try:
    print("ready", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    print("ending", flush=True)
    input()
    print("ended", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="on Windows SIGTERM is TerminateProcess")
@pytest.mark.parametrize(("one_signal_s", "said", "status"), [(60, "ended\n", 0), (0, "", -signal.SIGTERM)])
def test_a_signal_that_comes_twice_is_one_and_a_later_one_ends_at_once(one_signal_s, said, status):
    script = TWICE.format(one_signal_s=one_signal_s)
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as harness:
        assert harness.stdout.readline() == "ready\n"
        harness.send_signal(signal.SIGTERM)
        assert harness.stdout.readline() == "ending\n"
        harness.send_signal(signal.SIGTERM)
        if status:
            harness.wait(30)
        assert harness.communicate("go on\n" if not status else None, timeout=30)[0] == said
        assert harness.returncode == status


ON_TERMINAL = """
import os, sys
os.open(sys.argv[1], os.O_RDWR)  # of a session's leader: its terminal from now on
from harness.host.processes import spawn
os.close(os.open("/dev/tty", os.O_RDWR))
print(os.getsid(0), os.getpgid(0), flush=True)
script = "import os; print(os.getsid(0), os.getpgid(0), flush=True); os.open('/dev/tty', os.O_RDWR)"
spawn([sys.executable, "-c", script], purpose="test", stdout=sys.stdout, stderr=sys.stdout).wait(10)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere owned processes have a session of their own")
def test_what_is_owned_shares_the_scheduling_of_the_harness_and_not_its_terminal(tmp_path, marked):
    main, terminal = os.openpty()
    env = os.environ | marked.env | {"VISORBENCH_RUNTIME_DIR": str(tmp_path / "run")}
    said = subprocess.run(
        [sys.executable, "-c", ON_TERMINAL, os.ttyname(terminal)], env=env, stdout=subprocess.PIPE, text=True,
        start_new_session=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    os.close(main)
    os.close(terminal)
    session, group = said[0].split()
    owned_session, owned_group = said[1].split()
    assert owned_session == session
    assert owned_group != group
    assert said[-1].startswith("OSError: [Errno 6]")  # ENXIO: it has no terminal
