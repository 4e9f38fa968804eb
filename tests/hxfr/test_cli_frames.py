"""``visorbench frames`` against a server that runs."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import av
import pytest
from click.testing import CliRunner

from harness.cli.frames import frames
from harness.errors import DiskFull, DisplayLost, InvalidConfiguration, NothingMeasured

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def address(connect):
    return f"tcp:127.0.0.1:{connect.server.listen_tcp()}"


@pytest.fixture
def animated(canvas):
    """A display that changes for as long as the test runs."""
    over = threading.Event()

    def draw() -> None:
        number = 0
        while not over.is_set():
            canvas.draw(number)
            number += 1

    artist = threading.Thread(target=draw)
    artist.start()
    yield
    over.set()
    artist.join()


def run(*arguments: str) -> str:
    return CliRunner().invoke(frames, arguments, catch_exceptions=False, standalone_mode=False).output


def failing(*arguments: str) -> BaseException:
    result = CliRunner().invoke(frames, arguments, standalone_mode=False)
    assert result.exception is not None
    return result.exception


def test_a_recording_is_decoded_strictly(address, animated, tmp_path) -> None:
    file = tmp_path / "ü, recorded.h264"
    assert "40 frames" in run("record", str(file), "--address", address, "--frames", "40")
    with av.open(str(file), options={"err_detect": "explode"}) as container:
        assert sum(1 for _ in container.decode(video=0)) == 40


def test_a_recorded_mp4_is_decoded_strictly(address, animated, tmp_path) -> None:
    file = tmp_path / "ü, recorded.mp4"
    assert run("record", str(file), "--address", address, "--frames", "40") == f"{file}: 40 frames\n"
    with av.open(str(file), options={"err_detect": "explode"}) as container:
        times = [frame.pts for frame in container.decode(video=0)]
    assert len(times) == 40
    assert times == sorted(set(times))


def test_ctrl_c_ends_a_recording_that_is_whole(address, animated, tmp_path) -> None:
    file = tmp_path / "interrupted.mp4"
    command = [sys.executable, "-c", "from harness.cli.main import main; main()", "frames", "record", file]
    with subprocess.Popen(
        [*command, "--address", address], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as recorder:
        while not (file.exists() and file.stat().st_size):
            assert recorder.poll() is None
            threading.Event().wait(0.01)
        recorder.send_signal(signal.SIGINT)
        said, complained = recorder.communicate(timeout=50)
    assert (recorder.returncode, complained) == (0, "")
    with av.open(str(file), options={"err_detect": "explode"}) as container:
        count = sum(1 for _ in container.decode(video=0))
    assert said == f"{file}: {count} frames\n"


def test_watching_counts(address, animated) -> None:
    said = run("watch", "--address", address, "--seconds", "1.5")
    assert "frames/s" in said
    assert int(said.splitlines()[-1].split()[0].replace(",", "")) > 0


def test_a_display_that_never_changes_is_nothing_recorded(address, tmp_path) -> None:
    file = tmp_path / "still.h264"
    assert isinstance(failing("record", str(file), "--address", address, "--seconds", "0.3"), NothingMeasured)
    assert not file.exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
@pytest.mark.parametrize("name", ["full.h264", "full.mp4"])
def test_a_full_disk_is_named(address, animated, tmp_path, name) -> None:
    file = tmp_path / name
    file.symlink_to("/dev/full")
    assert isinstance(failing("record", str(file), "--address", address, "--frames", "500"), DiskFull)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["record", "x.mkv"], InvalidConfiguration),
        (["watch", "--address", "127.0.0.1:80"], InvalidConfiguration),
        (["watch", "--address", "tcp:127.0.0.1:99999"], InvalidConfiguration),
        (["watch", "--address", "unix:/nowhere/at.sock"], DisplayLost),
        (["watch", "--address", "vsock:5000"], InvalidConfiguration),
        (["serve", "--listen", "vsock:0"], InvalidConfiguration),
        (["serve", "--listen", "tcp:127.0.0.1:0", "--listen", "virtio-serial:"], InvalidConfiguration),
    ],
)
def test_what_cannot_be_is_said(arguments, error) -> None:
    assert isinstance(failing(*arguments), error)
