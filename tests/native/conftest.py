"""The programs under test, built once: from the cache where a bench has built them already."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.guests.toolchain import find_compiler, host_target
from harness.guests.workloads import RECIPES, workload

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
