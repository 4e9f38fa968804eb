"""What leads to a QEMU, by each kind of wire: the same machine, the same errors, and nobody else at the other end."""

from __future__ import annotations

import os
import queue
import re
import signal
import socket
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import psutil
import pytest

from harness.errors import ControlTimeout, GuestSilent, MachineDied
from harness.guests.model import Arch
from harness.machines.model import MachineSpec, Phase, State
from harness.machines.qemu import vmm, wire_tcp
from harness.machines.qemu.machine import QemuMachine
from harness.machines.qemu.wire_pairs import WirePairs
from harness.machines.qemu.wire_tcp import TcpWires

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness.machines.qemu.wires import Wires

pytestmark = pytest.mark.guest_boot

STRANGER = """
import os, re, socket, sys
ports = [int(port) for port in re.findall(r"host=127.0.0.1,port=(\\d+)", " ".join(sys.argv))]
found = [socket.create_connection(("127.0.0.1", port)) for port in ports]
for each in found:
    each.sendall(b'{"QMP": {"version": {}}}\\nready\\n')
if os.fork() == 0:  # stays, while what has called this becomes QEMU
    ends = []
    for each in found:
        try:
            ends.append(each.recv(100))
        except ConnectionResetError:
            ends.append(b"")
    with open(sys.argv[1], "w") as told:
        print(len(ends), "hung up" if set(ends) == {b""} else ends, file=told)
"""


@pytest.fixture(params=[WirePairs, TcpWires])
def wires(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> type[Wires]:
    kind: type[Wires] = request.param
    monkeypatch.setattr(vmm, "WIRES", kind)
    return kind


@pytest.fixture
def posing(sector: Callable[..., QemuMachine], tmp_path: Path) -> Callable[[str], QemuMachine]:
    """Makes a machine whose QEMU is a shell script; ``$QEMU`` is the real one."""
    machines = []

    def make(body: str) -> QemuMachine:
        model = sector(ready="hello from")
        script = tmp_path / "qemu-system-x86_64"
        script.write_text(f"#!/bin/sh\nQEMU='{model.config.binary}'\n{body}\n")
        script.chmod(0o755)
        logs = tmp_path / "posing"
        logs.mkdir()
        machine = QemuMachine("posing", model.spec, replace(model.config, binary=script), logs=lambda: logs)
        machines.append(machine)
        return machine

    yield make
    for machine in machines:
        machine.kill()


def test_a_life(wires: type[Wires], sector: Callable[..., QemuMachine]) -> None:
    with sector(ready="hello from") as machine:
        timeline = machine.boot(until=Phase.GUEST_READY, timeout_s=60)
        assert 0 < timeline.seconds(Phase.VMM_READY) < timeline.seconds(Phase.FIRST_CONSOLE)
        assert ("port=" in " ".join(machine.console.log.with_name("argv").read_text().splitlines())) == (
            wires is TcpWires
        )
        machine.pause()
        assert machine.state is State.PAUSED
        machine.resume()
        lines: queue.Queue[str] = queue.Queue()
        machine.console.on_line(lambda line: lines.put(line.text), replay=True)
        assert lines.get(timeout=30)  # to its end: it is counted in the log below
        machine.reset()
        machine.wait_for(Phase.GUEST_READY, 60)
        assert lines.get(timeout=30)
        with pytest.raises(GuestSilent):
            machine.powerdown(timeout_s=0.2)
        machine.stop()
        assert machine.state is State.STOPPED
        assert machine.console.log.read_bytes().count(b"hello from the boot sector") == 2


def test_the_reference_guest_boots_by_tcp_too(
    monkeypatch: pytest.MonkeyPatch, tcg: Callable[..., object], tiny: Callable[[Arch], object]
) -> None:
    monkeypatch.setattr(vmm, "WIRES", TcpWires)
    with tcg.machine(MachineSpec(tiny(Arch.ARM64), cpus=1)) as machine:
        assert list(machine.boot(timeout_s=300).phases) == list(Phase)
        machine.powerdown()
        assert machine.state is State.STOPPED


@pytest.mark.usefixtures("wires")
def test_a_flood_loses_nothing_but_what_nobody_waits_for(sector: Callable[..., QemuMachine]) -> None:
    with sector(b"all work and no play\r\n", then="again") as machine:
        machine.boot(until=Phase.FIRST_CONSOLE, timeout_s=60)
        machine.console.wait_for("no play", 30, since=machine.console.mark() + (1 << 20))
        machine.pause()
        machine.stop()


@pytest.mark.usefixtures("wires")
def test_kill_9_of_qemu_is_noticed(sector: Callable[..., QemuMachine]) -> None:
    with sector(ready="never said") as machine:
        machine.boot(until=Phase.FIRST_CONSOLE, timeout_s=60)
        os.kill(machine.pids[0], signal.SIGKILL)
        with pytest.raises(MachineDied, match="was killed by SIGKILL"):
            machine.wait_for(Phase.GUEST_READY, 60)


@pytest.mark.usefixtures("wires")
def test_a_qemu_that_dies_before_it_connects_says_why(posing: Callable[[str], QemuMachine]) -> None:
    machine = posing("echo 'no such luck' >&2; exit 3")
    with pytest.raises(MachineDied, match=r"exited with status 3 .*: no such luck"):
        machine.start()
    assert machine.state is State.DEAD


@pytest.mark.usefixtures("wires")
def test_a_qemu_that_refuses_its_command_line_says_why(sector: Callable[..., QemuMachine]) -> None:
    with pytest.raises(MachineDied, match=r"status 1.*no-such-flag"):
        sector(cpu_model="max,no-such-flag=on").start()


def test_a_qemu_that_never_connects_is_ended_and_named(
    posing: Callable[[str], QemuMachine], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(vmm, "WIRES", TcpWires)
    monkeypatch.setattr(wire_tcp, "CONNECT_TIMEOUT_S", 1.0)
    machine = posing(f"echo $$ > '{tmp_path}/pid'; exec sleep 1000")
    with pytest.raises(ControlTimeout, match="did not connect its QMP, console"):
        machine.start()
    machine.kill()
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))


def test_a_stranger_who_comes_first_is_hung_up_on(
    posing: Callable[[str], QemuMachine], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(vmm, "WIRES", TcpWires)
    (tmp_path / "stranger.py").write_text(STRANGER)
    os.mkfifo(told := tmp_path / "told")
    machine = posing(f'"{sys.executable}" "{tmp_path}/stranger.py" "{told}" "$@"\nexec "$QEMU" "$@"')
    machine.boot(until=Phase.GUEST_READY, timeout_s=60)
    assert machine.control.status() == "running"
    assert "ready" not in machine.console.tail()
    assert told.read_text() == "2 hung up\n"


def test_a_port_takes_one_connection(
    sector: Callable[..., QemuMachine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vmm, "WIRES", TcpWires)
    with sector() as machine:
        machine.boot(until=Phase.FIRST_CONSOLE, timeout_s=60)
        ports = re.findall(r"host=127.0.0.1,port=(\d+)", machine.console.log.with_name("argv").read_text())
        assert len(ports) == 2
        for port in map(int, ports):
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port))
