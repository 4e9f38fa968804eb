"""One pytest session: its configuration, its plan of subjects, its guests and the run that it becomes."""

from __future__ import annotations

import shutil
from contextlib import ExitStack, suppress
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Protocol

from harness.config.load import load, profile, reports_folder
from harness.errors import AcceleratorUnusable, HostLacks, UnknownName, VisorbenchError
from harness.host.paths import runtime_dir
from harness.host.provenance import commit
from harness.plugin import preparing
from harness.plugin.attached import attached_guest
from harness.plugin.keep import keep
from harness.plugin.record import Record, apply
from harness.plugin.subjects import Plan, Subject, native_facts, plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from harness.archive.fetch import Progress
    from harness.config.model import Config, GuestConfig, Profile
    from harness.guests.model import Arch, GuestImage
    from harness.results.recorder import RunRecorder
    from harness.runtimes.model import Runtime


class Watcher(Protocol):
    """Who shows people what happens: a progress bar, or nobody."""

    def step(self, text: str) -> None:
        """Something that takes a while has begun, e.g. "building guest tiny for arm64"."""

    def rounds(self, done: int, total: int) -> None:
        """The running scenario has done so many of its rounds."""

    def transfer(self, what: str, done: int, total: int) -> None:
        """``done`` of ``total`` bytes of a download are there."""


class Silent:
    """A watcher who shows nothing."""

    def step(self, text: str) -> None:
        """Nothing."""

    def rounds(self, done: int, total: int) -> None:
        """Nothing."""

    def transfer(self, what: str, done: int, total: int) -> None:
        """Nothing."""


class Session:
    """What the fixtures share. Everything costly is made when it is first asked for.

    ``worker_of`` names the pytest-xdist run that this process is a worker of: it shares the plan with the other
    workers, and has no recorder.
    """

    def __init__(self, options: Mapping[str, Any], *, worker_of: str | None = None) -> None:
        file = options.get("config")
        given = {key: value for key, value in options.items() if key != "config"}
        self.config = load(file, options=given, option_prefix="--vb-")
        self.profile: Profile = profile(self.config)
        self.watcher: Watcher = Silent()
        self.on_stderr = False
        """Where the run's table is printed when the session ends."""
        self.planner: Callable[[Config, Progress | None], Plan] = plan
        self.gave_up: VisorbenchError | None = None
        """Why the session ends, before its first scenario or between two, or why its run is not where it was to be."""
        self.command: tuple[str, ...] = ()
        """What measures the same again."""
        self.cut_short = False
        """Whether something ended the session, or is about to, before every scenario was run."""
        self.left_out: list[str] = []
        """Scenarios that were asked for by name, and that the profile does not measure."""
        self.lock_wait_s: float = 600
        """How long to wait for another harness that measures on this host; 0: HostBusy at once."""
        self.resources = ExitStack()
        """What must be released when the session ends, whatever happens."""
        self.parallel_run: str | None = worker_of
        """The pytest-xdist run, in its workers and in their controller."""
        self._is_worker = worker_of is not None
        self._reports_checked = False
        self._plan: Plan | None = None
        self._guests: dict[tuple[str, Arch, bool], GuestImage] = {}
        self._facts: dict[Subject, dict[str, Any]] = {}
        self._with_gpu: dict[Subject, Subject] = {}
        self._recorder: RunRecorder | None = None

    @property
    def plan(self) -> Plan:
        """The subjects; probed once, by whichever worker comes first. Raises UnknownName, AcceleratorUnusable."""
        if self._plan is None:
            self.watcher.step("proving which backends work")
            made = (
                self._shared_plan(self.parallel_run)
                if self.parallel_run
                else self.planner(self.config, self._transfers())
            )
            for subject in made.subjects:
                if subject.attach is None and subject.guest not in self.config.guests:
                    self._check_known(subject.guest)
            self._plan = made
        return self._plan

    def gpu_qemu(self, arch: Arch) -> Path | None:
        """What a subject whose guest has a GPU names as its QEMU: as configured, else the host's own (None) where
        that has Venus, else the managed runtime's, installed now if it is not. Raises what gpu_qemu_folder does."""
        from harness.runtimes.choice import gpu_qemu_folder  # noqa: PLC0415 - only with a GPU

        chosen, qemu = self.config.runtime, self.config.qemu
        return gpu_qemu_folder(chosen, arch.value, qemu=qemu, provide=self.runtime)

    def with_gpu(self, subject: Subject) -> Subject:
        """The subject on a QEMU that can give its guest a GPU: its own if it names one, else :meth:`gpu_qemu`.

        Raises what that raises, and AcceleratorUnusable when the backend does not work with that QEMU.
        """
        if subject.qemu:
            return subject
        if subject not in self._with_gpu:
            found = replace(subject, qemu=str(folder)) if (folder := self.gpu_qemu(subject.arch)) else subject
            probe = found.backend_here().probe(found.arch)
            if not probe.usable:
                raise AcceleratorUnusable(f"{found.id}: {probe.reason}", fix=probe.fix, code=probe.code)
            self._with_gpu[subject] = replace(found, version=probe.version, build=probe.build)
        return self._with_gpu[subject]

    def runtime(self, name: str) -> Runtime:
        """An installed runtime; raises what :func:`harness.runtimes.catalogue.ensure` raises."""
        return preparing.runtime(name, self._transfers(), self.config.mirror)

    def _transfers(self) -> Progress:
        """Shows downloads; also names each where no line is redrawn."""
        begun: set[str] = set()

        def told(what: str, done: int, total: int) -> None:
            if what not in begun:
                begun.add(what)
                self.watcher.step(f"{what} ({total / 1e6:.0f} MB)")
            self.watcher.transfer(what, done, total)

        return told

    def _shared_plan(self, run: str) -> Plan:
        from filelock import FileLock  # noqa: PLC0415 - only with pytest-xdist

        file = runtime_dir() / f"plan-{run}.json"
        with FileLock(f"{file}.lock"):
            if not file.exists():
                file.write_text(plan(self.config).to_json(), encoding="utf-8")
            return Plan.from_json(file.read_text(encoding="utf-8"))

    def gather_workers(self) -> None:
        """In the controller of pytest-xdist, when its workers have ended: take their logs, forget their plan."""
        if not self.parallel_run:
            return
        for file in runtime_dir().glob(f"plan-{self.parallel_run}.json*"):
            file.unlink(missing_ok=True)
        if self.run_started and self.logs.is_dir():
            shutil.copytree(self.logs, self.recorder.logs, dirs_exist_ok=True)
        shutil.rmtree(self.logs.parent, ignore_errors=True)

    def check_reports(self) -> None:
        """Learn before a guest boots whether a report can be written; raises DiskFull, ReportsUnwritable."""
        from harness.results.writable import check_writable  # noqa: PLC0415 - only when something is measured

        if not self._reports_checked:
            check_writable(self.reports)
            self._reports_checked = True

    def have_host_alone(self) -> None:
        """Take the host-wide measuring lock until the session ends; raises HostBusy."""
        from harness.host.lock import measuring_lock  # noqa: PLC0415 - only when something is measured

        def say(holder: object) -> None:
            if self.lock_wait_s:
                self.watcher.step(f"waiting for {holder}")

        self.resources.enter_context(measuring_lock(self.lock_wait_s, say))

    def guest(self, name: str, arch: Arch, *, efi: bool = False) -> GuestImage:
        """The built guest, or the user's own; ``efi``: as firmware boots it.

        Raises UnknownName and what building raises.
        """
        key = (name, arch, efi)
        if key not in self._guests:
            own = self.config.guests.get(name)
            image = attached_guest(self.plan.subjects, name) or (
                _own_guest(name, own) if own else self._built(name, arch)
            )
            if efi and image.kernel:
                image = preparing.efi_guest(image, self.watcher.transfer, self.config.mirror)
            self._guests[key] = image
        return self._guests[key]

    def _check_known(self, name: str) -> None:
        """Raise UnknownName for what is no reference guest."""
        from harness.guests.catalogue import known  # noqa: PLC0415 - heavy

        if name not in known():
            raise UnknownName("guest", name, [*known(), *self.config.guests])

    def _built(self, name: str, arch: Arch) -> GuestImage:
        self._check_known(name)
        self.watcher.step(f"guest {name} for {arch.value}")
        return preparing.guest(name, arch, self.watcher.transfer, self.config.mirror)

    def facts(self, subject: Subject) -> dict[str, Any]:
        """What the recorder is told of a subject: everything that makes two subjects the same."""
        if not subject.guest:
            return native_facts()
        if subject not in self._facts:
            guest = self.guest(subject.guest, subject.arch, efi=subject.efi)
            settings = subject.backend_here().machine(subject.spec(guest)).settings
            names = [subject.machine_type, subject.cpu_model, "efi" if subject.efi else None]
            self._facts[subject] = {
                "backend": subject.backend,
                "backend_version": subject.version,
                "guest": subject.guest,
                "arch": subject.arch.value,
                "config": {
                    **({"label": subject.label} if subject.label else {}),
                    **({"side": subject.side, "pair": subject.pair} if subject.side else {}),
                    **({"qemu": subject.qemu} if subject.qemu else {}),
                    **({"build": subject.build} if subject.build else {}),
                    **settings,
                    "guest_fingerprint": guest.fingerprint,
                    "guest_packages": _versions(guest),
                },
                "fingerprint": subject.fingerprint(guest.fingerprint, settings),
                "variant": subject.label or "-".join(name for name in names if name),
            }
        return self._facts[subject]

    def record(self, record: Record) -> None:
        """Take one record into the run, which begins with the first; raises what ``keep`` does."""
        keep(self, lambda recorder: apply(recorder, record))

    @property
    def recorder(self) -> RunRecorder:
        """The run. In a worker there is none: its records travel with the test reports."""
        if self._is_worker:
            raise RuntimeError("a pytest-xdist worker has no recorder")
        if self._recorder is None:
            from harness.results.recorder import RunRecorder  # noqa: PLC0415 - heavy

            self._recorder = RunRecorder(
                self.config.profile,
                host_facts(),
                reports=self.reports,
                commit=commit(),
                command=self.command,
            )
            for absence in self.plan.absent:
                self._recorder.skip("every scenario", **asdict(absence))
            for notice in self.plan.notices:
                self._recorder.notice(notice)
        return self._recorder

    @property
    def run_started(self) -> bool:
        """Whether anything was recorded."""
        return self._recorder is not None

    @property
    def reports(self) -> Path:
        """The folder of all runs."""
        return reports_folder(self.config)

    @property
    def logs(self) -> Path:
        """Where machines leave their consoles and logs: in the run's folder, or beside it until workers end."""
        if self.parallel_run:
            return self.reports / self.parallel_run / "logs"
        return self.recorder.logs


def prepare(
    session: Session,
    guests: Iterable[Subject],
    workloads: Iterable[tuple[str, Arch]],
    with_gpu: Iterable[Subject] = (),
    runtimes: Iterable[str] = (),
) -> None:
    """Build every guest and workload that the collected scenarios need, before the first clock starts.

    A QEMU that cannot be had for ``with_gpu``, and a runtime that cannot be had, is left for their scenarios to name.
    """
    from harness.guests.toolchain import guest_target, host_target  # noqa: PLC0415

    programs = dict.fromkeys(
        (name, target) for name, arch in workloads for target in (host_target(), guest_target(arch))
    )
    with preparing.workloads(programs, session.watcher.step):
        for name, arch, efi in dict.fromkeys(
            (each.guest, each.arch, each.efi) for each in guests if each.guest
        ):
            session.guest(name, arch, efi=efi)
    for subject in dict.fromkeys(with_gpu):
        with suppress(HostLacks):
            session.with_gpu(subject)
    for name in dict.fromkeys(runtimes):
        with suppress(HostLacks):
            session.runtime(name)


def _versions(guest: GuestImage) -> dict[str, str]:
    """Package → version, of a guest that was built from packages."""
    packages: Any = guest.manifest.get("packages", {})
    return {name: package["version"] for name, package in packages.items()}


def _own_guest(name: str, own: GuestConfig) -> GuestImage:
    """A guest of ``visorbench.toml``: it has no credentials of ours, so no SSH."""
    from harness.guests.own import own_guest  # noqa: PLC0415 - hashes files

    return own_guest(
        name,
        own.arch,
        kernel=own.kernel,
        initrd=own.initrd,
        append=own.append,
        disk=own.disk,
        firmware=own.firmware,
        ready_marker=own.ready_marker,
        memory_mib=own.memory_mib,
    )


def host_facts() -> dict[str, Any]:
    """What a run says of its host."""
    from harness.host.facts import collect, fingerprint  # noqa: PLC0415 - reads half of /proc
    from harness.host.noise import noise  # noqa: PLC0415

    facts = collect()
    return {
        **asdict(facts),
        "fingerprint": fingerprint(facts),
        "noise": [str(warning) for warning in noise(facts)],
    }
