"""The networks of a real guest: what each carries, what a restricted one keeps from it, whom its nameserver asks."""

import shutil
import socket
import struct
import subprocess
import threading
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import (
    ArchiveUnreachable,
    HostLacks,
    InvalidConfiguration,
    IsolationBroken,
    MeasurementError,
)
from harness.guests.model import Arch
from harness.host import nameserver
from harness.host.nameserver import Answer
from harness.machines import media, reach
from harness.machines.ends import GuestEnd, HostEnd
from harness.machines.lanes import CALLS, PING_PORT, WARM_UP, round_trips_of
from harness.machines.media import forwarded_port, host_lane
from harness.machines.model import MachineSpec
from harness.machines.native import NativeRunner
from harness.machines.network import Network, SocketPair, UserMode
from harness.machines.qemu.backend import QemuBackend
from harness.machines.transports import ask, connected_tcp
from harness.runtimes import catalogue

PATIENCE_S = 300
OWN_NAMESERVER = "127.83.66.53"
NAME = "guest.visorbench.test"
ADDRESS = "127.1.2.3"
SERVER = "Server:\t\t10.0.3.3\nAddress:\t10.0.3.3:53\n\n"
WITH_OTHER_NAMESERVER = """\
#!/bin/sh
exec unshare --mount sh -c 'mount --bind {resolv_conf} /etc/resolv.conf && exec {qemu} "$@"' qemu "$@"
"""


def answer(query):
    """As a nameserver that knows one name."""
    number, _, _ = struct.unpack_from(">3H", query)
    question = query[12 : query.index(b"\0", 12) + 5]
    known = NAME.partition(".")[0].encode() in question
    head = struct.pack(">6H", number, 0x8180 if known else 0x8183, 1, int(known), 0, 0)
    record = struct.pack(">HHHIH", 0xC00C, 1, 1, 60, 4) + socket.inet_aton(ADDRESS)
    return head + question + (record if known else b"")


def serve_names(ours):
    while True:
        try:
            query, whom = ours.recvfrom(512)
        except OSError:
            return
        ours.sendto(answer(query), whom)


@pytest.fixture(scope="module")
def names():
    """A nameserver of ours at a loopback address; its port is 53 where that is allowed."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        try:
            ours.bind((OWN_NAMESERVER, 53))
        except OSError:
            ours.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=serve_names, args=(ours,), daemon=True)
        thread.start()
        yield ours.getsockname()


def qemu_with(names, folder):
    """A QEMU whose user-mode networks ask our nameserver; None: the host lets nobody make one."""
    if (
        names[1] != 53
        or subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode
    ):
        return None
    resolv_conf, wrapper = folder / "resolv.conf", folder / "qemu-system-x86_64"
    resolv_conf.write_text(f"nameserver {OWN_NAMESERVER}\n")
    qemu = shutil.which("qemu-system-x86_64")
    wrapper.write_text(WITH_OTHER_NAMESERVER.format(resolv_conf=resolv_conf, qemu=qemu))
    wrapper.chmod(0o755)
    return wrapper


@pytest.fixture(scope="module")
def wires():
    """Our ends of a guest's two unix sockets, and its own."""
    with ExitStack() as undo:
        pairs = [socket.socketpair(type=kind) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)]
        for end in (end for pair in pairs for end in pair):
            end.settimeout(PATIENCE_S)
            undo.enter_context(end)
        yield pairs


@pytest.fixture(scope="module")
def bridge():
    """A bridge with the taps of two machines; None where the host lets nobody make one."""
    with ExitStack() as undo:
        try:
            yield undo.enter_context(media.bridge())
        except HostLacks:
            yield None


@pytest.fixture(scope="module")
def runtime():
    try:
        return catalogue.ensure("network")
    except (ArchiveUnreachable, HostLacks) as error:
        pytest.skip(f"{error}")


@pytest.fixture(scope="module")
def passt(runtime):
    """A passt for one machine; None where the host lets nobody make a user namespace, which it needs."""
    with ExitStack() as undo:
        try:
            yield undo.enter_context(media.passt())
        except HostLacks as lack:
            if "namespace" not in lack.message:
                raise
            yield None


@pytest.fixture(scope="module")
def cards(wires, bridge, passt):
    """An open network, a restricted one, two sockets, and what there is of passt and a tap."""
    (_, stream), (_, dgram) = wires
    return {
        "open": Network(UserMode(forwards=(PING_PORT,)), "10.0.3.15"),
        "restricted": Network(UserMode(restrict=True, forwards=(PING_PORT,)), "10.0.4.15"),
        "stream": Network(SocketPair(stream.fileno()), "10.0.7.15"),
        "dgram": Network(SocketPair(dgram.fileno(), stream=False), "10.0.8.15"),
        **({"passt": passt.cards[0]} if passt else {}),
        **({"bridge": bridge.cards[0]} if bridge else {}),
    }


@pytest.fixture(scope="module")
def guest(tiny, tmp_path_factory, names, cards):
    folder = tmp_path_factory.mktemp("networks")
    spec = MachineSpec(tiny(Arch.X86_64), networks=tuple(cards.values()))
    backend = QemuBackend("tcg", qemu=qemu_with(names, folder), logs=folder / "logs")
    with backend.machine(spec) as machine:
        machine.boot(timeout_s=PATIENCE_S)
        yield GuestEnd.prepare(machine)


@pytest.fixture(scope="module")
def host():
    return HostEnd.prepare(NativeRunner(), iperf3=False)


@pytest.mark.guest_boot
def test_a_restricted_guest_reaches_nothing_that_an_open_one_does_and_is_reached(guest, cards, names):
    ssh = guest.machine.ssh
    resolves = names[1] == 53
    reached = reach.reach(ssh, cards["open"], resolves=resolves, name=NAME)
    assert reached.tcp
    assert reached.udp
    reach.check_restricted(ssh, cards["restricted"], NAME)
    with pytest.raises(IsolationBroken, match="reached its host"):
        reach.check_restricted(ssh, cards["open"], NAME)
    with guest.serving([*guest.transport, "serve", f"tcp:0.0.0.0:{PING_PORT}"], "listening"):
        for name in ("open", "restricted"):
            with connected_tcp(forwarded_port(guest.machine, cards[name], PING_PORT)) as stream:
                stream.settimeout(PATIENCE_S)
                assert ask(stream, 12, 12) > 0
    with pytest.raises(InvalidConfiguration, match=f"port {PING_PORT} of the guest"):
        forwarded_port(guest.machine, cards["stream"], PING_PORT)


@pytest.mark.guest_boot
def test_the_nameserver_of_a_guest_asks_that_of_the_host(guest, cards, names):
    if guest.machine.config.binary == Path(shutil.which("qemu-system-x86_64")):
        pytest.skip("this host lets us be no nameserver, or make no mount namespace")
    for name, expected in ((NAME, Answer("NOERROR", (ADDRESS,))), ("no.such", Answer("NXDOMAIN", ()))):
        assert reach.reach(guest.machine.ssh, cards["open"], resolves=True, name=name).answer == expected
        assert nameserver.ask(OWN_NAMESERVER, name) == expected


@pytest.mark.guest_boot
def test_frames_come_through_unix_sockets(guest, cards, wires):
    (stream, _), (dgram, _) = wires
    for name, read in (("stream", lambda: framed(stream)), ("dgram", lambda: dgram.recv(65536))):
        peer = str(cards[name].interface.network[16])
        guest.machine.ssh.run(f"ping -c 1 -W 1 {peer}", check=False, timeout_s=PATIENCE_S)
        asked = next(frame for frame in iter(read, None) if frame[12:14] == b"\x08\x06")
        assert asked[6:12].hex(":") == cards[name].mac
        assert asked[38:42] == socket.inet_aton(peer)


def framed(stream):
    (length,) = struct.unpack(">I", stream.recv(4, socket.MSG_WAITALL))
    return stream.recv(length, socket.MSG_WAITALL)


@pytest.mark.guest_boot
def test_passt_carries_both_ways(guest, host, passt):
    if passt is None:
        pytest.skip("this host lets nobody make a user namespace, which passt needs")
    for lane in passt.lanes(guest, guest, host):
        assert len(lane.round_trips()) == CALLS


@pytest.mark.guest_boot
def test_a_bridge_carries_both_ways(guest, host, bridge):
    if bridge is None:
        pytest.skip("this host lets us make no network namespace")
    to_host, to_guest, _ = bridge.lanes(guest, guest, host)
    for lane in (to_host, to_guest):
        assert len(lane.round_trips()) == CALLS


@pytest.mark.usefixtures("runtime")
def test_the_loopback_of_the_host_is_a_lane(host):
    assert len(host_lane(host).round_trips()) == CALLS
    told = host_lane(HostEnd.prepare(NativeRunner())).throughput(1)
    assert told.bytes_per_s > 0
    assert told.version.startswith("iperf 3.")


def test_where_nobody_listens_is_told_with_the_lane(host):
    lane = host_lane(host)
    with pytest.raises(MeasurementError, match=r"loopback: .*refused"):
        replace(lane, ping=lane.ping._replace(at_port=1)).round_trips()


@pytest.mark.parametrize(
    "said", [b"", b"1\n" * 54, b"1\n" * 56, b"0\n" * 55, b"-1\n" * 55, b"1e9\n" * 55, b"9" * 9999]
)
def test_what_is_no_round_trip_is_refused(said):
    with pytest.raises(MeasurementError, match="55 round trips"):
        round_trips_of(said, "a lane")
    assert round_trips_of(b"1000\n" * (WARM_UP + CALLS), "a lane") == [1e-6] * CALLS


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (SERVER + "** server can't find x.y: NXDOMAIN\n\n", Answer("NXDOMAIN", ())),
        (
            SERVER
            + "Non-authoritative answer:\nName:\tx\nAddress: 127.0.0.2\nName:\tx\nAddress: 127.0.0.1\n",
            Answer("NOERROR", ("127.0.0.1", "127.0.0.2")),
        ),
        (";; connection timed out; no servers could be reached\n\n", None),
        ("", None),
    ],
)
def test_what_nslookup_prints_is_read(said, expected):
    assert reach.read_answer(said) == expected


def test_a_nameserver_that_talks_nonsense_or_not_at_all_is_none(names):
    assert nameserver.ask(names[0], NAME, port=names[1]) == Answer("NOERROR", (ADDRESS,))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind(("127.0.0.1", 0))
        assert nameserver.ask("127.0.0.1", "a", 0.01, mute.getsockname()[1]) is None
    number = 7
    whole = answer(struct.pack(">6H", number, 0, 1, 0, 0, 0) + b"\5guest\0" + struct.pack(">HH", 1, 1))
    assert nameserver.read(whole, number) == Answer("NOERROR", (ADDRESS,))
    assert nameserver.read(whole, number + 1) is None
    for cut in range(len(whole)):
        assert nameserver.read(whole[:cut], number) in (None, Answer("NOERROR", ()))


def test_a_network_in_a_namespace_is_seen_inside_and_nowhere_else(bridge):
    if bridge is None:
        pytest.skip("this host lets us make no network namespace")
    said = subprocess.run(
        [*bridge.namespace.within, "cat", "/proc/net/dev"], capture_output=True, text=True, check=True
    ).stdout
    assert {"bridge", "tap0", "tap1", "lo"} <= {line.partition(":")[0].strip() for line in said.splitlines()}
    assert "tap0" not in Path("/proc/net/dev").read_text()
