"""Owned processes while the harness lives."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

import psutil
import pytest

from harness.errors import CacheReadOnly, ToolMissing
from harness.host import registry
from harness.host.processes import PIPE, STDOUT, install_endings, spawn
from harness.host.watchdog_link import link

pytestmark = pytest.mark.usefixtures("registry_dir")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc, or needs setsid(1)")


def test_status_output_and_streams():
    process = spawn(
        ["sh", "-c", "cat; echo oops >&2; exit 3"], purpose="test", stdin=PIPE, stdout=PIPE, stderr=STDOUT
    )
    process.stdin.write(b"in ")
    process.stdin.close()
    assert process.stdout.read() == b"in oops\n"
    assert process.wait(5) == process.poll() == 3
    process.stdout.close()


def test_streams_are_the_null_device_unless_told():
    process = spawn(
        ["sh", "-c", "read x; echo $?; test /dev/fd/0 -ef /dev/null"], purpose="test", stdout=PIPE
    )
    assert process.stdout.read() == b"1\n"
    assert process.wait(5) == 0
    process.stdout.close()


def test_a_signal_is_a_negative_status():
    process = spawn(["sleep", "60"], purpose="test")
    process.kill()
    assert process.wait(5) == -signal.SIGKILL


def test_environment_and_folder(tmp_path):
    process = spawn(["sh", "-c", "echo $A; pwd"], purpose="test", stdout=PIPE, cwd=tmp_path, env={"A": "ü"})
    assert process.stdout.read().decode() == f"ü\n{tmp_path.resolve()}\n"
    process.stdout.close()


def test_descriptors_keep_their_numbers():
    pipes = [os.pipe() for _ in range(3)]
    writes = [write for _, write in pipes]
    script = "; ".join(f"echo {n} >/dev/fd/{fd}" for n, fd in enumerate(writes))
    process = spawn(["sh", "-c", script], purpose="test", pass_fds=writes)
    assert process.wait(5) == 0
    for n, (read, write) in enumerate(pipes):
        os.close(write)
        assert os.read(read, 10) == b"%d\n" % n
        os.close(read)


def test_nothing_else_is_inherited():
    process = spawn(["ls", "/dev/fd/"], purpose="test", stdout=PIPE)
    fds = set(process.stdout.read().split())
    process.stdout.close()
    assert fds <= {b"0", b"1", b"2", b"3"}  # 3: the folder that ls reads


@on_linux
def test_signals_are_as_a_program_expects_them():
    process = spawn(["grep", "-E", "Sig(Blk|Ign)", "/proc/self/status"], purpose="test", stdout=PIPE)
    assert {line.split()[1] for line in process.stdout.read().splitlines()} == {b"0" * 16}
    process.stdout.close()


@pytest.mark.parametrize("argv", [["no-such-program"], ["/etc/passwd"], ["/"]])
def test_what_cannot_be_run(argv):
    with pytest.raises(ToolMissing, match=argv[0]):
        spawn(argv, purpose="test")
    assert spawn(["true"], purpose="test").wait(5) == 0


def test_endings_do_without_sighup_where_there_is_none(monkeypatch):
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    monkeypatch.delattr(signal, "SIGHUP")
    try:
        install_endings()
        assert callable(signal.getsignal(signal.SIGTERM))
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_nul_is_refused():
    with pytest.raises(OSError, match="Invalid argument"):
        spawn(["echo", "a\0b"], purpose="test")


def test_waiting_has_an_end():
    process = spawn(["sleep", "60"], purpose="test")
    with pytest.raises(TimeoutError):
        process.wait(0.05)
    assert process.end() == -signal.SIGTERM


def test_end_kills_what_ignores_sigterm():
    process = spawn(
        ["sh", "-c", "trap '' TERM; echo; while :; do sleep 1; done"], purpose="test", stdout=PIPE
    )
    process.stdout.read(1)
    assert process.end(grace_s=0.2) == -signal.SIGKILL
    process.stdout.close()


def test_one_that_is_stopped_is_asked_to_end_and_hears_it():
    process = spawn(["sleep", "60"], purpose="test")
    process.signal(signal.SIGSTOP)
    while psutil.Process(process.pid).status() != psutil.STATUS_STOPPED:
        time.sleep(0.001)
    assert process.end(grace_s=60) == -signal.SIGTERM


def test_the_end_is_an_event_with_a_stamp():
    process = spawn(["sh", "-c", "sleep 0.2; exit 5"], purpose="test")
    heard, seen = threading.Event(), []
    process.on_exit(lambda end: (seen.append(end), heard.set()))
    assert heard.wait(5)
    assert seen[0].status == 5
    assert process.spawned_ns + 0.2e9 < seen[0].at_ns < time.monotonic_ns()
    process.on_exit(seen.append)  # too late: told at once
    assert seen[1] == seen[0]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_bad_callback_does_not_deafen_the_harness():
    process = spawn(["true"], purpose="test")
    bad = spawn(["sleep", "0.1"], purpose="test")
    bad.on_exit(lambda _: 1 / 0)
    bad.wait(5)
    assert spawn(["true"], purpose="test").wait(5) == process.wait(5) == 0


def test_a_callback_that_spawns_is_told_not_to():
    process = spawn(["sleep", "0.1"], purpose="test")
    raised = []

    def respawn(_):
        with pytest.raises(RuntimeError) as error:
            spawn(["true"], purpose="test")
        raised.append(error)

    process.on_exit(respawn)
    process.wait(5)
    spawn(["true"], purpose="test").wait(5)
    assert raised


def test_a_thread_that_ends_takes_nothing_with_it():
    """PR_SET_PDEATHSIG follows the spawning thread; ours must not."""
    spawned = []
    thread = threading.Thread(target=lambda: spawned.append(spawn(["sleep", "60"], purpose="test")))
    thread.start()
    thread.join()
    with pytest.raises(TimeoutError):
        spawned[0].wait(0.5)


def test_the_group_ends_with_its_leader(marked):
    process = spawn(["sh", "-c", "sleep 60 & sleep 60 & exit 0"], purpose="test", env=os.environ | marked.env)
    process.wait(5)
    assert marked.gone_within(3)


@on_linux
def test_who_waits_for_a_wrapper_finds_nothing_of_it():
    script = "for i in $(seq 100); do sleep 60 & echo $!; done; echo; wait"
    process = spawn(["sh", "-c", script], purpose="test", stdout=PIPE)
    pids = [int(line) for line in iter(process.stdout.readline, b"\n")]
    process.kill()
    assert process.wait(5) == -signal.SIGKILL
    assert len(pids) == 100
    assert not [pid for pid in pids if psutil.pid_exists(pid)]
    process.stdout.close()


@on_linux
def test_daemons_end_with_the_harness_at_the_latest(marked):
    script = "setsid sh -c 'sleep 60 & sleep 60' & sleep 60"
    process = spawn(["sh", "-c", script], purpose="test", env=os.environ | marked.env)
    while len(marked.living()) < 5:
        time.sleep(0.02)
    link().end()
    assert not marked.living()
    assert process.poll() is not None


def test_many_threads_spawn_at_once():
    statuses = {}

    def work(n):
        statuses[n] = [spawn(["sh", "-c", f"exit {n}"], purpose="test").wait(20) for _ in range(5)]

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == {n: [n] * 5 for n in range(8)}


def test_when_the_watchdog_is_killed_its_children_die_and_a_new_one_serves(marked):
    process = spawn(["sleep", "60"], purpose="test", env=os.environ | marked.env)
    psutil.Process(process.pid).parent().kill()
    assert process.wait(5) == -signal.SIGKILL
    assert marked.gone_within(3)
    assert spawn(["true"], purpose="test").wait(5) == 0


def test_a_registry_that_cannot_be_written_starts_nothing(registry_dir, marked):
    registry_dir.mkdir()
    (registry_dir / "processes").write_text("in the way")
    with pytest.raises(CacheReadOnly):
        spawn(["sleep", "60"], purpose="test", env=os.environ | marked.env)
    assert marked.gone_within(3)


def test_entries_come_and_go_with_the_process():
    process = spawn(["sleep", "60"], purpose="a nap")
    (entry,) = registry.owned()
    assert (entry.process.pid, entry.purpose, entry.argv) == (process.pid, "a nap", ("sleep", "60"))
    assert (entry.owner.pid, entry.orphan) == (os.getpid(), False)
    process.end()
    assert registry.owned() == []
