"""Two harnesses on one host do not measure at the same time."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.errors import HostBusy, LockUnusable
from harness.host.lock import measuring_lock
from harness.host.paths import lock_dir
from tests.archive.fixtures import read_only_folder

__all__ = ["read_only_folder"]
pytestmark = pytest.mark.usefixtures("registry_dir")

HOLD = """
import os, sys
import filelock, getpass, json  # before the interpreter's folder may be another user's
from harness.host.lock import measuring_lock
from harness.errors import HostBusy, LockUnusable
if len(sys.argv) > 1:
    os.setgroups([])
    os.setgid(int(sys.argv[2]))
    os.setuid(int(sys.argv[1]))
os.umask(0o077)
try:
    with measuring_lock(0):
        print("held", flush=True)
        sys.stdin.read()
except (HostBusy, LockUnusable) as busy:
    print(busy, flush=True)
"""
NOBODY = pwd.getpwnam("nobody")
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")


@contextmanager
def harness(*user: int):
    """A process that holds the lock, or says why it does not."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, *map(str, user)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield process
        process.kill()


@pytest.fixture
def holder(registry_dir):
    with harness() as process:
        assert process.stdout.readline() == "held\n"
        yield process


@pytest.fixture
def public_folder(monkeypatch):
    """As /run/lock: everybody may make files in it, and remove only their own."""
    folder = Path(tempfile.mkdtemp(prefix="vb-lock-"))
    folder.chmod(0o1777)
    monkeypatch.setenv("VISORBENCH_LOCK_DIR", str(folder))
    yield folder
    shutil.rmtree(folder)


def test_busy_names_the_holder(holder):
    told = []
    with pytest.raises(HostBusy, match=f"pid {holder.pid}") as busy, measuring_lock(0.1, told.append):
        pass
    assert busy.value.holder.pid == told[0].pid == holder.pid
    assert busy.value.exit_code == 3


def test_it_is_waited_for(holder):
    told = []

    def end_it(one):
        told.append(one)
        holder.stdin.close()

    with measuring_lock(20, end_it):
        assert len(told) == 1


def test_death_releases_it(holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with measuring_lock(5):
        pass


def test_it_nests_and_is_released():
    with measuring_lock(), measuring_lock():
        pass
    done = subprocess.run(
        [sys.executable, "-c", HOLD],
        input="",
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    assert done.stdout == "held\n"


@root_only
@pytest.mark.parametrize("first_is_root", [True, False])
def test_users_wait_for_each_other_and_know_whom_for(public_folder, first_is_root):
    users = [(0, 0), (NOBODY.pw_uid, NOBODY.pw_gid)]
    first, second = users if first_is_root else reversed(users)
    with harness(*first) as holder:
        assert holder.stdout.readline() == "held\n"
        with harness(*second) as other:
            said = other.stdout.readline()
            assert f"pid {holder.pid} of {pwd.getpwuid(first[0]).pw_name}" in said
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        with harness(*second) as other:
            assert other.stdout.readline() == "held\n"


def test_the_folder_is_the_same_for_everybody(monkeypatch):
    monkeypatch.delenv("VISORBENCH_LOCK_DIR")
    for name in ("HOME", "XDG_RUNTIME_DIR", "XDG_DATA_HOME", "TMPDIR", "VISORBENCH_RUNTIME_DIR"):
        monkeypatch.setenv(name, "/nonexistent")
    mode = lock_dir().stat().st_mode
    assert mode & 0o1777 == 0o1777


@pytest.mark.parametrize(
    ("put", "why"),
    [
        (lambda path, _: path.mkdir(), "directory"),
        (lambda path, victim: path.symlink_to(victim), "link"),
        (lambda path, victim: path.hardlink_to(victim), "not a file of its own"),
        (lambda path, _: os.mkfifo(path), "not a file of its own"),
    ],
)
def test_what_lies_in_its_place_is_refused_and_left_alone(public_folder, put, why):
    victim = public_folder / "victim"
    victim.write_text("precious")
    put(public_folder / "visorbench-measuring.lock", victim)
    with pytest.raises(LockUnusable, match=why) as refused, measuring_lock():
        pass
    assert str(public_folder) in refused.value.message
    assert refused.value.exit_code == 3
    assert victim.read_text() == "precious"


def test_where_none_can_be_made_the_folder_is_named(read_only_folder, monkeypatch):
    monkeypatch.setenv("VISORBENCH_LOCK_DIR", str(read_only_folder))
    with pytest.raises(LockUnusable, match="cannot make") as refused, measuring_lock():
        pass
    assert f"write in {read_only_folder}, or set VISORBENCH_LOCK_DIR" in refused.value.fix


@root_only
def test_a_lock_that_is_closed_to_others_is_named(public_folder):
    (public_folder / "visorbench-measuring.lock").touch(mode=0o600)
    with harness(NOBODY.pw_uid, NOBODY.pw_gid) as other:
        assert "Permission denied" in other.stdout.readline()


def test_who_has_ended_is_not_named_any_more(registry_dir):
    with measuring_lock():
        pass
    (lock,) = registry_dir.glob("*.lock")
    assert str(os.getpid()) not in lock.read_text()


def test_a_spoilt_signature_is_no_trap(registry_dir, holder):
    (lock,) = registry_dir.glob("*.lock")
    lock.write_text("{")
    with pytest.raises(HostBusy, match="name is not known"), measuring_lock():
        pass
