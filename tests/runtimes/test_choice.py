"""Whose QEMU a user means: nothing is installed or replaced that was not asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

from harness.errors import InvalidConfiguration, ToolMissing, UnknownName
from harness.host.qemu import find_qemus
from harness.runtimes.catalogue import installed
from harness.runtimes.choice import gpu_lack, gpu_qemu_folder, qemu_folder
from harness.runtimes.model import Way
from harness.runtimes.ways import way_for


def test_what_is_not_chosen_is_the_hosts(tmp_path) -> None:
    for choice in (None, "system"):
        assert qemu_folder(choice) is None
        assert qemu_folder(choice, qemu=tmp_path) == tmp_path


def test_a_runtime_and_a_qemu_exclude_each_other(tmp_path) -> None:
    with pytest.raises(InvalidConfiguration, match="name the one or the other"):
        qemu_folder("managed", qemu=tmp_path)


def test_a_folder_must_be_a_runtime(tmp_path) -> None:
    for path in (tmp_path, tmp_path / "absent", tmp_path / "launchers" / "bwrap"):
        with pytest.raises(InvalidConfiguration, match="is not a managed runtime"):
            qemu_folder(str(path))


def test_a_word_like_a_choice_names_it() -> None:
    with pytest.raises(UnknownName, match="managedd") as raised:
        qemu_folder("managedd")
    assert "did you mean 'managed'" in (raised.value.fix or "")


def test_what_must_not_install_says_how_to(cache) -> None:
    with pytest.raises(ToolMissing, match="visorbench runtime install gpu"):
        qemu_folder("managed", provide=installed)


def test_a_way_can_be_named(install) -> None:
    runtime = install()
    for way in Way:
        assert qemu_folder(str(runtime.programs(way))) == runtime.programs(way)


def test_where_bubblewrap_does_not_work_the_loader_does(install) -> None:
    """The miniature has no bwrap at all, and echo in its stead by the loader."""
    runtime = install()
    (runtime.tree / "usr/bin/bwrap").symlink_to("echo")
    (runtime.programs(Way.BWRAP) / "run").write_text("#!/bin/sh\nexit 1\n")
    assert way_for(runtime) is Way.LOADER
    assert qemu_folder(str(runtime.root)) == runtime.programs(Way.LOADER)


def test_the_hosts_qemu_is_told_to_lack_what_it_lacks(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("VISORBENCH_QEMU", raising=False)
    monkeypatch.setattr("harness.host.qemu_places._LIBEXEC", ())
    monkeypatch.setattr("harness.host.qemu_places._HOMEBREW", ())
    assert "no QEMU for arm64" in (gpu_lack("arm64") or "")


@pytest.mark.guest_boot
def test_a_gpu_gets_the_managed_runtime_only_where_the_host_lacks_one(gpu_runtime, monkeypatch) -> None:
    monkeypatch.delenv("VISORBENCH_QEMU", raising=False)
    lacks = gpu_lack("x86-64")
    managed = gpu_runtime.programs(way_for(gpu_runtime))
    assert gpu_qemu_folder(None, "x86-64") == (managed if lacks else None)
    assert gpu_qemu_folder("system", "x86-64") is None
    assert gpu_qemu_folder("managed", "x86-64") == managed
    monkeypatch.setenv("VISORBENCH_QEMU", str(managed))
    monkeypatch.setattr("harness.runtimes.choice.RENDER_SERVERS", [sys.executable])
    assert gpu_lack("x86-64") is None


@pytest.mark.guest_boot
def test_the_command_line_takes_it(gpu_runtime) -> None:
    argv = ["runtime", "exec", "gpu", "--", "qemu-system-aarch64", "--version"]
    done = subprocess.run(
        [sys.executable, "-c", "from harness.cli.main import main; main()", *argv],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert f"version {gpu_runtime.label.split('QEMU ')[1].partition(',')[0]}" in done.stdout


@pytest.mark.guest_boot
def test_its_qemus_are_found_like_any_other(gpu_runtime, way) -> None:
    found = {q.arch: q for q in find_qemus(gpu_runtime.programs(way)) if q.source == "--qemu"}
    assert set(found) == {"arm64", "x86-64"}
    for qemu in found.values():
        assert qemu.version >= (10, 0, 0)
        assert qemu.features.venus
        assert qemu.features.virtio_gpu_gl
        assert "sdl" in qemu.features.displays
