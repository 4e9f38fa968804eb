"""``python -m tests.fuzz.run TARGET [option of libFuzzer] …``: one target under atheris, until it finds something.

Every program that takes part is instrumented as it is imported, so this is a process of its own.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["harness", "jeepney", "debian", "tarfile"]):
    from tests.fuzz.targets import TARGETS


def main() -> None:
    """Does not return."""
    name = sys.argv.pop(1)
    atheris.Setup(sys.argv, TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
