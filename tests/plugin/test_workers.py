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

SCENARIOS = """
import os, socket
import pytest


def tell(word):
    \"\"\"Say it to the test, and wait for its answer.\"\"\"
    with socket.create_connection(("127.0.0.1", int(os.environ["MEETING_PORT"])), timeout=100) as meeting:
        meeting.sendall(word.encode())
        assert meeting.recv(1) == b"!"


@pytest.mark.parametrize("n", range({workers}))
def test_answers(machine, n):
    machine.boot()
    tell("u")
    assert machine.ssh.run("echo hello").text() == "hello"


@pytest.mark.parametrize("n", range({measuring}))
def test_measures(measure, n):
    tell("m")
    measure.record(f"x{{n}}", 1, unit="s", better="lower")
    tell("e")
"""


class Meeting:
    """Lets functional scenarios go on when as many as there are workers have their guests up; watches who measures."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
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
            if len(self._waiting) == self._workers:
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
def meeting(workers):
    held = Meeting(workers)
    yield held
    held.close()


@pytest.mark.guest_boot
@pytest.mark.parametrize("workers", [3, pytest.param(4, marks=pytest.mark.slow)])
def test_workers_boot_their_guests_at_once_and_measure_one_by_one(
    bench, meeting, workers, monkeypatch
) -> None:
    # pytest-xdist hands tests out one by one where there are fewer than two for each worker: with more, a worker would
    # wait for a guest that is its own next one.
    measuring = workers - 1
    for name in ("VISORBENCH_RUNTIME_DIR", "VISORBENCH_LOCK_DIR"):
        if name in bench.environment:
            monkeypatch.setenv(name, bench.environment[name])
    command = [sys.executable, "-m", "pytest", "-p", "harness.plugin", "-n", str(workers)]
    scenarios = bench.scenario(SCENARIOS.format(workers=workers, measuring=measuring))
    command += [str(scenarios), "--vb-backend", "tcg", "--vb-arch", "x86-64"]
    done = subprocess.run(
        command, env={**bench.environment, "MEETING_PORT": str(meeting.port)},
        cwd=bench.folder, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{workers + measuring} passed" in done.stdout
    assert meeting.up_at_once == workers, "a guest is let go when all are up"
    assert meeting.measured == measuring
    assert set(meeting.measuring_at_once) == {0, 1}
    assert meeting.lock_was_free == 0
    assert sorted(series["metric"] for series in bench.results["series"]) == [
        f"x{number}" for number in range(measuring)
    ]
    runs = [path.name for path in (bench.folder / "reports").iterdir() if path.name != "latest"]
    assert runs == [bench.results["run"]["id"]], "one for all workers"
    assert len(list((bench.folder / "reports" / "latest" / "logs").rglob("console.log"))) == workers
