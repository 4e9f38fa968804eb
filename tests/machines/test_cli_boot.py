"""``visorbench boot`` on guests of one boot sector: how it ends, what it prints, what it leaves behind."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import psutil
import pytest

from harness.host.accelerators import KVM_DEVICE
from harness.host.system import host_arch
from tests.machines.boot_sector import write_boot_sector

pytestmark = [
    pytest.mark.guest_boot,
    pytest.mark.skipif(shutil.which("qemu-system-x86_64") is None, reason="no qemu-system-x86_64 on PATH"),
]
COMMAND = [sys.executable, "-c", "from harness.cli.main import main; main()", "boot"]


@pytest.fixture
def disk(tmp_path):
    return write_boot_sector(tmp_path / "a disk, ü.img", b"one\r\ntwo\r\nlogin: ")


@pytest.fixture
def boot(disk, tmp_path):
    environ = {**os.environ, "VISORBENCH_RUNTIME_DIR": str(tmp_path / "run"), "PYTHONIOENCODING": "utf-8"}

    def run(*options, **more):
        fixed = ["--disk", disk, "--arch", "x86-64", "--backend", "tcg", "--memory", "64"]
        argv = [*COMMAND, *fixed, *options]
        if more:
            return subprocess.Popen(argv, env=environ, stdout=subprocess.PIPE, text=True)
        return subprocess.run(argv, env=environ, capture_output=True, text=True, timeout=60, check=False)

    return run


def test_it_ends_at_the_regex_and_shows_lines_with_their_times(boot):
    done = boot("--until", "t[w]o")
    assert (done.returncode, done.stderr) == (0, "")
    margin, text = next(line for line in done.stdout.splitlines() if "one" in line).split()
    assert float(margin) > 0
    assert text == "one"
    assert "vmm-ready" in done.stdout
    assert "'two' after" in done.stdout


def test_it_ends_at_a_login_prompt_and_says_so_as_json(boot, tmp_path):
    done = boot("--login", "--json", "--screenshot", tmp_path / "ü.png", "--logs", tmp_path / "logs")
    said = json.loads(done.stdout)
    assert (said["ended"], said["line"].strip()) == ("marker", "login:")
    assert list(said["phases"]) == ["first-console", "vmm-ready"]
    assert (tmp_path / "ü.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "logs" / "console.log").read_bytes().endswith(b"login: ")


def test_what_never_comes_is_an_error_and_a_watch_for_nothing_is_not(boot):
    failed = boot("--until", "three", "--timeout", "1")
    assert failed.returncode == 1
    assert "did not say 'three' within 1 s" in failed.stderr
    assert "Traceback" not in failed.stderr
    done = boot("--timeout", "1")
    assert done.returncode == 0
    assert "ended after 1 s, as asked" in done.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_cleans_up_within_three_seconds(boot, number):
    process = boot("--until", "three", popen=True)
    while "one" not in process.stdout.readline():
        pass
    children = psutil.Process(process.pid).children(recursive=True)
    assert any("qemu" in child.name() for child in children)
    began = time.monotonic()
    process.send_signal(number)
    process.communicate(timeout=10)
    assert process.returncode == 130
    assert psutil.wait_procs(children, timeout=3)[1] == []
    assert time.monotonic() - began < 3


def test_the_qemu_of_visorbench_toml_is_used(boot, tmp_path, monkeypatch):
    (tmp_path / "visorbench.toml").write_text('qemu = "/no/such/qemu"\n')
    monkeypatch.chdir(tmp_path)
    done = boot("--dry-run")
    assert (done.returncode, "/no/such/qemu" in done.stderr) == (3, True)


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--until", "("], 2, "is not a regular expression"),
        (["--until", "x", "--login"], 2, "exclude each other"),
        (["--memory", "1"], 2, "it can be 32"),
        (["--machine", "q53"], 2, "did you mean 'q35'"),
        (["--backend", "tgc"], 2, "did you mean 'tcg'"),
        (["--arch", "x86"], 2, "did you mean 'x86-64'"),
        (["--option", "video"], 2, "KEY=VALUE"),
        (["--option", "vidoe=VGA"], 2, "did you mean 'video'"),
        (["--screenshot", "/"], 2, "/ is a folder, and the screenshot is a file"),
        (["--screenshot", "/no/such/shot.png"], 2, "there is no folder /no/such for the screenshot"),
        (["--kernel", "/no/such/kernel"], 2, "/no/such/kernel is not a file"),
        (["--qemu", "/no/such/qemu"], 3, "/no/such/qemu"),
        (["--logs", "/dev/null/logs"], 3, "cannot write the logs"),
        (["tiny", "--efi"], 2, "boot the one or the other"),
    ],
)
def test_wrong_requests_are_one_sentence_and_an_exit_code(boot, options, code, words):
    done = boot(*options)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_foreign_image_is_named(boot, disk):
    disk.write_bytes(b"KDMV" + bytes(512))
    done = boot()
    assert done.returncode == 2
    assert "is a VMDK file" in done.stderr


@pytest.mark.skipif(
    host_arch() != "x86-64" or not os.access(KVM_DEVICE, os.R_OK | os.W_OK), reason="no KVM to ask for"
)
def test_an_accelerator_that_runs_nothing_is_what_the_boot_failed_of(boot, tmp_path):
    refuses = tmp_path / "qemu-system-x86_64"
    real = shutil.which("qemu-system-x86_64")
    refuses.write_text(f"""#!/bin/sh\ncase "$*" in *accel=kvm*|*-accel*kvm*) echo "no KVM today" >&2; exit 1;; esac
exec {real} "$@"\n""")
    refuses.chmod(0o755)
    done = boot("--backend", "kvm", "--qemu", refuses)
    assert done.returncode == 3
    assert "kvm does not run x86-64 guests here: " in done.stderr
    assert "no KVM today" in done.stderr
    assert "use the backend tcg" in done.stderr
