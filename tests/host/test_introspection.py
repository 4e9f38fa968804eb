"""Reading QMP answers: captured ones, partial ones, and nonsense."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import QemuNotFound
from harness.host.introspection import IntrospectionError, answers, displays, features
from harness.host.qemu import qemu_for

CAPTURED: dict[str, Any] = {
    "target": {"arch": "aarch64"},
    "machines": [
        {"name": "virt-10.0", "alias": "virt", "cpu-max": 512},
        {"name": "raspi3b"},
        {"name": "none"},
    ],
    "types": [
        {"name": name}
        for name in (
            "accel",
            "tcg-accel",
            "hvf-accel",
            "virtio-gpu-gl-pci",
            "virtio-gpu-gl-device",
            "dbus-display",
        )
    ],
    "gpu": [{"name": "venus", "type": "bool"}, {"name": "blob", "type": "bool"}],
}


def test_what_the_answers_say() -> None:
    found = features(CAPTURED)
    assert found.target == "aarch64"
    assert found.machines == ("raspi3b", "virt", "virt-10.0")
    assert found.accelerators == ("hvf", "tcg")
    assert (found.virtio_gpu_gl, found.venus, found.dbus_display) == (True, True, True)
    assert not found.spice
    assert not found.vhost_user_vsock


def test_a_gpu_whose_module_is_not_installed_is_none() -> None:
    """Debian 12 without qemu-system-modules-opengl: the PCI device is listed, and cannot be made."""
    types = [entry for entry in CAPTURED["types"] if entry["name"] != "virtio-gpu-gl-device"]
    assert not features(CAPTURED | {"types": types}).virtio_gpu_gl


def test_the_displays_are_the_lines_of_the_list() -> None:
    captured = "Available display backend types:\nnone\nsdl\negl-headless\n\nSome display backends support\n"
    assert displays(captured) == ("egl-headless", "none", "sdl")
    assert displays("") == ()


def test_devices_are_those_that_a_user_can_add_by_any_name() -> None:
    printed = (
        'Controller/Bridge/Hub devices:\nname "i82801b11-bridge", bus PCI\n'
        'name "gpex-pcihost", bus System, desc "a, b", no-user\n\nNetwork devices:\n'
        'name "virtio-net-pci", bus PCI, alias "virtio-net"\n'
        'name "e1000", bus PCI, alias "e1000-82540em", desc "Intel Gigabit Ethernet"\nname "loader", desc "Generic"\n'
    )
    wanted = ("e1000", "e1000-82540em", "i82801b11-bridge", "loader", "virtio-net", "virtio-net-pci")
    assert features({**CAPTURED, "devices": printed}).devices == wanted
    assert features({**CAPTURED, "devices": "unheard of"}).devices == ()


def test_cpus_are_what_query_cpu_definitions_names() -> None:
    cpus = [{"name": "max", "typename": "max-arm-cpu"}, {"name": "cortex-a57"}]
    assert features({**CAPTURED, "cpus": cpus}).cpus == ("cortex-a57", "max")


@pytest.mark.parametrize("arch", ["x86-64", "arm64"])
def test_a_real_qemu_tells_its_devices_and_cpus(arch: str) -> None:
    try:
        qemu = qemu_for(arch)
    except QemuNotFound as error:
        pytest.skip(str(error))
    expected = {
        "virtio-blk-pci",
        "virtio-blk",
        "virtio-serial-pci",
        "virtserialport",
        "virtio-net-pci",
        "e1000",
    }
    assert expected <= set(qemu.features.devices)
    assert {"max", "qemu64" if arch == "x86-64" else "cortex-a57"} <= set(qemu.features.cpus)
    said = subprocess.run([qemu.path, "-device", "help"], capture_output=True, text=True, check=True).stdout
    listed = set(re.findall(r'^name "([^"]+)"', said, re.MULTILINE))
    assert listed <= set(qemu.features.devices)


def test_an_older_qemu_has_no_venus_and_still_counts() -> None:
    without = {key: value for key, value in CAPTURED.items() if key != "gpu"}
    assert not features(without).venus


@pytest.mark.parametrize("key", ["target", "machines", "types"])
@pytest.mark.parametrize("spoil", ["missing", "null", "another shape"])
def test_an_indispensable_answer_that_is_missing_or_strange(key: str, spoil: str) -> None:
    said = dict(CAPTURED)
    if spoil == "missing":
        del said[key]
    else:
        said[key] = None if spoil == "null" else [1]
    with pytest.raises(IntrospectionError):
        features(said, "")


def test_errors_events_and_noise_are_no_answers() -> None:
    lines = [
        {"QMP": {"version": {}}},
        {"return": {"arch": "x86_64"}, "id": "target"},
        {
            "error": {"class": "DeviceNotFound", "desc": "Device 'virtio-gpu-gl-device' not found"},
            "id": "gpu",
        },
        {"event": "SHUTDOWN"},
        {"return": {}, "id": "somebody else's"},
        {"return": {}, "id": ["unhashable"]},
        [1, 2],
    ]
    text = "warning: something\n" + "\n".join(map(json.dumps, lines)) + '\n{"return": [], "id": "mach'
    assert answers(text) == {"target": {"arch": "x86_64"}}


@given(st.text())
def test_no_text_breaks_the_reader(text: str) -> None:
    assert isinstance(answers(text), dict)
