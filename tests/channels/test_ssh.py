"""SSH against a real server: what works, and every way in which a server lets one down."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time

import pytest

from harness.channels.ssh import Ssh
from harness.channels.ssh_banner import MOST_AT_ONCE, PATIENCE_S, Greeted
from harness.channels.ssh_connection import connect, load_key, pinned
from harness.errors import (
    ChannelClosed,
    ChannelError,
    CommandFailed,
    CommandTimeout,
    GuestSilent,
    HostKeyChanged,
    InvalidConfiguration,
    OutputTooLarge,
    TransferFailed,
)
from harness.guests.credentials import KeyPair
from tests.channels.ssh_server import Server


@pytest.fixture
def server():
    with Server() as server:
        yield server


def client_of(server: Server, **other: object) -> Ssh:
    keys = {"client_key": server.client.openssh, "host_key": server.host.public_line} | other
    return Ssh("127.0.0.1", server.port, "root", **keys)


@pytest.fixture
def ssh(server):
    ssh = client_of(server)
    yield ssh
    ssh.close()


def test_a_command_has_output_errors_status_and_duration(ssh):
    done = ssh.run("echo out; echo err >&2; exit 3", check=False)
    assert (done.stdout, done.stderr, done.status) == (b"out\n", b"err\n", 3)
    assert 0 < done.seconds < 30


def test_a_sequence_is_quoted_for_the_shell(ssh):
    assert ssh.run(["printf", "%s|", "two words", "$HOME", "ümlaut"]).text() == "two words|$HOME|ümlaut|"


@pytest.mark.skipif(not shutil.which("ssh"), reason="OpenSSH is not installed")
def test_a_person_gets_in_by_openssh(server, tmp_path):
    key = tmp_path / "a key"
    key.touch(mode=0o600)
    key.write_text(server.client.openssh)
    command = client_of(server, client_key=key).command
    done = subprocess.run([*command, "echo in; exit 3"], capture_output=True, timeout=60, check=False)
    assert (done.stdout, done.stderr, done.returncode) == (b"in\n", b"", 3)
    assert client_of(server).command is None  # whose key is in no file


def test_standard_input_arrives_whole(ssh):
    data = bytes(range(256)) * 20_000
    assert ssh.run("cat", stdin=data, timeout_s=60).stdout == data


def test_readings_of_the_output(ssh):
    assert ssh.run("echo 42").number() == 42
    assert ssh.run("echo '[1, 2]'").json() == [1, 2]
    for said in ("many", "nan", "inf"):
        with pytest.raises(ChannelError, match="not a number"):
            ssh.run(f"echo {said}").number()
    for said in ("echo {", "head -c 100000 /dev/zero | tr '\\0' '['"):
        with pytest.raises(ChannelError, match="not JSON"):
            ssh.run(said).json()


def test_another_status_is_an_error_with_the_facts(ssh):
    with pytest.raises(CommandFailed) as failed:
        ssh.run("echo why >&2; exit 7")
    assert (failed.value.status, failed.value.stderr) == (7, "why")


def test_a_command_ended_by_a_signal(ssh):
    assert ssh.run("kill -9 $$", check=False).status == -1
    with pytest.raises(CommandFailed, match="signal"):
        ssh.run("kill -9 $$")


def test_one_connection_serves_many_commands(server, ssh):
    ssh.wait_banner(10)
    for _ in range(3):
        ssh.run("true")
    assert server.connections == 1


def test_another_host_key_is_refused(server):
    ssh = client_of(server, host_key=KeyPair.generate().public_line)
    with pytest.raises(HostKeyChanged) as changed:
        ssh.run("true")
    assert changed.value.offered == server.host.public_line


def test_another_client_key_is_refused(server):
    with pytest.raises(ChannelError, match="does not take the client key"):
        client_of(server, client_key=KeyPair.generate().openssh).run("true")


@pytest.mark.parametrize("bad", [{"host_key": "ssh-ed25519"}, {"host_key": "x y z"}, {"client_key": "PEM"}])
def test_keys_that_are_none(server, bad):
    with pytest.raises(InvalidConfiguration):
        client_of(server, **bad)


def test_a_command_that_hangs_ends_in_time_and_the_connection_stays(server, ssh):
    with pytest.raises(CommandTimeout):
        ssh.run("sleep 60", timeout_s=0.5)
    assert ssh.run("echo still").text() == "still"
    assert server.connections == 1


def test_a_command_that_closes_its_output_and_stays(ssh):
    with pytest.raises(CommandTimeout):
        ssh.run("exec >&- 2>&-; sleep 60", timeout_s=0.5)


def test_input_that_nobody_reads(ssh):
    with pytest.raises(CommandTimeout):
        ssh.run("sleep 60", stdin=bytes(32 << 20), timeout_s=2)
    assert ssh.run("echo still").text() == "still"


@pytest.mark.parametrize("mute", ["mute_channels", "mute_exec"])
def test_a_paused_guest_is_silent_and_answers_again(server, ssh, mute):
    ssh.run("true")
    setattr(server, mute, True)
    with pytest.raises(GuestSilent):
        ssh.run("true", timeout_s=0.5)
    setattr(server, mute, False)
    assert ssh.run("echo back", timeout_s=10).text() == "back"


def test_a_server_that_dies_mid_command(server, ssh):
    threading.Timer(0.3, server.die).start()
    with pytest.raises(ChannelClosed):
        ssh.run("sleep 60", timeout_s=20)
    assert ssh.run("echo again").text() == "again"


def test_a_reset_guest_is_reached_again_without_running_twice(server, ssh, tmp_path):
    ssh.run("true")
    server.die()
    ssh.run(f"echo once >> {tmp_path}/log")
    assert (tmp_path / "log").read_text() == "once\n"


def test_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    keys = KeyPair.generate()
    ssh = Ssh("127.0.0.1", port, "root", keys.openssh, keys.public_line)
    with pytest.raises(GuestSilent):
        ssh.wait_banner(0.3)
    with pytest.raises(GuestSilent):
        ssh.run("true", timeout_s=1)


def test_the_banner_is_waited_for_through_refusals(server, ssh):
    server.refuse_first = 3
    before = time.monotonic_ns()
    stamp = ssh.wait_banner(10)
    assert before < stamp.at_ns <= time.monotonic_ns()
    assert stamp.resolution_ns > 0
    assert server.connections == 4


def test_a_starved_guest_is_waited_for_however_late_it_answers_a_connection(server, ssh):
    """Later than all the attempts that may be open at once have been made."""
    server.silent_s = 2 * MOST_AT_ONCE * PATIENCE_S
    ssh.wait_banner(10 * server.silent_s)
    assert server.connections > MOST_AT_ONCE
    assert ssh.run("echo in").text() == "in"


def test_a_connection_that_is_accepted_and_silent_is_no_banner():
    """As QEMU's user network does before anything listens in the guest."""
    keys = KeyPair.generate()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ssh = Ssh("127.0.0.1", listener.getsockname()[1], "root", keys.openssh, keys.public_line)
        with pytest.raises(GuestSilent):
            ssh.wait_banner(1.2)
        with pytest.raises(GuestSilent):
            ssh.run("true", timeout_s=0.5)


@pytest.mark.parametrize(
    ("says", "error", "why"),
    [
        (None, GuestSilent, "sent no banner in time"),
        (b"", GuestSilent, "closed the connection before its banner"),
        (b"SSH-\r\n", ChannelError, "is no SSH server"),
    ],
    ids=["silent", "closed", "garbage"],
)
def test_a_greeting_that_fails_is_told_by_its_cause(says, error, why):
    """``connect`` alone: the banner that opened the connection was another's, or is not to be had again."""
    keys = KeyPair.generate()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
        with ours, theirs:
            if says is not None:
                theirs.sendall(says)
                theirs.shutdown(socket.SHUT_WR)
            with pytest.raises(error, match=why):
                connect(
                    listener.getsockname(), user="root", client_key=load_key(keys.openssh),
                    host_key=pinned(keys.public_line), deadline=time.monotonic() + 1, greeted=Greeted(ours, b""),
                )  # fmt: skip


@pytest.mark.parametrize(
    "garbage", [b"220 mail.example ESMTP\r\n", b"\0" * 100, b"x" * 100_000], ids=["smtp", "zeros", "long"]
)
def test_something_else_answers(garbage):
    with Server(greeting=garbage) as server:
        ssh = client_of(server)
        with pytest.raises(ChannelError):
            ssh.wait_banner(0.5)
        with pytest.raises((ChannelError, GuestSilent)):
            ssh.run("true", timeout_s=1)


def test_a_hostile_guest_cannot_fill_the_memory(ssh):
    with pytest.raises(OutputTooLarge):
        ssh.run("cat /dev/zero", limit_bytes=1 << 20)
    with pytest.raises(OutputTooLarge):
        ssh.run("cat /dev/zero >&2", limit_bytes=1 << 20)


def test_files_go_in_and_out(ssh, tmp_path):
    local, remote, back = (tmp_path / name for name in ("a file", "the 'remote' $ü", "back"))
    local.write_bytes(bytes(range(256)) * 5000 + b"\n\n")
    ssh.put(local, str(remote), mode=0o640)
    assert remote.read_bytes() == local.read_bytes()
    assert remote.stat().st_mode & 0o777 == 0o640
    ssh.get(str(remote), back)
    assert back.read_bytes() == local.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([local.name, remote.name, back.name])


def test_an_empty_file(ssh, tmp_path):
    (tmp_path / "empty").touch()
    ssh.put(tmp_path / "empty", str(tmp_path / "there"))
    ssh.get(str(tmp_path / "there"), tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b""


def test_a_large_file_travels_compressed_and_arrives_as_it_was(ssh, tmp_path):
    data = os.urandom(1 << 20) + b"x" * (1 << 20)
    (tmp_path / "large").write_bytes(data)
    ssh.put(tmp_path / "large", str(tmp_path / "there"))
    assert (tmp_path / "there").read_bytes() == data


def test_a_failed_transfer_leaves_nothing(ssh, tmp_path):
    (tmp_path / "some").write_bytes(b"x" * 1000)
    with pytest.raises(TransferFailed, match=r"No such file|nonexistent"):
        ssh.put(tmp_path / "some", str(tmp_path / "no" / "folder"))
    with pytest.raises(TransferFailed):
        ssh.get(str(tmp_path / "missing"), tmp_path / "back")
    with pytest.raises(OutputTooLarge):
        ssh.get(str(tmp_path / "some"), tmp_path / "back", limit_bytes=999)
    assert [p.name for p in tmp_path.iterdir()] == ["some"]
