"""Reaping ends what a crash left behind, and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli.processes import ps, reap
from harness.errors import CacheReadOnly, DiskFull
from harness.host import registry
from harness.host.identity import Identity, born, born_elsewhere
from harness.host.paths import large_files_dir, private_directory

pytestmark = pytest.mark.usefixtures("registry_dir")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="knows how born() speaks on Linux")


@pytest.fixture
def sleeper():
    """A process that is not the harness's child in any registry."""
    process = subprocess.Popen(["sleep", "60"])
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def gone() -> Identity:
    """A process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    identity = Identity.of(process.pid)
    process.communicate()
    return identity


def enter(process: Identity, owner: Identity) -> None:
    entry = registry.Entry(process, owner, ("sleep", "60"), "a test", 0.0)
    registry._write("processes", f"{owner.pid}-{process.pid}", asdict(entry))


def test_an_orphan_is_ended(sleeper, gone):
    enter(Identity.of(sleeper.pid), gone)
    assert [entry.process.pid for entry in registry.orphans()] == [sleeper.pid]
    assert registry.reap() == [registry.Reaped(sleeper.pid, "a test")]
    sleeper.wait(3)
    assert registry.owned() == []


def test_an_orphan_that_ignores_sigterm_is_ended(gone):
    script = "trap '' TERM; echo; while :; do sleep 1; done"
    with subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE) as stubborn:
        stubborn.stdout.read(1)
        enter(Identity.of(stubborn.pid), gone)
        assert registry.reap()
        stubborn.wait(3)


def test_a_process_whose_harness_lives_is_left_alone(sleeper):
    enter(Identity.of(sleeper.pid), Identity.of(os.getpid()))
    assert registry.reap() == []
    assert sleeper.poll() is None
    assert len(registry.owned()) == 1


@on_linux
def test_a_reused_pid_is_never_touched(sleeper, gone):
    """The registry names a process that has ended, and its pid is somebody else's by now."""
    boot, namespace, ticks = born(sleeper.pid).split("/")
    for other in (f"{boot}/{namespace}/{int(ticks) - 1}", f"other-boot/{namespace}/{ticks}", ""):
        enter(Identity(sleeper.pid, other), gone)
    assert registry.owned() == []
    assert registry.reap() == []
    assert sleeper.poll() is None


@on_linux
def test_a_process_in_another_container_cannot_be_judged(sleeper):
    boot, _, ticks = born(sleeper.pid).split("/")
    assert not Identity(sleeper.pid, f"{boot}/1/{ticks}").gone
    assert not Identity(2**22 + 1, f"{boot}/1/{ticks}").gone
    enter(Identity.of(sleeper.pid), Identity(2**22 + 1, f"{boot}/1/{ticks}"))
    assert registry.reap() == []
    assert sleeper.poll() is None


@on_linux
def test_a_zombie_is_gone():
    process = subprocess.Popen(["sleep", "60"])
    identity = Identity.of(process.pid)
    elsewhere = born_elsewhere(process.pid)
    assert elsewhere
    assert not identity.gone
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert identity.gone
    assert born_elsewhere(process.pid) is None
    process.wait()


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"process": 1}', '{"process": {"pid": 1}}'])
def test_damaged_entries_are_ignored(registry_dir, text):
    for kind in ("processes", "directories"):
        (registry_dir / kind).mkdir(parents=True)
        (registry_dir / kind / "1-1.json").write_text(text)
    assert registry.owned() == []
    assert registry.reap() == []


def test_a_private_directory_is_registered_while_it_exists(registry_dir):
    with private_directory() as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        assert registry.reap() == []
        assert folder.is_dir()
    assert not folder.exists()
    assert list((registry_dir / "directories").iterdir()) == []


def test_what_cannot_be_removed_yet_stays_registered(registry_dir, monkeypatch):
    """Something still writes into it."""
    rmtree = shutil.rmtree
    with private_directory() as folder:
        monkeypatch.setattr("shutil.rmtree", lambda *_, **__: None)
    assert [each.path for each in registry.directories()] == [str(folder)]
    registry._remove_what_is_left()
    assert [each.path for each in registry.directories()] == [str(folder)]
    monkeypatch.setattr("shutil.rmtree", rmtree)
    registry._remove_what_is_left()
    assert not folder.exists()
    assert registry.directories() == []


def test_a_relative_root_is_found_from_everywhere(registry_dir, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with private_directory(root=Path()) as folder:
        assert folder.parent == tmp_path
        assert [each.path for each in registry.directories()] == [str(folder)]


@pytest.mark.skipif(sys.platform == "win32", reason="has neither")
@pytest.mark.parametrize("named", ["", "/tmp", None])
def test_large_files_are_not_put_where_memory_may_be(monkeypatch, named):
    """As QEMU has it."""
    monkeypatch.delenv("TMPDIR", raising=False)
    if named is not None:
        monkeypatch.setenv("TMPDIR", named)
    assert large_files_dir() == Path("/var/tmp")


INTERRUPTED = """
import itertools, os, sys
from harness.host import paths, registry

def interrupt(number):
    left = itertools.count(number, -1)
    def trace(frame, event, _):
        if frame.f_code.co_filename not in (paths.__file__, registry.__file__):
            return None
        if event == "line" and not next(left):
            raise KeyboardInterrupt  # and no trace from here on
        return trace
    sys.settrace(trace)

for number in itertools.count():
    if (child := os.fork()) == 0:
        interrupt(number)
        with paths.private_directory() as folder:
            (folder / "socket").touch()
        sys.settrace(None)
        sys.exit(0)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
        break
print(number)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
def test_ctrl_c_in_any_line_of_a_private_directory_leaves_nothing(registry_dir, tmpdir_of_children):
    env = {**os.environ}
    env.pop("COVERAGE_PROCESS_CONFIG", None)  # it has no trace besides its own
    run = [sys.executable, "-c", INTERRUPTED]
    done = subprocess.run(run, env=env, timeout=120, check=True, capture_output=True)
    assert int(done.stdout) > 20
    assert b"KeyboardInterrupt" in done.stderr
    assert not [*tmpdir_of_children.iterdir()]
    assert not [*registry_dir.glob("*/*")]


def left_behind(folder, gone: Identity) -> None:
    found = folder.stat()
    directory = registry.LeftDirectory(str(folder), found.st_dev, found.st_ino, gone)
    registry._write("directories", folder.name, asdict(directory))


def test_a_directory_left_behind_is_removed(tmp_path, gone):
    folder = tmp_path / "vb-left"
    folder.mkdir()
    (folder / "qmp.sock").touch()
    left_behind(folder, gone)
    assert registry.reap() == [registry.Reaped(None, str(folder))]
    assert not folder.exists()
    assert registry.reap() == []


def test_a_directory_that_cannot_be_removed_is_named_and_stays_registered(tmp_path, gone, monkeypatch):
    """Root may remove everything: only the removal is replaced."""
    folder = tmp_path / "vb-left"
    folder.mkdir()
    left_behind(folder, gone)
    rmtree = shutil.rmtree
    monkeypatch.setattr("shutil.rmtree", lambda *_, **__: None)
    told = CliRunner().invoke(reap, [], standalone_mode=False)
    assert told.return_value == 1
    assert told.output == f"{folder} cannot be removed: do it by hand\n"
    monkeypatch.setattr("shutil.rmtree", rmtree)
    assert registry.reap() == [registry.Reaped(None, str(folder))]
    assert registry.directories_left() == []


def test_a_directory_in_its_place_is_left_alone(tmp_path, gone):
    folder, kept = tmp_path / "vb-left", tmp_path / "kept"
    folder.mkdir()
    left_behind(folder, gone)
    folder.rename(kept)
    folder.mkdir()
    (folder / "precious").touch()
    assert registry.reap() == []
    assert (folder / "precious").exists()


def test_a_link_in_its_place_is_left_alone(tmp_path, gone):
    folder, kept = tmp_path / "vb-left", tmp_path / "kept"
    folder.mkdir()
    left_behind(folder, gone)
    folder.rename(kept)
    folder.symlink_to(kept)
    assert registry.reap() == []
    assert kept.is_dir()


def test_a_full_disk_is_named(monkeypatch):
    """Only the system call is replaced: no disk here is full."""
    monkeypatch.setattr(
        "pathlib.Path.write_text", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left"))
    )
    with pytest.raises(DiskFull):
        registry.note_process(os.getpid(), ["x"], "test")


def test_a_place_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("VISORBENCH_RUNTIME_DIR", str(tmp_path / "file"))
    with pytest.raises(CacheReadOnly, match="run-time files") as caught:
        registry.owned()
    assert "VISORBENCH_RUNTIME_DIR" in caught.value.fix


def test_ps_and_reap_on_the_command_line(sleeper, gone):
    run = CliRunner().invoke
    assert "No harness owns" in run(ps).output
    enter(Identity.of(sleeper.pid), gone)
    shown = run(ps).output
    assert str(sleeper.pid) in shown
    assert "orphan" in shown
    (row,) = json.loads(run(ps, ["--json"]).output)
    assert (row["pid"], row["orphan"], row["argv"]) == (sleeper.pid, True, ["sleep", "60"])
    assert json.loads(run(reap, ["--json"]).output) == [{"pid": sleeper.pid, "what": "a test"}]
    assert "Nothing was left behind" in run(reap).output


def test_an_identity_is_more_than_a_pid(sleeper):
    identity = Identity.of(sleeper.pid)
    assert not identity.gone
    assert replace(identity, born=identity.born + "0").gone
    assert Identity.of(2**22 + 1) is None
