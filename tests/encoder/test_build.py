"""How the library comes to be: from the system's x264 and libyuv, once, again when they change; by name when not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from harness.encoder import binding, build
from harness.encoder.model import Backend
from harness.errors import BuildFailed, HostLacks, ToolMissing
from harness.host import codecs, packages


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """A cache without the library, which has zig's as always."""
    shared = build.cache_dir() / "zig"
    monkeypatch.setenv("VISORBENCH_CACHE_DIR", str(tmp_path))
    if shared.is_dir():
        (tmp_path / "zig").symlink_to(shared)
    return tmp_path


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A prefix with its own libraries' names, and no other prefix."""
    for folder, names in {"include": ("x264.h", "libyuv.h"), "lib": ("libx264.so", "libyuv.so")}.items():
        (tmp_path / folder).mkdir()
        for name in names:
            (tmp_path / folder / name).write_text("")
    monkeypatch.setattr(codecs.find_library, "__defaults__", ((tmp_path,),))
    return tmp_path


def test_it_is_built_once_and_linked_with_the_systems_libraries(own_cache):
    first = build.library()
    made = first.stat().st_mtime_ns
    assert build.library() == first
    assert first.stat().st_mtime_ns == made
    assert first.is_relative_to(own_cache / "encoder")
    bound = binding.load_library(first)
    assert bound.c.vb_encoder_has(Backend.X264)
    assert bool(bound.c.vb_encoder_has(Backend.VIDEOTOOLBOX)) is (sys.platform == "darwin")


@pytest.mark.skipif(shutil.which("nm") is None, reason="no nm (binutils) to read the library with")
def test_only_its_own_functions_are_seen():
    names = subprocess.run(
        ["nm", "-D", "--defined-only", build.library()], capture_output=True, text=True, check=True
    )
    assert {line.split()[-1] for line in names.stdout.splitlines() if " T " in line} == {
        f"vb_{name}"
        for name in (
            "converter_close", "converter_convert", "converter_mappings", "converter_open",
            "encoder_abi", "encoder_close", "encoder_encode", "encoder_encode_picture", "encoder_force_keyframe",
            "encoder_get_stats", "encoder_has", "encoder_open", "encoder_resize", "encoder_set_bitrate",
            "picture_free", "picture_get_facts", "picture_new", "picture_release",
        )
    }  # fmt: skip


@pytest.mark.skipif(sys.platform == "darwin", reason="a Mac encodes without x264 and libyuv")
@pytest.mark.parametrize(("missing", "named"), [("include/x264.h", "x264"), ("lib/libyuv.so", "libyuv")])
def test_what_is_missing_is_named_with_its_package(elsewhere, missing, named):
    assert packages.encodes()
    (elsewhere / missing).unlink()
    assert not packages.encodes()
    with pytest.raises(ToolMissing, match=f"needs {named} with headers.*libx264-dev libyuv-dev"):
        build.recipe()


@pytest.mark.skipif(sys.platform == "darwin", reason="a Mac encodes without x264 and libyuv")
def test_libraries_that_are_none_fail_by_name_and_leave_nothing(elsewhere, own_cache):
    with pytest.raises(BuildFailed, match=r"libvbencoder\.so for linux-.* did not compile"):
        build.library()
    assert not list(own_cache.glob("encoder/*/*/*"))


def test_another_version_of_a_library_makes_another_build(elsewhere):
    before = build.recipe().key()
    os.utime(elsewhere / "lib/libx264.so", (1, 1))
    assert build.recipe().key() != before


def test_a_file_that_is_no_library_is_refused_by_name(tmp_path):
    (tmp_path / "libvbencoder.so").write_text("not a library")
    with pytest.raises(HostLacks, match="cannot be loaded"):
        binding.load_library(tmp_path / "libvbencoder.so")
