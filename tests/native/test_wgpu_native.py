"""The library: by its hash, once, and by name when it cannot be had. And what is linked with it, for every target."""

from __future__ import annotations

import dataclasses
import struct
import sys

import pytest

from harness.errors import ArchiveCorrupt, ArchiveUnreachable, HostLacks, ToolMissing
from harness.guests import wgpu_native as module
from harness.guests import workloads
from harness.guests.model import Arch
from harness.guests.shaders import shader_header
from harness.guests.toolchain import Target, guest_target, host_target
from harness.guests.wgpu_native import WHEELS, wgpu_native
from harness.guests.workloads import RECIPES, Recipe, libraries_of, workload
from harness.host.paths import cache_dir

LINUX = guest_target(Arch.X86_64)


@pytest.fixture
def fresh_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("VISORBENCH_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def built(target: Target) -> bytes:
    try:
        return workload("gpu", target).read_bytes()
    except ArchiveUnreachable as lack:
        pytest.skip(f"no wgpu-native: {lack}")


@pytest.mark.parametrize(("arch", "machine"), [(Arch.X86_64, 62), (Arch.ARM64, 183)])
def test_a_guest_program_finds_its_library_beside_itself_and_nothing_of_this_host(arch, machine):
    image = built(guest_target(arch))
    assert image[:6] == b"\x7fELF\x02\x01"
    assert struct.unpack_from("<H", image, 18)[0] == machine  # EM_X86_64, EM_AARCH64
    assert b"$ORIGIN\0" in image
    assert b"libwgpu_native.so\0" in image
    assert str(cache_dir()).encode() not in image
    assert str(RECIPES["gpu"].folder).encode() not in image
    (library,) = libraries_of(workload("gpu", guest_target(arch)))
    assert library.name == "libwgpu_native.so"
    assert struct.unpack_from("<H", library.read_bytes()[:20], 18)[0] == machine


def test_a_mac_program_is_built_and_linked_from_the_same_sources():
    image = built(Target("macos", Arch.ARM64))
    assert struct.unpack_from("<II", image) == (0xFEEDFACF, 0x0100000C)  # MH_MAGIC_64, CPU_TYPE_ARM64
    assert b"@rpath/libwgpu_native.dylib\0" in image
    assert b"@loader_path\0" in image


def test_a_library_in_the_cache_needs_no_pip(vb_gpu, monkeypatch):
    monkeypatch.setattr(module, "_download", lambda *_: pytest.fail("downloaded again"))
    assert wgpu_native(host_target()).file.is_file()


def test_another_wheel_than_the_known_one_is_refused(vb_gpu, fresh_cache, monkeypatch):
    changed = dataclasses.replace(WHEELS[LINUX], sha256="0" * 64)
    monkeypatch.setattr(module, "WHEELS", {LINUX: changed})
    with pytest.raises(ArchiveCorrupt, match="another wgpu"):
        wgpu_native(LINUX)
    assert not [path for path in fresh_cache.rglob("*") if path.is_file() and path.suffix != ".lock"]


def test_without_an_index_the_network_is_named(fresh_cache, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    with pytest.raises(
        ArchiveUnreachable, match=r"cannot be fetched: pip ended with status 1 and said: .*wgpu"
    ):
        wgpu_native(LINUX)
    assert not [path for path in fresh_cache.rglob("*") if path.is_file() and path.suffix != ".lock"]


def test_without_pip_the_fix_is_named(fresh_cache, tmp_path, monkeypatch):
    bare = tmp_path / "python"
    bare.write_text('#!/bin/sh\necho "$0: No module named pip" >&2\nexit 1\n')
    bare.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(bare))
    with pytest.raises(ToolMissing) as caught:
        wgpu_native(LINUX)
    assert caught.value.fix == f"{bare} -m ensurepip"


def test_a_target_without_a_wheel_is_named():
    with pytest.raises(HostLacks, match="not built for macos-x86-64"):
        wgpu_native(Target("macos", Arch.X86_64))


def test_the_key_follows_shaders_and_library(tmp_path, monkeypatch):
    folder = tmp_path / "native" / "gpu"
    folder.mkdir(parents=True)
    monkeypatch.setattr(workloads, "shipped", tmp_path.joinpath)
    recipe = Recipe("gpu", "vb-gpu", uses_wgpu=True)
    keys = [recipe.key(LINUX, "1")]
    (folder / "fill.wgsl").write_text("fn fs() {}\n")
    keys.append(recipe.key(LINUX, "1"))
    monkeypatch.setattr(module, "WHEELS", {LINUX: dataclasses.replace(WHEELS[LINUX], sha256="0" * 64)})
    keys.append(recipe.key(LINUX, "1"))
    assert len(set(keys)) == 3


def test_a_shader_is_the_same_text_in_c(tmp_path):
    shader = tmp_path / "odd.wgsl"
    shader.write_text('// "quoted" and \\ back\n\nfn main() {}\n')
    assert shader_header(shader) == (
        "static const char ODD_WGSL[] =\n"
        '    "// \\"quoted\\" and \\\\ back\\n"\n    "\\n"\n    "fn main() {}\\n"\n    ;\n'
    )
