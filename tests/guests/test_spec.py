"""A guest's description, and what is wrong with a bad one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.errors import CacheReadOnly, InvalidConfiguration, UnknownName
from harness.guests import catalogue
from harness.guests.model import Arch
from harness.guests.spec import read_spec

GOOD = """\
description = "d"
suite = "trixie"
append = ["quiet"]
packages = { tool = ["/usr/bin/tool"] }
files = { "/init" = "init" }

[arch.arm64]
debian = "arm64"
kernel = "linux-image-arm64"
append = ["console=ttyAMA0"]
packages = { more = ["/x"] }
"""


def _read(tmp_path, text: str, arch: Arch = Arch.ARM64):
    (tmp_path / "init").write_text("#!/bin/sh\n")
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return read_spec(path, arch)


def test_the_parts_become_one(tmp_path) -> None:
    spec = _read(tmp_path, GOOD)
    assert (spec.name, spec.append, spec.memory_mib) == ("mine", "console=ttyAMA0 quiet", 512)
    assert spec.packages == {"tool": ("/usr/bin/tool",), "more": ("/x",)}
    assert spec.files == {"/init": b"#!/bin/sh\n"}


def test_a_changed_file_is_another_recipe(tmp_path) -> None:
    first = _read(tmp_path, GOOD).recipe
    assert _read(tmp_path, GOOD).recipe == first
    assert _read(tmp_path, GOOD.replace("quiet", "loud")).recipe != first
    (tmp_path / "init").write_text("#!/bin/ash\n")
    assert read_spec(tmp_path / "mine.toml", Arch.ARM64).recipe != first


def test_a_root_is_that_of_the_file_and_that_of_the_architecture(tmp_path) -> None:
    assert _read(tmp_path, GOOD).root is None
    shared = 'root = { packages = ["mesa"], exclude = ["/usr/share/doc/*"], files = { "/init" = "init" } }\n'
    own = '[arch.arm64.root]\npackages = ["gpiod"]\nnewer.trixie-backports = ["mesa"]\n'
    root = _read(tmp_path, shared + GOOD + own).root
    assert root.packages == ("mesa", "gpiod")
    assert root.newer == {"trixie-backports": ("mesa",)}
    assert root.files == {"/init": b"#!/bin/sh\n"}
    assert _read(tmp_path, GOOD + own).root.exclude == ()


@pytest.mark.parametrize("table", ["root", "arch.arm64.root"])
def test_an_unknown_key_of_a_root_names_the_nearest(tmp_path, table: str) -> None:
    with pytest.raises(UnknownName, match=rf"\[{table}\] of .*did you mean 'without'"):
        _read(tmp_path, f'{GOOD}[{table}]\nwithuot = ["x"]\n')


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("suite =", "siute =", "did you mean 'suite'"),
        ("kernel =", "kernle =", "did you mean 'kernel'"),
        ("[arch.arm64]", "[arch.arm46]", "did you mean 'arm64'"),
    ],
)
def test_an_unknown_key_names_the_nearest(tmp_path, old: str, new: str, message: str) -> None:
    with pytest.raises(UnknownName, match=message):
        _read(tmp_path, GOOD.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('suite = "trixie"', "", "suite"),
        ('suite = "trixie"', "suite = 13", "suite"),
        ('append = ["quiet"]', 'append = "quiet"', "append"),
        ('"init" }', '"absent" }', "absent"),
        ("description", "[", "not TOML"),
    ],
)
def test_a_bad_value_is_named(tmp_path, old: str, new: str, message: str) -> None:
    with pytest.raises(InvalidConfiguration, match=message):
        _read(tmp_path, GOOD.replace(old, new, 1))


def test_an_architecture_it_does_not_have(tmp_path) -> None:
    with pytest.raises(UnknownName, match="x86-64"):
        _read(tmp_path, GOOD, Arch.X86_64)


@pytest.mark.parametrize("arch", Arch)
@pytest.mark.parametrize("name", catalogue.known())
def test_the_shipped_guests_are_well_described(name: str, arch: Arch) -> None:
    spec = catalogue.get(name, arch)
    assert spec.files["/init"].startswith(b"#!")
    assert b"visorbench: init" in spec.files["/init"]


def test_an_unknown_guest_names_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean 'tiny'"):
        catalogue.get("tinny", Arch.ARM64)


def test_a_cache_that_may_not_be_read_is_said(monkeypatch) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    spec = catalogue.get("tiny", Arch.ARM64)
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(CacheReadOnly, match=r"cannot read .*: Permission denied") as refused:
        catalogue.find(spec)
    assert "VISORBENCH_CACHE_DIR" in refused.value.fix


def test_a_guest_like_another_says_only_what_differs(tmp_path):
    fixtures = Path(__file__).parents[2] / "fixtures/guests"
    for name in ("tiny.toml", "memory.toml"):
        shutil.copy(fixtures / name, tmp_path)
    shutil.copytree(fixtures / "tiny", tmp_path / "tiny")
    tiny, memory = (read_spec(tmp_path / f"{name}.toml", Arch.X86_64) for name in ("tiny", "memory"))
    assert set(memory.modules) - set(tiny.modules) == {"virtio_balloon"}
    assert (memory.files, memory.links, memory.packages) == (tiny.files, tiny.links, tiny.packages)
    assert memory.description != tiny.description
    (tmp_path / "memory.toml").write_text('like = "tinny"')
    with pytest.raises(UnknownName, match=r"tinny.*did you mean 'tiny'"):
        read_spec(tmp_path / "memory.toml", Arch.X86_64)
