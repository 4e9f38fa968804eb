"""``visorbench boot --name`` and ``visorbench snapshot``: one program runs a machine, another keeps its present."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress

import pytest

from harness.errors import InvalidConfiguration, UnknownName, WrongState
from harness.guests.model import Arch
from harness.host.named import find, named, naming
from harness.machines.disk import ImageFormat
from harness.machines.images import image_format
from tests.machines.boot_sector import boot_sector
from tests.machines.conftest import needs

VISORBENCH = (sys.executable, "-c", "from harness.cli.main import main; main()")


@pytest.fixture(autouse=True)
def _own_names(tmp_path, monkeypatch):
    monkeypatch.setenv("VISORBENCH_RUNTIME_DIR", str(tmp_path / "run"))


def visorbench(*argv, **how):
    how = {"capture_output": True, "text": True, "timeout": 300} | how
    return subprocess.run([*VISORBENCH, *map(str, argv)], check=False, **how)


@contextmanager
def running(*argv):
    """A machine named "web", which is there; interrupted afterwards, as by Ctrl-C, unless it has ended."""
    command = [*VISORBENCH, "boot", "--name", "web", *map(str, argv)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert "web runs until its guest powers off" in next(process.stderr, ""), process.stderr.read()
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        with suppress(ValueError):
            process.communicate(timeout=300)


@pytest.fixture
def disk(qemu_img, tmp_path):
    """Makes a disk that boots a second's guest."""
    needs(Arch.X86_64)

    def make(form=ImageFormat.QCOW2):
        raw, image = tmp_path / "raw.img", tmp_path / f"disk of web, ü.{form}"
        raw.write_bytes(boot_sector(b"hello from the disk\r\n", then="halt").ljust(1 << 20, b"\0"))
        qemu_img.convert(raw, image, ImageFormat.RAW, form)
        assert image_format(image) == form
        return image

    return make


@pytest.mark.guest_boot
def test_a_named_machine_is_kept_loaded_and_forgotten_from_elsewhere(disk, tmp_path):
    boot = ["--disk", disk(), "--writable", "--arch", "x86-64", "--backend", "tcg", "--memory", 32]
    with running(*boot, "--option", "video=none", "--until", "hello from the disk") as web:
        nothing = visorbench("snapshot", "list", "web")
        assert (nothing.returncode, nothing.stdout) == (0, "web keeps no snapshots.\n")

        saved = visorbench("snapshot", "save", "web", "before", "--json")
        told = json.loads(saved.stdout)
        assert (saved.returncode, told["saved"], told["machine"]) == (0, "before", "web")
        assert told["took_s"] >= told["stopped_s"] > 0
        (kept,) = json.loads(visorbench("snapshot", "list", "web", "--json").stdout)
        assert kept["tag"] == "before"
        assert kept["memory_bytes"] > 0

        again = visorbench("snapshot", "save", "web", "before")
        assert again.returncode == 2
        assert "a snapshot before is kept already\n  delete it first" in again.stderr
        nothing = visorbench("snapshot", "save", "web", "")
        assert nothing.returncode == 2
        assert "give it a tag" in nothing.stderr
        assert visorbench("snapshot", "save", "web", "x", "--timeout", "nan").returncode == 2
        typo = visorbench("snapshot", "load", "web", "befor")
        assert typo.returncode == 2
        assert "did you mean 'before'" in typo.stderr
        loaded = visorbench("snapshot", "load", "web", "before")
        assert loaded.stdout.startswith("web: loaded before in ")
        assert visorbench("snapshot", "delete", "web", "before").returncode == 0
        assert visorbench("snapshot", "list", "web").stdout == "web keeps no snapshots.\n"

        twice = visorbench("boot", "--name", "web", *boot)
        assert twice.returncode == 1
        assert "a machine named web runs already" in twice.stderr
        assert "  web: disk of web" in visorbench("ps").stdout
        assert [each["name"] for each in json.loads(visorbench("ps", "--json").stdout)] == ["web"]
        other = visorbench("snapshot", "list", "wed")
        assert other.returncode == 2
        assert "did you mean 'web'" in other.stderr
        monitor = find("web").monitor
        assert visorbench("snapshot", "list", f"unix:{monitor}").returncode == 0
    assert web.returncode == 130
    assert not os.path.lexists(monitor)
    assert named() == []


@pytest.mark.guest_boot
def test_who_is_interrupted_hears_that_qemu_goes_on_and_the_next_one_is_kept_too(
    reference, qemu_img, tmp_path
):
    reference("tiny", Arch.X86_64)
    image = tmp_path / "disk.qcow2"
    qemu_img.create(image, 64 << 20, ImageFormat.QCOW2)
    boot = ["tiny", "--disk", image, "--writable", "--arch", "x86-64", "--backend", "tcg", "--timeout", 300]
    with running(*boot):
        save = subprocess.Popen(
            [*VISORBENCH, "snapshot", "save", "web", "broken-off"], stderr=subprocess.PIPE, text=True
        )
        deadline, empty = time.monotonic() + 120, image.stat().st_blocks
        while image.stat().st_blocks - empty < 2048:  # 1 MiB is more than tables: its memory is being written
            assert time.monotonic() < deadline
            time.sleep(0.001)
        save.send_signal(signal.SIGINT)
        told = save.communicate(timeout=120)[1]
        if save.returncode == 0:
            pytest.skip("it was saved before it could be interrupted")
        assert save.returncode == 130
        assert "QEMU goes on with it; `visorbench snapshot list web` tells what is kept" in told
        second = visorbench("snapshot", "save", "web", "second")
        assert second.returncode == 0, second.stderr
        kept = json.loads(visorbench("snapshot", "list", "web", "--json").stdout)
        assert [each["tag"] for each in kept] == ["broken-off", "second"]


@pytest.mark.guest_boot
def test_a_raw_disk_is_refused_by_its_name(disk):
    image = disk(ImageFormat.RAW)
    boot = ["--disk", image, "--writable", "--arch", "x86-64", "--backend", "tcg", "--memory", 32]
    with running(*boot, "--option", "video=none", "--until", "hello"):
        refused = visorbench("snapshot", "save", "web", "before")
    assert refused.returncode == 2
    assert f"the machine writes to {image}, a raw image, which keeps no snapshots" in refused.stderr


def test_a_backend_without_qmp_and_a_dry_run_give_no_names():
    for argv, words in (
        (["--dry-run"], "--name and --dry-run"),
        (["--backend", "vz", "--arch", "arm64"], "vz"),
    ):
        refused = visorbench("boot", "--name", "web", *argv)
        assert refused.returncode in (2, 3)
        assert words in refused.stderr


@pytest.mark.parametrize("name", ["", "a/b", "-x", ".hidden", "a b", "x" * 65, "ü"])
def test_what_is_no_name_is_refused(name, tmp_path):
    with (
        pytest.raises(InvalidConfiguration, match="is no name for a machine"),
        naming(name, tmp_path / "qmp"),
    ):
        pass


def test_a_name_belongs_to_one_machine_at_a_time_and_is_free_afterwards(tmp_path):
    with naming("web", tmp_path / "qmp"):
        assert find("web").monitor == str(tmp_path / "qmp")
        with pytest.raises(WrongState, match="runs already"), naming("web", tmp_path / "other"):
            pass
        with naming("mail", tmp_path / "other"):
            assert [each.name for each in named()] == ["mail", "web"]
    with pytest.raises(UnknownName, match="known: none"):
        find("web")


def test_the_name_of_a_machine_whose_harness_was_killed_is_free(tmp_path):
    killed = (
        "import os, signal; from pathlib import Path; from harness.host.named import naming\n"
        "with naming('web', Path('gone')): os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", killed], check=False)
    assert [each.name for each in (tmp_path / "run" / "machines").iterdir()] == ["web.json"]
    assert named() == []
    with naming("web", tmp_path / "qmp"):
        assert find("web").monitor == str(tmp_path / "qmp")
