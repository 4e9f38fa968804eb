"""``visorbench boot --dry-run``: what it prints is what a boot runs, and a shell can run it."""

import json
import os
import shutil
import socket
import subprocess
import sys

import pytest

from harness.channels.console import Console
from harness.channels.qmp import Qmp
from harness.guests.model import Arch
from harness.host.accelerators import impossible_here
from harness.host.system import host_arch
from harness.machines.by_hand import ByHand
from harness.machines.catalogue import fastest
from tests.machines.boot_sector import write_boot_sector

pytestmark = [
    pytest.mark.guest_boot,
    pytest.mark.skipif(shutil.which("qemu-system-x86_64") is None, reason="no qemu-system-x86_64 on PATH"),
]
COMMAND = [sys.executable, "-c", "from harness.cli.main import main; main()", "boot"]
OF_CHANNELS = ("id=qmp,", "id=console,")


@pytest.fixture
def boot(tmp_path):
    runtime = tmp_path / "run, ü"
    environ = {**os.environ, "VISORBENCH_RUNTIME_DIR": str(runtime), "PYTHONIOENCODING": "utf-8"}

    def run(*options, **more):
        return subprocess.run(
            [*COMMAND, *map(str, options)],
            env=environ | more,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run


def run_in_a_shell(command: str, until: str, qmp: str) -> None:
    """Paste it: the guest's words come on the terminal, and the QMP socket answers."""
    ours, theirs = socket.socketpair()
    shell = subprocess.Popen(["sh", "-c", f"exec {command}"], stdin=theirs, stdout=theirs)
    theirs.close()
    console = Console(ours)
    monitor = None
    try:
        assert console.wait_for(until, 100)
        channel = socket.socket(socket.AF_UNIX)
        channel.connect(qmp)
        monitor = Qmp(channel)
        monitor.negotiate()
        assert monitor.execute("query-status")["status"] == "running"
        monitor.execute("quit")
        assert shell.wait(20) == 0
    finally:
        shell.kill()
        console.close()
        if monitor:
            monitor.close()


def qmp_path(dry) -> str:
    return dry["differs"]["QMP"].removeprefix("listens at ").partition(";")[0]


def test_the_argv_is_that_of_a_boot_but_for_its_channels(boot, tmp_path):
    disk = write_boot_sector(tmp_path / "a disk, it's ü.img", b"one\r\ntwo\r\n")
    options = ["--disk", disk, "--arch", "x86-64", "--memory", "64", "--backend", "tcg"]
    dry = json.loads(boot(*options, "--dry-run", "--json").stdout)
    assert boot(*options, "--until", "two", "--logs", tmp_path / "logs").returncode == 0
    argv = (tmp_path / "logs" / "argv").read_text().splitlines()
    different = [real for real, printed in zip(argv, dry["argv"], strict=True) if real != printed]
    assert len(different) == 2
    assert all(real.partition(",")[2].startswith(OF_CHANNELS) for real in different)
    assert not list((tmp_path / "run, ü").rglob("*.qmp")), "a dry run starts nothing"


def test_a_shell_runs_what_is_printed_whatever_is_in_the_paths(boot, tmp_path):
    disk = write_boot_sector(tmp_path / "it's $HOME, `ü`.img", b"one\r\ntwo\r\n")
    options = ["--disk", disk, "--arch", "x86-64", "--memory", "64", "--backend", "tcg", "--dry-run"]
    printed = boot(*options)
    assert printed.returncode == 0
    assert "Ctrl-A X" in printed.stderr
    run_in_a_shell(printed.stdout, "^two$", qmp_path(json.loads(boot(*options, "--json").stdout)))


@pytest.mark.parametrize("arch", [Arch.X86_64, pytest.param(Arch.ARM64, marks=pytest.mark.slow)])
def test_the_reference_guest_is_ready_when_pasted(boot, tiny, arch):
    tiny(arch)
    options = ["tiny", "--arch", arch.value, "--backend", "tcg", "--dry-run"]
    dry = json.loads(boot(*options, "--json").stdout)
    assert list(dry["differs"]) == ["QMP", "console", "initrd", "ready port"]
    run_in_a_shell(boot(*options).stdout, "^visorbench: ready", qmp_path(dry))


def test_the_reference_guest_s_argv_differs_in_channels_and_keys_only(boot, tiny, tmp_path):
    tiny(Arch.X86_64)
    options = ["--arch", "x86-64", "--backend", "tcg", "--option", "rng=on"]
    dry = json.loads(boot(*options, "--dry-run", "--json").stdout)
    assert boot(*options, "--logs", tmp_path / "logs").returncode == 0
    argv = (tmp_path / "logs" / "argv").read_text().splitlines()
    different = [n for n, pair in enumerate(zip(argv, dry["argv"], strict=True)) if pair[0] != pair[1]]
    assert [argv[n - 1] for n in different] == ["-initrd", "-chardev", "-chardev", "-chardev"]


def test_the_backend_is_chosen_as_a_boot_chooses_it(boot, tmp_path):
    disk = write_boot_sector(tmp_path / "disk", b"one\r\n")
    argv = json.loads(boot("--disk", disk, "--arch", "x86-64", "--dry-run", "--json").stdout)["argv"]
    assert argv[argv.index("-accel") + 1].partition(",")[0] == fastest(Arch.X86_64)
    if impossible_here("kvm", Arch.X86_64) is None:
        named = json.loads(
            boot("--disk", disk, "--arch", "x86-64", "--backend", "kvm", "--dry-run", "--json").stdout
        )["argv"]
        assert named[named.index("-accel") + 1] == "kvm"


FOREIGN = "x86-64" if host_arch() == "arm64" else "arm64"
NOT_HERE = "hvf" if sys.platform == "linux" else "kvm"


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--until", "["], 2, "--until '[' is not a regular expression"),
        (
            ["--backend", {"linux": "kvm", "darwin": "hvf"}.get(sys.platform, "whpx"), "--arch", FOREIGN],
            3,
            "own",
        ),
        (["--backend", NOT_HERE], 3, f"{NOT_HERE} exists on"),
    ],
)
def test_what_a_boot_refuses_a_dry_run_refuses_in_the_same_words(boot, tmp_path, options, code, words):
    disk = write_boot_sector(tmp_path / "disk", b"one\r\n")
    real, dry = boot("--disk", disk, *options), boot("--disk", disk, *options, "--dry-run")
    assert (real.returncode, dry.returncode) == (code, code)
    assert real.stderr == dry.stderr
    assert words in dry.stderr
    assert (real.stdout, dry.stdout) == ("", "")


def test_a_guest_that_is_not_built_is_not_built_by_a_dry_run(boot, tmp_path):
    cache = tmp_path / "cache"
    done = boot("tiny", "--arch", "arm64", "--dry-run", VISORBENCH_CACHE_DIR=str(cache))
    assert (done.returncode, done.stdout) == (3, "")
    assert "visorbench guests build tiny --arch arm64" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (cache / "guests").exists()
    assert not (cache / "archive").exists()


def test_variables_that_a_display_needs_are_part_of_the_command():
    hand = ByHand(("printenv", "SDL_VIDEODRIVER", "B"), {}, {"SDL_VIDEODRIVER": "offscreen", "B": "it's $B"})
    said = subprocess.run(["sh", "-c", f"exec {hand.command}"], capture_output=True, text=True, check=True)
    assert said.stdout == "offscreen\nit's $B\n"
