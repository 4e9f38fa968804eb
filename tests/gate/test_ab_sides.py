"""The two sides of an A/B as two runs that a gate can judge."""

from __future__ import annotations

import pytest

from harness.errors import NothingCompared, UsageError
from harness.gate import words
from harness.gate.decide import decide
from harness.gate.likeness import other_builds, unlike_fingerprints
from harness.gate.sides import split
from harness.results.recorder import RunRecorder
from tests.gate.runs import sided


@pytest.fixture
def recorder(tmp_path):
    with RunRecorder("gate", {}, reports=tmp_path, run_id="run") as made:
        yield made


def measured(recorder, subject, metric="guest-ready", *, factor=1.0, n=20):
    for number in range(n):
        value = factor * (1 + number / 1000)
        recorder.sample("boot", metric, unit="s", better="lower", subject=subject, value=value)


def test_the_sides_share_their_names_and_are_judged_as_runs_are(recorder):
    a, b = (sided(recorder, side, cpu=cpu) for side, cpu in (("A", "max"), ("B", "cortex-a72")))
    assert (a, b) == ("tcg-arm64-tiny-A", "tcg-arm64-tiny-B")
    measured(recorder, a)
    measured(recorder, b, factor=1.2)
    native = recorder.subject(backend="native", arch="x86-64")
    measured(recorder, native)
    before, after = split(recorder.finish())
    assert (before.id, after.id) == ("A of run", "B of run")
    (one,) = decide(before, after).judged
    assert (one.name, one.verdict) == ("boot/guest-ready/tcg-arm64-tiny", "regressed")
    assert unlike_fingerprints(before, after) == ["tcg-arm64-tiny differs: cpu 'max' became 'cortex-a72'"]


def test_two_builds_of_one_version_are_told_apart_and_two_places_of_one_build_are_not(recorder):
    for pair, build in (("1", "v9.1.0-8-gabc, sha256 2"), ("2", "v9.1.0-7-gdef, sha256 1")):
        sided(recorder, "A", pair=pair, guest=pair, qemu="main", build="v9.1.0-7-gdef, sha256 1")
        sided(recorder, "B", pair=pair, guest=pair, qemu="pr", build=build)
    sides = split(recorder.finish())
    assert unlike_fingerprints(*sides) == []
    assert other_builds(*sides) == [
        "tcg-arm64-1 runs on another build of QEMU 7.2.22: v9.1.0-7-gdef, sha256 1 became v9.1.0-8-gabc, sha256 2"
    ]


def test_sides_that_are_alike_differ_in_nothing(recorder):
    for side in "AB":
        measured(recorder, sided(recorder, side))
    before, after = split(recorder.finish())
    assert unlike_fingerprints(before, after) == []
    assert words.outcome(decide(before, after)) == "1 metric judged: no difference"


@pytest.mark.parametrize(
    ("of_b", "name"),
    [
        ({"backend": "kvm"}, "arm64-tiny"),
        ({"arch": "x86-64"}, "tcg-tiny"),
        ({"guest": "gpu"}, "tcg-arm64"),
        ({"backend": "kvm", "arch": "x86-64", "guest": "gpu"}, "1"),
    ],
)
def test_what_is_compared_is_called_what_both_sides_are(recorder, of_b, name):
    measured(recorder, sided(recorder, "A"))
    measured(recorder, sided(recorder, "B", **of_b))
    (one,) = decide(*split(recorder.finish())).judged
    assert one.subject == name


def test_variants_and_pairs_are_compared_with_their_own(recorder):
    factors = {("1", ""): 1.0, ("1", "pc"): 1.2, ("2", ""): 0.7}
    for (pair, variant), factor in factors.items():
        guests = {"guest": "tiny"} if pair == "1" else {"guest": "gpu"}
        for side in "AB":
            subject = sided(recorder, side, pair=pair, variant=variant, **guests)
            measured(recorder, subject, factor=factor if side == "B" else 1.0)
    judged = decide(*split(recorder.finish())).judged
    assert {one.subject: one.verdict for one in judged} == {
        "tcg-arm64-tiny": "same", "tcg-arm64-tiny-pc": "regressed", "tcg-arm64-gpu": "improved",
    }  # fmt: skip


def test_two_pairs_that_have_the_same_in_common_keep_names_of_their_own(recorder):
    for pair, (of_a, of_b) in {"1": ("tcg", "kvm"), "2": ("hvf", "vz")}.items():
        measured(recorder, sided(recorder, "A", pair=pair, backend=of_a))
        measured(recorder, sided(recorder, "B", pair=pair, backend=of_b))
    before, after = split(recorder.finish())
    assert [subject.id for subject in after.subjects] == ["arm64-tiny", "arm64-tiny~2"]
    assert {subject.id for subject in before.subjects} == {"arm64-tiny", "arm64-tiny~2"}


def test_what_fails_on_b_only_fails_the_gate_and_what_fails_on_both_does_not(recorder):
    subjects = [sided(recorder, side) for side in "AB"]
    for subject in subjects:
        measured(recorder, subject)
        recorder.fail("boot" if subject.endswith("B") else "other", error="BootTimeout", subject=subject)
    decision = decide(*split(recorder.finish()))
    assert [(one.scenario, one.subject) for one in decision.failed] == [("boot", "tcg-arm64-tiny")]
    assert not decision.passed


def test_one_side_alone_is_nothing_to_compare(recorder):
    measured(recorder, sided(recorder, "A"))
    with pytest.raises(NothingCompared, match="A of run and B of run have no metric in common"):
        decide(*split(recorder.finish()))


def test_a_run_without_sides_is_refused(recorder):
    measured(recorder, recorder.subject(backend="tcg", arch="arm64", guest="tiny"))
    with pytest.raises(UsageError, match="run compared no two sides"):
        split(recorder.finish())
