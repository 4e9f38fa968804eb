"""Run the benchmarks that are named, or all; one JSON line each; exit 1 when one misses its limit, 2 for a typo."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from pathlib import Path

from harness.errors import UnknownName

NOT_BENCHMARKS = {
    "__main__",
    "drawn",
    "loaded",
    "pairs",
    "plain_loop",
    "record_samples",
    "recorded",
    "result",
}


def known() -> list[str]:
    """Every benchmark, by the name of its file."""
    names = (module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]))
    return sorted(name for name in names if name not in NOT_BENCHMARKS)


def main(names: list[str]) -> int:
    """The exit code."""
    for name in names:
        if name not in known():
            print(f"selfbench: {UnknownName('benchmark', name, known())}", file=sys.stderr)
            return 2
    passed = True
    for name in names or known():
        result = importlib.import_module(f"tests.selfbench.{name}").run()
        print(result.to_json(), flush=True)
        passed = passed and result.passed
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
