"""``pytest scenarios -n 4``: guests that only answer run side by side, measuring ones one after the other."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from contextlib import suppress

import pytest

from harness.errors import HostBusy
from harness.host.lock import measuring_lock

WORKERS = 4
MEASURING = WORKERS - 1
"""pytest-xdist hands tests out one by one where there are fewer than two for each worker: with more, a worker would
wait for a guest that is its own next one."""

SCENARIOS = """
import os, socket
import pytest


def tell(word):
    \"\"\"Say it to the test, and wait for its answer.\"\"\"
    with socket.create_connection(("127.0.0.1", int(os.environ["MEETING_PORT"])), timeout=100) as meeting:
        meeting.sendall(word.encode())
        assert meeting.recv(1) == b"!"


@pytest.mark.parametrize("n", range(4))
def test_answers(machine, n):
    machine.boot()
    tell("u")
    assert machine.ssh.run("echo hello").text() == "hello"


@pytest.mark.parametrize("n", range(3))
def test_measures(measure, n):
    tell("m")
    measure.record(f"x{n}", 1, unit="s", better="lower")
    tell("e")
"""


class Meeting:
    """Lets functional scenarios go on when all of them have their guests up; watches who measures."""

    def __init__(self) -> None:
        self.up_at_once = 0
        self.measured = 0
        self.measuring_at_once: list[int] = []
        self.lock_was_free = 0
        self._measuring = 0
        self._waiting: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.close()
        for peer in self._waiting:
            peer.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                peer = self._server.accept()[0]
                self._hear(peer, peer.recv(1))

    def _hear(self, peer: socket.socket, word: bytes) -> None:
        if word == b"u":
            self._waiting.append(peer)
            self.up_at_once = max(self.up_at_once, len(self._waiting))
            if len(self._waiting) == WORKERS:
                for each in self._waiting:
                    self._let_go(each)
                self._waiting.clear()
            return
        self._measuring += 1 if word == b"m" else -1
        self.measured += word == b"m"
        self.measuring_at_once.append(self._measuring)
        if word == b"m":
            with suppress(HostBusy), measuring_lock():
                self.lock_was_free += 1
        self._let_go(peer)

    @staticmethod
    def _let_go(peer: socket.socket) -> None:
        peer.sendall(b"!")
        peer.close()


@pytest.fixture
def meeting():
    held = Meeting()
    yield held
    held.close()


@pytest.mark.guest_boot
def test_four_workers_boot_four_guests_at_once_and_measure_one_by_one(bench, meeting, monkeypatch) -> None:
    for name in ("VISORBENCH_RUNTIME_DIR", "VISORBENCH_LOCK_DIR"):
        if name in bench.environment:
            monkeypatch.setenv(name, bench.environment[name])
    command = [sys.executable, "-m", "pytest", "-p", "harness.plugin", "-n", str(WORKERS)]
    command += [str(bench.scenario(SCENARIOS)), "--vb-backend", "tcg", "--vb-arch", "x86-64"]
    done = subprocess.run(
        command, env={**bench.environment, "MEETING_PORT": str(meeting.port)},
        cwd=bench.folder, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{WORKERS + MEASURING} passed" in done.stdout
    assert meeting.up_at_once == WORKERS, "a guest is let go when four are up"
    assert meeting.measured == MEASURING
    assert set(meeting.measuring_at_once) == {0, 1}
    assert meeting.lock_was_free == 0
    assert sorted(series["metric"] for series in bench.results["series"]) == ["x0", "x1", "x2"]
    runs = [path.name for path in (bench.folder / "reports").iterdir() if path.name != "latest"]
    assert runs == [bench.results["run"]["id"]], "one for all workers"
    assert len(list((bench.folder / "reports" / "latest" / "logs").rglob("console.log"))) == WORKERS
