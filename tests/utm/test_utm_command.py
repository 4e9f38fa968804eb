"""``visorbench utm`` from outside, with a double of utmctl that keeps to UTM's words and misbehaves on purpose."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from harness.errors import ControlTimeout, UtmNotFound, UtmRefused
from harness.utm.utmctl import Utmctl, find_app
from tests.utm.application import Application
from tests.utm.conftest import QEMU
from tests.utm.folder import UUID, Home, config_plist

PROGRAM = Path(sys.executable).with_name("visorbench")


@pytest.fixture
def command(home: Home, tmp_path):
    """Runs it with the home's files."""

    def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        own = {
            "VISORBENCH_RUNTIME_DIR": str(tmp_path / "run"),
            "HOME": str(tmp_path / "nobody"),
            **environment,
        }
        argv = [PROGRAM, "utm", *home.options, *words]
        return subprocess.run(
            argv, env={**os.environ, **own}, capture_output=True, text=True, timeout=120, check=False
        )

    return run


@pytest.fixture
def state(home: Home):
    """What the double of utmctl keeps."""
    home.install()
    file = home.folder / "utmctl.json"
    file.write_text(
        json.dumps({UUID: {"name": "Debian", "status": "stopped", "addresses": ["192.168.64.5", "fd00::5"]}})
    )
    return file


def test_the_list_has_what_works_and_what_does_not(home: Home, command) -> None:
    home.add(config_plist())
    gone = home.add(None, name="Gone", uuid="00000000-0000-4000-8000-000000000001")
    home.add(b"torn", name="Torn", uuid="00000000-0000-4000-8000-000000000002")
    done = command("list")
    assert (done.returncode, done.stderr) == (0, "")
    assert "stopped    Debian" in done.stdout
    assert "QEMU, hvf, aarch64, virt, 4 CPUs, 4096 MiB, virtio-gpu-gl-pci" in done.stdout
    assert f"there is nothing at {gone}" in done.stdout
    assert "it is no property list" in done.stdout
    rows = json.loads(command("list", "--json").stdout)
    assert [(row["name"], bool(row["problem"])) for row in rows] == [
        ("Debian", False),
        ("Gone", True),
        ("Torn", True),
    ]
    assert all(row["fix"] for row in rows if row["problem"])


def test_what_is_missing_is_one_sentence_and_its_exit_code(home: Home, command) -> None:
    done = command("list")
    assert (done.returncode, done.stdout) == (3, "")
    assert "there is no UTM registry at" in done.stderr
    assert "start UTM once" in done.stderr
    home.add(config_plist())
    done = command("show", "Debain")
    assert done.returncode == 2
    assert "did you mean 'Debian'" in done.stderr
    done = command("status", "Debian")
    assert done.returncode == 3
    assert "is no application" in done.stderr
    assert "Traceback" not in done.stderr


def test_show_of_a_machine_that_does_not_run(home: Home, command, state) -> None:
    plist = config_plist()
    plist["QEMU"]["AdditionalArguments"] = ["-qmp unix:x.qmp,server=on"]
    home.add(plist)
    done = command("show", "Debian")
    assert done.returncode == 0
    assert "arguments    -qmp unix:x.qmp,server=on" in done.stdout
    assert "frame export unknown" in done.stdout
    assert done.stdout.rstrip().endswith("stopped")
    assert json.loads(command("show", UUID, "--json").stdout)["running"] is None


@pytest.mark.skipif(QEMU is None, reason="no qemu-system-x86_64 on PATH")
def test_start_status_and_stop_go_through_utmctl_and_the_list_sees_the_process(home, command, state) -> None:
    uuid = str(uuid4()).upper()  # other tests look for theirs among the processes of the same host
    home.add(config_plist(uuid=uuid), uuid=uuid)
    state.write_text(json.dumps({uuid: {"name": "Debian", "status": "stopped", "addresses": []}}))
    argv = [
        QEMU, "-S", "-display", "none", "-nodefaults", "-m", "64", "-accel", "tcg", "-name", "Debian", "-uuid", uuid,
    ]  # fmt: skip
    assert command("status", "Debian").stdout == "stopped\n"
    with Application(home, {uuid: argv}) as application:
        done = command("start", "Debian")
        assert (done.returncode, done.stdout) == (0, "UTM starts Debian\n"), done.stderr
        assert command("status", uuid.lower()).stdout == "started\n"
        assert "running    Debian" in command("list").stdout
        shown = json.loads(command("show", "Debian", "--json").stdout)
        assert shown["running"]["pid"] == application.processes[uuid].pid
        assert {one["what"] for one in shown["differences"]} >= {"accelerator", "memory", "display"}
        assert command("stop", "--kill", "Debian").stdout == "UTM stops Debian\n"
        assert "stopped    Debian" in command("list").stdout


def test_a_machine_whose_package_is_gone_is_not_started(home: Home, command, state) -> None:
    home.add(None)
    done = command("start", "Debian")
    assert done.returncode == 1
    assert "there is nothing at" in done.stderr


def test_the_doctor_tells_what_works_without_starting_utm(home: Home, command, state) -> None:
    home.add(config_plist())
    done = command("doctor", UTMCTL_MODE="hangs")  # not asked, so it cannot hang
    assert "not asked: UTM does not run" in done.stdout
    assert "fine   registry" in done.stdout
    assert "wrong  aarch64" in done.stdout
    assert done.returncode == 3


def test_the_doctor_asks_utmctl_while_utm_runs(home: Home, command, state) -> None:
    home.add(config_plist())
    program = home.app / "Contents" / "MacOS" / "UTM"
    program.write_text("import sys\nprint(flush=True)\nsys.stdin.read()\n")
    with subprocess.Popen(
        [sys.executable, program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as application:
        assert application.stdout.readline()
        assert "utmctl        answers: 1 machine" in command("doctor").stdout
        refused = command("doctor", UTMCTL_MODE="forbidden").stdout
        assert "-1743" in refused
        assert "Privacy & Security, Automation" in refused
        application.stdin.close()


def test_a_utmctl_that_misbehaves(home: Home, state, monkeypatch) -> None:
    control = Utmctl.of(find_app(home.app))
    assert [one.name for one in control.list()] == ["Debian"]
    assert control.addresses(UUID) == ("192.168.64.5", "fd00::5")
    with pytest.raises(UtmRefused, match=r"Virtual machine not found\.") as refused:
        control.status("nobody")
    assert refused.value.status == 1
    monkeypatch.setenv("UTMCTL_MODE", "forbidden")
    with pytest.raises(UtmRefused, match="-1743") as refused:
        control.start(UUID)
    assert "Automation" in refused.value.fix
    monkeypatch.setenv("UTMCTL_MODE", "dies")
    with pytest.raises(UtmRefused, match="status -9"):
        control.status(UUID)
    monkeypatch.setenv("UTMCTL_MODE", "hangs")
    monkeypatch.setattr("harness.utm.utmctl.ANSWER_S", 0.5)
    with pytest.raises(ControlTimeout, match="did not answer") as hung:
        control.status(UUID)
    assert "screen" in hung.value.fix
    control.program.unlink()
    with pytest.raises(UtmNotFound, match="has no utmctl"):
        Utmctl.of(find_app(home.app))
    with pytest.raises(UtmNotFound, match="cannot be run"):
        control.list()
