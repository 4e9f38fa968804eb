"""C that reads foreign bytes: each a ``LLVMFuzzerTestOneInput`` in ``native/NAME/fuzz/``, built with sanitizers.

With clang it is libFuzzer's; with any other compiler of the system it replays inputs and makes some (zig's clang has no
AddressSanitizer). ``corpus.txt`` is what a fuzzer kept because it reached something new, in base64, an input a line.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from base64 import b64decode
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.encoder import build
from harness.errors import BuildFailed, ToolMissing
from harness.guests.workloads import RECIPES
from harness.host.paths import shipped

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_COMMAND_LINE = ("main.c", "options.c")
SANITIZE = ("-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
CLANGS = ("clang", *(f"clang-{version}" for version in range(22, 12, -1)))


@dataclass(frozen=True)
class NativeTarget:
    """``arguments`` are the sources of what is fuzzed, as its folder has them, with flags and libraries."""

    folder: Path
    arguments: Callable[[], Sequence[str]]

    def corpus(self) -> list[bytes]:
        """The inputs that were kept."""
        lines = (self.folder / "fuzz" / "corpus.txt").read_text().splitlines()
        return [b64decode(line) for line in lines]

    def fuzzer(self, folder: Path) -> Path:
        """libFuzzer's program, made in ``folder``; raises ToolMissing without clang, BuildFailed."""
        clang = next(filter(None, map(shutil.which, CLANGS)), None)
        if clang is None or not _links(clang, folder, "-fsanitize=fuzzer", *SANITIZE):
            raise ToolMissing(
                "C is fuzzed with clang and its runtime, which are not here", fix="apt install clang"
            )
        return self._built(clang, folder, ["-fsanitize=fuzzer"], [])

    def replayer(self, folder: Path) -> Path:
        """A program that takes files and ``-runs=N -seed=S``; raises ToolMissing, BuildFailed."""
        compiler = shutil.which("cc")
        if compiler is None or sys.platform != "linux" or not _links(compiler, folder, *SANITIZE):
            raise ToolMissing(
                "no C compiler of the system has AddressSanitizer", fix="install gcc and libasan, or clang"
            )
        return self._built(compiler, folder, [], [str(shipped("native", "fuzz", "driver.c"))])

    def _built(self, compiler: str, folder: Path, flags: Sequence[str], more: Sequence[str]) -> Path:
        program = folder / "fuzzed"
        own = [f"fuzz/{path.name}" for path in sorted((self.folder / "fuzz").glob("*.c"))]
        argv = [
            compiler,
            *SANITIZE,
            *flags,
            "-D_GNU_SOURCE",
            "-I.",
            *own,
            *more,
            *self.arguments(),
            "-o",
            str(program),
        ]
        done = subprocess.run(argv, cwd=self.folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BuildFailed(f"{self.folder.name} does not compile: {done.stderr[-2000:]}", argv=argv)
        return program


def _links(compiler: str, folder: Path, *flags: str) -> bool:
    """Whether it has the runtimes of these sanitizers; libFuzzer's brings a ``main`` along."""
    source = folder / "none.c"
    function = "int LLVMFuzzerTestOneInput(void)" if "-fsanitize=fuzzer" in flags else "int main(void)"
    source.write_text(f"{function};\n{function} {{ return 0; }}\n")
    probe = [compiler, *flags, str(source), "-o", str(folder / "none")]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def _encoder() -> list[str]:
    return [word for word in build.recipe().arguments if word not in ("-shared", "-fvisibility=hidden")]


def _vsock() -> list[str]:
    recipe = RECIPES["vsock"]
    return [
        *recipe.flags,
        "-Wall",
        "-Wextra",
        "-Werror",
        *(name for name in recipe.sources() if name not in _COMMAND_LINE),
    ]


NATIVE = {
    "encoder": NativeTarget(shipped("native", "encoder"), _encoder),
    "vsock-device": NativeTarget(shipped("native", "vsock"), _vsock),
}
