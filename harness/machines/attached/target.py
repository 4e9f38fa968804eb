"""Where the channels of a running machine are: asked of UTM's registry, QEMU's command line and UTM itself."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import WrongState
from harness.utm import registry
from harness.utm.configuration import configuration
from harness.utm.monitor import QmpAddress, qmp_address
from harness.utm.running import running
from harness.utm.utmctl import Utmctl, find_app

if TYPE_CHECKING:
    from harness.machines.attached.attach import Attach
    from harness.utm.registry import Registered
    from harness.utm.running import Running

SSH_PORT = 22
REGISTRY_VARIABLE, APP_VARIABLE = "VISORBENCH_UTM_REGISTRY", "VISORBENCH_UTM_APP"


@dataclass(frozen=True, slots=True)
class Target:
    """A machine that was found running."""

    qemu: Running | None
    """Where it is a process of this user's on this host."""
    qmp: QmpAddress | None
    utm: Registered | None = None

    def ssh_host(self) -> tuple[str, int] | None:
        """Where UTM says that the guest is: a forwarded port, else the address that its agent tells."""
        if self.utm is None:
            return None
        forward = configuration(self.utm).ssh_forward
        if forward:
            return forward.host_address or "127.0.0.1", forward.host_port
        addresses = Utmctl.of(find_app(_variable(APP_VARIABLE))).addresses(self.utm.uuid)
        return (addresses[0], SSH_PORT) if addresses else None


def find(attach: Attach) -> Target:
    """The machine now; raises WrongState when it does not run, and what UTM's registry and configuration raise."""
    address = QmpAddress.parse(attach.qmp) if attach.qmp else None
    if attach.utm is None:
        return Target(None, address)
    listed = registry.find(registry.read(registry_file()), attach.utm)
    qemu = running(listed.uuid)
    if qemu is None:
        raise WrongState(
            f"{listed.name} does not run", fix=f"start it: visorbench utm start {listed.uuid}",
            state="stopped", required="running",
        )  # fmt: skip
    return Target(qemu, address or qmp_address(qemu), listed)


def registry_file() -> Path:
    """Where UTM keeps its list of machines, on a host that has one."""
    return _variable(REGISTRY_VARIABLE) or registry.default_registry()


def _variable(name: str) -> Path | None:
    return Path(value) if (value := os.environ.get(name)) else None
