"""The pytest plugin: ``pytest scenarios`` measures, with every selection option that pytest has.

A scenario that uses the fixture ``subject`` (directly, or through ``machine``, ``guest``, ``measure``) is repeated
for every subject of the plan. Loaded by the ``conftest.py`` of the project, or by ``-p harness.plugin``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.errors import VisorbenchError
from harness.plugin.again import again
from harness.plugin.anew import Anew
from harness.plugin.disks import disk_factory
from harness.plugin.fixtures import (
    capabilities,
    guest,
    machine,
    machine_factory,
    measure,
    native,
    profile,
    subject,
    visorbench,
)
from harness.plugin.keeper import Keeper, give_up
from harness.plugin.keys import LOCK_HELD, RECORDS, SESSION, is_scenario, scenario_name, subject_of
from harness.plugin.measure import Measure
from harness.plugin.noise import NoiseMeter, late_stamps
from harness.plugin.outcome import records_of
from harness.plugin.session import Session, prepare
from harness.plugin.subjects import host_itself, with_guest

if TYPE_CHECKING:
    from collections.abc import Generator

    from harness.config.model import Profile

__all__ = [
    "capabilities",
    "disk_factory",
    "guest",
    "machine",
    "machine_factory",
    "measure",
    "native",
    "profile",
    "subject",
    "visorbench",
]

OPTIONS: dict[str, dict[str, Any]] = {
    "profile": {"help": "how much to measure: quick, standard, gate, full, or one of visorbench.toml"},
    "backends": {"action": "append", "help": "measure this backend only (repeatable)"},
    "archs": {"action": "append", "help": "measure this guest architecture only (repeatable)"},
    "guest": {"help": "the guest to boot: tiny, or one of visorbench.toml"},
    "qemu": {"type": Path, "help": "the QEMU to measure: a binary, or the folder it is in"},
    "runtime": {"help": "whose QEMU to measure: system, managed, or the folder of a runtime"},
    "store": {"help": "SQLAlchemy URL of the results store"},
    "reports": {"type": Path, "help": "folder that the report is written to"},
    "config": {"type": Path, "help": "configuration file instead of the nearest visorbench.toml"},
}
"""Key of the configuration → how pytest is told of its option ``--vb-KEY``."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Every key that a bench is commonly told, as ``--vb-KEY``: pytest has names of its own."""
    group = parser.getgroup("visorbench", "VisorBench: virtual machines, measured")
    for key, details in OPTIONS.items():
        group.addoption(f"--vb-{key.removesuffix('s')}", dest=f"vb_{key}", default=None, **details)


def pytest_configure(config: pytest.Config) -> None:
    """Name the markers, and make the session; it does nothing until a scenario asks."""
    config.addinivalue_line("markers", "guest(name): boot this guest, whatever the plan boots")
    config.addinivalue_line("markers", "profile(key): only in profiles that ask for it, e.g. cold_boots")
    config.addinivalue_line(
        "markers",
        "long: only in profiles with long_scenarios, or where its name is asked for (-k, or its file)",
    )
    config.addinivalue_line(
        "markers", "archs(key): one architecture only, in profiles that say so, e.g. gpu_archs"
    )
    config.addinivalue_line(
        "markers", "graphics: on a QEMU that can give a guest one, the managed runtime's if need be"
    )
    config.addinivalue_line("markers", "workload(name, …): build these programs before the first scenario")
    config.addinivalue_line("markers", "host_only: measured once, on the host itself, whatever is booted")
    config.addinivalue_line("markers", "runtime(name, …): install these before the first scenario")
    config.addinivalue_line("markers", "needs(capability, …): skip by name where the backend lacks one")
    worker: dict[str, Any] | None = getattr(config, "workerinput", None)
    try:
        session = Session(
            {key: config.getoption(f"vb_{key}") for key in OPTIONS},
            worker_of=worker["testrunuid"] if worker else None,
        )
        session.command = again(config, session.config)
    except VisorbenchError as error:
        config.pluginmanager.register(Refused(error), "visorbench-refused")
        return
    config.stash[SESSION] = session
    if worker is None:
        config.pluginmanager.register(Keeper(session), "visorbench-keeper")
        if session.profile.machine_per_round and not getattr(config.option, "numprocesses", None):
            config.pluginmanager.register(Anew(session), "visorbench-anew")


class Refused:
    """A configuration that makes no sense ends pytest with the error's own exit code, where it would run anything:
    --markers and --help go on."""

    def __init__(self, error: VisorbenchError) -> None:
        self.error = error

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Before xdist starts its workers."""
        pytest.exit(str(self.error), returncode=self.error.exit_code)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Repeat a scenario for every subject."""
    if "subject" not in metafunc.fixturenames:
        return
    session = metafunc.config.stash[SESSION]
    marker = metafunc.definition.get_closest_marker("guest")
    try:
        if not metafunc.config.getoption("collectonly"):
            session.check_reports()
        subjects = session.plan.subjects
    except VisorbenchError as error:
        give_up(session, error)
    if marker:
        subjects = with_guest(subjects, marker.args[0])
    if metafunc.definition.get_closest_marker("host_only"):
        subjects = host_itself(subjects)
    metafunc.parametrize("subject", subjects, ids=[each.id for each in subjects], indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what the profile does not ask for."""
    session = config.stash[SESSION]
    profile = session.profile
    unasked = [
        item
        for item in items
        if any(not getattr(profile, marker.args[0]) for marker in item.iter_markers("profile"))
    ]
    unasked += _of_other_archs(items, profile)
    if not profile.long_scenarios:
        unasked += [item for item in items if item.get_closest_marker("long") and not _named(item, config)]
    if unasked:
        config.hook.pytest_deselected(items=unasked)
        items[:] = [item for item in items if item not in unasked]
        named = {scenario_name(item) for item in unasked if is_scenario(item) and _named(item, config)}
        session.left_out = sorted(named - {scenario_name(item) for item in items if is_scenario(item)})


def _named(item: pytest.Item, config: pytest.Config) -> bool:
    """Whether the user asked for this very scenario, or for this part of it: by a word of ``-k``, or by its file."""
    words = re.findall(r"(?<!not )\b\w+", (config.getoption("keyword") or "").lower())
    files = [Path(argument.partition("::")[0]).name for argument in config.args]
    part = getattr(item, "originalname", item.name).removeprefix("test_")
    return scenario_name(item) in words or part in words or item.path.name in files


def _of_other_archs(items: list[pytest.Item], profile: Profile) -> list[pytest.Item]:
    """Those marked ``archs(key)`` whose architecture is not the one that the profile wants measured."""
    from harness.host.system import host_arch  # noqa: PLC0415

    marked = [
        item
        for item in items
        for marker in item.iter_markers("archs")
        if is_scenario(item) and getattr(profile, marker.args[0]) == "one"
    ]
    archs = {subject_of(item).arch for item in marked}
    one = next((arch for arch in archs if arch == host_arch()), min(archs, default=None))
    return [item for item in marked if subject_of(item).arch is not one]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip by name what the backend cannot do."""
    from harness.plugin.skips import skip_scenario  # noqa: PLC0415

    needed = [name for marker in item.iter_markers("needs") for name in marker.args]
    if needed:
        session, chosen = item.config.stash[SESSION], subject_of(item)
        can = chosen.backend_here().capabilities()
        for name in needed:
            if not getattr(can, name):
                skip_scenario(f"no-{name}", f"{chosen.backend} cannot {name.replace('_', ' ')}")
        if "ssh" in needed and not session.guest(chosen.guest, chosen.arch).ssh_user:
            skip_scenario(
                "no-ssh", f"the guest {chosen.guest} takes no SSH keys of the harness", "measure its boot"
            )


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """Before the first scenario: build the guests, and have the host to ourselves if anything is measured."""
    config = session.config
    vb = config.stash[SESSION]
    scenarios = [item for item in session.items if is_scenario(item)]
    workloads = [
        (name, subject_of(item).arch)
        for item in scenarios
        for marker in item.iter_markers("workload")
        for name in marker.args
    ]
    runtimes = [name for item in scenarios for each in item.iter_markers("runtime") for name in each.args]
    measuring = any("measure" in getattr(item, "fixturenames", ()) for item in session.items)
    with_gpu = [subject_of(item) for item in scenarios if item.get_closest_marker("graphics")]
    meter, vb.cut_short = None, True
    if scenarios and not config.getoption("collectonly"):
        from harness.host.loopback import check_loopback  # noqa: PLC0415
        from harness.host.processes import install_endings  # noqa: PLC0415
        from harness.machines.catalogue import NATIVE  # noqa: PLC0415
        from harness.results.usable import check_store  # noqa: PLC0415

        try:
            install_endings()
            vb.check_reports()
            if any(subject_of(item).backend != NATIVE for item in scenarios):
                check_loopback()
            if alone := measuring and not hasattr(config, "workerinput"):
                check_store(vb.config.store)
                vb.have_host_alone()  # also to prepare: who measures is not to hear compilers
                config.stash[LOCK_HELD] = True
            prepare(vb, map(subject_of, scenarios), workloads, with_gpu, runtimes)
            if alone:
                recorder = vb.recorder  # its folder can be written, or says why not before any measuring
                if late := late_stamps():
                    recorder.notice(late)
                meter = NoiseMeter()
        except VisorbenchError as error:
            give_up(vb, error)
    try:
        result = yield
        vb.cut_short = False
        if meter:
            meter.tell(vb.recorder)
        return result
    except pytest.Session.Failed:  # -x, --maxfail: the run has failed, and is as long as it was asked to be
        vb.cut_short = False
        raise
    except VisorbenchError as error:
        give_up(vb, error)
    finally:
        vb.resources.close()


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """A scenario that measured nothing has failed, and what a failed attempt has recorded is no number."""
    one = pyfuncitem.funcargs.get("measure")
    try:
        result = yield
    except Exception as error:
        if isinstance(one, Measure) and not isinstance(error, pytest.skip.Exception):
            one.withdraw_attempt()
        raise
    if isinstance(one, Measure):
        one.check_not_empty()
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Give the report everything that is to be recorded of this phase of the scenario."""
    report = yield
    if is_scenario(item):
        said = item.stash.setdefault(RECORDS, [])
        vars(report)["visorbench"] = [*said, *records_of(item, call)]  # pytest-xdist sends every attribute
        said.clear()
    return report
