"""What would be installed, by whom, and when nothing may be: package managers that only note what they are told."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from harness.cli.main import main
from harness.errors import InstallRefused
from harness.host import packages, setup
from harness.host.packages import NEEDS, Need

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ARM = NEEDS[0]


@pytest.fixture(autouse=True)
def allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(setup.FORBIDDEN, raising=False)


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Puts a script first on PATH that notes its arguments; returns the notes."""
    notes = tmp_path / "notes"
    notes.touch()

    def make(name: str, then: str = "exit 0") -> Path:
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f'#!/bin/sh\necho "{name} $*" "frontend=$DEBIAN_FRONTEND" >> {notes}\n{then}\n')
        path.chmod(0o755)
        return notes

    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    return make


def root(monkeypatch: pytest.MonkeyPatch, *, is_root: bool) -> None:
    monkeypatch.setattr(setup, "is_root", lambda: is_root)


@pytest.mark.parametrize(
    ("manager", "expected"),
    [
        ("apt", ["apt-get", "--no-install-recommends", "qemu-system-arm", "ipxe-qemu", "qemu-system-x86", "qemu-utils",
                 "qemu-efi-aarch64", "ovmf", "mesa-vulkan-drivers", "libegl1", "libx264-dev", "libyuv-dev"]),
        ("dnf", ["dnf install -y", "qemu-system-aarch64-core", "qemu-system-x86-core", "qemu-img", "edk2-aarch64",
                 "edk2-ovmf"]),
        ("pacman", ["pacman", "--noconfirm", "qemu-system-aarch64", "qemu-system-x86", "qemu-img", "edk2-aarch64",
                    "edk2-ovmf"]),
        ("brew", ["brew install qemu"]),
        ("winget", ["winget install --id SoftwareFreedomConservancy.QEMU"]),
    ],
)  # fmt: skip
def test_the_plan_of_each_package_manager(manager: str, expected: list[str]) -> None:
    todo = setup.plan(manager, NEEDS)
    own = (
        {"vulkan", "gles", "encoder"} if manager in ("brew", "winget") else set()
    )  # these have some of their own
    own |= {"encoder"} if manager == "dnf" else set()  # x264 is not in Fedora
    assert {need.name for need in todo.unavailable} == own
    for words in expected:
        assert words in todo.one_command
    assert len(set(todo.names)) == len(todo.names)
    assert "gui" not in todo.one_command


def test_enterprise_linux_has_only_its_own_architecture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "host_arch", lambda: "x86-64")
    todo = setup.plan("dnf-el", NEEDS)
    assert "qemu-kvm" in todo.names
    assert [need.name for need in todo.unavailable] == ["qemu-arm64", "encoder"]


def test_what_a_platform_does_not_package_is_no_reason_to_refuse(
    program: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "host_arch", lambda: "x86-64")
    root(monkeypatch, is_root=True)
    monkeypatch.setattr(packages, "missing_needs", lambda: [ARM])
    notes = program("dnf")
    setup.install(setup.plan("dnf-el", NEEDS[:2]), yes=True)
    assert "install -y --setopt=install_weak_deps=False qemu-kvm" in notes.read_text()
    again = setup.plan("dnf-el", [ARM])
    assert again.hopeless
    setup.install(again, yes=False)


def test_sudo_is_in_the_command_for_a_user_and_never_for_brew(monkeypatch: pytest.MonkeyPatch) -> None:
    root(monkeypatch, is_root=False)
    assert setup.plan("dnf", NEEDS).one_command.startswith("sudo dnf")
    assert "sudo" not in setup.plan("brew", NEEDS).one_command
    root(monkeypatch, is_root=True)
    assert "sudo" not in setup.plan("dnf", NEEDS).one_command


def test_nothing_missing_runs_nothing(program: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    notes = program("apt-get")
    monkeypatch.setenv(setup.FORBIDDEN, "1")
    todo = setup.plan("apt", [])
    assert (todo.commands, todo.one_command) == ((), "")
    setup.install(todo, yes=False)
    assert notes.read_text() == ""


def test_root_installs_and_says_so(program: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    notes, said = program("apt-get"), []
    root(monkeypatch, is_root=True)
    monkeypatch.setattr(setup, "_apt_lists_old", lambda: True)
    monkeypatch.setattr(packages, "missing_needs", list)
    setup.install(setup.plan("apt", [ARM]), yes=True, say=said.append)
    update, install = notes.read_text().splitlines()
    assert "update" in update
    assert install.endswith(
        "install -y --no-install-recommends qemu-system-arm ipxe-qemu frontend=noninteractive"
    )
    assert len(said) == 2
    assert "apt-get" in said[1]


def test_password_less_sudo_installs(program: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    program("dnf")
    notes = program("sudo", 'shift; exec "$@"')
    root(monkeypatch, is_root=False)
    monkeypatch.setattr(packages, "missing_needs", list)
    setup.install(setup.plan("dnf", [ARM]), yes=True)
    lines = notes.read_text().splitlines()
    assert lines[0].startswith("sudo -n true")
    assert lines[1].startswith("sudo -n dnf install")
    assert lines[2].startswith("dnf install")


def test_sudo_that_wants_a_password_is_left_to_the_user(
    program: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    program("sudo", "exit 1")
    notes = program("dnf")
    root(monkeypatch, is_root=False)
    todo = setup.plan("dnf", [ARM])
    with pytest.raises(InstallRefused, match="sudo without a password") as caught:
        setup.install(todo, yes=True)
    assert caught.value.exit_code == 3
    assert caught.value.fix == f"run: {todo.one_command}"
    assert "dnf install" not in notes.read_text()


@pytest.mark.parametrize("value", ["1", "yes"])
def test_forbidden_is_forbidden_even_for_root(
    value: str, program: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = program("dnf")
    root(monkeypatch, is_root=True)
    monkeypatch.setenv(setup.FORBIDDEN, value)
    with pytest.raises(InstallRefused, match=setup.FORBIDDEN) as caught:
        setup.install(setup.plan("dnf", [ARM]), yes=True)
    assert "dnf install" in caught.value.command
    assert notes.read_text() == ""


def test_nobody_agreed(program: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    notes = program("dnf")
    root(monkeypatch, is_root=True)
    with pytest.raises(InstallRefused, match="nobody agreed"):
        setup.install(setup.plan("dnf", [ARM]), yes=False)
    assert notes.read_text() == ""


@pytest.mark.parametrize(("answer", "installed"), [("n", False), ("y", True)])
def test_who_is_asked_sees_the_command_once(
    answer: str,
    installed: bool,
    program: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    notes = program("dnf")
    root(monkeypatch, is_root=True)
    monkeypatch.setattr(packages, "package_manager", lambda: "dnf")
    lacking = [[ARM]]  # the installation brings it
    monkeypatch.setattr(packages, "missing_needs", lambda: lacking.pop() if lacking else [])
    keyboard, terminal = os.openpty()
    os.write(keyboard, f"{answer}\n".encode())
    with os.fdopen(terminal) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        with pytest.raises(SystemExit) as ended:
            main(["setup"])
    os.close(keyboard)
    out, err = capfd.readouterr()
    assert (out + err).count("qemu-system-aarch64-core") == 1 + installed  # then it says what it runs
    assert bool(notes.read_text()) == installed
    assert ended.value.code == (0 if installed else 3)
    assert ("nothing was installed" in err) != installed


def test_a_command_that_fails(program: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    program("dnf", "echo no space left >&2; exit 17")
    root(monkeypatch, is_root=True)
    with pytest.raises(InstallRefused, match="status 17"):
        setup.install(setup.plan("dnf", [ARM]), yes=True)


def test_a_package_that_did_not_bring_it(
    program: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    program("dnf")
    root(monkeypatch, is_root=True)
    monkeypatch.setattr(packages, "missing_needs", lambda: [ARM])
    with pytest.raises(InstallRefused, match="still missing"):
        setup.install(setup.plan("dnf", [ARM]), yes=True)


def test_winget_is_printed_and_an_unknown_platform_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InstallRefused, match="left to you"):
        setup.install(setup.plan("winget", [ARM]), yes=True)
    monkeypatch.setattr(packages, "package_manager", lambda: None)
    with pytest.raises(InstallRefused, match="no package manager") as caught:
        setup.install(setup.plan(None, [ARM]), yes=True)
    assert "by hand" in str(caught.value.fix)


@pytest.mark.parametrize(("missing", "status"), [(NEEDS[2:], 0), (NEEDS, 3), (NEEDS[:1], 3)])
def test_only_what_the_guests_need_is_insisted_on(
    missing: tuple[Need, ...],
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(setup.FORBIDDEN, "1")
    root(monkeypatch, is_root=True)
    monkeypatch.setattr(setup, "_apt_lists_old", lambda: True)
    monkeypatch.setattr(packages, "package_manager", lambda: "apt")
    monkeypatch.setattr(packages, "missing_needs", lambda: list(missing))
    with pytest.raises(SystemExit) as caught:
        main(["setup", "--yes"])
    assert caught.value.code == status
    told = capsys.readouterr()
    assert missing[0].what in told.out
    (command,) = [line for line in told.err.splitlines() if "apt-get" in line]
    assert command.strip().startswith("run: apt-get update && apt-get install"), (
        "one line to paste, in every case"
    )
    assert "apt-get" not in told.out, "and told once"


def test_apt_lists_that_are_missing_or_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup, "_APT_LISTS", tmp_path)
    root(monkeypatch, is_root=True)
    assert "update" in setup.plan("apt", [ARM]).one_command
    (tmp_path / "deb.example_dists_stable_main_binary-arm64_Packages.lz4").touch()
    assert "update" not in setup.plan("apt", [ARM]).one_command
    tomorrow = time.time() + 25 * 3600
    monkeypatch.setattr(setup.time, "time", lambda: tomorrow)
    assert "update" in setup.plan("apt", [ARM]).one_command


@pytest.mark.parametrize("api", ["vulkan", "gles"])
def test_a_driver_is_there_when_its_loader_is_told_so(
    api: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages.platform, "system", lambda: "Linux")
    pattern = f"{tmp_path.relative_to('/')}/icd.d/*.json"
    monkeypatch.setattr(packages, "_DRIVERS", {api: (pattern,)})
    assert packages.graphics_apis() == set()
    (tmp_path / "icd.d").mkdir()
    (tmp_path / "icd.d" / "lvp.json").touch()
    assert packages.graphics_apis() == {api}


@pytest.mark.parametrize("system", ["Darwin", "Windows"])
def test_systems_with_an_api_of_their_own_need_no_driver(
    system: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages.platform, "system", lambda: system)
    assert packages.graphics_apis() == {"vulkan", "gles"}
