"""Two runs side by side, and what the terminal shows."""

import io
import re
from dataclasses import replace

import pytest
from rich.console import Console

from harness.report.compare import compare
from harness.report.terminal import print_comparison, print_table
from harness.results.recorder import RunRecorder
from tests.report.synthetic import HOST, recorded, synthetic_run


def printed(print_it, what, width=100):
    stream = io.StringIO()
    print_it(what, Console(file=stream, width=width, highlight=False, markup=False))
    return stream.getvalue().replace("\u202f", " ").replace("\u00a0", " ")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    reports = tmp_path_factory.mktemp("reports")
    return synthetic_run(reports), synthetic_run(reports, seed=2, speed=1.25)


def by_metric(comparison):
    return {(change.metric, change.subject): change for change in comparison.changes}


def test_faster_is_better_whichever_way_the_metric_goes(runs):
    changes = by_metric(compare(*runs))
    boot = changes["first-command", "tcg-arm64-tiny"]
    compute = changes["integer", "tcg-arm64-tiny"]
    assert (boot.verdict, compute.verdict) == ("better", "better")
    assert boot.ratio == pytest.approx(0.8, abs=0.03)
    assert compute.ratio == pytest.approx(1.25, abs=0.04)
    assert boot.ci95[0] < boot.ratio < boot.ci95[1]
    assert changes["integer", "native-x86-64"].verdict == "same"


def test_the_other_way_round_it_is_worse(runs):
    changes = by_metric(compare(*reversed(runs)))
    assert changes["first-command", "tcg-arm64-tiny"].verdict == "worse"
    assert changes["integer", "tcg-arm64-tiny"].verdict == "worse"


def test_a_run_is_the_same_as_itself(runs):
    comparison = compare(runs[0], runs[0])
    assert {change.verdict for change in comparison.changes} == {"same"}
    assert {change.ratio for change in comparison.changes} == {1.0}
    assert not comparison.unlike + comparison.only_before + comparison.only_after


def _small(
    reports, *, version="7.2", governor="performance", samples=(1.0, 1.1, 0.9), metric="init", load=0.1
):
    host = replace(HOST, governor=governor, load=(load, load, load))
    with RunRecorder("quick", recorded(host), reports=reports) as recorder:
        subject = recorder.subject(backend="tcg", backend_version=version, guest="tiny", arch="arm64")
        recorder.samples("boot", metric, unit="s", better="lower", subject=subject, values=samples)
        return recorder.finish()


def test_unlike_fingerprints_are_said_aloud(tmp_path):
    comparison = compare(_small(tmp_path), _small(tmp_path, version="9.0", governor="powersave", load=3.7))
    assert [sentence.split(":")[0] for sentence in comparison.unlike] == [
        "the hosts differ",
        "tcg-arm64-tiny differs",
    ]
    assert comparison.unlike[0] == "the hosts differ: governor 'performance' became 'powersave'"
    assert "version '7.2' became '9.0'" in comparison.unlike[1]
    assert [change.like for change in comparison.changes] == [False]
    assert "not like with like: the hosts differ" in printed(print_comparison, comparison, 200)


def test_the_load_of_a_host_makes_no_other_host_of_it(tmp_path):
    assert compare(_small(tmp_path), _small(tmp_path, load=3.7)).unlike == ()


def test_too_few_samples_are_unclear(tmp_path):
    (change,) = compare(_small(tmp_path, samples=(1.0,)), _small(tmp_path, samples=(9.0,))).changes
    assert (change.verdict, change.ci95, change.ratio) == ("unclear", None, 9.0)


def test_what_only_one_run_has_is_named(tmp_path):
    comparison = compare(_small(tmp_path, metric="init"), _small(tmp_path, metric="guest-ready"))
    assert comparison.only_before == ("boot/init/tcg-arm64-tiny",)
    assert comparison.only_after == ("boot/guest-ready/tcg-arm64-tiny",)
    assert "no metric in common" in printed(print_comparison, comparison)


def test_the_table_fits_and_tells_the_key_metrics(runs):
    text = printed(print_table, runs[0], width=80)
    assert max(map(len, text.splitlines())) <= 80
    assert "tcg arm64  boots to first command in" in text
    assert "boot\n  guest ready" in re.sub(" *\n", "\n", text)
    assert "  memory bandwidth" in text
    assert "1 failed, 2 skipped" in text
    assert "kvm-x86-64: /dev/kvm opens" in text


def test_two_samples_have_no_interval_to_show(tmp_path):
    text = printed(print_table, _small(tmp_path, samples=(1.0, 2.0), metric="guest-ready"))
    assert "1.50 s\n" in text.replace(" \n", "\n")
    assert "[" not in text


def test_a_guest_cannot_drive_the_terminal(tmp_path):
    with RunRecorder("quick", {}, reports=tmp_path) as recorder:
        recorder.fail(
            "boot", error="GuestPanicked", message="\x1b]0;owned\x07[bold]\x1b[2Jpanic", subject="x"
        )
        run = recorder.finish()
    text = printed(print_table, run)
    assert "\x1b" not in text
    assert "[bold]panic" in text
