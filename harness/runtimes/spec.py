"""The description of a runtime, a TOML file in ``fixtures/runtimes/``."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from harness.archive.selection import Selection
from harness.errors import InvalidConfiguration, UnknownName

if TYPE_CHECKING:
    from pathlib import Path


class RuntimeSpec(BaseModel):
    """A runtime to assemble; the same for every architecture that Debian has."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    description: str
    suite: str
    programs: tuple[str, ...]
    """Programs in ``usr/bin`` that get a wrapper of their own name."""
    packages: tuple[str, ...]
    exclude: tuple[str, ...] = ()
    """Packages that are left out although something depends on them."""
    newer: dict[str, tuple[str, ...]] = {}
    """Another suite → globs of the packages that are taken from it."""
    drop: tuple[str, ...] = ()
    """Globs of files that are not unpacked; ``*`` crosses slashes."""

    @property
    def selection(self) -> Selection:
        """What to ask of the archive."""
        return Selection(self.packages, self.exclude, self.newer)


def read_spec(path: Path) -> RuntimeSpec:
    """Read a runtime's file; raises UnknownName for an unknown key, InvalidConfiguration for a bad file or value."""
    try:
        return RuntimeSpec.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except tomllib.TOMLDecodeError as error:
        raise InvalidConfiguration(f"{path} is not TOML: {error}", path=path) from None
    except ValidationError as error:
        first = min(
            error.errors(), key=lambda one: one["type"] != "extra_forbidden"
        )  # a typo explains what is missing
        key = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            raise UnknownName("key", key, RuntimeSpec.model_fields, where=str(path)) from None
        raise InvalidConfiguration(f"{key} in {path}: {first['msg']}", path=path, key=key) from None
