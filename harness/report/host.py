"""The host in words: one line for a header, and every fact of :class:`harness.host.facts.HostFacts` for a table.

The facts come out of a run, perhaps of another version: one that is missing is left out, one that is new is shown
under its own name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.counted import counted
from harness.report import units

if TYPE_CHECKING:
    from collections.abc import Mapping

_WORDS = {
    "os_name": "OS",
    "os_version": "OS version",
    "arch": "architecture",
    "cpu_model": "CPU",
    "memory_mib": "memory",
    "memory_available_mib": "memory free at the start",
    "swap_used_mib": "swap in use",
    "load": "load of 1, 5, 15 min",
    "noise_before": "CPU time that others had, before",
    "noise_score": "CPU time that others had, while measuring",
    "noise_after": "CPU time that others had, after",
    "throttled": "slowed by heat",
    "virtualised": "virtual machine",
}
"""Where the name with its underscores as spaces would not do."""

_NO = frozenset({"throttled", "virtualised", "container"})
"""Facts whose empty text says no, where None is not known."""


def in_one_line(facts: Mapping[str, Any]) -> str:
    """OS, CPU, cores, memory, and whether all that is a virtual machine."""
    cores = facts.get("logical_cores")
    parts = [
        " ".join(str(facts[name]) for name in ("os_name", "os_version") if facts.get(name)),
        facts.get("cpu_model"),
        counted(cores, "core") if cores else None,
        _value("memory_mib", facts["memory_mib"]) if facts.get("memory_mib") else None,
        _surroundings(facts),
    ]
    return " · ".join(str(part) for part in parts if part)


def rows(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Every fact but the noise as name and value; those that the host does not say are named at the end."""
    told = [
        (_name(name), _value(name, value))
        for name, value in facts.items()
        if value is not None and name != "noise"
    ]
    unknown = ", ".join(_name(name) for name, value in facts.items() if value is None)
    return [*told, ("not known", unknown)] if unknown else told


def noise(facts: Mapping[str, Any]) -> list[str]:
    """What made timings noisy, a sentence each."""
    told = facts.get("noise")
    return [fact(each) for each in told] if isinstance(told, list) else []


def fact(value: object) -> str:
    """A JSON value as one line of text."""
    match value:
        case None | "" | [] | {}:
            return units.DASH
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.4g}"
        case dict():
            return "; ".join(f"{key}: {fact(each)}" for key, each in value.items())
        case list() | tuple():
            return ", ".join(map(fact, value))
    return str(value)


def _surroundings(facts: Mapping[str, Any]) -> str | None:
    hypervisor, container = facts.get("virtualised"), facts.get("container")
    where = None if hypervisor is None else f"{hypervisor} virtual machine" if hypervisor else "bare metal"
    return ", ".join(part for part in (where, f"{container} container" if container else None) if part)


def _name(name: str) -> str:
    return _WORDS.get(name, name.replace("_", " "))


def _value(name: str, value: object) -> str:
    if name in _NO and value == "":
        return "no"
    if name.endswith("_mib") and isinstance(value, int):
        return f"{value / 1024:.1f}{units.NO_BREAK}GiB" if value >= 1024 else f"{value}{units.NO_BREAK}MiB"
    if name.startswith("noise_") and isinstance(value, int | float):
        return f"{value:.1%}".replace("%", f"{units.NO_BREAK}%")
    return fact(value)
