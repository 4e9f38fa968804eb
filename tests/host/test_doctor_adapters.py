"""The doctor on the host's adapters: the real program where it is built, and programs that hang, fail or find none."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import psutil
import pytest
from rich.console import Console

from harness.cli.doctor_adapters import adapter_rows, ask, examine_adapters
from harness.cli.doctor_page import show_gpus
from harness.gpu.renderer import classify
from harness.guests.toolchain import host_target
from harness.guests.workloads import find_workload
from harness.machines.gpu import GpuWorkload
from harness.machines.native import NativeRunner
from harness.machines.native.gpu import native_routes

if TYPE_CHECKING:
    from pathlib import Path

APIS = [route.api for route in native_routes(host_target().os)]
ADAPTER_KEYS = {"device", "driver", "driver_info", "kind", "renderer", "on_processor"}


def program(folder: Path, body: str) -> GpuWorkload:
    path = folder / "vb-gpu"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return GpuWorkload(str(path))


def page(found: list[dict[str, object]]) -> str:
    stream = io.StringIO()
    show_gpus(
        {"render_nodes": [], "adapters": found, "qemus": []},
        Console(file=stream, width=80, highlight=False, emoji=False, markup=False),
    )
    return stream.getvalue()


def test_each_api_has_the_adapters_that_the_program_lists() -> None:
    built = find_workload("gpu", host_target())
    if built is None:
        pytest.skip("vb-gpu is not built, and a doctor builds nothing")
    found = examine_adapters(deadline_s=60)
    assert [one["api"] for one in found] == APIS
    for one in found:
        listed = GpuWorkload(str(built)).adapters(NativeRunner(), one["api"])
        assert one["code"] == ("found" if listed else "none"), one["reason"]
        assert [each["device"] for each in one["adapters"]] == [each.device for each in listed]
        assert [each["renderer"] for each in one["adapters"]] == [str(classify(each)) for each in listed]
        assert all(set(each) == ADAPTER_KEYS for each in one["adapters"])
        assert all(each["device"] in " ".join(page(found).split()) for each in one["adapters"])


def test_where_the_program_is_not_built_nothing_is_asked_and_nothing_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISORBENCH_CACHE_DIR", str(tmp_path / "cache"))
    found = examine_adapters()
    assert [(one["api"], one["code"]) for one in found] == [(api, "not-asked") for api in APIS]
    assert not (tmp_path / "cache").exists()
    ((names, text),) = adapter_rows(found)
    assert names.plain.count(",") == len(APIS) - 1
    assert "not asked" in text.plain
    assert "run `visorbench gpu` once" in text.plain


def test_a_driver_that_hangs_is_told_of_and_is_gone(tmp_path: Path) -> None:
    hanging = program(tmp_path, f'echo $$ > "{tmp_path}/pid"; exec sleep 1000')
    found = ask(hanging, "vulkan", 3)
    assert (found["code"], found["adapters"]) == ("hangs", [])
    assert found["reason"]
    assert found["fix"]
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ("exit 4", "none", "no adapter speaks Vulkan here"),
        ("kill -ABRT $$", "failed", "its driver ended the program"),
        (
            (
                "printf \"thread 'main' panicked at a.rs:9:\n%s\n\nCaused by:\n  it is stuck\nnote: run\nfatal error\" "
                "'no queue' >&2; kill -ABRT $$"
            ),
            "failed",
            "its driver ended the program: thread 'main' panicked at a.rs:9: no queue Caused by: it is stuck",
        ),
        ("echo 'vb-gpu: the driver is drunk' >&2; exit 9", "failed", "the driver is drunk"),
        ("echo '{}'", "failed", "vb-gpu"),
    ],
)
def test_what_is_wrong_is_a_sentence_with_a_fix(tmp_path: Path, body: str, code: str, said: str) -> None:
    found = ask(program(tmp_path, body), "vulkan", 60)
    assert found["code"] == code
    assert said in found["reason"]
    assert found["fix"]
    assert " ".join(found["reason"].split()[:3]) in " ".join(page([found]).split())


def test_the_page_says_which_renderer_is_behind_a_name_in_80_columns(tmp_path: Path) -> None:
    gpu, carried = "A GPU of many words " * 9, "Virtio-GPU Venus (llvmpipe (LLVM 19.1.7, 256 bits))"
    lines = [
        f'echo \'{{"event":"adapter","api":"vulkan","kind":"cpu","device":"{name}","driver":"d",'
        f'"driver_info":"Mesa 26.1","vendor_id":1,"device_id":2}}\''
        for name in (gpu, carried)
    ]
    found = ask(program(tmp_path, "\n".join(lines)), "vulkan", 60)
    assert [one["renderer"] for one in found["adapters"]] == ["hardware", "venus on lavapipe"]
    assert [one["on_processor"] for one in found["adapters"]] == [False, True]
    printed = page([found])
    assert max(map(len, printed.splitlines())) <= 80
    said = " ".join(printed.split())
    assert "hardware; Mesa 26.1" in said
    assert "venus on lavapipe, on the processor; Mesa 26.1" in said
