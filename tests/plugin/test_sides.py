"""What each side of an A/B is, and the pairs of subjects that come of it."""

from __future__ import annotations

import pytest

from harness.config.load import load
from harness.errors import AcceleratorUnusable, InvalidConfiguration, UnknownName, UsageError
from harness.guests.model import Arch, GuestImage
from harness.machines import catalogue
from harness.plugin.sides import Sides, plan_sides, side
from harness.plugin.subjects import Subject, with_guest

TCG_X86 = {"backends": ("tcg",), "archs": ("x86-64",)}


@pytest.fixture
def planned(tmp_path):
    """Plan two sides, given as texts of ``--a`` and ``--b``."""

    def call(a=(), b=(), **options):
        config = load(directory=tmp_path, environ={}, options=options or TCG_X86)
        return plan_sides(config, sides=Sides(side("--a", a), side("--b", b)))

    return call


def test_the_sides_are_alike_but_for_what_they_say(planned) -> None:
    made = planned(["cpu_model=max"], ["memory_mib=256", "cpu_model=max"])
    a, b = made.subjects
    assert [(each.id, each.side, each.pair) for each in (a, b)] == [
        ("tcg-x86-64-A", "A", "1"), ("tcg-x86-64-B", "B", "1"),
    ]  # fmt: skip
    assert (a.cpu_model, a.memory_mib, b.cpu_model, b.memory_mib) == ("max", None, "max", 256)
    assert a.version
    assert made.absent == ()


def test_every_architecture_is_a_pair_of_its_own(planned) -> None:
    made = planned(backends=("tcg",))
    assert [(each.id, each.pair) for each in made.subjects] == [
        ("tcg-arm64-A", "1"), ("tcg-x86-64-A", "2"), ("tcg-arm64-B", "1"), ("tcg-x86-64-B", "2"),
    ]  # fmt: skip


def test_a_backend_that_two_names_mean_is_one_pair(planned, monkeypatch) -> None:
    monkeypatch.setattr(catalogue, "accelerated", lambda arch, qemu=None: None)
    made = planned(backends=("auto", "tcg"), archs=("x86-64",))
    assert [each.id for each in made.subjects] == ["tcg-x86-64-A", "tcg-x86-64-B"]


def test_what_one_side_says_of_backend_and_architecture_holds_for_both(planned) -> None:
    made = planned(["backend=tcg"], ["arch=arm64"], archs=("x86-64",))
    assert [each.id for each in made.subjects] == ["tcg-arm64-A", "tcg-arm64-B"]
    crossed = planned(["backend=tcg", "arch=arm64"], ["arch=x86-64"])
    assert [each.id for each in crossed.subjects] == ["tcg-arm64-A", "tcg-x86-64-B"]
    assert {each.pair for each in crossed.subjects} == {"1"}


def test_a_variant_stays_on_its_side() -> None:
    subject = Subject("tcg", Arch.X86_64, label="B", side="B", pair="1")
    variant = subject.as_(
        subject.with_(machine_type="pc", memory_mib=64).spec(GuestImage("tiny", Arch.X86_64))
    )
    assert (variant.id, variant.side, variant.pair) == ("tcg-x86-64-B-pc-64MiB", "B", "1")


def test_a_scenario_of_one_guest_compares_it_with_itself_on_both_sides(planned) -> None:
    sides = with_guest(planned(["memory_mib=256"]).subjects, "gpu")
    assert [(each.guest, each.side, each.pair, each.memory_mib) for each in sides] == [
        ("gpu", "A", "1/gpu", 256), ("gpu", "B", "1/gpu", None),
    ]  # fmt: skip


def test_sides_with_different_guests_have_nothing_to_compare_in_a_scenario_of_one_guest(planned) -> None:
    both = planned(["guest=gpu"], ["guest=gpu"]).subjects
    assert with_guest(both, "gpu") == both
    assert with_guest(planned(["guest=gpu"], ["guest=tiny"]).subjects, "gpu") == ()
    assert with_guest(planned(["guest=gpu"], ["guest=tiny"]).subjects, "media") == ()


@pytest.mark.parametrize(
    ("texts", "error", "says"),
    [
        (["bakcend=tcg"], UnknownName, "unknown key 'bakcend' in --b"),
        (["label=x"], UnknownName, "unknown key 'label'"),
        (["cpus"], UsageError, "--b cpus has no value"),
        (["cpus="], UsageError, "--b cpus= has no value"),
        (["cpus=1", "cpus=2"], UsageError, "--b says cpus twice"),
        ([""], UnknownName, "unknown key ''"),
        (["cpus=many"], InvalidConfiguration, "--b cpus must be a whole number, not 'many'"),
        (["cpus=0"], InvalidConfiguration, "--b cpus must be 1 or more"),
        (["memory_mib=7"], InvalidConfiguration, "--b memory_mib must be 32 or more"),
        (["gpu=voodoo"], UnknownName, "unknown value 'voodoo' in --b gpu"),
        (["arch=x86"], UnknownName, "unknown architecture 'x86'"),
        (["backend=kwm"], UnknownName, "did you mean 'kvm'"),
        (["qemu=/no/such/qemu"], AcceleratorUnusable, "x86-64-B: /no/such/qemu"),
        (["backend=whpx"], AcceleratorUnusable, "whpx"),
    ],
)  # fmt: skip
def test_what_a_side_cannot_be_is_said_with_its_option(planned, texts, error, says) -> None:
    with pytest.raises(error) as raised:
        planned(b=texts)
    assert says in f"{raised.value.message} {raised.value.fix}"
    assert raised.value.fix
    assert raised.value.exit_code == (3 if error is AcceleratorUnusable else 2)


def test_sides_in_words() -> None:
    assert Sides({"cpus": "1"}, {}).in_words() == "A is cpus=1; B is as configured"
    assert Sides({}, {}).in_words() == "both are as configured"
    assert (
        Sides({"cpus": "1", "gpu": "2d"}, {"cpus": "1", "gpu": "2d"}).in_words() == "both are cpus=1, gpu=2d"
    )
