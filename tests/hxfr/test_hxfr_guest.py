"""The whole way: a guest flips pages, QEMU's memory is encoded where it is, and clients on both sides decode it.

The guest's client is ``vb-pattern --encode``, in C, which knows nothing of the server but the protocol.
"""

from __future__ import annotations

import io
import threading

import av
import pytest

from harness.channels.virtio_serial import VirtioSerial
from harness.display.dbus import DbusDisplay
from harness.display.pattern import decode
from harness.display.scanout_trace import ScanoutTrace
from harness.encoder.mp4 import Mp4Recording
from harness.errors import ChannelClosed, InvalidConfiguration
from harness.hxfr.client import FROM_SERVERS
from harness.hxfr.failures import RequestFailed
from harness.hxfr.messages import ErrorCode, Failure
from harness.hxfr.parser import Parser
from harness.hxfr.scanout import Scanout
from harness.hxfr.server import HxfrServer
from tests.drawing import HEIGHT, WIDTH, Drawing
from tests.hxfr.conftest import connected, shown
from tests.hxfr.test_hxfr_server import decoded

pytestmark = [pytest.mark.guest_boot, pytest.mark.timeout(600)]
PORT = "org.visorbench.frames"
RECORDING = "/tmp/recorded.h264"


@pytest.fixture(scope="module")
def trace(drawing_machine):
    with ScanoutTrace(drawing_machine.control.qmp) as trace:
        yield trace


@pytest.fixture(scope="module")
def scanout(drawing_machine, trace):
    display = DbusDisplay.open(drawing_machine.control.qmp)
    scanout = Scanout(display, lossless=True, resource=trace.resource)
    yield scanout
    scanout.close()


@pytest.fixture(scope="module")
def server(scanout, drawing_machine):
    """Everywhere at once: TCP on the host, a vsock port and a virtio-serial port of the guest."""
    with HxfrServer({0: scanout}) as server:
        server.listen_vsock(drawing_machine.vsock.listen(5000))
        with VirtioSerial(drawing_machine.control.qmp, PORT) as port:
            server.serve_port(port)
            drawing_machine.ssh.run(
                f"until port=$(grep -ls {PORT} /sys/class/virtio-ports/*/name); do :; done;"
                "ln -sf /dev/$(basename $(dirname $port)) /tmp/port"
            )
            yield server


def numbers_in(stream: bytes, kind: str = "h264") -> list[int | None]:
    """The number of every picture, by a strict decoder."""
    numbers = []
    with av.open(io.BytesIO(stream), format=kind, options={"err_detect": "explode"}) as container:
        for frame in container.decode(video=0):
            grey = frame.to_ndarray(format="gray")
            numbers.append(decode([int(grey[8, (2 * cell + 1) * frame.width // 64]) for cell in range(32)]))
    return numbers


def test_every_flip_is_decoded_once_and_in_order_and_recorded_so(drawing_machine, server, tmp_path) -> None:
    responses = []
    with connected(server) as client:
        frames = client.subscribe(timeout_s=2)
        drawing = Drawing(drawing_machine, "--frames=150", "--fps=20")
        reader = threading.Thread(target=lambda: responses.extend(_until_quiet(frames, drawing)))
        reader.start()
        reader.join()
        assert drawing.events()[1]["frames"] == 150
    numbers = [number for number, _ in decoded(responses) if number is not None]
    assert numbers == list(range(150))
    with Mp4Recording(tmp_path / "guest.mp4") as to:
        for each in responses:
            to.add(each.nal_units, each.pts_ns, each.pts_ns, is_keyframe=each.is_keyframe)
    played = numbers_in((tmp_path / "guest.mp4").read_bytes(), "mp4")
    assert [number for number in played if number is not None] == numbers


def _until_quiet(frames, drawing):
    while drawing.going_on:
        yield next(frames)


def recorded(machine, *options: str, frames: int) -> list[int | None]:
    """Draw so many frames in the guest, and decode what its client was sent for them."""
    Drawing(machine, f"--frames={frames}", f"--record={RECORDING}", *options).events()
    stream = machine.ssh.run(["cat", RECORDING]).stdout
    return [number for number in numbers_in(stream) if number is not None]


@pytest.mark.parametrize("way", ["resource", "pixels", "subscription"])
@pytest.mark.parametrize("where", ["vsock:5000", "file:/tmp/port"])
def test_a_client_in_the_guest_has_its_frames_encoded(drawing_machine, server, where, way) -> None:
    options = (f"--encode={where}", f"--by={way}", "--fps=10")
    assert recorded(drawing_machine, *options, frames=15) == list(range(15))


def test_a_page_that_is_not_shown_any_more_is_not_found(drawing_machine, server, trace) -> None:
    pages = Drawing(drawing_machine, "--frames=4").events()[0]["resources"]
    while trace.resource() in pages:  # the guest goes back to its text console
        pass
    with connected(server) as client:
        for page in pages:
            with pytest.raises(RequestFailed, match=f"the resource {page} is not shown") as refused:
                client.encode(shown(page, WIDTH, HEIGHT))
            assert refused.value.code is ErrorCode.RESOURCE_NOT_FOUND
        assert client.encode(shown(0, WIDTH, HEIGHT)).is_keyframe


def test_garbage_on_a_port_closes_it_and_the_next_client_is_served(drawing_machine, server) -> None:
    run = drawing_machine.ssh.run
    said = run("exec 3<>/tmp/port; printf 'GET / HTTP/1.0\r\n\r\n' >&3; cat <&3").stdout
    (message,) = Parser(FROM_SERVERS).feed(said)
    assert isinstance(message.payload, Failure)
    assert message.payload.code is ErrorCode.INVALID_MESSAGE
    run(
        "mount -t debugfs none /sys/kernel/debug;"
        "until grep -q 'host_connected: 1' /sys/kernel/debug/virtio-ports/$(basename $(readlink /tmp/port)); do :; done"
    )
    assert recorded(drawing_machine, "--encode=file:/tmp/port", "--by=pixels", frames=3) == [0, 1, 2]


def test_a_port_that_cannot_be_is_refused(drawing_machine) -> None:
    qmp = drawing_machine.control.qmp
    with pytest.raises(InvalidConfiguration, match="cannot be called"):
        VirtioSerial(qmp, "a name")
    with VirtioSerial(qmp, "org.visorbench.twice") as port:
        with port.connect():
            pass
        with pytest.raises(InvalidConfiguration, match="takes no virtio-serial port"):
            VirtioSerial(qmp, "org.visorbench.twice")
    with pytest.raises(ChannelClosed, match="is gone"):
        port.connect()
