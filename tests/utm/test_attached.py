"""A real guest that runs already, as a machine of UTM's: found, compared, measured, paused, and left as it was."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from harness.errors import ControlTimeout, GuestSilent, InvalidConfiguration, WrongState
from harness.guests.model import Arch
from harness.machines.attached.attach import Attach
from harness.machines.attached.backend import AttachedBackend
from harness.machines.model import MachineSpec, Phase, State
from tests.utm.conftest import PATIENCE_S

pytestmark = pytest.mark.guest_boot
PROGRAM = Path(sys.executable).with_name("visorbench")
SCENARIO = '''
"""How long a guest that runs takes to answer."""


def test_answer(machine, measure):
    machine.boot(timeout_s=300)
    for _ in measure.rounds(3):
        with measure.timed("answer"):
            machine.ssh.run("true")
    assert machine.pids
'''


@pytest.fixture
def backend(guest, monkeypatch):
    for name, value in guest.home.variables.items():
        monkeypatch.setenv(name, value)
    return AttachedBackend(Attach(**guest.attach), Arch.X86_64)


@pytest.fixture
def machine(backend):
    with backend.machine(MachineSpec(backend._described({}))) as machine:
        yield machine


def test_a_running_machine_is_found_and_answers_on_every_channel(backend, guest) -> None:
    probe = backend.probe(Arch.X86_64, deadline_s=PATIENCE_S)
    assert probe.usable, probe.reason
    assert probe.version.count(".") == 2
    described = backend.guest()
    assert "Linux" in described.manifest["system"]
    assert described.ssh_user == "root"
    assert psutil.pid_exists(guest.pid)


def test_what_it_is_made_of_is_asked_of_qemu_itself(machine) -> None:
    settings = machine.settings
    assert (settings["cpus"], settings["memory_mib"]) == (1, 512)
    assert (settings["accelerator"], settings["machine"].startswith("pc-q35")) == ("tcg,tb-size=64", True)


def test_pause_and_resume_and_letting_go_of_a_paused_machine_resumes_it(machine, guest, qmp) -> None:
    machine.boot(timeout_s=PATIENCE_S)
    assert machine.pids == [guest.pid]
    assert machine.ssh.run("hostname", timeout_s=PATIENCE_S).status == 0
    machine.pause()
    machine.pause()  # pausing twice is fine
    assert machine.state is State.PAUSED
    with pytest.raises(WrongState, match="is paused"):
        machine.boot()
    machine.kill()
    assert qmp("query-status")["status"] == "running"
    assert psutil.pid_exists(guest.pid)


def test_it_is_never_reset_powered_down_or_stopped(machine, qmp) -> None:
    machine.boot(until=Phase.VMM_READY)
    for step in (machine.reset, machine.powerdown, machine.stop):
        with pytest.raises(WrongState, match="is not the harness's"):
            step()
    with pytest.raises(InvalidConfiguration, match="has not"):
        _ = machine.console
    with pytest.raises(InvalidConfiguration, match="has not the phase"):
        machine.wait_for(Phase.INIT, 1)
    machine.kill()
    assert qmp("query-status")["running"] is True


def test_a_machine_that_would_have_to_change_is_refused(backend) -> None:
    spec = MachineSpec(backend._described({}))
    with pytest.raises(InvalidConfiguration, match="stays as it is"):
        backend.machine(replace(spec, memory_mib=64))
    with pytest.raises(InvalidConfiguration, match="stays as it is"):
        backend.machine(replace(spec, extra={"network": "open"}))


def test_a_monitor_that_somebody_else_uses(backend, guest, monkeypatch) -> None:
    monkeypatch.setattr("harness.machines.attached.machine._GREETING_S", 0.5)
    with guest.qmp.connect() as other:
        assert b"QMP" in other.recv(4096)
        with (
            backend.machine(MachineSpec(backend._described({}))) as machine,
            pytest.raises(ControlTimeout, match="does not greet") as busy,
        ):
            machine.start()
    assert "one client at a time" in busy.value.fix


def test_ssh_alone_and_qmp_alone_are_enough(guest, backend, qmp) -> None:
    port = int(
        qmp("human-monitor-command", **{"command-line": "info usernet"}).split("127.0.0.1")[1].split()[0]
    )
    login = {key: value for key, value in guest.attach.items() if key != "utm"}
    by_ssh = AttachedBackend(Attach(**login | {"ssh": f"root@127.0.0.1:{port}"}), Arch.X86_64)
    assert by_ssh.probe(Arch.X86_64, deadline_s=PATIENCE_S).usable
    assert by_ssh.capabilities().pause is False
    with by_ssh.machine(MachineSpec(by_ssh.guest())) as machine:
        assert machine.settings["cpus"] == 1
        assert machine.pids == []
    by_qmp = AttachedBackend(Attach(qmp=str(guest.qmp)), Arch.X86_64)
    assert by_qmp.probe(Arch.X86_64).usable
    assert by_qmp.capabilities() == replace(by_qmp.capabilities(), pause=True, ssh=False, start=False)


def test_an_unknown_host_key_and_nobody_who_knows_the_address(guest, backend, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    unknown = AttachedBackend(Attach(utm="Tiny guest", ssh="root", ssh_key=str(guest.key)), Arch.X86_64)
    probe = unknown.probe(Arch.X86_64)
    assert not probe.usable
    assert "is not in" in probe.reason
    assert "ssh -p" in probe.fix


def test_show_compares_the_real_process_with_the_configuration(guest) -> None:
    argv = [PROGRAM, "utm", *guest.home.options, "show", guest.uuid]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"running      pid {guest.pid}" in done.stdout
    assert "differs      memory: configured 256 MiB, running 512 MiB" in done.stdout
    assert (
        "ignored      -fw_cfg name=opt/visorbench,string=x: the running QEMU was not given it" in done.stdout
    )
    assert "ignored      -accel tcg,thread=single: QEMU takes the first that works" in done.stdout
    assert f"QMP          {guest.qmp}" in done.stdout
    assert 'backend = "attached"' in done.stdout


def test_a_bench_measures_it_like_any_other_and_leaves_out_what_would_start_it(guest, tmp_path) -> None:
    scenario = tmp_path / "test_answer.py"
    scenario.write_text(SCENARIO)
    rows = [f"{key} = {json.dumps(value)}" for key, value in guest.attach.items()]
    subject = [
        "[[subjects]]",
        'backend = "attached"',
        'arch = "x86-64"',
        'label = "mine"',
        "[subjects.attach]",
        *rows,
    ]
    (tmp_path / "visorbench.toml").write_text("\n".join(subject))
    own = {
        **guest.home.variables,
        "VISORBENCH_DATA_DIR": str(tmp_path / "data"), "VISORBENCH_REPORTS": str(tmp_path / "r"),
        "VISORBENCH_RUNTIME_DIR": str(tmp_path / "run"), "VISORBENCH_LOCK_DIR": str(tmp_path / "run"),
    }  # fmt: skip
    boot = Path(__file__).parents[2] / "scenarios" / "test_boot.py"
    argv = [PROGRAM, "bench", "--profile", "quick", scenario, f"{boot}::test_boot"]
    done = subprocess.run(
        argv,
        env={**os.environ, **own},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads((tmp_path / "r" / "latest" / "results.json").read_text())
    (series,) = results["series"]
    assert (series["scenario"], series["metric"], len(series["samples"])) == ("answer", "answer", 3)
    (described,) = [one for one in results["subjects"] if one["backend"] == "attached"]
    assert (described["guest"], described["config"]["memory_mib"]) == ("Tiny guest", 512)
    assert ("boot", "no-start") in {(one["scenario"], one["code"]) for one in results["skipped"]}
    assert psutil.pid_exists(guest.pid)


def test_a_machine_that_went_away(guest, backend, machine) -> None:
    """The last: it ends the guest."""
    machine.boot(timeout_s=PATIENCE_S)
    machine.ssh.disconnect()
    process = psutil.Process(guest.pid)
    process.kill()
    process.wait(PATIENCE_S)
    with pytest.raises(GuestSilent):
        machine.ssh.run("true", timeout_s=1)
    assert machine.state is State.DEAD
    probe = backend.probe(Arch.X86_64)
    assert (probe.usable, probe.code) == (False, "not-there")
    assert "does not run" in probe.reason
    assert "visorbench utm start" in probe.fix
