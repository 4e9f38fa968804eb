"""The programs under test, built once: from the cache where a bench has built them already."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.errors import HostLacks
from harness.guests.toolchain import find_compiler, host_target
from harness.guests.workloads import RECIPES, workload
from harness.machines.gpu import APIS, GpuWorkload
from harness.machines.native import NativeRunner

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def vb_compute() -> Path:
    """The host's program."""
    return workload("compute", host_target())


@pytest.fixture(scope="session")
def build_variant(vb_compute, tmp_path_factory):
    """Build the host's program with other flags."""

    def build(*flags: str) -> Path:
        program = tmp_path_factory.mktemp("variant") / "vb-compute"
        recipe = RECIPES["compute"]
        find_compiler().compile(recipe.folder, recipe.sources(), program, host_target(), flags)
        return program

    return build


@pytest.fixture(scope="session")
def vb_gpu() -> Path:
    """The host's program, its library beside it; skipped by name where no package index can be reached."""
    try:
        return workload("gpu", host_target())
    except HostLacks as lack:
        pytest.skip(f"no vb-gpu: {lack}")


@pytest.fixture(scope="session")
def build_gpu_variant(vb_gpu, tmp_path_factory):
    """Build the host's vb-gpu with other flags."""

    def build(*flags: str) -> Path:
        return RECIPES["gpu"].build(tmp_path_factory.mktemp("variant"), host_target(), flags)

    return build


@pytest.fixture(scope="session")
def gpu_api(vb_gpu):
    """Ask for an API by name: skipped by name where no adapter of this host speaks it."""
    spoken = {adapter.api for adapter in GpuWorkload(str(vb_gpu)).adapters(NativeRunner())}

    def need(api: str) -> str:
        if api not in spoken:
            pytest.skip(f"no adapter of this host speaks {api}: {APIS[api]}")
        return api

    return need
