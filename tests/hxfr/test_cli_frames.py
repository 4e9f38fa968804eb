"""``visorbench frames`` against a server that runs."""

from __future__ import annotations

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


def test_watching_counts(address, animated) -> None:
    said = run("watch", "--address", address, "--seconds", "1.5")
    assert "frames/s" in said
    assert int(said.splitlines()[-1].split()[0]) > 0


def test_a_display_that_never_changes_is_nothing_recorded(address, tmp_path) -> None:
    file = tmp_path / "still.h264"
    assert isinstance(failing("record", str(file), "--address", address, "--seconds", "0.3"), NothingMeasured)
    assert not file.exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
def test_a_full_disk_is_named(address, animated, tmp_path) -> None:
    file = tmp_path / "full.h264"
    file.symlink_to("/dev/full")
    assert isinstance(failing("record", str(file), "--address", address, "--frames", "500"), DiskFull)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["record", "x.mp4"], InvalidConfiguration),
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
