"""Our transport and qemu.qmp's own client on one real QEMU: the same greeting, results, errors."""

import asyncio
import json
import shutil
import socket
import subprocess
import time

import pytest
from qemu.qmp import ExecuteError, QMPClient

from harness.channels.qmp import Qmp
from harness.channels.qmp_log import QmpLog
from harness.errors import ControlLost, ControlRefused

QEMU = shutil.which("qemu-system-x86_64") or shutil.which("qemu-system-aarch64")
pytestmark = pytest.mark.skipif(QEMU is None, reason="no QEMU on PATH")

QUESTIONS = [
    ("query-version", None),
    ("query-commands", None),
    ("query-qmp-schema", None),
    ("query-chardev", {}),
    ("qom-list", {"path": "/"}),
    ("no-such-command", None),
    ("qom-get", {"path": "/nowhere", "property": "x"}),
    ("query-status", {"unexpected": 1}),
    ("device_del", {"id": "weiß"}),
    ("human-monitor-command", {"command-line": "info version"}),
]


@pytest.fixture(scope="module")
def qemu():
    """A paused QEMU without a machine, and the near ends of two QMP channels."""
    pairs = [socket.socketpair() for _ in range(2)]
    argv = [QEMU, "-M", "none", "-S", "-nodefaults", "-display", "none"]
    for n, (_, theirs) in enumerate(pairs):
        argv += ["-chardev", f"socket,id=q{n},fd={theirs.fileno()}", "-mon", f"chardev=q{n},mode=control"]
    process = subprocess.Popen(argv, pass_fds=[theirs.fileno() for _, theirs in pairs])
    for _, theirs in pairs:
        theirs.close()
    yield process, [ours for ours, _ in pairs]
    process.kill()
    process.wait()


async def by_qemu_qmp(sock):
    client = QMPClient()
    await client.connect(sock)
    answers = [client.greeting._asdict()]
    for command, arguments in QUESTIONS:
        try:
            answers.append(await client.execute(command, arguments))
        except ExecuteError as error:
            answers.append((error.error_class, str(error)))
    await client.disconnect()
    return answers


def test_parity_then_events_then_the_end(qemu, tmp_path):
    process, (one, two) = qemu
    client = Qmp(one, log=QmpLog(tmp_path / "qmp.log"))
    client.negotiate()
    ours = [dict(client.greeting._raw)]
    for command, arguments in QUESTIONS:
        try:
            ours.append(client.execute(command, arguments))
        except ControlRefused as error:
            ours.append((error.qmp_class, error.desc))
    assert ours == asyncio.run(by_qemu_qmp(two))

    before = time.monotonic_ns()
    client.execute("quit")
    shutdown = client.wait_event("SHUTDOWN", 5, since=client.greeted)
    assert shutdown.data["reason"] == "host-qmp-quit"
    assert before < shutdown.stamp.at_ns
    process.wait(5)
    with pytest.raises(ControlLost):
        client.execute("query-status")
    client.close()

    log = (tmp_path / "qmp.log").read_bytes().splitlines()
    sent = [json.loads(line.split(b" > ")[1]) for line in log if b" > " in line]
    assert [message["execute"] for message in sent][1 : 1 + len(QUESTIONS)] == [
        command for command, _ in QUESTIONS
    ]
    assert len(log[[b"SchemaInfo" in line or len(line) > 4000 for line in log].index(True)]) < 4200
