"""What this host is: the facts that decide how fast a guest can be, and those that make a measurement noisy."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from harness.host.system import host_arch

if TYPE_CHECKING:
    from collections.abc import Mapping

STABLE = (
    "os_name", "os_version", "arch", "hardware_model", "cpu_model", "physical_cores", "logical_cores", "usable_cores",
    "performance_cores", "efficiency_cores", "governor", "power_mode", "turbo", "virtualised", "container",
)  # fmt: skip
"""The facts that, with the memory, make two hosts the same; the others change by themselves or with a boot."""
_MEMORY_STEP_MIB = 256


@dataclass(frozen=True, slots=True)
class HostFacts:
    """One look at the host. ``None`` where the host does not say."""

    os_name: str
    os_version: str
    kernel: str
    arch: str
    """``arm64``, ``x86-64``, or the platform's own word."""
    cpu_model: str
    physical_cores: int
    logical_cores: int
    usable_cores: int
    """Logical cores that this process may run on."""
    memory_mib: int
    memory_available_mib: int
    swap_used_mib: int
    load: tuple[float, float, float]
    """Load averages of 1, 5 and 15 minutes."""
    hardware_model: str | None = None
    """macOS: which Mac, such as ``Mac14,9``."""
    performance_cores: int | None = None
    efficiency_cores: int | None = None
    governor: str | None = None
    """Linux: the CPU frequency governor, several joined by ``+``."""
    power_mode: str | None = None
    """macOS: ``automatic``, ``low``, ``high``; Linux: the ACPI platform profile."""
    on_battery: bool | None = None
    turbo: bool | None = None
    throttled: str | None = None
    """How heat slows the CPU, in words; "" when it does not."""
    virtualised: str | None = None
    """The hypervisor that this host is itself a guest of; "" on bare metal."""
    container: str | None = None
    """The container that the harness runs in; "" when in none."""


def collect() -> HostFacts:
    """Look at the host now: some 50 ms, a few short-lived system tools, nothing changed."""
    if platform.system() == "Linux":
        from harness.host import linux_facts  # noqa: PLC0415 - one platform's are enough

        return linux_facts.refine(portable())
    if platform.system() == "Darwin":
        from harness.host import macos_facts  # noqa: PLC0415 - one platform's are enough

        return macos_facts.refine(portable())
    return portable()


def portable() -> HostFacts:
    """What Python and psutil say on every platform."""
    import psutil  # noqa: PLC0415 - keeps light commands fast

    memory, logical = psutil.virtual_memory(), psutil.cpu_count() or 1
    return HostFacts(
        os_name=platform.system(),
        os_version=platform.version(),
        kernel=platform.release(),
        arch=host_arch(),
        cpu_model=platform.processor() or platform.machine(),
        physical_cores=psutil.cpu_count(logical=False) or logical,
        logical_cores=logical,
        usable_cores=_usable_cores(logical),
        memory_mib=memory.total >> 20,
        memory_available_mib=memory.available >> 20,
        swap_used_mib=psutil.swap_memory().used >> 20,
        load=psutil.getloadavg(),
    )


def _usable_cores(logical: int) -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    else:  # noqa: RET505 - mypy knows platforms by branches
        return logical


def fingerprint(facts: HostFacts) -> str:
    """What makes two hosts the same for comparing measurements: CPU, memory, OS, governor; never load or kernel build.

    Memory is rounded, because what a kernel keeps for itself differs from boot to boot. A Mac that heat slows down is
    another host than it is when cool; Linux only counts how often that was so since it booted.
    """
    told: Mapping[str, object] = asdict(facts)
    stable = {name: told[name] for name in STABLE}
    if facts.hardware_model is None:  # as in the fingerprints of before there was this fact
        del stable["hardware_model"]
    if facts.os_name == "macOS" and facts.throttled:
        stable["throttled"] = True
    stable["memory_mib"] = round(facts.memory_mib / _MEMORY_STEP_MIB) * _MEMORY_STEP_MIB
    text = json.dumps(stable, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
