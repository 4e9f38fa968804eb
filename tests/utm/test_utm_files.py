"""UTM's registry and configuration: as they are, and in every way broken."""

from __future__ import annotations

import plistlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.errors import UnknownName, UsageError, UtmPackageUnusable, UtmRegistryUnusable
from harness.utm import configuration, registry
from harness.utm.registry import Place
from tests.utm.folder import UUID, Home, bookmark, config_plist

OTHER = "00000000-0000-4000-8000-000000000001"


def test_a_machine_is_where_its_path_says(home: Home) -> None:
    package = home.add(config_plist())
    (found,) = registry.read(home.registry)
    assert (found.name, found.uuid, found.package, found.place) == ("Debian", UUID, package, Place.PATH)
    assert not found.problem
    config = configuration.configuration(found)
    assert (config.accelerator, config.system.cpus, config.system.memory_mib) == ("hvf", 4, 4096)
    assert config.drives[0].image == "AB12.qcow2"


def test_a_bookmark_counts_more_than_the_path_beside_it(home: Home, tmp_path) -> None:
    real = tmp_path / "elsewhere" / "Debian.utm"
    copied = home.add(config_plist(), Bookmark=bookmark(real))
    (found,) = registry.read(home.registry)
    assert (found.package, found.place, found.recorded_path) == (real, Place.BOOKMARK, copied)
    assert str(real) in found.problem
    assert "bookmark" in found.problem


def test_a_bookmark_that_cannot_be_read_is_said_to_be_so(home: Home) -> None:
    package = home.add(config_plist(), Bookmark=b"book\0\0\0 and nothing more")
    (found,) = registry.read(home.registry)
    assert (found.package, found.place) == (package, Place.STALE_PATH)


@given(st.binary(max_size=200))
def test_no_bookmark_breaks_the_reader(data) -> None:
    registry.bookmarked_path(data)
    registry.bookmarked_path(b"book" + data)


def test_an_entry_that_points_nowhere_names_the_place_and_the_fix(home: Home) -> None:
    package = home.add(None)
    (found,) = registry.read(home.registry)
    with pytest.raises(UtmPackageUnusable, match="Debian: there is nothing at") as raised:
        configuration.configuration(found)
    assert str(package) in raised.value.message
    assert "remove it from UTM's list" in raised.value.fix
    package.mkdir()
    assert "no config.plist" in found.problem


def test_machines_are_found_by_name_and_by_uuid(home: Home) -> None:
    home.add(config_plist())
    home.add(config_plist(uuid=OTHER), name="Ärger", uuid=OTHER)
    machines = registry.read(home.registry)
    assert registry.find(machines, UUID.lower()).name == "Debian"
    assert registry.find(machines, "Ärger").uuid == OTHER
    with pytest.raises(UnknownName, match="did you mean 'Debian'"):
        registry.find(machines, "Debain")
    home.entries[OTHER]["Name"] = "Debian"
    home.save()
    with pytest.raises(UsageError, match="2 machines of UTM are named 'Debian'"):
        registry.find(registry.read(home.registry), "Debian")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "there is no UTM registry"),
        (b"", "no property list"),
        (b"bplist00 torn", "no property list"),
        (b"<?xml version='1.0'?><plist><dict><key>Registry</key>", "no property list"),
        (plistlib.dumps(["a", "list"]), "holds no dictionary"),
        (plistlib.dumps({"Registry": "text"}), "its Registry is no dictionary"),
        (plistlib.dumps({"Registry": {UUID: "text"}}), f"its entry {UUID} has no Package"),
        (plistlib.dumps({"Registry": {UUID: {"Name": "x", "Package": {}}}}), "no Name, or no Path"),
    ],
)
def test_a_registry_that_cannot_be_used_is_one_sentence(home: Home, content, says) -> None:
    if content is not None:
        home.registry.write_bytes(content)
    with pytest.raises(UtmRegistryUnusable, match=says) as raised:
        registry.read(home.registry)
    assert raised.value.fix
    assert str(home.registry) in raised.value.message


def test_a_registry_without_machines_is_empty(home: Home) -> None:
    home.registry.write_bytes(plistlib.dumps({}))
    assert registry.read(home.registry) == ()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no property list"),
        (plistlib.dumps([1]), "version None"),
        (plistlib.dumps({"ConfigurationVersion": 3, "Backend": "QEMU"}), "version 3, and the harness reads 4"),
        (plistlib.dumps(config_plist() | {"Backend": "VMware"}), "Backend: "),
        (plistlib.dumps({"ConfigurationVersion": 4, "Backend": "QEMU"}), "Information: field required"),
        (plistlib.dumps(config_plist(System={"MemorySize": "much"})), "System.MemorySize: "),
        (plistlib.dumps(config_plist(System={"MemorySize": -4})), "System.MemorySize: "),
        (plistlib.dumps(config_plist(Drive="AB12")), "Drive: "),
    ],
)  # fmt: skip
def test_a_configuration_that_cannot_be_used_names_the_machine_and_the_key(home: Home, content, says) -> None:
    home.add(content)
    (found,) = registry.read(home.registry)
    with pytest.raises(UtmPackageUnusable, match=says) as raised:
        configuration.configuration(found)
    assert raised.value.message.startswith("Debian: ")
    assert raised.value.fix


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.binary(max_size=400))
def test_no_bytes_break_the_configuration(home: Home, data) -> None:
    file = home.folder / "config.plist"
    file.write_bytes(data)
    with pytest.raises(UtmPackageUnusable):
        configuration.read(file, "it")


def test_a_newer_utm_may_add_keys_and_an_apple_machine_has_fewer(home: Home) -> None:
    config = config_plist()
    config["System"]["Invented"] = {"by": "UTM 9"}
    config["Telepathy"] = [{"Mode": "Shared"}]
    home.add(config)
    home.add(
        {
            "Backend": "Apple", "ConfigurationVersion": 4, "Information": {"Name": "Mac", "UUID": OTHER},
            "System": {"Architecture": "aarch64", "CPUCount": 4, "MemorySize": 8192, "Boot": {"UEFIBoot": True}},
        },
        name="Mac", uuid=OTHER,
    )  # fmt: skip
    debian, mac = (configuration.configuration(one) for one in registry.read(home.registry))
    assert debian.accelerator == "hvf"
    assert (mac.accelerator, mac.system.memory_mib) == ("Virtualization.framework", 8192)


def test_arguments_are_split_as_utm_splits_them() -> None:
    qemu = configuration.Qemu(
        AdditionalArguments=['-qmp "unix:a b,server=on"', "-S", '-fw_cfg name="x y"', ""]
    )
    assert qemu.words == ("-qmp", "unix:a b,server=on", "-S", "-fw_cfg", "name=x y")
