"""What a session measures: every usable backend and architecture, or what the configuration names."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import AcceleratorUnusable
from harness.guests.model import Arch
from harness.machines.attached.attach import Attach
from harness.plugin import preparing
from harness.plugin.automatic import automatic

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from harness.archive.fetch import Progress
    from harness.config.model import Config, SubjectConfig
    from harness.guests.model import GuestImage
    from harness.machines.model import Backend, MachineSpec, Probe


NAMED = ("machine_type", "cpu_model", "memory_mib", "cpus", "gpu", "efi")
"""Options that are part of a subject's name where they are set."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A guest on a backend, in one configuration; None means the backend's default."""

    backend: str
    arch: Arch
    guest: str = "tiny"
    label: str = ""
    version: str = ""
    """What the backend's probe said, e.g. the QEMU version."""
    build: str = ""
    """The same; no part of the fingerprint, since builds of one version are what a gate compares."""
    memory_mib: int | None = None
    cpus: int | None = None
    machine_type: str | None = None
    cpu_model: str | None = None
    gpu: str = "none"
    """A value of :class:`harness.machines.model.GpuMode`, whose module is too heavy for a plan."""
    qemu: str | None = None
    efi: bool = False
    """Whether it boots through UEFI firmware (MachineSpec.efi)."""
    vsock: bool = False
    hotplug: bool = False
    """Whether devices may come and go while it runs (MachineSpec.hotplug)."""
    extra: tuple[tuple[str, str], ...] = ()
    """Options of the backend's own, as MachineSpec.extra; the scenario that gives them names them in its metrics."""
    side: str = ""
    """"A" or "B" where two are compared (:mod:`harness.plugin.sides`); the label begins with it."""
    pair: str = ""
    """The same for the two that are compared."""
    attach: Attach | None = None
    """Of the backend ``attached``: which running machine."""

    @property
    def id(self) -> str:
        """What a report and a test id call it: the label, else backend-architecture and what differs."""
        place = f"{self.backend}-{self.arch.value}"
        if self.side:
            return f"{place}-{self.label}"
        return self.label or "-".join([place, *_in_words({key: getattr(self, key) for key in NAMED})])

    def with_(self, **options: Any) -> Subject:
        """The same subject with other options, e.g. ``with_(machine_type="pc")``; one of two sides stays that."""
        label = "-".join([self.label, *_in_words(options)]) if self.side else ""
        return replace(self, label=label, **options)

    def as_(self, spec: MachineSpec) -> Subject:
        """The subject that a machine of this spec is: this one, or a variant of it."""
        differs = {key: getattr(spec, key) for key in NAMED if getattr(spec, key) != getattr(self, key)}
        return self.with_(**differs) if differs else self

    @property
    def boots_firmware(self) -> bool:
        """Whether it boots through UEFI firmware, asked for or because its backend knows nothing else."""
        return self.efi or self.backend_here().capabilities().firmware_only

    def backend_here(self, *, logs: Path | None = None) -> Backend:
        """The backend, with this subject's QEMU; its machines leave their logs in ``logs``."""
        if self.attach:
            from harness.machines.attached.backend import AttachedBackend  # noqa: PLC0415 - few have one

            return AttachedBackend(self.attach, self.arch)
        from harness.machines.catalogue import get  # noqa: PLC0415 - heavy

        return get(self.backend, qemu=Path(self.qemu) if self.qemu else None, logs=logs)

    def spec(self, guest: GuestImage) -> MachineSpec:
        """What the backend is asked to run."""
        from harness.machines.model import GpuMode, MachineSpec  # noqa: PLC0415 - keeps `pytest --help` light

        return MachineSpec(
            guest=guest,
            memory_mib=self.memory_mib,
            cpus=self.cpus,
            machine_type=self.machine_type,
            cpu_model=self.cpu_model,
            gpu=GpuMode(self.gpu),
            efi=self.efi,
            vsock=self.vsock,
            hotplug=self.hotplug,
            extra=dict(self.extra),
        )

    def fingerprint(self, guest_fingerprint: str, settings: Mapping[str, str | int]) -> str:
        """SHA-256 of everything that makes two subjects the same: backend, version, guest, resolved settings."""
        same = [self.backend, self.version, self.arch.value, guest_fingerprint, dict(settings)]
        return hashlib.sha256(json.dumps(same, sort_keys=True).encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """As JSON, for another process."""
        return {**asdict(self), "arch": self.arch.value}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Subject:
        """The inverse of :meth:`to_dict`."""
        extra = tuple((key, value) for key, value in values["extra"])
        attach = Attach(**values["attach"]) if values.get("attach") else None
        return cls(**{**values, "arch": Arch(values["arch"]), "attach": attach, "extra": extra})


def _in_words(options: Mapping[str, Any]) -> list[str]:
    """Those of NAMED that are set, as parts of a name."""
    forms = {"memory_mib": "{}MiB", "cpus": "{}cpu", "efi": "efi"}
    given = {key: getattr(options[key], "value", options[key]) for key in NAMED if key in options}
    return [forms.get(key, "{}").format(value) for key, value in given.items() if value and value != "none"]


@dataclass(frozen=True, slots=True)
class Absence:
    """A backend that this host cannot use, and what would change that."""

    subject: str
    code: str
    reason: str
    fix: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The subjects to measure, and those that cannot be."""

    subjects: tuple[Subject, ...]
    absent: tuple[Absence, ...]
    notices: tuple[str, ...] = ()
    """What a reader must know before any number: which accelerator ``auto`` had to do without, and why."""

    def to_json(self) -> str:
        """For the workers of pytest-xdist, so that accelerators are proved once."""
        absent = [asdict(each) for each in self.absent]
        return json.dumps([[each.to_dict() for each in self.subjects], absent, self.notices])

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """The inverse of :meth:`to_json`."""
        subjects, absent, notices = json.loads(text)
        told = tuple(Absence(**each) for each in absent)
        return cls(tuple(map(Subject.from_dict, subjects)), told, tuple(notices))


def plan(config: Config, progress: Progress | None = None) -> Plan:
    """Probe what the configuration asks for, all at once; a backend asked for by name must work.

    A runtime that it asks for is installed first, which ``progress`` is told of.

    Raises UnknownName for a backend that nobody knows, AcceleratorUnusable for one that was asked for by name and
    does not work, or when none works.
    """
    wanted = [from_config(each, config, progress) for each in config.subjects]
    wanted, notices = automatic(wanted or _every_backend(config, progress))
    with ThreadPoolExecutor(max_workers=max(1, len(wanted))) as pool:
        probes = list(pool.map(probed, wanted))
    usable = [
        replace(s, version=p.version, build=p.build) for s, p in zip(wanted, probes, strict=True) if p.usable
    ]
    unusable = [(s, p) for s, p in zip(wanted, probes, strict=True) if not p.usable]
    for subject, probe in unusable if config.subjects else own_arch_first(unusable):
        if config.subjects or (subject.backend in config.backends and not works_elsewhere(subject, usable)):
            raise AcceleratorUnusable(f"{subject.id}: {probe.reason}", fix=probe.fix, code=probe.code)
    if not usable:
        subject, probe = next(((s, p) for s, p in unusable if s.backend == "tcg"), unusable[0])
        raise AcceleratorUnusable(
            f"no backend works here; {subject.id}: {probe.reason}", fix=probe.fix, code=probe.code
        )
    return Plan(tuple(usable), tuple(absences(unusable)), notices)


def from_config(entry: SubjectConfig, config: Config, progress: Progress | None) -> Subject:
    """The subject of one entry; a runtime that it names is installed first."""
    from harness.plugin.attached import attached_subject  # noqa: PLC0415 - it makes subjects of these

    if attached := attached_subject(entry):
        return attached
    own = entry.qemu or entry.runtime
    runtime, named = (entry.runtime, entry.qemu) if own else (config.runtime, config.qemu)
    if entry.gpu in ("virgl", "venus"):
        from harness.runtimes.choice import gpu_qemu_folder  # noqa: PLC0415 - heavy

        provide = partial(preparing.runtime, progress=progress, mirror=config.mirror)
        qemu = gpu_qemu_folder(runtime, entry.arch.value, qemu=named, provide=provide)
    else:
        qemu = _qemu(runtime, named, config, progress)
    return Subject(
        backend=entry.backend,
        arch=entry.arch,
        guest=entry.guest,
        label=entry.label or "",
        memory_mib=entry.memory_mib,
        cpus=entry.cpus,
        machine_type=entry.machine_type,
        cpu_model=entry.cpu_model,
        gpu=entry.gpu,
        efi=entry.efi,
        qemu=str(qemu) if qemu else None,
    )


def _qemu(runtime: str | None, named: Path | None, config: Config, progress: Progress | None) -> Path | None:
    if runtime is None:
        return named
    from harness.runtimes.choice import qemu_folder  # noqa: PLC0415 - only who names a runtime

    provide = partial(preparing.runtime, progress=progress, mirror=config.mirror)
    return qemu_folder(runtime, qemu=named, provide=provide)


def _every_backend(config: Config, progress: Progress | None) -> list[Subject]:
    from harness.machines.catalogue import guest_backends  # noqa: PLC0415 - heavy

    archs = config.archs
    if config.guest in config.guests:
        archs = (config.guests[config.guest].arch,)
    qemu = _qemu(config.runtime, config.qemu, config, progress)
    names = config.backends or guest_backends()
    return [
        Subject(name, arch, config.guest, qemu=str(qemu) if qemu else None)
        for name in names
        for arch in archs
    ]


def with_guest(subjects: Iterable[Subject], guest: str) -> tuple[Subject, ...]:
    """The subjects of ``guest``; where there are none, every backend, architecture and QEMU of the plan with it.

    A scenario that only one guest can run measures it whatever guest the others boot, with the memory that this one
    needs; two sides with different guests have nothing to compare there.
    """
    every = tuple(subject for subject in subjects if subject.attach is None)
    if any(subject.side for subject in every):  # all else that is compared stays as it is
        guests = {subject.guest for subject in every}
        if len(guests) > 1 or guest in guests:
            return every if guests == {guest} else ()
        return tuple(replace(each, guest=guest, pair=f"{each.pair}/{guest}") for each in every)
    own = tuple(subject for subject in every if subject.guest == guest)
    others = (replace(each, guest=guest, memory_mib=None) for each in every)
    return own or tuple(dict.fromkeys(others))


def host_itself(subjects: Iterable[Subject]) -> tuple[Subject, ...]:
    """The host as the only subject, for what no guest takes part in; none where two sides are compared."""
    from harness.host.system import host_arch  # noqa: PLC0415
    from harness.machines.catalogue import NATIVE  # noqa: PLC0415

    arch = host_arch()
    if arch not in list(Arch) or any(subject.side for subject in subjects):
        return ()
    return (Subject(NATIVE, Arch(arch), guest=""),)


def probed(subject: Subject) -> Probe:
    """Whether its backend works, with its QEMU."""
    return subject.backend_here().probe(subject.arch)


def works_elsewhere(subject: Subject, usable: Iterable[Subject]) -> bool:
    """Whether its backend works for another architecture."""
    return any(subject.backend == other.backend for other in usable)


def own_arch_first(unusable: Iterable[tuple[Subject, Probe]]) -> list[tuple[Subject, Probe]]:
    """Those of the host's architecture first: of what works for none, theirs is the obstacle that can be removed."""
    from harness.host.system import host_arch  # noqa: PLC0415

    here = host_arch()
    return sorted(unusable, key=lambda each: each[0].arch != here)


def absences(unusable: Iterable[tuple[Subject, Probe]]) -> Iterable[Absence]:
    """One line for each backend and cause, however many architectures it holds for."""
    lines: dict[tuple[str, str, str, str], list[str]] = {}
    for subject, probe in unusable:
        lines.setdefault((subject.backend, probe.code, probe.reason, probe.fix), []).append(
            subject.arch.value
        )
    for (backend, code, reason, fix), archs in lines.items():
        name = f"{backend}-{archs[0]}" if len(archs) == 1 else backend
        yield Absence(name, code, reason, fix)


def native_facts() -> dict[str, Any]:
    """The host itself as a subject, for the recorder."""
    import platform  # noqa: PLC0415

    machine = platform.machine().lower()
    arch = {"amd64": "x86-64", "x86_64": "x86-64", "aarch64": "arm64"}.get(machine, machine)
    return {"backend": "native", "backend_version": f"{platform.system()} {platform.release()}", "arch": arch}
