"""What a machine of UTM's is to be: its config.plist, version 4.

Keys that are not needed here are left alone, so that a newer UTM may add some; a key that is needed and is of another
type is an error that names it.
"""

from __future__ import annotations

import plistlib
import re
from typing import TYPE_CHECKING, Annotated, Any, Literal
from xml.parsers.expat import ExpatError

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.errors import UtmPackageUnusable

if TYPE_CHECKING:
    from pathlib import Path

    from harness.utm.registry import Registered

VERSION = 4
_MiB = Annotated[int, Field(gt=0)]
_WORDS = re.compile(r'(?:"[^"]*"|[^"\s])+')
"""UTM splits what a user typed as one argument at white space outside quotes."""


class _Plist(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Information(_Plist):
    """Who it is."""

    name: str = Field(alias="Name")
    uuid: str = Field(alias="UUID")


class System(_Plist):
    """Its processor and memory; ``target`` is QEMU's machine type."""

    architecture: str = Field("", alias="Architecture")
    target: str = Field("", alias="Target")
    cpu: str = Field("default", alias="CPU")
    cpus: int = Field(0, alias="CPUCount", ge=0)
    """0: as many as UTM thinks fit for this Mac."""
    memory_mib: _MiB = Field(512, alias="MemorySize")


class Qemu(_Plist):
    """What only QEMU is told."""

    hypervisor: bool = Field(False, alias="Hypervisor")  # noqa: FBT003 - the plist's own default
    tso: bool = Field(False, alias="TSO")  # noqa: FBT003
    uefi: bool = Field(False, alias="UEFIBoot")  # noqa: FBT003
    additional_arguments: tuple[str, ...] = Field((), alias="AdditionalArguments")

    @property
    def words(self) -> tuple[str, ...]:
        """The additional arguments as QEMU gets them."""
        return tuple(
            word.replace('"', "") for text in self.additional_arguments for word in _WORDS.findall(text)
        )


class Display(_Plist):
    """A graphics card: ``hardware`` is QEMU's device."""

    hardware: str = Field("", alias="Hardware")


class Drive(_Plist):
    """A disk; one without an image is an empty, removable drive."""

    identifier: str = Field("", alias="Identifier")
    image: str | None = Field(None, alias="ImageName")
    interface: str = Field("", alias="Interface")


class Forward(_Plist):
    """A port of the host that leads into the guest."""

    protocol: str = Field("TCP", alias="Protocol")
    host_address: str | None = Field(None, alias="HostAddress")
    host_port: int = Field(alias="HostPort")
    guest_port: int = Field(alias="GuestPort")


class Network(_Plist):
    """A network card; ports are forwarded in the mode ``Emulated`` only."""

    mode: str = Field("", alias="Mode")
    hardware: str = Field("", alias="Hardware")
    forwards: tuple[Forward, ...] = Field((), alias="PortForward")


class Configuration(_Plist):
    """A whole config.plist."""

    backend: Literal["QEMU", "Apple"] = Field(alias="Backend")
    information: Information = Field(alias="Information")
    system: System = Field(alias="System")
    qemu: Qemu = Field(Qemu(), alias="QEMU")
    displays: tuple[Display, ...] = Field((), alias="Display")
    drives: tuple[Drive, ...] = Field((), alias="Drive")
    networks: tuple[Network, ...] = Field((), alias="Network")

    @property
    def accelerator(self) -> str:
        """What is to run its processors: ``hvf``, ``tcg``, or ``Virtualization.framework``."""
        if self.backend == "Apple":
            return "Virtualization.framework"
        return "hvf" if self.qemu.hypervisor else "tcg"

    @property
    def ssh_forward(self) -> Forward | None:
        """The port of the host that leads to the guest's port 22."""
        forwards = (one for network in self.networks for one in network.forwards)
        return next((one for one in forwards if one.guest_port == 22 and one.protocol.upper() == "TCP"), None)


def configuration(machine: Registered) -> Configuration:
    """The configuration of a machine; raises UtmPackageUnusable, with the machine's name."""
    if machine.problem:
        raise UtmPackageUnusable(f"{machine.name}: {machine.problem}", fix=machine.fix, path=machine.package)
    return read(machine.package / "config.plist", machine.name)


def read(path: Path, name: str) -> Configuration:
    """A config.plist of the machine ``name``; raises UtmPackageUnusable."""
    try:
        document: Any = plistlib.loads(path.read_bytes())
    except OSError as error:
        raise _unusable(path, name, error.strerror or str(error)) from error
    except (plistlib.InvalidFileException, ExpatError, ValueError, LookupError, TypeError, OverflowError):
        raise _unusable(path, name, "it is no property list") from None
    version = document.get("ConfigurationVersion") if isinstance(document, dict) else None
    if version != VERSION:
        raise UtmPackageUnusable(
            f"{name}: {path} has the configuration version {version}, and the harness reads {VERSION}",
            fix="open the machine once in UTM 4 or newer, which converts it",
            path=path,
        )
    try:
        return Configuration.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise _unusable(path, name, f"{where}: {first['msg'].lower()}") from None


def _unusable(path: Path, name: str, why: str) -> UtmPackageUnusable:
    return UtmPackageUnusable(
        f"{name}: {path} cannot be used: {why}",
        fix="open the machine's settings in UTM and save them",
        path=path,
    )
