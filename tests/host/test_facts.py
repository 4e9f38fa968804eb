"""The host's facts: this host's, and the parsers on texts of other hosts."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.host import linux_facts, macos_facts
from harness.host.facts import HostFacts, collect, fingerprint, portable

if TYPE_CHECKING:
    from pathlib import Path

FACTS = HostFacts(
    os_name="Debian GNU/Linux", os_version="13", kernel="6.12.1", arch="arm64", cpu_model="Neoverse-N1",
    physical_cores=8, logical_cores=8, usable_cores=8, memory_mib=15900, memory_available_mib=12000,
    swap_used_mib=0, load=(0.1, 0.1, 0.1), governor="performance", virtualised="", container="",
)  # fmt: skip

LSCPU_ARM = """Architecture:             aarch64
Vendor ID:                ARM
Model name:               Neoverse-N1
"""
LSCPU_VM = "Hypervisor vendor:                       KVM\nVirtualization type:                     full\n"
CPUINFO_X86 = "model name\t: 12th Gen Intel(R)  Core(TM) i7-1260P\nflags\t\t: fpu vme hypervisor lahf_lm\n"

SYSCTL_M2 = """machdep.cpu.brand_string: Apple M2 Pro
hw.model: Mac14,9
hw.physicalcpu: 10
hw.logicalcpu: 10
hw.nperflevels: 2
hw.perflevel0.physicalcpu: 6
hw.perflevel1.physicalcpu: 4
kern.hv_vmm_present: 0
"""
SYSCTL_INTEL = """machdep.cpu.brand_string: Intel(R) Core(TM) i7-8700B CPU @ 3.20GHz
hw.model: Macmini8,1
hw.physicalcpu: 6
hw.logicalcpu: 12
"""
PMSET_BATTERY = """Now drawing from 'Battery Power'
 -InternalBattery-0 (id=22347875)\t85%; discharging; 5:10 remaining present: true
"""
PMSET_MODES = """System-wide power settings:
Currently in use:
 standby              1
 powermode            2
 lowpowermode         0
 sleep                1 (sleep prevented by caffeinate)
"""
PMSET_COOL = """Note: No thermal warning level has been recorded
Note: No performance warning level has been recorded
Note: No CPU power status has been recorded
"""
PMSET_HOT = """Note: No thermal warning level has been recorded
2025-08-01 10:00:00 +0200 CPU Power notify
\tCPU_Scheduler_Limit \t= 100
\tCPU_Available_CPUs \t= 12
\tCPU_Speed_Limit \t= 62
"""


def test_this_host() -> None:
    facts = collect()
    assert facts.os_name
    assert facts.cpu_model
    assert 1 <= facts.usable_cores <= facts.logical_cores
    assert 1 <= facts.physical_cores <= facts.logical_cores
    assert 0 < facts.memory_available_mib <= facts.memory_mib
    assert fingerprint(facts) == fingerprint(collect())


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_a_linux_laptop_on_battery(tmp_path: Path) -> None:
    cpu = "sys/devices/system/cpu"
    supply = "sys/class/power_supply"
    root = tree(tmp_path, {
        "etc/os-release": 'NAME="Fedora Linux"\nVERSION_ID=42\nID=fedora\n',
        "proc/cpuinfo": "model name\t: AMD Ryzen 7\nflags\t: fpu svm\n",
        f"{cpu}/cpu0/cpufreq/scaling_governor": "powersave\n",
        f"{cpu}/cpu1/cpufreq/scaling_governor": "performance\n",
        f"{cpu}/cpufreq/boost": "1\n",
        f"{cpu}/cpu0/thermal_throttle/core_throttle_count": "7\n",
        f"{cpu}/cpu1/thermal_throttle/core_throttle_count": "5\n",
        "sys/firmware/acpi/platform_profile": "low-power\n",
        f"{supply}/BAT0/type": "Battery\n",
        f"{supply}/BAT0/status": "Discharging\n",
        "run/.containerenv": "",
    })  # fmt: skip
    facts = linux_facts.refine(portable(), root)
    assert (facts.os_name, facts.os_version, facts.cpu_model) == ("Fedora Linux", "42", "AMD Ryzen 7")
    assert (facts.governor, facts.turbo, facts.power_mode) == ("performance+powersave", True, "low-power")
    assert (facts.on_battery, facts.throttled, facts.container) == (True, "12 times since boot", "podman")


def test_a_mouse_that_discharges_is_no_battery_of_the_host(tmp_path: Path) -> None:
    mouse = "sys/class/power_supply/hid-mouse-battery"
    root = tree(
        tmp_path, {f"{mouse}/type": "Battery", f"{mouse}/scope": "Device", f"{mouse}/status": "Discharging"}
    )
    assert linux_facts.refine(portable(), root).on_battery is False


def test_a_host_that_tells_nothing(tmp_path: Path) -> None:
    facts = linux_facts.refine(portable(), tmp_path)
    assert (facts.governor, facts.power_mode, facts.on_battery, facts.turbo, facts.throttled) == (None,) * 5
    assert facts.container == ""
    assert facts.os_name


@pytest.mark.parametrize(
    ("cpuinfo", "lscpu", "model"),
    [
        (CPUINFO_X86, "", "12th Gen Intel(R) Core(TM) i7-1260P"),
        ("processor\t: 0\nCPU part\t: 0xd0c\n", LSCPU_ARM, "Neoverse-N1"),
        (
            "CPU part\t: 0x000\nModel\t\t: Raspberry Pi 5 Model B Rev 1.0\n",
            "Model name:   -\n",
            "Raspberry Pi 5 Model B Rev 1.0",
        ),
        ("", "", ""),
    ],
)
def test_cpu_model(cpuinfo: str, lscpu: str, model: str) -> None:
    assert linux_facts.cpu_model(cpuinfo, lscpu) == model


@pytest.mark.parametrize(
    ("cpuinfo", "lscpu", "kernel", "expected"),
    [
        (CPUINFO_X86, LSCPU_VM, "6.12", "KVM"),
        (CPUINFO_X86, "", "6.12", "unknown"),
        ("flags\t: fpu svm\n", "Virtualization:  AMD-V\n", "6.12", ""),
        (CPUINFO_X86, LSCPU_VM, "5.15.153.1-microsoft-standard-WSL2", "WSL"),
    ],
)
def test_hypervisor(cpuinfo: str, lscpu: str, kernel: str, expected: str) -> None:
    assert linux_facts.hypervisor(cpuinfo, lscpu, kernel) == expected


def test_os_release_of_a_rolling_release() -> None:
    text = 'NAME="Arch Linux"\nID=arch\nBUILD_ID=rolling\n'
    assert linux_facts.os_release(text) == ("Arch Linux", "rolling")
    assert linux_facts.os_release_ids('ID="rocky"\nID_LIKE="rhel centos fedora"\n') == [
        "rocky",
        "rhel",
        "centos",
        "fedora",
    ]


def test_an_apple_silicon_mac(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"sysctl": SYSCTL_M2, "-g": PMSET_MODES, "batt": PMSET_BATTERY, "therm": PMSET_COOL}
    monkeypatch.setattr(macos_facts, "ask", lambda argv: said.get(argv[-1]) or said[argv[0]])
    facts = macos_facts.refine(FACTS)
    assert (facts.os_name, facts.hardware_model, facts.cpu_model) == ("macOS", "Mac14,9", "Apple M2 Pro")
    assert (facts.performance_cores, facts.efficiency_cores) == (6, 4)
    assert (facts.on_battery, facts.power_mode, facts.throttled, facts.virtualised) == (True, "high", "", "")


def test_a_mac_whose_tools_say_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(macos_facts, "ask", lambda argv: "")
    facts = macos_facts.refine(FACTS)
    assert facts.cpu_model == FACTS.cpu_model
    assert (facts.on_battery, facts.power_mode, facts.throttled, facts.virtualised) == (None,) * 4


def test_an_intel_mac_that_is_hot() -> None:
    assert macos_facts.core_kinds(macos_facts.sysctl(SYSCTL_INTEL)) == (None, None)
    assert macos_facts.throttled(PMSET_HOT) == "to 62 % of its speed"
    assert macos_facts.throttled(PMSET_HOT.replace("62", "100")) == ""
    assert macos_facts.power_mode(" lowpowermode         1\n") == "low"
    assert macos_facts.on_battery("Now drawing from 'AC Power'\n") is False


@given(st.text(), st.text())
def test_no_text_breaks_the_parsers(one: str, two: str) -> None:
    linux_facts.cpu_model(one, two)
    linux_facts.hypervisor(one, two, one)
    linux_facts.os_release_ids(one)
    macos_facts.core_kinds(macos_facts.sysctl(one))
    macos_facts.throttled(one)
    macos_facts.on_battery(two)


@pytest.mark.parametrize(
    "change",
    [{"load": (9.0, 9.0, 9.0)}, {"memory_available_mib": 1}, {"swap_used_mib": 900}, {"kernel": "6.12.2"},
     {"on_battery": True}, {"throttled": "3 times since boot"}, {"memory_mib": 15884}],
)  # fmt: skip
def test_what_changes_by_itself_leaves_the_fingerprint(change: dict[str, Any]) -> None:
    assert fingerprint(replace(FACTS, **change)) == fingerprint(FACTS)


def test_a_mac_that_is_hot_is_another_host() -> None:
    cool, hot = (replace(FACTS, os_name="macOS", throttled=each) for each in ("", "to 62 % of its speed"))
    warm = replace(hot, throttled="at thermal warning level 1")
    assert fingerprint(cool) != fingerprint(hot) == fingerprint(warm)


@pytest.mark.parametrize(
    "change",
    [{"cpu_model": "Neoverse-V2"}, {"usable_cores": 4}, {"memory_mib": 7900}, {"os_version": "12"},
     {"governor": "powersave"}, {"virtualised": "KVM"}, {"turbo": False}, {"power_mode": "low"},
     {"hardware_model": "Mac16,5"}],
)  # fmt: skip
def test_what_makes_another_host_changes_the_fingerprint(change: dict[str, Any]) -> None:
    assert fingerprint(replace(FACTS, **change)) != fingerprint(FACTS)


def test_facts_are_plain_values() -> None:
    plain = (str, int, float, bool, type(None))
    for value in asdict(FACTS).values():
        assert isinstance(value, plain) or all(isinstance(one, plain) for one in value)
