"""Read ``visorbench.toml``, then ``VISORBENCH_*``, then the command line: the later wins.

A key that nobody knows is an error that names the nearest known one (:class:`harness.errors.UnknownName`); a
value that does not fit is :class:`harness.errors.InvalidConfiguration`, which says where it stands.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from harness.config.model import Config, Profile
from harness.errors import InvalidConfiguration, UnknownName
from harness.host.paths import shipped

if TYPE_CHECKING:
    from collections.abc import Mapping

ModelT = TypeVar("ModelT", bound=BaseModel)

FILE_NAME = "visorbench.toml"

ENVIRONMENT: dict[str, str] = {
    "VISORBENCH_PROFILE": "profile",
    "VISORBENCH_BACKENDS": "backends",
    "VISORBENCH_ARCHS": "archs",
    "VISORBENCH_GUEST": "guest",
    "VISORBENCH_QEMU": "qemu",
    "VISORBENCH_MIRROR": "mirror",
    "VISORBENCH_STORE": "store",
    "VISORBENCH_REPORTS": "reports",
}
"""Environment variable → key; lists are separated by commas."""

ELSEWHERE = (
    "VISORBENCH_CACHE_DIR", "VISORBENCH_DATA_DIR", "VISORBENCH_RUNTIME_DIR", "VISORBENCH_NO_INSTALL",
    "VISORBENCH_TEST_INSTALLER",
)  # fmt: skip
"""Variables that other parts read."""

_LISTS = {"backends", "archs"}
_PATHS = {"qemu", "reports"}
_GUEST_PATHS = {"kernel", "initrd", "disk", "firmware"}


def load(
    file: Path | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    options: Mapping[str, Any] | None = None,
    directory: Path | None = None,
) -> Config:
    """The configuration in force.

    ``file`` is read instead of the nearest ``visorbench.toml`` or ``[tool.visorbench]`` at or above
    ``directory``; ``options`` are the command line's, None meaning "not given".

    Raises UnknownName, InvalidConfiguration.
    """
    source = file or _find(directory or Path.cwd())
    layers: dict[str, dict[str, Any]] = {
        str(source): _read(source) if source else {},
        "the environment (VISORBENCH_*)": _from_environment(os.environ if environ is None else environ),
        "the command line": {key: value for key, value in (options or {}).items() if value not in (None, ())},
    }
    values = {key: value for layer in layers.values() for key, value in layer.items()}
    origin = {key: place for place, layer in layers.items() for key in layer}
    config = _validated(Config, values, origin)
    profiles(config)
    profile(config)
    return config


def profiles(config: Config) -> dict[str, Profile]:
    """The shipped profiles and the user's own."""
    path = shipped("fixtures", "profiles.toml")
    shipped_ones = {
        name: _validated(Profile, table, dict.fromkeys([*table, *Profile.model_fields], f"{path} [{name}]"))
        for name, table in _parse(path).items()
    }
    return shipped_ones | config.profiles


def profile(config: Config) -> Profile:
    """The profile in force; raises UnknownName."""
    known = profiles(config)
    if config.profile not in known:
        raise UnknownName("profile", config.profile, known)
    return known[config.profile]


def reports_folder(config: Config) -> Path:
    """The folder of all runs: as configured, else ``reports/`` of the clone, else of the working directory."""
    if config.reports:
        return config.reports
    clone = shipped("reports")
    return clone if (clone.parent / "pyproject.toml").is_file() else Path.cwd() / "reports"


def _find(directory: Path) -> Path | None:
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
    for key in _PATHS & values.keys():
        values[key] = base / Path(str(values[key])).expanduser()
    guests = values.get("guests")
    for guest in guests.values() if isinstance(guests, dict) else ():
        if isinstance(guest, dict):
            guest |= {key: base / Path(str(guest[key])).expanduser() for key in _GUEST_PATHS & guest.keys()}
    return values


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidConfiguration(
            f"cannot read {path}: {error}", fix="check the path and its permissions"
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


def _validated(model: type[ModelT], values: Mapping[str, Any], origin: Mapping[str, str]) -> ModelT:
    """The model of ``values``; ``origin`` says of each key where it was given."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        errors = error.errors()
        first = next((each for each in errors if each["type"] == "extra_forbidden"), errors[0])
        place, where = ".".join(map(str, first["loc"])), origin[str(first["loc"][0])]
        if first["type"] == "extra_forbidden":
            raise UnknownName("key", place, _keys_beside(model, first["loc"]), where=where) from None
        raise InvalidConfiguration(
            f"{place} in {where}: {first['msg'][0].lower()}{first['msg'][1:]} (it is {first['input']!r})",
            fix="correct it there, or leave it out",
        ) from None


def _keys_beside(model: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """The full names of the keys that could stand where ``place`` names an unknown one."""
    prefix: list[str] = []
    current: Any = model
    for part in place[:-1]:
        prefix.append(str(part))
        current = _inner_model(current, part)
    return [".".join([*prefix, name]) for name in current.model_fields]


def _inner_model(model: Any, part: int | str) -> Any:
    """The model found under ``part``: of a field, or of a mapping's or sequence's items."""
    if isinstance(model, type) and issubclass(model, BaseModel):
        annotation = model.model_fields[str(part)].annotation
        items = [
            arg
            for arg in getattr(annotation, "__args__", ())
            if isinstance(arg, type) and issubclass(arg, BaseModel)
        ]
        return _Items(items[0]) if items else annotation
    return model.model


class _Items:
    """The values of a ``dict[str, M]`` or the items of a ``tuple[M, ...]``."""

    def __init__(self, model: type[BaseModel]) -> None:
        self.model = model
