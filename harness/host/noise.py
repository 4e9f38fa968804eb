"""What makes timings on this host noisy, each with the next step for the user."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.counted import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.host.facts import HostFacts

_BUSY_SHARE = 0.25
"""A load above this share of the usable cores is somebody else's work."""
_FEW_CORES = 4
_SWAP_MIB = 64
_LOW_MEMORY_MIB = 2048
_STEADY_GOVERNORS = frozenset({"performance"})


@dataclass(frozen=True, slots=True)
class Noise:
    """One cause: a stable word for scripts, what is so, and what to do about it."""

    code: str
    """``load``, ``governor``, ``power-mode``, ``battery``, ``few-cores``, ``virtualised``, ``container``, ``swap``,
    ``memory``, ``throttled``."""
    text: str
    step: str

    def __str__(self) -> str:
        return f"{self.text} {self.step}"


def noise(facts: HostFacts) -> list[Noise]:
    """Every cause that these facts show, the worst first."""
    return [*_busy(facts), *_power(facts), *_surroundings(facts)]


def _busy(facts: HostFacts) -> Iterator[Noise]:
    if facts.load[0] > max(0.5, _BUSY_SHARE * facts.usable_cores):
        yield Noise(
            "load",
            f"Other programs keep this host busy: load {facts.load[0]:.1f} on {counted(facts.usable_cores, 'core')}.",
            "Close them, or wait, and measure again.",
        )
    if facts.swap_used_mib > _SWAP_MIB:
        yield Noise(
            "swap",
            f"{facts.swap_used_mib} MiB are swapped out.",
            "Close what needs the memory, or give guests less of it.",
        )
    if facts.memory_available_mib < _LOW_MEMORY_MIB:
        yield Noise(
            "memory",
            f"Only {facts.memory_available_mib} MiB of memory are free for guests.",
            "Close programs before measuring.",
        )


def _power(facts: HostFacts) -> Iterator[Noise]:
    if facts.throttled:
        yield Noise(
            "throttled", f"The CPU was slowed by heat {facts.throttled}.", "Let it cool down, check the fans."
        )
    if facts.on_battery:
        yield Noise("battery", "This host runs on battery.", "Plug it in.")
    if facts.governor is not None and facts.governor not in _STEADY_GOVERNORS:
        yield Noise(
            "governor",
            f"The CPU frequency governor is {facts.governor}, so speed follows load.",
            "Fix it for the run: sudo cpupower frequency-set -g performance",
        )
    if facts.power_mode in ("low", "low-power", "quiet"):
        step = "sudo pmset -a powermode 0" if sys.platform == "darwin" else "powerprofilesctl set performance"
        yield Noise("power-mode", f"The power mode is {facts.power_mode}.", f"Change it: {step}")


def _surroundings(facts: HostFacts) -> Iterator[Noise]:
    if facts.virtualised:
        yield Noise(
            "virtualised",
            f"This host is itself a virtual machine ({facts.virtualised}): its neighbours move the numbers.",
            "Compare only within one run, or measure on bare metal.",
        )
    if facts.usable_cores < _FEW_CORES:
        yield Noise(
            "few-cores",
            f"Only {counted(facts.usable_cores, 'core')}: a guest and what measures it share what there is.",
            "Take a host with four or more, or trust ratios rather than seconds.",
        )
