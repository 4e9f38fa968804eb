"""What packages need, and what those need in turn: the closure of Depends and Pre-Depends over names.

Versions are not compared: within one suite every dependency is met by whatever version the suite has.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.errors import PackageNotFound, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.archive.index import Index, Package


def closure(index: Index, names: Iterable[str], *, exclude: Iterable[str] = ()) -> tuple[Package, ...]:
    """The named packages and everything that they need, each once, in alphabetical order.

    A group of alternatives is met by one that was asked for or excluded by name, else by the first that there is.
    A dependency on a name that is only provided is met by a provider that was asked for or excluded, else by the
    first in alphabetical order. What is excluded is neither taken nor followed, unless it was asked for.

    Raises PackageNotFound for a name asked for that is no package, and for a dependency that nothing meets, with
    the chain of packages that leads to it.
    """
    asked = frozenset(names)
    search = _Search(index, asked | frozenset(exclude))
    for name in sorted(asked):
        search.ask(name)
    for package in search.found:  # grows while it is gone through: nearest first, so that chains are short
        for group in package.depends:
            if not search.settled.intersection(group):
                search.need(group, package.name)
    return tuple(sorted(search.found, key=lambda package: package.name))


@dataclass(slots=True)
class _Search:
    index: Index
    settled: frozenset[str]
    """Names that meet a group without anything being taken: asked for, so taken anyway, or excluded."""
    found: list[Package] = field(default_factory=list)
    led_by: dict[str, str] = field(default_factory=dict)
    """Package found → the one that led to it; none for what was asked for."""

    def ask(self, name: str) -> None:
        """Take the package ``name``; raises PackageNotFound."""
        if name in self.index:
            self.found.append(self.index[name])
            return
        providers = self.index.providers(name)
        raise PackageNotFound(
            f"the archive has no package {name}",
            fix=f"name one that provides it: {', '.join(providers)}" if providers else self._guess(name),
        )

    def need(self, group: tuple[str, ...], by: str) -> None:
        """Take what meets ``group``, unless it was taken or is excluded; raises PackageNotFound."""
        met = next((one for name in group if (one := self._stands_for(name))), None)
        if met is None:
            needed = " | ".join(group)
            raise PackageNotFound(
                f"the archive has no package {needed}, needed by {self._chain(by)} → {needed}",
                fix="exclude it, or correct the description",
            )
        if met not in self.led_by and met not in self.settled:
            self.led_by[met] = by
            self.found.append(self.index[met])

    def _stands_for(self, name: str) -> str | None:
        if name in self.index:
            return name
        providers = self.index.providers(name)
        return next((one for one in providers if one in self.settled), providers[0] if providers else None)

    def _chain(self, name: str | None) -> str:
        chain: list[str] = []
        while name is not None:
            chain.append(name)
            name = self.led_by.get(name)
        return " → ".join(reversed(chain))

    def _guess(self, name: str) -> str:
        alike = nearest(name, [other for other in self.index if other[:2] == name[:2]])
        return f"did you mean {alike}?" if alike else "correct the description"
