"""Subjects that are attached to a machine which runs already, and the guests that are found in those."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.errors import InvalidConfiguration
from harness.machines.attached.attach import Attach
from harness.plugin.subjects import Subject

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.config.model import SubjectConfig
    from harness.guests.model import GuestImage

ATTACHED = "attached"


def attached_subject(entry: SubjectConfig) -> Subject | None:
    """The subject of an entry with ``attach``; None for any other. Raises InvalidConfiguration for half of one."""
    if entry.attach is None and entry.backend != ATTACHED:
        return None
    if entry.attach is None or entry.backend != ATTACHED:
        raise InvalidConfiguration(
            f"a subject of the backend {entry.backend} "
            + ("with attach" if entry.attach else "without attach"),
            fix=f'backend = "{ATTACHED}" and a table [subjects.attach] belong together',
        )
    named = entry.attach
    key = str(named.ssh_key) if named.ssh_key else None
    attach = Attach(named.utm, named.qmp, named.ssh, key, named.ssh_host_key)
    return Subject(
        ATTACHED, entry.arch, guest=attach.name, label=entry.label or "", memory_mib=entry.memory_mib,
        cpus=entry.cpus, machine_type=entry.machine_type, cpu_model=entry.cpu_model, gpu=entry.gpu, attach=attach,
    )  # fmt: skip


def attached_guest(subjects: Iterable[Subject], name: str) -> GuestImage | None:
    """What runs in the machine that a subject with this guest is attached to; None when there is no such subject."""
    from harness.machines.attached.backend import AttachedBackend  # noqa: PLC0415 - few subjects are attached

    for subject in subjects:
        if subject.attach and subject.guest == name:
            return AttachedBackend(subject.attach, subject.arch).guest()
    return None
