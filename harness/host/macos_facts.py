"""What only macOS says about a host: from sysctl and pmset."""

from __future__ import annotations

import platform
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.host.system import ask

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.host.facts import HostFacts

_KEYS = (
    "machdep.cpu.brand_string", "hw.model", "hw.physicalcpu", "hw.logicalcpu", "hw.nperflevels",
    "hw.perflevel0.physicalcpu", "hw.perflevel1.physicalcpu", "kern.hv_vmm_present",
)  # fmt: skip
_POWER_MODES = {"0": "automatic", "1": "low", "2": "high"}


def refine(facts: HostFacts) -> HostFacts:
    """``facts`` with what sysctl and pmset add."""
    values = sysctl(ask(["sysctl", *_KEYS]))
    performance, efficiency = core_kinds(values)
    return replace(
        facts,
        os_name="macOS",
        os_version=platform.mac_ver()[0],
        hardware_model=values.get("hw.model"),
        cpu_model=values.get("machdep.cpu.brand_string") or values.get("hw.model") or facts.cpu_model,
        performance_cores=performance,
        efficiency_cores=efficiency,
        power_mode=power_mode(ask(["pmset", "-g"])),
        on_battery=on_battery(ask(["pmset", "-g", "batt"])),
        throttled=throttled(ask(["pmset", "-g", "therm"])),
        virtualised={"0": "", "1": "a macOS hypervisor"}.get(values.get("kern.hv_vmm_present", "")),
        container="",
    )


def sysctl(text: str) -> dict[str, str]:
    """``key: value`` lines, as sysctl(8) prints them; a key that this macOS does not know has no line."""
    return dict(re.findall(r"^([\w.]+): (.*)$", text, re.MULTILINE))


def core_kinds(values: Mapping[str, str]) -> tuple[int | None, int | None]:
    """(performance, efficiency) cores; (None, None) where all are alike, as on Intel."""
    if values.get("hw.nperflevels") != "2":
        return None, None
    fast, slow = values.get("hw.perflevel0.physicalcpu", ""), values.get("hw.perflevel1.physicalcpu", "")
    return (int(fast), int(slow)) if fast.isdecimal() and slow.isdecimal() else (None, None)


def power_mode(pmset: str) -> str | None:
    """The energy mode in ``pmset -g``: ``powermode`` where the Mac has a high one, else ``lowpowermode``."""
    for key in ("powermode", "lowpowermode"):
        match = re.search(rf"^\s*{key}\s+(\d+)", pmset, re.MULTILINE)
        if match:
            return _POWER_MODES.get(match[1])
    return None


def on_battery(pmset: str) -> bool | None:
    """The first line of ``pmset -g batt``: Now drawing from 'AC Power' or 'Battery Power'."""
    match = re.search(r"drawing from '([^']+)'", pmset)
    return match[1] == "Battery Power" if match else None


def throttled(pmset: str) -> str | None:
    """The speed limit or warning level in ``pmset -g therm``; "" when it has recorded none."""
    limit = re.search(r"CPU_Speed_Limit\s*=\s*(\d+)", pmset)
    if limit:
        return "" if int(limit[1]) >= 100 else f"to {limit[1]} % of its speed"
    level = re.search(r"[Tt]hermal [Ww]arning [Ll]evel\s*(?:=|:|set to)\s*(\d+)", pmset)
    if level:
        return "" if level[1] == "0" else f"at thermal warning level {level[1]}"
    return "" if "No thermal warning level" in pmset else None
