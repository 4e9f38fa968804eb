"""What only Linux says about a host: from /proc, /sys and lscpu."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.host.system import ask

if TYPE_CHECKING:
    from harness.host.facts import HostFacts

_CPUS = "sys/devices/system/cpu"


def refine(facts: HostFacts, root: Path = Path("/")) -> HostFacts:
    """``facts`` with what /proc and /sys under ``root`` and lscpu add."""
    name, version = os_release(_text(root / "etc/os-release"))
    lscpu = ask(["lscpu"])
    cpuinfo = _text(root / "proc/cpuinfo")
    return replace(
        facts,
        os_name=name or facts.os_name,
        os_version=version,
        cpu_model=cpu_model(cpuinfo, lscpu) or facts.cpu_model,
        governor=_governor(root),
        power_mode=_text(root / "sys/firmware/acpi/platform_profile").strip() or None,
        on_battery=_on_battery(root),
        turbo=_turbo(root),
        throttled=_throttled(root),
        virtualised=hypervisor(cpuinfo, lscpu, facts.kernel),
        container=_container(root),
    )


def os_release(text: str) -> tuple[str, str]:
    """(name, version) from /etc/os-release, os-release(5); '' for what it does not say."""
    values: dict[str, str] = dict(re.findall(r"""^([A-Z_]+)=["']?(.*?)["']?$""", text, re.MULTILINE))
    return values.get("NAME", ""), values.get("VERSION_ID", values.get("BUILD_ID", ""))


def os_release_ids(text: str | None = None) -> list[str]:
    """This distribution's ID, then those it is like (ID_LIKE), from /etc/os-release."""
    content = _text(Path("/etc/os-release")) if text is None else text
    values: dict[str, str] = dict(re.findall(r"""^([A-Z_]+)=["']?(.*?)["']?$""", content, re.MULTILINE))
    return [values.get("ID", ""), *values.get("ID_LIKE", "").split()]


def cpu_model(cpuinfo: str, lscpu: str) -> str:
    """The processor's name: /proc/cpuinfo has it on x86; for Arm, lscpu knows the parts by number."""
    for text, key in ((cpuinfo, "model name"), (lscpu, "Model name"), (cpuinfo, "Model")):
        match = re.search(rf"^{key}\s*:\s*(\S.*)$", text, re.MULTILINE)
        if match and match[1].strip() != "-":
            return re.sub(r"\s+", " ", match[1]).strip()
    return ""


def hypervisor(cpuinfo: str, lscpu: str, kernel: str) -> str:
    """What this Linux is a guest of: lscpu's vendor, or "unknown" when only the CPU flag tells; '' on bare metal."""
    if "microsoft" in kernel.lower():
        return "WSL"
    match = re.search(r"^Hypervisor vendor:\s*(\S.*)$", lscpu, re.MULTILINE)
    if match:
        return match[1].strip()
    return "unknown" if re.search(r"^flags\s*:.*\bhypervisor\b", cpuinfo, re.MULTILINE) else ""


def _governor(root: Path) -> str | None:
    found = {_text(path).strip() for path in (root / _CPUS).glob("cpu*/cpufreq/scaling_governor")}
    return "+".join(sorted(found - {""})) or None


def _turbo(root: Path) -> bool | None:
    intel = _text(root / _CPUS / "intel_pstate/no_turbo").strip()
    others = _text(root / _CPUS / "cpufreq/boost").strip()
    if intel:
        return intel == "0"
    return others == "1" if others else None


def _on_battery(root: Path) -> bool | None:
    supplies = list((root / "sys/class/power_supply").glob("*"))
    if not supplies:
        return None
    batteries = [
        path for path in supplies if _is(path, "type", "Battery") and not _is(path, "scope", "Device")
    ]
    return any(_is(path, "status", "Discharging") for path in batteries)


def _throttled(root: Path) -> str | None:
    """Intel counts, for each core, how often heat slowed it since boot."""
    counters = list((root / _CPUS).glob("cpu*/thermal_throttle/core_throttle_count"))
    if not counters:
        return None
    times = sum(int(_text(path).strip() or 0) for path in counters)
    return f"{times} times since boot" if times else ""


def _container(root: Path) -> str:
    if (root / ".dockerenv").exists():
        return "docker"
    if (root / "run/.containerenv").exists():
        return "podman"
    match = re.search(r"(?:^|\0)container=([^\0]+)", _text(root / "proc/1/environ"))
    return match[1] if match else ""


def _is(supply: Path, name: str, value: str) -> bool:
    return _text(supply / name).strip() == value


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", errors="replace")
    except OSError:
        return ""
