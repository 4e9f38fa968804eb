"""What a session measures, and what makes two subjects the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.cli.automatic import backend_name
from harness.config.load import load
from harness.errors import AcceleratorUnusable, UnknownName
from harness.guests.model import Arch, GuestImage
from harness.host.system import host_arch
from harness.machines import catalogue
from harness.machines.model import Probe
from harness.plugin.automatic import automatic
from harness.plugin.sides import Sides, plan_sides
from harness.plugin.subjects import Absence, Plan, Subject, host_itself, plan, with_guest

TEXT = st.text(min_size=1, max_size=12)
SUBJECTS = st.builds(
    Subject,
    backend=TEXT,
    arch=st.sampled_from(Arch),
    guest=TEXT,
    label=st.just("") | TEXT,
    version=TEXT,
    memory_mib=st.none() | st.integers(32, 4096),
    cpus=st.none() | st.integers(1, 8),
    machine_type=st.none() | TEXT,
    cpu_model=st.none() | TEXT,
    gpu=st.sampled_from(["none", "2d", "virgl", "venus"]),
    qemu=st.none() | TEXT,
    efi=st.booleans(),
)


ABSENCES = st.builds(Absence, TEXT, TEXT, TEXT, TEXT)


@given(st.lists(SUBJECTS, max_size=4), st.lists(ABSENCES, max_size=3), st.lists(TEXT, max_size=2))
def test_a_plan_travels_to_workers_unchanged(subjects, absent, notices) -> None:
    sent = Plan(tuple(subjects), tuple(absent), tuple(notices))
    assert Plan.from_json(sent.to_json()) == sent


SETTINGS = st.dictionaries(TEXT, TEXT | st.integers(), max_size=3)


@given(SUBJECTS, SUBJECTS, SETTINGS, SETTINGS)
def test_fingerprints_are_equal_only_for_equal_subjects(one, other, these, those) -> None:
    same = (one.backend, one.version, one.arch, these) == (other.backend, other.version, other.arch, those)
    assert (one.fingerprint("guest", these) == other.fingerprint("guest", those)) == same
    assert one.fingerprint("guest", these) != one.fingerprint("another", these)


def test_a_machine_of_another_type_is_a_variant() -> None:
    subject = Subject("tcg", Arch.X86_64, label="mine")
    guest = GuestImage("tiny", Arch.X86_64)
    variant = subject.as_(subject.with_(machine_type="pc").spec(guest))
    assert (variant.machine_type, variant.id) == ("pc", "tcg-x86-64-pc")
    assert subject.as_(subject.with_(efi=True).spec(guest)).id == "tcg-x86-64-efi"
    assert subject.as_(subject.spec(guest)) is subject


def test_a_machine_with_a_gpu_is_a_variant() -> None:
    subject = Subject("tcg", Arch.X86_64)
    variant = subject.as_(subject.with_(gpu="venus").spec(GuestImage("gpu", Arch.X86_64)))
    assert (variant.gpu, variant.id) == ("venus", "tcg-x86-64-venus")


def test_a_scenario_of_one_guest_measures_it_on_every_backend_and_qemu_of_the_plan() -> None:
    mine = Subject(
        "tcg", Arch.ARM64, "mine", label="my QEMU", machine_type="sbsa-ref", memory_mib=64, qemu="/opt/qemu"
    )
    planned = (Subject("tcg", Arch.X86_64), Subject("tcg", Arch.X86_64), mine)
    assert with_guest(planned, "gpu") == (
        Subject("tcg", Arch.X86_64, "gpu"),
        Subject("tcg", Arch.ARM64, "gpu", label="my QEMU", machine_type="sbsa-ref", qemu="/opt/qemu"),
    )
    own = Subject("tcg", Arch.X86_64, "gpu", gpu="venus")
    assert with_guest((*planned, own), "gpu") == (own,)


def test_what_no_guest_takes_part_in_is_measured_once_and_never_by_two_sides() -> None:
    guests = [Subject("tcg", arch) for arch in Arch]
    (host,) = host_itself(guests)
    assert (host.id, host.guest) == (f"native-{host_arch()}", "")
    assert host_itself([Subject("tcg", Arch.ARM64, side="A")]) == ()


def test_every_backend_is_either_planned_or_absent_with_a_fix(tmp_path) -> None:
    made = plan(load(directory=tmp_path, environ={}))
    assert {(each.backend, each.arch) for each in made.subjects} >= {
        ("tcg", Arch.ARM64),
        ("tcg", Arch.X86_64),
    }
    assert all(each.version for each in made.subjects)
    assert all(each.code and each.reason and each.fix for each in made.absent)


def test_a_backend_asked_for_by_name_must_work(tmp_path) -> None:
    with pytest.raises(AcceleratorUnusable, match="whpx"):
        plan(load(directory=tmp_path, environ={}, options={"backends": ("tcg", "whpx")}))
    with pytest.raises(UnknownName, match="did you mean 'tcg'"):
        plan(load(directory=tmp_path, environ={}, options={"backends": ("tgc",)}))


@pytest.mark.parametrize("here", Arch)
def test_what_works_for_no_architecture_is_refused_for_the_host_s_own_reason(
    tmp_path, monkeypatch, here
) -> None:
    """A foreign guest on kvm says only that the host is another; what keeps its own from running can be removed."""

    def refused(subject: Subject) -> Probe:
        if subject.backend == "tcg":
            return Probe("tcg", subject.arch, usable=True, version="9.0.0")
        reason = (
            "no /dev/kvm" if subject.arch is here else "kvm runs guests of the host's own architecture only"
        )
        return Probe("kvm", subject.arch, usable=False, code="no-kvm", reason=reason, fix="load its module")

    monkeypatch.setattr("harness.host.system.host_arch", lambda: here.value)
    monkeypatch.setattr("harness.plugin.subjects.probed", refused)
    monkeypatch.setattr("harness.plugin.sides.probed", refused)
    config = load(directory=tmp_path, environ={}, options={"backends": ("tcg", "kvm")})
    with pytest.raises(AcceleratorUnusable, match=f"kvm-{here}: no /dev/kvm"):
        plan(config)
    with pytest.raises(AcceleratorUnusable, match=f"kvm-{here}-A: no /dev/kvm"):
        plan_sides(config, sides=Sides({}, {}))


def test_auto_falls_back_to_tcg_and_says_so_where_a_name_does_not(tmp_path, monkeypatch, capsys) -> None:
    """An accelerator that refuses, as hvf without its entitlement does: `auto` goes on, its own name does not."""
    reason, fix = "QEMU is not signed", "sign it, or use the backend tcg"
    refused = Probe("hvf", Arch.X86_64, usable=False, code="no-entitlement", reason=reason, fix=fix)
    monkeypatch.setattr(
        catalogue, "accelerated", lambda arch, qemu=None: refused if arch == "x86-64" else None
    )
    made = plan(load(directory=tmp_path, environ={}, options={"backends": ("auto", "tcg")}))
    assert [each.id for each in made.subjects] == ["tcg-arm64", "tcg-x86-64"]
    (notice,) = made.notices
    assert "hvf does not run x86-64 guests here, so they run on tcg, emulated: QEMU is not signed." in notice
    assert notice.endswith(" sign it.")
    assert backend_name(None, Arch.X86_64, None) == "tcg"
    assert capsys.readouterr().err.splitlines()[1:] == ["  sign it"]


def test_auto_is_the_accelerator_where_it_works(monkeypatch) -> None:
    works = Probe("kvm", Arch.ARM64, usable=True, version="9.0.0")
    monkeypatch.setattr(catalogue, "accelerated", lambda arch, qemu=None: works)
    assert automatic([Subject("auto", Arch.ARM64), Subject("tcg", Arch.ARM64)]) == (
        [Subject("kvm", Arch.ARM64), Subject("tcg", Arch.ARM64)],
        (),
    )
