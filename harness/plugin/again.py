"""The command that measures a run again: what was chosen, wherever that was said."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.config.load import RUNTIMES, nearest
from harness.guests.model import Arch
from harness.host.paths import shipped

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from harness.config.model import Config
    from harness.plugin.sides import Sides

SCENARIOS = "scenarios"
"""What is measured where no path is named."""


def again(
    config: pytest.Config, chosen: Config, *, sides: Sides | None = None, seed: int = 0
) -> tuple[str, ...]:
    """A program and its arguments, without where results go: the store's URL may hold a password.

    It is ``visorbench bench``; ``ab`` with ``sides``; and pytest itself for what only pytest can choose by. Paths
    within the clone are relative to it, others absolute.
    """
    marked = config.getoption("markexpr")
    prefix = "--vb-" if marked else "--"
    words = ["pytest"] if marked else ["visorbench", "ab" if sides else "bench"]
    for name, value in _options(config, chosen):
        if not sides or name not in ("guest", "qemu", "runtime"):  # a side says those
            words += [prefix + name, value]
    for side, said in sides or ():
        for key, value in said.items():
            words += [f"--{side.lower()}", f"{key}={_placed(key, value)}"]
    words += ["--seed", str(seed)] if sides else []
    for option, expression in (("-k", config.getoption("keyword")), ("-m", marked)):
        words += [option, expression] if expression else []
    paths = [_path(argument) for argument in config.args]
    return *words, *(paths if marked or paths != [SCENARIOS] else ())


def _options(config: pytest.Config, chosen: Config) -> Iterator[tuple[str, str]]:
    """Name and value of all that is not as it is by itself."""
    yield "profile", chosen.profile
    for backend in chosen.backends:
        yield "backend", backend
    for arch in chosen.archs if set(chosen.archs) != set(Arch) else ():
        yield "arch", arch.value
    if chosen.guest != type(chosen).model_fields["guest"].default:
        yield "guest", chosen.guest
    for name, value in (("qemu", chosen.qemu), ("runtime", chosen.runtime)):
        if value:
            yield name, _placed(name, str(value))
    file = config.getoption("vb_config") or nearest(Path.cwd())
    if file and Path(file).resolve() != nearest(shipped().resolve()):
        yield "config", _path(str(file))


def _placed(key: str, value: str) -> str:
    """The value of ``key``, wherever the command is run."""
    return _path(value) if key in ("qemu", "runtime") and value not in RUNTIMES else value


def _path(argument: str) -> str:
    """A path, maybe with a scenario's name after ``::``."""
    file, colons, name = argument.partition("::")
    path, clone = Path(file).expanduser().resolve(), shipped().resolve()
    shown = path.relative_to(clone).as_posix() if path.is_relative_to(clone) else str(path)
    return shown + colons + name
