"""What a QEMU was told beside what was configured, where its monitor is, and which symbols it has."""

from __future__ import annotations

import random
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from harness.errors import ControlLost, InvalidConfiguration, UtmPackageUnusable
from harness.guests.toolchain import find_compiler
from harness.utm.comparison import differences, ignored
from harness.utm.configuration import Configuration
from harness.utm.monitor import QmpAddress, qmp_address
from harness.utm.running import Option, Running, options
from harness.utm.symbols import FRAME_EXPORT, exported, missing_for_frame_export
from tests.utm.folder import UUID, config_plist

LAUNCHER = "/Applications/UTM.app/Contents/XPCServices/QEMUHelper.xpc/Contents/MacOS/QEMULauncher"
LIBRARY = (
    "/Applications/UTM.app/Contents/Frameworks/qemu-aarch64-softmmu.framework/Versions/A/qemu-aarch64-softmmu"
)
ARGV = [
    LAUNCHER, LIBRARY, "-L", "/Users/me/Library/Containers/com.utmapp.UTM/Data/Library/Caches/qemu", "-S",
    "-spice", f"unix=on,addr={UUID}.spice,disable-ticketing=on,image-compression=off,gl=on",
    "-chardev", "spiceport,name=org.qemu.monitor.qmp.0,id=org.qemu.monitor.qmp",
    "-mon", "chardev=org.qemu.monitor.qmp,mode=control", "-nodefaults", "-vga", "none",
    "-device", "virtio-net-pci,mac=5E:11:22:33:44:55,netdev=net0", "-netdev", "vmnet-shared,id=net0",
    "-device", "virtio-gpu-gl-pci", "-cpu", "host", "-smp", "cpus=4,sockets=1,cores=4,threads=1",
    "-machine", "virt", "-accel", "hvf", "-m", "4096", "-audio", "none",
    "-device", "virtio-blk-pci,drive=driveAB12,bootindex=0",
    "-drive", "if=none,media=disk,id=driveAB12,file.filename=/Users/me/AB12.qcow2,discard=unmap",
    "-name", "Debian", "-uuid", UUID, "-device", "virtio-rng-pci",
]  # fmt: skip
"""As UTM 4.6 builds it."""


def running(argv: list[str]) -> Running:
    return Running(1234, tuple(argv), Path("/group"))


def configured(*arguments: str, **changes) -> Configuration:
    plist = config_plist()
    plist["QEMU"]["AdditionalArguments"] = list(arguments)
    return Configuration.model_validate(plist | changes)


def test_the_command_line_that_utm_builds_is_as_configured() -> None:
    assert differences(configured(), running(ARGV)) == []
    assert ignored(configured(), running(ARGV)) == []


def test_what_runs_otherwise_than_configured_is_listed() -> None:
    argv = [
        {"hvf": "tcg,tb-size=1024", "4096": "8G", "cpus=4,sockets=1,cores=4,threads=1": "2"}.get(w, w)
        for w in ARGV
    ]
    argv.remove("virtio-gpu-gl-pci")
    found = {one.what: (one.configured, one.running) for one in differences(configured(), running(argv))}
    assert found == {
        "accelerator": ("hvf", "tcg"), "memory": ("4096 MiB", "8192 MiB"), "CPUs": ("4", "2"),
        "display": ("virtio-gpu-gl-pci", "none"),
    }  # fmt: skip


def test_additional_arguments_are_part_of_what_is_configured() -> None:
    config = configured("-m 8192", "-smp 8", "-machine", "virt,highmem=off")
    argv = [*ARGV, "-m", "8192", "-smp", "8", "-machine", "virt,highmem=off"]
    assert differences(config, running(argv)) == []
    assert ignored(config, running(argv)) == []


def test_arguments_that_qemu_never_got_or_does_not_use_are_listed_with_the_reason() -> None:
    config = configured("-qmp unix:x.qmp,server=on,wait=off", "-accel tcg", "-D log.txt")
    found = {one.argument: one for one in ignored(config, running([*ARGV, "-accel", "tcg", "-D", "log.txt"]))}
    assert set(found) == {"-qmp unix:x.qmp,server=on,wait=off", "-accel tcg"}
    assert "not given it" in found["-qmp unix:x.qmp,server=on,wait=off"].why
    assert "-accel hvf before it" in found["-accel tcg"].why
    assert all(one.fix for one in found.values())


def test_the_same_argument_twice_must_be_there_twice() -> None:
    twice = configured("-device usb-tablet", "-device usb-tablet")
    assert len(ignored(twice, running([*ARGV, "-device", "usb-tablet"]))) == 1
    assert ignored(twice, running([*ARGV, "-device", "usb-tablet", "-device", "usb-tablet"])) == []


def test_options_of_a_command_line() -> None:
    assert options(["qemu", "lib", "--name", "x", "-S", "-m", "1G"]) == (
        Option("-name", "x"), Option("-S"), Option("-m", "1G"),
    )  # fmt: skip
    assert str(Option("-object", "secret,id=s,data=hunter2")) == "-object secret,id=s,data=…"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ([], None),
        (["-qmp", "unix:vb.qmp,server=on,wait=off"], "unix:/group/vb.qmp"),
        (["-qmp", "unix:/tmp/vb.qmp,server=on"], "unix:/tmp/vb.qmp"),
        (["-qmp", "tcp:127.0.0.1:4444,server=on,wait=off"], "tcp:127.0.0.1:4444"),
        (["-qmp", "tcp::4444,server=on"], "tcp:127.0.0.1:4444"),
        (
            ["-chardev", "socket,id=q,path=q.sock,server,nowait", "-mon", "chardev=q,mode=control"],
            "unix:/group/q.sock",
        ),
        (["-chardev", "socket,id=q,host=::1,port=99,server=on", "-mon", "q,mode=control"], "tcp:::1:99"),
        (["-chardev", "socket,id=q,path=q.sock,server=on", "-mon", "chardev=q,mode=readline"], None),
        (["-chardev", "socket,id=q,path=q.sock", "-mon", "chardev=q,mode=control"], None),
    ],
)
def test_where_a_monitor_is_that_anybody_may_connect_to(more, expected) -> None:
    address = qmp_address(running([*ARGV, *more]))
    assert (str(address) if address else None) == expected


@pytest.mark.parametrize("text", ["", "unix:", "tcp:host", "tcp:host:x", "tcp:h:99999", "stdio"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(InvalidConfiguration):
        QmpAddress.parse(text)


def test_a_monitor_that_nobody_listens_on_or_whose_name_is_too_long(tmp_path) -> None:
    with pytest.raises(ControlLost, match="no QEMU takes commands"):
        QmpAddress(path=tmp_path / "x").connect()
    with pytest.raises(InvalidConfiguration, match="too long for a socket"):
        QmpAddress(path=tmp_path / ("x" * 104)).connect()


@pytest.fixture(scope="module")
def dylib(tmp_path_factory):
    """Builds a real Mach-O library for arm64 that exports the names."""
    folder = tmp_path_factory.mktemp("dylib")

    def build(*names: str) -> Path:
        source = folder / "library.c"
        source.write_text("static int helix_hidden(void) { return 1; }\n" + "".join(
            f"int {name}(void) {{ return helix_hidden(); }}\n" for name in names
        ))  # fmt: skip
        library = folder / f"{len(names)}.dylib"
        bare = ["-target", "aarch64-macos", "-nostdlib", "-shared"]
        subprocess.run([find_compiler().program, "cc", *bare, "-o", library, source], check=True)
        return library

    return build


def test_the_symbols_of_a_library_with_frame_export_and_of_one_without(dylib) -> None:
    assert set(FRAME_EXPORT) <= exported(dylib(*FRAME_EXPORT))
    assert missing_for_frame_export(dylib(*FRAME_EXPORT)) == ()
    half = dylib(FRAME_EXPORT[0])
    assert missing_for_frame_export(half) == FRAME_EXPORT[1:]
    assert "helix_hidden" not in exported(half)


def test_files_that_are_no_library(dylib, tmp_path) -> None:
    good = dylib(FRAME_EXPORT[0]).read_bytes()
    file = tmp_path / "file"
    for content in (b"", b"\x7fELF" + bytes(60), good[:4], random.Random(5).randbytes(4096)):
        file.write_bytes(content)
        with pytest.raises(UtmPackageUnusable, match="is no Mach-O library"):
            exported(file)
    with pytest.raises(UtmPackageUnusable):
        exported(tmp_path / "gone")


def test_a_torn_library_is_refused_or_has_no_names_of_its_own(dylib, tmp_path) -> None:
    good = dylib(FRAME_EXPORT[0])
    torn = tmp_path / "torn"
    for length in range(8, 4096, 97):
        torn.write_bytes(good.read_bytes()[:length])
        with suppress(UtmPackageUnusable):
            assert exported(torn) <= exported(good)
