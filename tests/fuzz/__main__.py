"""Fuzz what is named, or everything that reads foreign bytes: one JSON line each; exit 1 when one finds something.

    python -m tests.fuzz [--seconds S] [TARGET …]

What a run learns is kept in the cache and begun from the next time. What it finds is kept beside it, and belongs into
``tests/fuzz/corpus/TARGET/``, which the tests replay.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

from harness.errors import HostLacks, ToolMissing, UnknownName
from harness.host.paths import cache_dir
from tests.fuzz.native import NATIVE
from tests.fuzz.targets import TARGETS

EVERYTHING = (*TARGETS, *NATIVE)
RUN = "tests.fuzz.run"
KEPT = Path(__file__).parent / "corpus"
MOST_INPUT_BYTES = 16 << 10
MOST_MEMORY_MIB = 2048
ONE_INPUT_S = 20
"""What takes longer is a finding."""
_EXECUTIONS = re.compile(r"stat::number_of_executed_units:\s+(\d+)|^#(\d+)\s", re.MULTILINE)


def fuzz(name: str, seconds: int, folder: Path) -> dict[str, object]:
    """What came of ``seconds`` of a target, its corpus and findings kept in ``folder``.

    Raises HostLacks, BuildFailed for a target in C.
    """
    corpus, findings = folder / "corpus", folder / "findings"
    for each in (corpus, findings):
        each.mkdir(parents=True, exist_ok=True)
    native = NATIVE.get(name)
    for number, seed in enumerate(native.corpus() if native else TARGETS[name].seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    program = [native.fuzzer(folder), "-close_fd_mask=3"] if native else _python(name)
    known = {path.name: path.stat().st_mtime_ns for path in findings.iterdir()}
    done = subprocess.run(
        [*program, f"-max_total_time={seconds}", f"-max_len={MOST_INPUT_BYTES}",
         f"-timeout={ONE_INPUT_S}", f"-rss_limit_mb={MOST_MEMORY_MIB}", "-print_final_stats=1",
         f"-artifact_prefix={findings}{os.sep}", str(corpus), *filter(os.path.isdir, [KEPT / name])],
        capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip
    executions = [int(a or b) for a, b in _EXECUTIONS.findall(done.stdout + done.stderr)]
    found = sorted(
        str(path) for path in findings.iterdir() if known.get(path.name) != path.stat().st_mtime_ns
    )
    if done.returncode:
        (folder / "log").write_text(done.stdout + done.stderr)
    return {
        "target": name,
        "seconds": seconds,
        "executions": max(executions, default=0),
        "findings": found,
        "log": str(folder / "log") if done.returncode else None,
        "pass": done.returncode == 0 and not found and bool(executions),
    }


def _python(name: str) -> list[str]:
    if importlib.util.find_spec("atheris") is None:
        raise ToolMissing(
            "Python is fuzzed with atheris, which is not here", fix="the lock file has it for Linux on x86-64"
        )
    return [sys.executable, "-m", RUN, name]


def main(arguments: list[str]) -> int:
    """The exit code: 1 for a finding, 2 for a typo, 3 without a fuzzer."""
    parser = argparse.ArgumentParser(prog="fuzz", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(EVERYTHING))
    parser.add_argument("--seconds", type=int, default=600, help="for each target; default: %(default)s")
    chosen = parser.parse_args(arguments)
    for name in chosen.targets:
        if name not in EVERYTHING:
            print(f"fuzz: {UnknownName('target', name, EVERYTHING)}", file=sys.stderr)
            return 2
    passed = True
    for name in chosen.targets or EVERYTHING:
        try:
            told = fuzz(name, chosen.seconds, cache_dir() / "fuzz" / name)
        except HostLacks as lack:
            if name in chosen.targets:
                print(f"fuzz: {name}: {lack}", file=sys.stderr)
                return lack.exit_code
            told = {"target": name, "skipped": str(lack), "pass": True}
        print(json.dumps(told), flush=True)
        passed = passed and bool(told["pass"])
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
