"""Cross-building: the right architecture, static, the same bytes, once."""

from __future__ import annotations

import shutil
import struct
import sys
import threading
import uuid
from pathlib import Path

import pytest

from harness.errors import BuildFailed, CacheReadOnly, HostLacks, ToolMissing, UnknownName
from harness.guests import toolchain, workloads
from harness.guests.model import Arch
from harness.guests.toolchain import Compiler, Target, find_compiler, guest_target, host_target
from harness.guests.workloads import RECIPES, Recipe, find_workload, workload
from harness.host.paths import cache_dir

ELF_MACHINES = {Arch.X86_64: 62, Arch.ARM64: 183}  # EM_X86_64, EM_AARCH64
PT_INTERP = 3


@pytest.fixture
def fresh_cache(vb_compute, tmp_path, monkeypatch):
    """An empty cache at an awkward path, whose compiler need not build the C library again."""
    cache = tmp_path / "Cäche of mine"
    cache.mkdir()
    (cache / "zig").symlink_to(cache_dir() / "zig")
    monkeypatch.setenv("VISORBENCH_CACHE_DIR", str(cache))
    return cache


@pytest.mark.parametrize("arch", Arch)
def test_a_guest_program_is_static_and_of_its_architecture(arch):
    image = workload("compute", guest_target(arch)).read_bytes()
    assert image[:6] == b"\x7fELF\x02\x01"
    assert struct.unpack_from("<H", image, 18)[0] == ELF_MACHINES[arch]
    headers, size, count = (
        struct.unpack_from(kind, image, at)[0] for kind, at in (("<Q", 32), ("<H", 54), ("<H", 56))
    )
    kinds = [struct.unpack_from("<I", image, headers + i * size)[0] for i in range(count)]
    assert kinds
    assert PT_INTERP not in kinds


def test_a_mac_program_is_built_from_the_same_sources(tmp_path):
    program = tmp_path / "vb-compute"
    recipe = RECIPES["compute"]
    find_compiler().compile(recipe.folder, recipe.sources(), program, Target("macos", Arch.ARM64))
    magic, processor = struct.unpack_from("<II", program.read_bytes())
    assert (magic, processor) == (0xFEEDFACF, 0x0100000C)  # MH_MAGIC_64, CPU_TYPE_ARM64


def test_the_same_sources_elsewhere_give_the_same_bytes(vb_compute, tmp_path):
    recipe = RECIPES["compute"]
    sources = shutil.copytree(recipe.folder.parent, tmp_path / "söurces, moved") / recipe.name
    program = tmp_path / "vb-compute"
    anew = f"-DVB_UNUSED_{uuid.uuid4().hex}"  # or zig would take its objects of the first build
    find_compiler().compile(sources, recipe.sources(), program, host_target(), [anew])
    assert program.read_bytes() == vb_compute.read_bytes()


def test_no_path_of_this_host_is_in_the_program(vb_compute):
    image = vb_compute.read_bytes()
    assert str(RECIPES["compute"].folder).encode() not in image
    assert str(cache_dir()).encode() not in image


def test_a_built_program_needs_no_compiler(fresh_cache, monkeypatch):
    assert find_workload("compute", host_target()) is None
    built = workload("compute", host_target())
    assert built.is_relative_to(fresh_cache)
    assert find_workload("compute", host_target()) == built
    monkeypatch.setattr(Compiler, "compile", lambda *_, **__: pytest.fail("compiled again"))
    assert workload("compute", host_target()) == built


def test_two_at_once_build_it_once(fresh_cache, monkeypatch):
    builds = []
    compile_for_real = Compiler.compile

    def counting(self, *arguments, **options):
        builds.append(arguments)
        compile_for_real(self, *arguments, **options)

    monkeypatch.setattr(Compiler, "compile", counting)
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(workload("compute", host_target()))) for _ in "ab"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] == found[1]
    assert found[0].is_file()
    assert len(builds) == 1


def test_the_key_follows_sources_flags_version_and_target(tmp_path, monkeypatch):
    folder = tmp_path / "native" / "compute"
    folder.mkdir(parents=True)
    (folder / "main.c").write_text("int main(void) { return 0; }\n")
    monkeypatch.setattr(workloads, "shipped", tmp_path.joinpath)
    recipe = Recipe("compute", "vb-compute")
    linux = guest_target(Arch.ARM64)
    keys = [recipe.key(linux, "1"), recipe.key(linux, "2"), recipe.key(guest_target(Arch.X86_64), "1")]
    keys.append(Recipe("compute", "vb-compute", ("-O3",)).key(linux, "1"))
    (folder / "more.h").write_text("")
    keys.append(recipe.key(linux, "1"))
    (folder / "main.c").write_text("int main(void) { return 1; }\n")
    keys.append(recipe.key(linux, "1"))
    (folder.parent / "shared.h").write_text("")
    keys.append(recipe.key(linux, "1"))
    assert len(set(keys)) == len(keys)


def test_sources_that_do_not_compile_say_where_and_leave_nothing(fresh_cache, tmp_path, monkeypatch):
    folder = tmp_path / "native" / "compute"
    folder.mkdir(parents=True)
    (folder / "main.c").write_text("int main(void) { return nonsense; }\n")
    monkeypatch.setattr(workloads, "shipped", tmp_path.joinpath)
    with pytest.raises(BuildFailed, match=r"main\.c:1:25: error: .*nonsense") as caught:
        workload("compute", host_target())
    assert caught.value.status == 1
    assert [
        path for path in (fresh_cache / "workloads").rglob("*") if path.is_file() and path.suffix != ".lock"
    ] == []
    assert find_workload("compute", host_target()) is None


def test_a_warning_is_an_error(vb_compute, tmp_path):
    (tmp_path / "main.c").write_text("int main(void) { int unused; return 0; }\n")
    with pytest.raises(BuildFailed, match="unused"):
        find_compiler().compile(tmp_path, ["main.c"], tmp_path / "program", host_target())


def test_without_the_compiler_the_fix_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ToolMissing) as caught:
        workload("compute", host_target())
    assert caught.value.fix == "pip install ziglang"


@pytest.mark.skipif(sys.platform != "linux", reason="needs a folder that even root cannot write: /sys")
def test_a_read_only_cache_has_a_name(monkeypatch):
    monkeypatch.setenv("VISORBENCH_CACHE_DIR", "/sys/visorbench")
    with pytest.raises(CacheReadOnly):
        workload("compute", host_target())


def test_an_unknown_workload_names_the_nearest():
    with pytest.raises(UnknownName, match="did you mean 'compute'"):
        workload("computer", host_target())


@pytest.mark.parametrize(
    ("system", "machine", "version", "expected"),
    [
        ("Linux", "x86_64", "#1 SMP", Target("linux", Arch.X86_64)),
        ("Linux", "aarch64", "#1 SMP", Target("linux", Arch.ARM64)),
        ("Darwin", "arm64", "xnu-11215/RELEASE_ARM64_T6000", Target("macos", Arch.ARM64)),
        ("Darwin", "x86_64", "xnu-11215/RELEASE_ARM64_T6000", Target("macos", Arch.ARM64)),  # under Rosetta
        ("Darwin", "x86_64", "xnu-11215/RELEASE_X86_64", Target("macos", Arch.X86_64)),
        ("Windows", "AMD64", "10.0.26100", None),
        ("Linux", "riscv64", "#1 SMP", None),
    ],
)
def test_the_host_is_recognised(monkeypatch, system, machine, version, expected):
    monkeypatch.setattr(toolchain.platform, "system", lambda: system)
    monkeypatch.setattr(toolchain.platform, "machine", lambda: machine)
    monkeypatch.setattr(toolchain.platform, "version", lambda: version)
    if expected:
        assert host_target() == expected
    else:
        with pytest.raises(HostLacks, match=f"natively on {system}"):
            host_target()


def test_a_cache_of_another_user_is_said(monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_file", refuse)
    with pytest.raises(CacheReadOnly, match=r"cannot read .*vb-compute.*: Permission denied"):
        find_workload("compute", host_target())
