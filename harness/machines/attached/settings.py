"""What decides how an attached machine behaves, from whoever can say it: QEMU, its command line, the guest."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.channels.ssh import Ssh
    from harness.machines.attached.target import Target
    from harness.machines.qemu.control import QemuControl

_ASK_GUEST = "nproc; sed -n 's/^MemTotal: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo"
_OPTIONS = {"-accel": "accelerator", "-cpu": "cpu_model", "-machine": "machine_type"}


def settings(target: Target | None, control: QemuControl | None, ssh: Ssh | None) -> dict[str, str | int]:
    """Part of its subject's fingerprint. Raises ControlError, ChannelError."""
    found: dict[str, str | int] = {"attached": "yes"}
    if target and target.qemu:
        for option, name in _OPTIONS.items():
            if values := target.qemu.values(option):
                found[name] = values[0] if option == "-accel" else values[-1]
    if control:
        memory = control.qmp.execute("query-memory-size-summary")
        found |= {
            "cpus": len(control.qmp.execute("query-cpus-fast")),
            "memory_mib": int(memory["base-memory"]) >> 20,
            "machine": str(control.qmp.execute("qom-get", {"path": "/machine", "property": "type"})),
        }
    elif ssh:
        cpus, memory_kib = ssh.run(_ASK_GUEST).text().split()
        found |= {"cpus": int(cpus), "memory_mib": int(memory_kib) >> 10}
    return found


def version(control: QemuControl) -> str:
    """QEMU's own version; raises ControlError."""
    told = control.qmp.execute("query-version")["qemu"]
    return f"{told['major']}.{told['minor']}.{told['micro']}"


def system(ssh: Ssh) -> str:
    """What the guest is, from its kernel and its os-release."""
    name = (
        ssh.run("uname -srm; sed -n 's/^PRETTY_NAME=//p' /etc/os-release 2>/dev/null; true")
        .text()
        .splitlines()
    )
    return ", ".join(line.strip('"') for line in name)
