"""What a gate decides of two runs."""

import pytest

from harness.errors import NothingCompared, RunIncomplete, UnlikeRuns
from harness.gate import words
from harness.gate.decide import decide
from harness.gate.likeness import check_alike, check_complete
from harness.gate.rules import MetricRule, Rules
from harness.gate.words import verdict
from tests.gate.runs import run


def verdicts(decision):
    return {each.metric: each.verdict for each in decision.judged}


def test_the_same_again_passes(tmp_path):
    decision = decide(run(tmp_path, seed=1), run(tmp_path, seed=2))
    assert decision.passed
    assert set(verdicts(decision).values()) == {"same"}
    assert verdict(decision) == "passed: none of 6 metrics judged against run-1 regressed"


def test_what_became_slower_is_named_and_by_how_much(tmp_path):
    slower = {"metric-0": 0.08, "metric-3": 0.05}
    decision = decide(run(tmp_path, seed=1), run(tmp_path, seed=2, slower=slower))
    assert not decision.passed
    assert [each.metric for each in decision.regressed] == ["metric-0", "metric-3"]
    boot, compute = decision.regressed
    assert boot.worse == pytest.approx(0.08, abs=0.02)
    assert compute.worse == pytest.approx(0.05, abs=0.02)
    low, high = boot.ratio_ci95
    assert low < 1.08 < high
    assert verdict(decision).startswith("FAILED: 2 metrics regressed (of 6 metrics")


def test_an_improvement_is_reported_and_passes(tmp_path):
    decision = decide(run(tmp_path, seed=1), run(tmp_path, seed=2, slower={"metric-2": -0.1}))
    assert decision.passed
    assert [each.metric for each in decision.improved] == ["metric-2"]
    assert verdict(decision).endswith("1 metric improved")


def test_a_change_that_is_sure_but_not_minded_passes(tmp_path):
    before, after = run(tmp_path, seed=1, n=400), run(tmp_path, seed=2, n=400, slower={"metric-0": 0.01})
    assert decide(before, after).passed
    assert not decide(before, after, Rules(min_effect=0.005)).passed


def test_thresholds_by_glob_the_last_counts(tmp_path):
    before, after = run(tmp_path, seed=1), run(tmp_path, seed=2, slower={"metric-0": 0.1, "metric-1": 0.1})
    minded = (
        MetricRule("boot/*", 0.2),
        MetricRule("*/metric-1/tcg-*", ignore=True),
        MetricRule("gpu/*", 0.5),
    )
    decision = decide(before, after, Rules(metrics=minded))
    assert decision.passed
    assert verdicts(decision)["metric-1"] == "ignored"
    assert any("'gpu/*'" in each and "matches no metric" in each for each in decision.warnings)
    assert not decide(before, after, Rules(metrics=(*minded, MetricRule("boot/metric-0", 0.05)))).passed


def test_a_subject_that_fails_only_now_fails_the_gate(tmp_path):
    before, after = run(tmp_path, seed=1), run(tmp_path, seed=2, failing=True)
    decision = decide(before, after)
    assert [each.error for each in decision.failed] == ["BootTimeout"]
    assert not decision.passed
    assert decide(run(tmp_path, seed=3, failing=True), after).passed


def test_what_failed_and_left_no_samples_is_not_called_missing(tmp_path):
    before = run(tmp_path, seed=1)
    after = run(tmp_path, seed=2, failing=True, skipped=("metric-0", "metric-2", "metric-4"))
    decision = decide(before, after)
    assert not decision.passed
    assert decision.missing == ()


def test_a_metric_that_is_gone_is_said_and_fails_when_asked(tmp_path):
    before, after = run(tmp_path, seed=1), run(tmp_path, seed=2, skipped=("metric-4",))
    decision = decide(before, after)
    assert decision.missing == ("boot/metric-4/tcg-arm64-tiny",)
    assert decision.passed
    assert not decide(before, after, Rules(missing="fail")).passed
    assert decide(after, before).added == decision.missing


def test_no_metric_in_common_is_no_pass(tmp_path):
    with pytest.raises(NothingCompared, match="no metric in common") as refused:
        decide(
            run(tmp_path, seed=1, skipped=("metric-0",), metrics=1, native=1),
            run(tmp_path, seed=2, metrics=0).model_copy(update={"series": ()}),
        )
    assert refused.value.exit_code == 4


def test_only_the_host_measured_is_no_pass(tmp_path):
    with pytest.raises(NothingCompared, match="nothing was measured on a machine"):
        decide(run(tmp_path, seed=1, metrics=0), run(tmp_path, seed=2, metrics=0))


def test_too_few_samples_are_no_pass(tmp_path):
    """Three and three differ by chance in one way of twenty, however far apart they are."""
    with pytest.raises(NothingCompared, match="3 and 3 at most") as refused:
        decide(run(tmp_path, seed=1, n=3), run(tmp_path, seed=2, n=3, slower={"metric-0": 5.0}))
    assert "5 in each run" in refused.value.fix
    assert refused.value.exit_code == 4


def test_a_failure_counts_even_where_nothing_can_be_judged(tmp_path):
    assert not decide(run(tmp_path, seed=1, n=3), run(tmp_path, seed=2, n=3, failing=True)).passed


def test_what_too_few_samples_cannot_see_is_said(tmp_path):
    decision = decide(run(tmp_path, seed=1, n=5), run(tmp_path, seed=2, n=5))
    (warning,) = [each for each in decision.warnings if "one metric alone" in each]
    assert "5 + 5 samples among 6 metrics" in warning
    assert "with 7 + 7 it can" in warning


def test_a_host_that_changed_is_said_and_is_no_regression(tmp_path):
    decision = decide(run(tmp_path, seed=1), run(tmp_path, seed=2, native=0.9))
    assert decision.passed
    assert any("The host itself changed" in each for each in decision.warnings)


def test_unlike_runs_are_refused(tmp_path):
    before, after = run(tmp_path, seed=1), run(tmp_path, seed=2, version="QEMU 10.0.2")
    with pytest.raises(UnlikeRuns, match=r"version .QEMU 7\.2\.22. became .QEMU 10\.0\.2.") as refused:
        check_alike(before, after)
    assert "--allow-unlike" in refused.value.fix
    assert refused.value.exit_code == 2
    check_alike(before, run(tmp_path, seed=3))


def test_an_interrupted_run_is_refused(tmp_path):
    whole, half = run(tmp_path, seed=1), run(tmp_path, seed=2, finished=False)
    for pair in ((whole, half), (half, whole)):
        with pytest.raises(RunIncomplete, match="run-2 was interrupted after 140 samples"):
            check_complete(*pair)
    assert any("was interrupted" in each for each in decide(whole, half).warnings)


@pytest.mark.parametrize(
    ("value", "told"),
    [(0.02, "2 %"), (0.005, "0.5 %"), (12.2, "1,220 %"), (-12.2, "-1,220 %"), (float("inf"), "∞")],
)
def test_a_share_is_said_in_plain_numbers(value, told):
    assert words.share(value).replace("\N{NO-BREAK SPACE}", " ") == told
