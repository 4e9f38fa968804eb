"""Every cause of noise is told with its next step, and a quiet host is told nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.host.facts import HostFacts
from harness.host.noise import noise

QUIET = HostFacts(
    os_name="Debian GNU/Linux", os_version="13", kernel="6.12.1", arch="arm64", cpu_model="Neoverse-N1",
    physical_cores=8, logical_cores=8, usable_cores=8, memory_mib=15900, memory_available_mib=12000,
    swap_used_mib=0, load=(0.1, 4.0, 4.0), governor="performance", on_battery=False, throttled="",
    virtualised="", container="",
)  # fmt: skip


def test_a_quiet_host() -> None:
    assert noise(QUIET) == []
    assert noise(replace(QUIET, governor=None, on_battery=None, throttled=None, virtualised=None)) == []


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"load": (3.0, 0.0, 0.0)}, "load", "load 3.0 on 8 cores"),
        ({"swap_used_mib": 500}, "swap", "500 MiB"),
        ({"memory_available_mib": 700}, "memory", "700 MiB"),
        ({"governor": "powersave"}, "governor", "cpupower frequency-set -g performance"),
        ({"power_mode": "low"}, "power-mode", "Change it:"),
        ({"on_battery": True}, "battery", "Plug it in"),
        ({"throttled": "to 62 % of its speed"}, "throttled", "62 %"),
        ({"virtualised": "KVM"}, "virtualised", "KVM"),
        ({"usable_cores": 2}, "few-cores", "2 cores"),
    ],
)
def test_one_cause_one_warning(change: dict[str, Any], code: str, words: str) -> None:
    (warning,) = noise(replace(QUIET, **change))
    assert warning.code == code
    assert words in str(warning)
    assert str(warning).endswith((".", "performance", "powermode 0"))
