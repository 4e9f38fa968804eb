"""Workloads that are compiled while something else is done: by a compiler that takes its time, or fails."""

from __future__ import annotations

import stat
import sys

import pytest

from harness.errors import BuildFailed
from harness.guests.model import Arch
from harness.guests.toolchain import Compiler, Target, find_compiler, guest_target
from harness.guests.workloads import find_workload
from harness.plugin import preparing

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="workloads run on Linux and macOS")
X86_64, ARM64 = guest_target(Arch.X86_64), guest_target(Arch.ARM64)
SLOW_S = 60

COMPILER = """#!{python}
import pathlib, sys, time
target = sys.argv[sys.argv.index("-target") + 1]
if target.startswith("{fails}"):
    sys.exit("main.c:1: error: it does not compile")
if "{slow}" and target.startswith("{slow}"):
    time.sleep({slow_s})
pathlib.Path(sys.argv[-1]).write_bytes(b"made")
"""


@pytest.fixture
def compiler(tmp_path, monkeypatch):
    """Puts a program in zig's place, for this process and those that compile; the cache is empty."""
    monkeypatch.setenv("VISORBENCH_CACHE_DIR", str(tmp_path / "cache"))
    package = tmp_path / "site" / "ziglang"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    about = tmp_path / "site" / "ziglang-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: ziglang\nVersion: 1\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.delitem(sys.modules, "ziglang", raising=False)
    zig = package / "zig"

    def write(*, fails: str = "nothing", slow: str = "") -> Compiler:
        zig.write_text(COMPILER.format(python=sys.executable, fails=fails, slow=slow, slow_s=SLOW_S))
        zig.chmod(zig.stat().st_mode | stat.S_IXUSR)
        return find_compiler()

    return write


def test_what_is_missing_is_there_at_the_end_and_is_not_made_again(compiler):
    assert compiler().version == "1"
    wanted = [("compute", X86_64), ("vsock", X86_64), ("compute", ARM64)]
    with preparing.workloads(wanted, lambda _: None):
        pass
    for name, target in wanted:
        program = find_workload(name, target)
        assert program is not None
        assert program.read_bytes() == b"made"
    compiler(fails="x86_64")
    with preparing.workloads(wanted, pytest.fail):
        pass


@pytest.mark.parametrize(("fails", "goes_on"), [(X86_64, ARM64), (ARM64, X86_64)])
def test_the_first_that_fails_ends_the_others_before_they_have_made_anything(compiler, fails, goes_on):
    compiler(fails=zig_arch(fails), slow=zig_arch(goes_on))
    said = []
    with (
        pytest.raises(BuildFailed, match="it does not compile"),
        preparing.workloads([("compute", X86_64), ("compute", ARM64)], said.append),
    ):
        pass
    assert find_workload("compute", goes_on) is None
    assert [str(goes_on) in each for each in said] == [True]


def zig_arch(target: Target) -> str:
    """As the compiler is told it."""
    return target.arguments[1].partition("-")[0]
