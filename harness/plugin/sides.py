"""What an A/B measures: pairs of subjects that are alike but for what ``--a`` and ``--b`` say."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from harness.config.mistakes import explained
from harness.config.model import SubjectConfig
from harness.errors import AcceleratorUnusable, UnknownName, UsageError
from harness.plugin.automatic import automatic
from harness.plugin.subjects import Plan, absences, from_config, own_arch_first, probed, works_elsewhere

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from harness.archive.fetch import Progress
    from harness.config.model import Config
    from harness.guests.model import Arch

KEYS = tuple(name for name in SubjectConfig.model_fields if name != "label")
"""What a side may say: every key of ``[[subjects]]`` but its name, which is the side's."""


@dataclass(frozen=True, slots=True)
class Sides:
    """What each side says, by key, as text."""

    a: Mapping[str, str]
    b: Mapping[str, str]

    def __iter__(self) -> Iterator[tuple[str, Mapping[str, str]]]:
        """Name and what it says."""
        return iter((("A", self.a), ("B", self.b)))

    def in_words(self) -> str:
        """``A is cpu_model=max; B is as configured``; ``both are as configured``."""
        a, b = (
            ", ".join(f"{key}={value}" for key, value in given.items()) or "as configured"
            for _, given in self
        )
        return f"both are {a}" if self.a == self.b else f"A is {a}; B is {b}"


def side(option: str, texts: Iterable[str]) -> dict[str, str]:
    """``["cpu_model=max", …]`` by key. Raises UnknownName, UsageError; ``option`` is who said it."""
    given: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if key not in KEYS:
            raise UnknownName("key", key, KEYS, where=option)
        if not equals or not value:
            raise UsageError(f"{option} {text} has no value", fix=f"{option} {key}=VALUE")
        if key in given:
            raise UsageError(f"{option} says {key} twice", fix="say it once")
        given[key] = value
    return given


def plan_sides(config: Config, progress: Progress | None = None, *, sides: Sides) -> Plan:
    """Two subjects for each backend and architecture that the configuration names or this host can use.

    What only one side says of backend and architecture holds for both. Raises what :func:`harness.plugin.subjects.plan`
    does, and AcceleratorUnusable where only one side of a pair works here.
    """
    every = (
        replace(from_config(_entry(name, values), config, progress), label=name, side=name)
        for pair in _pairs(config, sides)
        for name, values in zip("AB", pair, strict=True)
    )
    # auto and a name may be the same backend: that is one pair
    alike, notices = automatic(every)
    wanted = [
        replace(subject, pair=str(number))
        for name in "AB"
        for number, subject in enumerate((each for each in alike if each.side == name), start=1)
    ]
    with ThreadPoolExecutor(max_workers=max(1, len(wanted))) as pool:
        probes = list(pool.map(probed, wanted))
    both = list(zip(wanted, probes, strict=True))
    usable = tuple(
        replace(subject, version=probe.version, build=probe.build) for subject, probe in both if probe.usable
    )
    pairs = {subject.pair for subject in usable}
    asked = "backend" in sides.a or "backend" in sides.b or bool(config.backends)
    lost = [(subject, probe) for subject, probe in both if not probe.usable]
    for subject, probe in own_arch_first(lost):
        if subject.pair in pairs or not pairs or (asked and not works_elsewhere(subject, usable)):
            raise AcceleratorUnusable(f"{subject.id}: {probe.reason}", fix=probe.fix, code=probe.code)
    named = ((replace(subject, side="", label=""), probe) for subject, probe in lost)
    return Plan(usable, tuple(dict.fromkeys(absences(named))), notices)


def _pairs(config: Config, sides: Sides) -> list[tuple[dict[str, str], dict[str, str]]]:
    """What each side says in full, for every backend and architecture."""
    from harness.machines.catalogue import guest_backends  # noqa: PLC0415 - heavy

    a, b = ({"guest": config.guest, **said} for _, said in sides)
    backends = _both("backend", a, b) or [(name, name) for name in config.backends or guest_backends()]
    archs = _both("arch", a, b) or _archs(config, a["guest"], b["guest"])
    return [
        ({**a, "backend": of_a, "arch": arch_a}, {**b, "backend": of_b, "arch": arch_b})
        for (of_a, of_b), (arch_a, arch_b) in product(backends, archs)
    ]


def _both(key: str, a: Mapping[str, str], b: Mapping[str, str]) -> list[tuple[str, str]]:
    """The values of both sides, where at least one says it."""
    if key not in a and key not in b:
        return []
    return [(a.get(key) or b[key], b.get(key) or a[key])]


def _archs(config: Config, *guests: str) -> list[tuple[str, str]]:
    """Those that both guests are of; a guest of the user's own is of one only."""
    of_a, of_b = (
        [config.guests[guest].arch] if guest in config.guests else list(config.archs) for guest in guests
    )
    common = [arch for arch in of_a if arch in of_b]
    pairs: Sequence[tuple[Arch, Arch]] = [(arch, arch) for arch in common] or [(of_a[0], of_b[0])]
    return [(one.value, other.value) for one, other in pairs]


def _entry(name: str, values: Mapping[str, str]) -> SubjectConfig:
    option = f"--{name.lower()}"
    placed = dict(values)
    for key in ("qemu", "runtime"):
        if key in placed and placed[key] not in ("system", "managed"):
            placed[key] = str(Path(placed[key]).expanduser().absolute())
    try:
        return SubjectConfig.model_validate_strings(placed)
    except ValidationError as error:
        givers = dict.fromkeys(SubjectConfig.model_fields, lambda key: f"{option} {key}".strip())
        raise explained(SubjectConfig, error, givers) from None
