"""The vsock device, built with the sanitizers of the host's compiler where it has one: they end it with status 99."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from harness.guests.toolchain import host_target
from harness.guests.workloads import RECIPES, workload
from harness.host.paths import private_directory
from tests.native.vsock.front import FrontEnd

SANITIZED = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


@pytest.fixture(scope="session")
def vb_vsock(tmp_path_factory):
    """The program, with sanitizers where the host has a compiler of its own."""
    recipe = RECIPES["vsock"]
    compiler = shutil.which("clang") or shutil.which("gcc")
    if compiler is None:
        return workload("vsock", host_target())
    program = tmp_path_factory.mktemp("sanitized") / recipe.program
    built = subprocess.run(
        [compiler, *recipe.flags, *SANITIZED, "-Wall", "-Wextra", "-Werror", *recipe.sources(), "-o", program],
        cwd=recipe.folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if "cannot find" in built.stderr:  # a compiler without its sanitizers
        return workload("vsock", host_target())
    assert built.returncode == 0, built.stderr
    return program


@pytest.fixture
def front(vb_vsock, monkeypatch):
    monkeypatch.setenv("ASAN_OPTIONS", "exitcode=99")
    monkeypatch.setenv("UBSAN_OPTIONS", "exitcode=99")
    with private_directory() as folder, FrontEnd(vb_vsock, folder) as front:
        yield front
    assert front.process.returncode in (0, 1), front.said


@pytest.fixture
def driver(front):
    front.start()
    yield front
    front.socket.close()
    assert front.process.wait(20) == 0


@pytest.fixture
def plain_driver():
    """Without sanitizers, which keep what was freed for a while."""
    with private_directory() as folder, FrontEnd(workload("vsock", host_target()), folder) as front:
        front.start()
        yield front
