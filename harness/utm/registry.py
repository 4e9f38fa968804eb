"""Which machines UTM knows, from its own registry: a property list in the container of its sandbox.

A machine's place is a bookmark when it has one, else a path (UTM's ``UTMRegistryEntry.File``): a copy or a link at the
path is not what UTM opens. A bookmark is Apple's ``book`` format, read by mac_alias; it also follows a folder that was
moved on its volume, which only macOS itself can do, so the place told here is the one that the bookmark was made for.
"""

from __future__ import annotations

import plistlib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.parsers.expat import ExpatError

from harness.errors import UnknownName, UsageError, UtmRegistryUnusable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DEFAULT = Path("Library/Containers/com.utmapp.UTM/Data/Library/Preferences/com.utmapp.UTM.plist")
"""Below the home folder."""
_KEY = "Registry"


class Place(StrEnum):
    """What says where a machine is."""

    BOOKMARK = "bookmark"
    PATH = "path"
    STALE_PATH = "path, because its bookmark cannot be read"


@dataclass(frozen=True, slots=True)
class Registered:
    """One machine on UTM's list."""

    uuid: str
    name: str
    package: Path
    """Its folder NAME.utm, where UTM looks for it."""
    place: Place
    suspended: bool
    recorded_path: Path
    """The path beside the bookmark, which does not count where there is one."""

    @property
    def problem(self) -> str:
        """Why UTM cannot open it; '' when it can."""
        if not self.package.exists():
            return f"there is nothing at {self.package}, where UTM's registry has it (by {self.place})"
        if not (self.package / "config.plist").is_file():
            return f"{self.package} has no config.plist, so it is no machine of UTM's"
        return ""

    @property
    def fix(self) -> str:
        """What to do about the problem."""
        return "put it back, or remove it from UTM's list and open it in UTM from where it is now"


def default_registry() -> Path:
    """This user's."""
    return Path.home() / DEFAULT


def read(registry: Path) -> tuple[Registered, ...]:
    """The machines in ``registry``, by name; an entry that makes no sense is an error, not a gap.

    Raises UtmRegistryUnusable.
    """
    document = _document(registry)
    entries = document.get(_KEY, {})
    if not isinstance(entries, dict):
        raise _unusable(registry, f"its {_KEY} is no dictionary")
    found = [_entry(registry, str(uuid), entry) for uuid, entry in entries.items()]
    return tuple(sorted(found, key=lambda one: (one.name.casefold(), one.uuid)))


def find(machines: Iterable[Registered], wanted: str) -> Registered:
    """The machine with this name or UUID; raises UnknownName, and UsageError for a name that several have."""
    known = tuple(machines)
    fitting = [one for one in known if wanted.upper() == one.uuid.upper()] or [
        one for one in known if wanted == one.name
    ]
    if not fitting:
        raise UnknownName("UTM machine", wanted, [one.name for one in known])
    if len(fitting) > 1:
        raise UsageError(
            f"{len(fitting)} machines of UTM are named {wanted!r}",
            fix=f"name one by its UUID: {', '.join(one.uuid for one in fitting)}",
        )
    return fitting[0]


def _document(registry: Path) -> Mapping[str, Any]:
    try:
        document = plistlib.loads(registry.read_bytes())
    except FileNotFoundError:
        raise UtmRegistryUnusable(
            f"there is no UTM registry at {registry}",
            fix="start UTM once, or name its file with --registry PLIST",
            path=registry,
        ) from None
    except PermissionError:
        raise UtmRegistryUnusable(
            f"macOS does not let this terminal read {registry}",
            fix="allow it: System Settings, Privacy & Security, Full Disk Access; then open a new terminal",
            path=registry,
        ) from None
    except OSError as error:
        raise _unusable(registry, error.strerror or str(error)) from error
    except (plistlib.InvalidFileException, ExpatError, ValueError, LookupError, TypeError, OverflowError):
        raise _unusable(registry, "it is no property list") from None
    if not isinstance(document, dict):
        raise _unusable(registry, "it holds no dictionary")
    return document


def _entry(registry: Path, uuid: str, entry: Any) -> Registered:
    package = entry.get("Package") if isinstance(entry, dict) else None
    if not isinstance(entry, dict) or not isinstance(package, dict):
        raise _unusable(registry, f"its entry {uuid} has no Package")
    name, path, bookmark = entry.get("Name"), package.get("Path"), package.get("Bookmark", b"")
    if not isinstance(name, str) or not isinstance(path, str) or not isinstance(bookmark, bytes):
        raise _unusable(registry, f"its entry {uuid} has no Name, or no Path in its Package")
    recorded = Path(path)
    marked = bookmarked_path(bookmark) if bookmark else None
    place = (Place.BOOKMARK if marked else Place.STALE_PATH) if bookmark else Place.PATH
    return Registered(uuid, name, marked or recorded, place, bool(entry.get("Suspended")), recorded)


def bookmarked_path(bookmark: bytes) -> Path | None:
    """The path in a bookmark; None when it is none that can be read."""
    import mac_alias  # noqa: PLC0415 - only who reads a registry

    try:
        parts = mac_alias.Bookmark.from_bytes(bookmark).get(mac_alias.kBookmarkPath)
    except Exception:  # noqa: BLE001 - it indexes and unpacks what it is given, unchecked
        return None
    if not isinstance(parts, list) or not parts or not all(isinstance(part, str) for part in parts):
        return None
    return Path("/", *parts)


def _unusable(registry: Path, why: str) -> UtmRegistryUnusable:
    return UtmRegistryUnusable(
        f"the UTM registry {registry} cannot be used: {why}",
        fix="quit and start UTM, which writes it anew, or name another with --registry PLIST",
        path=registry,
    )
