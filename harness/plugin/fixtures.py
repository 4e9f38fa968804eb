"""The fixtures that scenarios are written with: subject, guest, machine, machine_factory, native, measure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from harness.errors import HostLacks
from harness.plugin.keys import LOCK_HELD, RECORDS, SESSION, TURN, log_folder, scenario_name
from harness.plugin.measure import Measure
from harness.plugin.skips import skip_scenario
from harness.plugin.subjects import native_facts
from harness.plugin.turn import precision_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.config.model import Profile
    from harness.guests.model import GuestImage
    from harness.machines.disk import Disk
    from harness.machines.model import Capabilities, Machine
    from harness.machines.network import Network
    from harness.machines.runner import Runner
    from harness.plugin.session import Session
    from harness.plugin.subjects import Subject


class MachineFactory(Protocol):
    """Makes machines of the scenario's subject."""

    def __call__(
        self, *, disks: Sequence[Disk] = (), networks: Sequence[Network] = (), **options: Any
    ) -> Machine:
        """A defined machine; ``options`` are Subject's, e.g. ``machine_type="pc"``, ``disks`` those of disk_factory,
        ``networks`` what it has besides the one that the harness reaches it by."""
        ...


@pytest.fixture(scope="session")
def visorbench(pytestconfig: pytest.Config) -> Session:
    """The session: configuration, plan, guests, run."""
    return pytestconfig.stash[SESSION]


@pytest.fixture(scope="session")
def profile(visorbench: Session) -> Profile:
    """How much to measure: quick, standard, full, or the user's own."""
    return visorbench.profile


@pytest.fixture
def subject(visorbench: Session, request: pytest.FixtureRequest) -> Subject:
    """What this scenario runs on: the plugin repeats it for every subject of the plan."""
    found: Subject = request.param
    if request.node.get_closest_marker("graphics") is None:
        return found
    try:
        return visorbench.with_gpu(found)
    except HostLacks as error:
        skip_scenario(error.facts.get("code", "no-gpu-qemu"), error.message, error.fix or "")


@pytest.fixture
def capabilities(subject: Subject) -> Capabilities:
    """What machines of the subject's backend can do."""
    return subject.backend_here().capabilities()


@pytest.fixture
def guest(visorbench: Session, subject: Subject) -> GuestImage:
    """The subject's guest, built."""
    return visorbench.guest(subject.guest, subject.arch, efi=subject.boots_firmware)


@pytest.fixture
def machine_factory(
    visorbench: Session, subject: Subject, request: pytest.FixtureRequest
) -> Iterator[MachineFactory]:
    """Make machines of this subject; whatever the scenario leaves running is ended with it."""
    folder = log_folder(request.node)
    made: list[Machine] = []

    def factory(*, disks: Sequence[Disk] = (), networks: Sequence[Network] = (), **options: Any) -> Machine:
        variant = subject.with_(**options) if options else subject
        backend = variant.backend_here(logs=folder / f"{len(made) + 1:03}")
        image = visorbench.guest(variant.guest, variant.arch, efi=variant.boots_firmware)
        spec = replace(variant.spec(image), disks=tuple(disks), networks=tuple(networks))
        made.append(backend.machine(spec))
        return made[-1]

    yield factory
    for machine in made:
        machine.kill()


@pytest.fixture
def machine(machine_factory: MachineFactory) -> Iterator[Machine]:
    """One machine of the subject, defined and not started; killed afterwards."""
    with machine_factory() as one:
        yield one


@pytest.fixture(scope="session")
def native() -> Iterator[Runner]:
    """The host itself, as something that runs workloads."""
    from harness.machines.native import NativeRunner  # noqa: PLC0415 - only scenarios with a baseline

    with NativeRunner() as runner:
        yield runner


@pytest.fixture
def measure(visorbench: Session, subject: Subject, request: pytest.FixtureRequest) -> Iterator[Measure]:
    """Rounds and samples; the scenario has the host to itself, and fails when it measured nothing."""
    turn = request.node.stash.get(TURN, None)
    one = Measure(
        scenario=scenario_name(request.node),
        facts=visorbench.facts(subject),
        native=native_facts(),
        profile=visorbench.profile,
        sink=visorbench.record,
        tick=visorbench.watcher.rounds,
        precision=turn.precision if turn else precision_of(visorbench.profile),
        turn=turn,
        facts_of=lambda machine: visorbench.facts(subject.as_(machine.spec)),
    )
    if request.config.stash.get(LOCK_HELD, False):
        yield one
        return
    # A pytest-xdist worker: its records travel with the test's report, and it waits for its turn.
    from harness.host.lock import measuring_lock  # noqa: PLC0415

    one.sink = request.node.stash.setdefault(RECORDS, []).append
    with measuring_lock(wait_s=3600):
        yield one
