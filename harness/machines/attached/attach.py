"""Which running machine to attach to, as the user names it."""

from __future__ import annotations

from dataclasses import dataclass

from harness.errors import InvalidConfiguration


@dataclass(frozen=True, slots=True)
class Attach:
    """As ``[subjects.attach]`` has it: a machine of UTM's, or any QEMU by its QMP address, or any host by SSH."""

    utm: str | None = None
    """Name or UUID."""
    qmp: str | None = None
    """``unix:PATH`` or ``tcp:HOST:PORT``; of a machine of UTM's it is found on its command line."""
    ssh: str | None = None
    """``USER``, ``USER@HOST`` or ``USER@HOST:PORT``; the host is asked of QEMU or UTM where it is not given."""
    ssh_key: str | None = None
    """File of an ed25519 key."""
    ssh_host_key: str | None = None
    """``ssh-ed25519 AAAA…``; else ~/.ssh/known_hosts has it."""

    def __post_init__(self) -> None:
        if not (self.utm or self.qmp or (self.ssh and "@" in self.ssh)):
            raise InvalidConfiguration(
                "nothing to attach to", fix="[subjects.attach] needs utm, qmp, or ssh = USER@HOST"
            )
        if self.ssh and not self.ssh_key:
            raise InvalidConfiguration(
                "attach.ssh without attach.ssh_key", fix="name an ed25519 key that the guest lets in"
            )

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.utm or self.qmp or str(self.ssh).partition("@")[2]
