"""Read ``visorbench.toml``, then ``VISORBENCH_*``, then the command line: the later wins.

A key or architecture that nobody knows is an error that names the nearest known one
(:class:`harness.errors.UnknownName`); any other value that does not fit is
:class:`harness.errors.InvalidConfiguration`, which names the option, variable or key.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from pydantic import BaseModel, ValidationError

from harness.config.mistakes import explained
from harness.config.model import Config, Profile
from harness.errors import InvalidConfiguration, UnknownName
from harness.host.paths import shipped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Giver: TypeAlias = Callable[[str], str]
    """Turns a key into the words for where it was given: ``--arch``, ``VISORBENCH_ARCHS``, ``archs in FILE``."""

ModelT = TypeVar("ModelT", bound=BaseModel)

FILE_NAME = "visorbench.toml"

ENVIRONMENT: dict[str, str] = {
    "VISORBENCH_PROFILE": "profile",
    "VISORBENCH_BACKENDS": "backends",
    "VISORBENCH_ARCHS": "archs",
    "VISORBENCH_GUEST": "guest",
    "VISORBENCH_QEMU": "qemu",
    "VISORBENCH_RUNTIME": "runtime",
    "VISORBENCH_MIRROR": "mirror",
    "VISORBENCH_STORE": "store",
    "VISORBENCH_REPORTS": "reports",
}
"""Environment variable → key; lists are separated by commas."""

ELSEWHERE = (
    "VISORBENCH_CACHE_DIR", "VISORBENCH_DATA_DIR", "VISORBENCH_RUNTIME_DIR", "VISORBENCH_LOCK_DIR",
    "VISORBENCH_NO_INSTALL", "VISORBENCH_VFKIT", "VISORBENCH_KRUNKIT", "VISORBENCH_GVPROXY", "VISORBENCH_VMNET_HELPER",
    "VISORBENCH_DHCPD_LEASES", "VISORBENCH_UTM_APP", "VISORBENCH_UTM_REGISTRY",
)  # fmt: skip
"""Variables that other parts read."""

_LISTS = {"backends", "archs"}
_PATHS = {"qemu", "reports"}
_EXCLUSIVE = (("qemu", "runtime"), ("runtime", "qemu"))
"""Either replaces the other of an earlier place."""
RUNTIMES = ("system", "managed")
"""What ``runtime`` may be besides a path."""
_GUEST_PATHS = {"kernel", "initrd", "disk", "firmware"}


def load(
    file: Path | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    options: Mapping[str, Any] | None = None,
    directory: Path | None = None,
    option_prefix: str = "--",
) -> Config:
    """The configuration in force.

    ``file`` is read instead of the nearest ``visorbench.toml`` or ``[tool.visorbench]`` at or above
    ``directory``; ``options`` are the command line's, None meaning "not given"; an
    error calls them ``option_prefix`` and the key.

    Raises UnknownName, InvalidConfiguration.
    """
    source = file or nearest(directory or Path.cwd())
    layers: list[tuple[Giver, dict[str, Any]]] = [
        (_in_file(source), _read(source)) if source else (_as_variable, {}),
        (_as_variable, _from_environment(os.environ if environ is None else environ)),
        (
            _as_option(option_prefix),
            {key: value for key, value in (options or {}).items() if value not in (None, ())},
        ),
    ]
    values: dict[str, Any] = {}
    for _, layer in layers:
        for key, instead_of in _EXCLUSIVE:
            if key in layer and instead_of not in layer:
                values.pop(instead_of, None)
        values |= layer
    givers = {key: giver for giver, layer in layers for key in layer}
    config = _validated(Config, values, givers)
    profiles(config)
    profile(config, where=givers["profile"]("profile") if "profile" in givers else None)
    _check_backends(config, givers)
    return config


def profiles(config: Config) -> dict[str, Profile]:
    """The shipped profiles and the user's own."""
    path = shipped("fixtures", "profiles.toml")
    shipped_ones = {
        name: _validated(
            Profile, table, dict.fromkeys([*table, *Profile.model_fields], _in_file(path, f" [{name}]"))
        )
        for name, table in _parse(path).items()
    }
    return shipped_ones | config.profiles


def profile(config: Config, *, where: str | None = None) -> Profile:
    """The profile in force, which ``where`` names; raises UnknownName."""
    known = profiles(config)
    if config.profile not in known:
        raise UnknownName("profile", config.profile, known, where=where)
    return known[config.profile]


def _check_backends(config: Config, givers: Mapping[str, Giver]) -> None:
    """Raise UnknownName for one that nobody knows."""
    from harness.machines.catalogue import AUTO, NATIVE, guest_backends  # noqa: PLC0415 - only where one is named

    for name in config.backends:
        if name not in (known := (AUTO, NATIVE, *guest_backends())):
            raise UnknownName("backend", name, known, where=givers["backends"]("backends"))


def reports_folder(config: Config) -> Path:
    """The folder of all runs: as configured, else ``reports/`` of the clone, else of the working directory."""
    if config.reports:
        return config.reports
    clone = shipped("reports")
    return clone if (clone.parent / "pyproject.toml").is_file() else Path.cwd() / "reports"


def nearest(directory: Path) -> Path | None:
    """The nearest ``visorbench.toml``, or ``pyproject.toml`` with ``[tool.visorbench]``, at or above ``directory``."""
    for folder in (directory, *directory.parents):
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
        project = folder / "pyproject.toml"
        if project.is_file() and "visorbench" in _parse(project).get("tool", {}):
            return project
    return None


def _read(path: Path) -> dict[str, Any]:
    """The table of a file, its relative paths taken from the file's folder."""
    document = _parse(path)
    values: dict[str, Any] = (
        document.get("tool", {}).get("visorbench", {}) if path.name == "pyproject.toml" else document
    )
    base = path.resolve().parent
    _place_paths(values, _PATHS, base)
    _place_runtime(values, base)
    guests, subjects = values.get("guests"), values.get("subjects")
    tables = [(table, _GUEST_PATHS) for table in (guests.values() if isinstance(guests, dict) else ())]
    tables += [(table, {"qemu"}) for table in (subjects if isinstance(subjects, list) else ())]
    for table, paths in tables:
        if isinstance(table, dict):
            _place_paths(table, paths, base)
            _place_runtime(table, base)
    return values


def _place_paths(table: dict[str, Any], keys: set[str], base: Path) -> None:
    """Have those of ``keys`` that are text begin at ``base``; an empty one is as good as none, as a variable's is."""
    for key in keys & table.keys():
        if isinstance(text := table[key], str):
            table[key] = base / Path(text).expanduser() if text else None


def _place_runtime(table: dict[str, Any], base: Path) -> None:
    if isinstance(named := table.get("runtime"), str) and named not in RUNTIMES:
        table["runtime"] = str(base / Path(named).expanduser()) if named else None


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidConfiguration(
            f"cannot read {path}: {error.strerror}", fix="check the path and its permissions"
        ) from error
    except UnicodeDecodeError as error:
        raise InvalidConfiguration(
            f"{path} is not UTF-8 text: byte {error.start} is 0x{error.object[error.start]:02x}",
            fix="save it as UTF-8, or name another file",
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise InvalidConfiguration(f"{path} is not TOML: {error}", fix="correct that line") from error


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    for variable in environ:
        if variable.startswith("VISORBENCH_") and variable not in (*ENVIRONMENT, *ELSEWHERE):
            raise UnknownName("environment variable", variable, (*ENVIRONMENT, *ELSEWHERE))
    values: dict[str, Any] = {}
    for variable, key in ENVIRONMENT.items():
        text = environ.get(variable)
        if text:
            values[key] = [part.strip() for part in text.split(",")] if key in _LISTS else text
    return values


def _validated(model: type[ModelT], values: Mapping[str, Any], givers: Mapping[str, Giver]) -> ModelT:
    """The model of ``values``; ``givers`` says of each key where it was given."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise explained(model, error, givers) from None


def _in_file(path: Path, table: str = "") -> Giver:
    return lambda key: f"{key} in {path}{table}" if key else f"{path}{table}"


def _as_variable(key: str) -> str:
    return next((name for name, of in ENVIRONMENT.items() if of == key), key)


def _as_option(prefix: str) -> Giver:
    return lambda key: f"{prefix}{key.removesuffix('s') if key in _LISTS else key}"
