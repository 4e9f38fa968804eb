"""Finding QEMUs: the real ones here, and files that only claim to be one."""

from __future__ import annotations

import hashlib
import os
import plistlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from harness.errors import QemuNotFound, QemuTooOld, UnknownName
from harness.host import qemu as search
from harness.host import qemu_places, utm
from harness.host.identity import Identity
from harness.host.qemu import QemuBinary, RejectedQemu, find_qemus, parse_version, qemu_for, survey
from harness.host.qemu_places import ARCH_OF_TARGET, VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable

REAL = {arch: shutil.which(f"qemu-system-{target}") for target, arch in ARCH_OF_TARGET.items()}
needs_qemu = pytest.mark.skipif(not all(REAL.values()), reason="no QEMU for both architectures on PATH")


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CACHE", "DATA"):
        monkeypatch.setenv(f"VISORBENCH_{name}_DIR", str(tmp_path / name.lower()))
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.fixture
def script(tmp_path: Path) -> Callable[..., Path]:
    """Writes an executable shell script."""

    def write(body: str, name: str = "qemu-system-x86_64") -> Path:
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return path

    return write


@pytest.fixture
def hanging(tmp_path: Path) -> Callable[[int], list[Path]]:
    """Makes so many QEMUs, each in a folder of its own, that know their version and hang on QMP."""

    def make(count: int) -> list[Path]:
        made = []
        for number in range(count):
            path = tmp_path / f"hanging{number}" / "qemu-system-x86_64"
            path.parent.mkdir()
            path.write_text(
                '#!/bin/sh\ntest "$1" = --version || exec sleep 1000\necho QEMU emulator version 9.0.0\n'
            )
            path.chmod(0o755)
            made.append(path)
        return made

    return make


@needs_qemu
@pytest.mark.parametrize(("arch", "machine"), [("arm64", "virt"), ("x86-64", "q35")])
def test_the_real_qemu_says_what_it_can_do(arch: str, machine: str) -> None:
    found = qemu_for(arch)
    assert found.version >= search.OLDEST
    assert found.version_text.startswith("QEMU emulator version ")
    assert found.build().endswith(f"sha256 {hashlib.sha256(found.path.read_bytes()).hexdigest()[:12]}")
    assert machine in found.features.machines
    assert "tcg" in found.features.accelerators


@needs_qemu
@pytest.mark.parametrize("by", ["binary", "folder", "variable"])
def test_a_named_qemu_comes_first_whatever_its_path(
    by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "mein QEMU, größer & 新"
    folder.mkdir()
    binary = folder / "qemu-system-aarch64"
    binary.symlink_to(str(REAL["arm64"]))
    if by == "variable":
        monkeypatch.setenv(VARIABLE, str(binary))
    explicit = {"binary": binary, "folder": folder, "variable": None}[by]
    assert qemu_for("arm64", explicit).path == binary
    with pytest.raises(QemuNotFound, match="runs arm64 guests, not x86-64"):
        qemu_for("x86-64", explicit)  # never another than the one that was named


@needs_qemu
def test_one_file_under_many_names_is_listed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "qemu-system-aarch64").symlink_to(str(REAL["arm64"]))
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}:{os.environ['PATH']}")
    assert [found.path for found in find_qemus() if found.arch == "arm64"] == [
        tmp_path / "qemu-system-aarch64"
    ]


def test_an_old_qemu_is_named_with_its_version(script: Callable[..., Path]) -> None:
    old = script('echo "QEMU emulator version 5.2.0 (Debian 1:5.2+dfsg-11)"')
    with pytest.raises(QemuTooOld, match=r"5\.2\.0") as caught:
        qemu_for("x86-64", old)
    assert caught.value.exit_code == 3
    assert caught.value.path == old


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("echo GNU ls 9.1", "is not QEMU"),
        ("head -c 100000 /dev/urandom", "is not QEMU"),
        ("exit 3", "is not QEMU"),
        ("kill -SEGV $$", "is not QEMU"),
        ('test "$1" = --version && echo QEMU emulator version 9.0.0 || echo nonsense', "QMP"),
        (
            'test "$1" = --version && echo QEMU emulator version 9.0.0 || { echo broken >&2; exit 1; }',
            "broken",
        ),
    ],
)
def test_what_is_no_qemu_is_refused_with_the_reason(
    script: Callable[..., Path], body: str, complaint: str
) -> None:
    path = script(body, "my emulator")
    with pytest.raises(QemuNotFound, match=complaint) as caught:
        find_qemus(path)
    assert str(path) in str(caught.value)
    assert caught.value.fix


@pytest.mark.parametrize("when", ["--version", "-machine"])
def test_a_hanging_qemu_is_refused_and_killed(
    when: str, script: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "_VERSION_DEADLINE_S", 1.0)
    hangs = f"{{ echo $$ > '{tmp_path}/pid'; sleep 1000 & echo $! >> '{tmp_path}/pid'; wait; }}"
    path = script(f'case "$1" in {when}) {hangs};; *) echo QEMU emulator version 9.0.0;; esac', "my emulator")
    with pytest.raises(QemuNotFound, match="did not answer"):
        find_qemus(path)
    pids = [int(line) for line in (tmp_path / "pid").read_text().split()]
    assert len(pids) == 2
    left = [psutil.Process(identity.pid) for pid in pids if (identity := Identity.of(pid)) is not None]
    assert psutil.wait_procs(left, timeout=5)[1] == []


def test_files_that_cannot_be_run(tmp_path: Path) -> None:
    plain = tmp_path / "qemu-system-x86_64"
    with pytest.raises(QemuNotFound, match="is not a file"):
        find_qemus(plain)
    plain.write_text("")
    with pytest.raises(QemuNotFound, match="is not executable"):
        find_qemus(plain)
    plain.write_bytes(b"\x7fELF, but only in name")
    plain.chmod(0o755)
    with pytest.raises(QemuNotFound, match=r"cannot|could not|not"):
        find_qemus(plain)
    (empty := tmp_path / "empty").mkdir()
    with pytest.raises(QemuNotFound, match="holds no qemu-system-aarch64"):
        find_qemus(empty)


def test_an_unknown_architecture_names_the_nearest() -> None:
    with pytest.raises(UnknownName, match="arm64"):
        qemu_for("arm46")


def test_a_bad_one_on_path_is_reported_and_passed_over(
    script: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = script("echo no")
    monkeypatch.setenv("PATH", f"{bad.parent}:{os.environ['PATH']}")
    usable, rejected = survey()
    assert bad in [one.path for one in rejected]
    assert bad not in [one.path for one in usable]


@needs_qemu
def test_a_qemu_is_asked_once_until_it_changes(script: Callable[..., Path], tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    path = script(f"echo x >> '{asked}'; exec {REAL['x86-64']} \"$@\"")
    first = search.examine(path, "--qemu")
    assert isinstance(first, QemuBinary)
    times = len(asked.read_text().split())
    assert search.examine(path, "--qemu") == first
    assert len(asked.read_text().split()) == times
    os.utime(path, (1, 1))
    assert search.examine(path, "--qemu") == first
    assert len(asked.read_text().split()) == 2 * times


@needs_qemu
@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"version": "x"}', '{"version": "x", "features": {"target": 1}}']
)
def test_a_spoilt_memory_is_asked_again(content: str, tmp_path: Path) -> None:
    path = Path(str(REAL["x86-64"]))
    known = search.examine(path, "PATH")
    (stored,) = (tmp_path / "cache" / "qemu").iterdir()
    stored.write_text(content)
    assert search.examine(path, "PATH") == known


@needs_qemu
def test_a_cache_that_cannot_be_written_costs_only_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("VISORBENCH_CACHE_DIR", str(tmp_path / "file" / "cache"))
    assert isinstance(search.examine(Path(str(REAL["x86-64"])), "PATH"), QemuBinary)


@needs_qemu
def test_a_module_that_is_not_installed_is_a_feature_that_is_absent(tmp_path: Path) -> None:
    """A copy of QEMU looks for modules beside the copy; there, first without and then with spice."""
    modules = [path for path in Path("/usr/lib").glob("*/qemu/*.so") if not path.name.startswith("block-")]
    if not {"ui-spice-core.so", "chardev-spice.so"} <= {path.name for path in modules}:
        pytest.skip("QEMU's spice is not a module here")
    binary = tmp_path / "bin" / "qemu-system-x86_64"
    binary.parent.mkdir()
    shutil.copy(str(REAL["x86-64"]), binary)
    beside = tmp_path / "lib" / modules[0].parent.parent.name / "qemu"
    beside.mkdir(parents=True)
    for module in modules:
        if "spice" not in module.name:
            (beside / module.name).symlink_to(module)
    without = search.examine(binary, "--qemu")
    for module in modules:
        if "spice" in module.name:
            (beside / module.name).symlink_to(module)
    having = search.examine(binary, "--qemu")
    assert isinstance(without, QemuBinary)
    assert isinstance(having, QemuBinary)
    assert (without.features.spice, having.features.spice) == (False, True)
    assert without.features.virtio_gpu_gl == having.features.virtio_gpu_gl


def test_what_answers_and_stays_is_not_waited_for(script: Callable[..., Path]) -> None:
    """QEMU drops answers when it is told to quit, so it is ended by us, at the last one."""
    replies = [
        '{"return": {"arch": "x86_64"}, "id": "target"}',
        '{"return": [{"name": "q35"}], "id": "machines"}',
        '{"return": [{"name": "tcg-accel"}, {"name": "chardev-spicevmc"}], "id": "types"}',
        '{"return": {"status": "prelaunch"}, "id": "end"}',
    ]
    said = "; ".join(f"echo '{reply}'" for reply in replies)
    path = script(
        f'test "$1" = --version && echo QEMU emulator version 9.0.0 || {{ {said}; exec sleep 1000; }}'
    )
    found = search.examine(path, "--qemu")
    assert isinstance(found, QemuBinary)
    assert (found.features.accelerators, found.features.spice) == (("tcg",), True)


def test_a_qemu_for_other_guests_is_rejected(script: Callable[..., Path]) -> None:
    replies = [
        '{"return": {"arch": "riscv64"}, "id": "target"}',
        '{"return": [{"name": "virt"}], "id": "machines"}',
        '{"return": [{"name": "tcg-accel"}], "id": "types"}',
    ]
    said = "; ".join(f"echo '{reply}'" for reply in replies)
    path = script(
        f'test "$1" = --version && echo QEMU emulator version 9.0.0 || {{ {said}; }}', "qemu-system-riscv64"
    )
    result = search.examine(path, "PATH")
    assert isinstance(result, RejectedQemu)
    assert "riscv64" in result.reason


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)\nCopyright", (7, 2, 22)),
        ("QEMU emulator version 10.0.3\n", (10, 0, 3)),
        ("QEMU emulator version 9.2.50 (v9.2.0-500-gabc-dirty)", (9, 2, 50)),
        ("QEMU emulator version 8.0\n", (8, 0, 0)),
        ("qemu-img version 8.0.2", None),
        ("", None),
    ],
)
def test_version_lines(text: str, version: tuple[int, int, int] | None) -> None:
    assert parse_version(text) == version


def test_every_place_is_looked_at_in_order(
    script: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    brewed, libexec = tmp_path / "homebrew" / "bin", tmp_path / "libexec"
    in_utm = tmp_path / "UTM.app" / "Contents" / "MacOS"
    names = [(brewed, "qemu-system-aarch64"), (libexec, "qemu-kvm"), (in_utm, "qemu-system-x86_64")]
    for folder, name in names:
        folder.mkdir(parents=True)
        shutil.copy(script("exit 1"), folder / name)
    on_path = script("exit 1")
    monkeypatch.setenv("PATH", str(on_path.parent))
    monkeypatch.setattr(qemu_places, "_HOMEBREW", (brewed,))
    monkeypatch.setattr(qemu_places, "_LIBEXEC", (libexec,))
    monkeypatch.setattr(utm, "apps", lambda: [tmp_path / "UTM.app"])
    assert [(one.path, one.source) for one in survey()[1]] == [
        (on_path, "PATH"),
        (brewed / "qemu-system-aarch64", "Homebrew"),
        (libexec / "qemu-kvm", "libexec"),
        (in_utm / "qemu-system-x86_64", "UTM.app"),
    ]


@pytest.mark.parametrize(
    ("info", "said", "known"),
    [
        (
            {"CFBundleShortVersionString": "4.6.5"},
            b"\0QEMU emulator version 9.1.2\n",
            "QEMU 9.1.2, UTM 4.6.5",
        ),
        ({"CFBundleShortVersionString": "4.6.5"}, b"stripped", "UTM 4.6.5"),
        ({}, b"\0QEMU emulator version 9.1.2 (v9.1.2)\n", "QEMU 9.1.2"),
        (b"no plist", b"", None),
        (b"<?xml version='1.0'?><plist>", b"", None),
        (None, None, None),
    ],
)
def test_utm_is_found_and_explained_with_its_versions(
    info: object, said: bytes | None, known: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = tmp_path / "UTM.app"
    framework = app / "Contents/Frameworks/qemu-aarch64-softmmu.framework"
    library = framework / "Versions" / "A" / "qemu-aarch64-softmmu"
    library.parent.mkdir(parents=True)
    (framework / "qemu-aarch64-softmmu").symlink_to("Versions/A/qemu-aarch64-softmmu")
    if said is not None:
        library.write_bytes(b"\xcf\xfa\xed\xfe" * bool(said) + said)
    if info is not None:
        (app / "Contents/Info.plist").write_bytes(info if isinstance(info, bytes) else plistlib.dumps(info))
    monkeypatch.setattr(utm, "apps", lambda: [app])
    (found,) = [one for one in survey()[1] if one.source == "UTM.app"]
    assert found.path == framework
    library_text = f"a library ({known}) that" if known else "a library that"
    assert library_text in found.reason
    assert found.version == ("9.1.2" if known and "QEMU" in known else "")
    assert "brew install qemu" in found.fix


@needs_qemu
def test_many_that_hang_do_not_hide_the_good_one(
    hanging: Callable[[int], list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = hanging(12)
    good = Path(str(REAL["arm64"]))
    monkeypatch.setenv("PATH", ":".join(str(path.parent) for path in [*bad, good]))
    usable, rejected = survey()
    assert good.resolve() in [one.path.resolve() for one in usable]
    assert bad == [one.path for one in rejected if one.path in bad]
    assert all("did not answer QMP" in one.reason for one in rejected if one.path in bad)


def test_the_preferred_are_asked_first_and_the_last_perhaps_not_at_all(
    hanging: Callable[[int], list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "_ASKED_AT_ONCE", 2)
    monkeypatch.setattr(search, "_QMP_DEADLINE_S", 1.5)
    monkeypatch.setattr(search, "_SURVEY_DEADLINE_S", 4.0)
    bad = hanging(12)
    monkeypatch.setenv("PATH", ":".join([*(str(path.parent) for path in bad), os.environ["PATH"]]))
    reasons = {one.path: (one.reason, one.fix) for one in survey()[1]}
    assert "did not answer QMP within 1.5 s" in reasons[bad[0]][0]
    for never in bad[6:]:
        assert "was not asked in time" in reasons[never][0]
        assert "--qemu PATH" in reasons[never][1]
