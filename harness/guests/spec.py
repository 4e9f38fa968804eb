"""The description of a reference guest, a TOML file in ``fixtures/guests/``, read for one architecture."""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from harness.errors import InvalidConfiguration, UnknownName
from harness.guests.model import Arch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BUILDER_VERSION = 1
"""Part of every recipe: raise it when the builder gives other bytes for the same inputs."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Contents(_Table):
    modules: tuple[str, ...] = ()
    """Kernel modules to have, besides what they depend on."""
    links: dict[str, str] = {}
    """Path in the guest → target of the symbolic link."""
    files: dict[str, Path] = {}
    """Path in the guest → file next to the description."""


class _Root(_Contents):
    """``[root]``: the image that the initramfs mounts and goes over to; a guest without one stays in its initramfs."""

    packages: tuple[str, ...] = ()
    """Packages to have, besides what they depend on; their scripts are not run."""
    without: tuple[str, ...] = ()
    """Packages not to have, whatever depends on them."""
    newer: dict[str, tuple[str, ...]] = {}
    """Another suite → globs of the packages taken from it instead."""
    exclude: tuple[str, ...] = ()
    """Globs of files that are left out."""


class _Shared(_Contents):
    """What a guest's file may say at its top, for every architecture, and in ``[arch.NAME]``, for one."""

    append: tuple[str, ...] = ()
    """Kernel parameters."""
    packages: dict[str, tuple[str, ...]] = {}
    """Package → globs of the files taken from it into the initramfs."""
    root: _Root | None = None


class _Architecture(_Shared):
    debian: str
    """Debian's name for it: ``amd64``, ``arm64``."""
    kernel: str
    """The kernel's package; a metapackage stands for the version that it depends on."""


class _File(_Shared):
    description: str
    suite: str
    memory_mib: int = 512
    arch: dict[Arch, _Architecture]


@dataclass(frozen=True, slots=True)
class RootSpec:
    """What the read-only image is made of that a guest's root is."""

    packages: tuple[str, ...]
    without: tuple[str, ...]
    newer: Mapping[str, tuple[str, ...]]
    exclude: tuple[str, ...]
    modules: tuple[str, ...]
    links: Mapping[str, str]
    files: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class GuestSpec:
    """A guest to build: the shared part of its file and that of one architecture, as one."""

    name: str
    arch: Arch
    description: str
    suite: str
    debian_arch: str
    kernel: str
    append: str
    memory_mib: int
    packages: Mapping[str, tuple[str, ...]]
    modules: tuple[str, ...]
    links: Mapping[str, str]
    files: Mapping[str, bytes]
    root: RootSpec | None = None

    @property
    def recipe(self) -> str:
        """SHA-256 of all of it and of the builder's version: what changes it makes another guest."""
        facts = asdict(self) | {"builder": BUILDER_VERSION, "files": _digests(self.files)}
        if self.root is None:
            del facts["root"]
        else:
            facts["root"]["files"] = _digests(self.root.files)
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def read_spec(path: Path, arch: Arch) -> GuestSpec:
    """Read a guest's file for ``arch``.

    Raises UnknownName for an unknown key or an architecture that the guest does not have, InvalidConfiguration for
    a file that is no TOML, a value of the wrong type, or a file that is not there.
    """
    try:
        file = _File.model_validate(_tables(path))
    except tomllib.TOMLDecodeError as error:
        raise InvalidConfiguration(f"{path} is not TOML: {error}", path=path) from None
    except ValidationError as error:
        raise _explained(path, error) from None
    if arch not in file.arch:
        raise UnknownName(
            f"architecture of guest {path.stem}", str(arch), map(str, file.arch), where=str(path)
        )
    own = file.arch[arch]
    roots = [root for root in (file.root, own.root) if root]
    return GuestSpec(
        name=path.stem,
        arch=arch,
        description=file.description,
        suite=file.suite,
        debian_arch=own.debian,
        kernel=own.kernel,
        append=" ".join((*own.append, *file.append)),
        memory_mib=file.memory_mib,
        packages={**file.packages, **own.packages},
        modules=(*file.modules, *own.modules),
        links={**file.links, **own.links},
        files=_contents(path, file, own),
        root=_root(path, roots) if roots else None,
    )


def _tables(path: Path) -> dict[str, Any]:
    """What the file says, and before it what the guest says that it is ``like``, if any."""
    own = tomllib.loads(path.read_text(encoding="utf-8"))
    like = own.pop("like", None)
    if like is None:
        return own
    other = path.with_name(f"{like}.toml")
    if not other.is_file():
        known = sorted(each.stem for each in path.parent.glob("*.toml"))
        raise UnknownName("guest", str(like), known, where=f"like of {path}")
    return _joined(tomllib.loads(other.read_text(encoding="utf-8")), own)


def _joined(first: dict[str, Any], then: dict[str, Any]) -> dict[str, Any]:
    """Tables as one, lists one after the other; of two other values the later one."""
    joined = dict(first)
    for key, value in then.items():
        known = joined.get(key)
        if isinstance(known, dict) and isinstance(value, dict):
            joined[key] = _joined(known, value)
        elif isinstance(known, list) and isinstance(value, list):
            joined[key] = [*known, *value]
        else:
            joined[key] = value
    return joined


def _root(path: Path, tables: Sequence[_Root]) -> RootSpec:
    """The ``[root]`` of the file and that of the architecture as one."""
    return RootSpec(
        packages=tuple(name for table in tables for name in table.packages),
        without=tuple(name for table in tables for name in table.without),
        newer={suite: globs for table in tables for suite, globs in table.newer.items()},
        exclude=tuple(glob for table in tables for glob in table.exclude),
        modules=tuple(name for table in tables for name in table.modules),
        links={link: target for table in tables for link, target in table.links.items()},
        files=_contents(path, *tables),
    )


def _contents(path: Path, *tables: _Contents) -> dict[str, bytes]:
    files = {target: source for table in tables for target, source in table.files.items()}
    try:
        return {target: (path.parent / source).read_bytes() for target, source in files.items()}
    except OSError as error:
        raise InvalidConfiguration(f"{path} names a file that cannot be read: {error}", path=path) from None


def _digests(files: Mapping[str, bytes]) -> dict[str, str]:
    return {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}


def _explained(path: Path, error: ValidationError) -> InvalidConfiguration | UnknownName:
    """The thing most wrong, in the harness's own words: a misspelt key explains a missing one."""
    first = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
    place = [str(part) for part in first["loc"] if part != "[key]"]
    if first["type"] == "extra_forbidden":
        table = ".".join(place[:-1])
        model = _Root if place[-2:-1] == ["root"] else _Architecture if table else _File
        known = model.model_fields
        return UnknownName("key", place[-1], known, where=f"[{table}] of {path}" if table else str(path))
    if place[:1] == ["arch"] and len(place) == 2 and first["type"] == "enum":
        return UnknownName("architecture", place[1], [str(arch) for arch in Arch], where=str(path))
    return InvalidConfiguration(
        f"{'.'.join(place)} in {path}: {first['msg']}", path=path, key=".".join(place)
    )
