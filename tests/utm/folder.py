"""Writes UTM's files as UTM does: its registry, packages with a config.plist, an application."""

from __future__ import annotations

import plistlib
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mac_alias

UUID = "3F2504E0-4F89-41D3-9A0C-0305E82C3301"
DOUBLE = Path(__file__).with_name("utmctl_double.py")


def bookmark(path: Path) -> bytes:
    """A bookmark in Apple's format, with the path only."""
    return mac_alias.Bookmark([(1, {mac_alias.kBookmarkPath: list(path.parts[1:])})]).to_bytes()


def config_plist(name: str = "Debian", uuid: str = UUID, **changes: Any) -> dict[str, Any]:
    """A config.plist of UTM 4 for the QEMU backend; ``changes`` replace whole sections."""
    return {
        "Backend": "QEMU",
        "ConfigurationVersion": 4,
        "Information": {"Name": name, "UUID": uuid, "IconCustom": False, "Icon": "debian"},
        "System": {
            "Architecture": "aarch64", "Target": "virt", "CPU": "default", "CPUCount": 4, "CPUFlagsAdd": [],
            "CPUFlagsRemove": [], "ForceMulticore": False, "JITCacheSize": 0, "MemorySize": 4096,
        },
        "QEMU": {
            "Hypervisor": True, "UEFIBoot": True, "RNGDevice": True, "BalloonDevice": False, "TPMDevice": False,
            "TSO": False, "RTCLocalTime": False, "PS2Controller": False, "DebugLog": False, "AdditionalArguments": [],
        },
        "Display": [
            {"Hardware": "virtio-gpu-gl-pci", "DynamicResolution": True, "NativeResolution": False,
             "UpscalingFilter": "Nearest", "DownscalingFilter": "Linear"},
        ],
        "Drive": [
            {"Identifier": "AB12", "ImageName": "AB12.qcow2", "ImageType": "Disk", "Interface": "VirtIO",
             "InterfaceVersion": 1, "ReadOnly": False},
        ],
        "Network": [
            {"Mode": "Shared", "Hardware": "virtio-net-pci", "MacAddress": "5E:11:22:33:44:55",
             "IsolateFromHost": False, "PortForward": []},
        ],
        "Serial": [], "Sound": [], "Input": {"UsbBusSupport": "3.0"}, "Sharing": {"DirectoryShareMode": "None"},
    } | changes  # fmt: skip


@dataclass
class Home:
    """The parts of a user's home that belong to UTM."""

    folder: Path
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def registry(self) -> Path:
        return self.folder / "com.utmapp.UTM.plist"

    @property
    def app(self) -> Path:
        return self.folder / "UTM.app"

    @property
    def options(self) -> list[str]:
        """For ``visorbench utm``."""
        return ["--registry", str(self.registry), "--app", str(self.app)]

    @property
    def variables(self) -> dict[str, str]:
        return {"VISORBENCH_UTM_REGISTRY": str(self.registry), "VISORBENCH_UTM_APP": str(self.app)}

    def add(
        self, config: dict[str, Any] | bytes | None, *, name: str = "Debian", uuid: str = UUID, **file: Any
    ) -> Path:
        """A machine on the list, with its package; ``config`` None: there is no package. ``file``: of its entry."""
        package = self.folder / f"{name}.utm"
        if config is not None:
            (package / "Data").mkdir(parents=True)
            text = config if isinstance(config, bytes) else plistlib.dumps(config)
            (package / "config.plist").write_bytes(text)
        self.entries[uuid] = {
            "Name": name, "UUID": uuid, "Suspended": False, "ExternalDrives": {}, "SharedDirectories": [],
            "WindowSettings": {}, "Package": {"Path": str(package), "Bookmark": b"", "ReadOnly": False} | file,
        }  # fmt: skip
        self.save()
        return package

    def save(self) -> None:
        """Write the registry, binary as macOS does."""
        document = {"Registry": self.entries, "NSWindow Frame": "0 0 1 1"}
        self.registry.write_bytes(plistlib.dumps(document, fmt=plistlib.FMT_BINARY))

    def install(self, library: Path | None = None) -> None:
        """An application: the double of utmctl, and ``library`` as its QEMU for arm64."""
        programs = self.app / "Contents" / "MacOS"
        programs.mkdir(parents=True)
        utmctl = programs / "utmctl"
        utmctl.write_text(f"#!{sys.executable}\n{DOUBLE.read_text()}")
        utmctl.chmod(0o755)
        (self.app / "Contents" / "Info.plist").write_bytes(
            plistlib.dumps({"CFBundleShortVersionString": "4.6.5"})
        )
        if library:
            framework = self.app / "Contents/Frameworks/qemu-aarch64-softmmu.framework/Versions/A"
            framework.mkdir(parents=True)
            (framework / "qemu-aarch64-softmmu").symlink_to(library)
