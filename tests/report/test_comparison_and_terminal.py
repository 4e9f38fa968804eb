"""Two runs side by side, and what the terminal shows."""

import io
import json
import re
from dataclasses import replace

import pytest
from rich.console import Console

from harness.errors import NothingCompared
from harness.gate.compare import compare
from harness.gate.decide import decide
from harness.report import units
from harness.report.key_table import key_table
from harness.report.terminal import print_comparison, print_runs, print_table
from harness.results.recorder import RunRecorder
from harness.results.store import RunLine
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
    assert (boot.verdict, compute.verdict) == ("improved", "improved")
    assert boot.ratio == pytest.approx(0.8, abs=0.03)
    assert compute.ratio == pytest.approx(1.25, abs=0.04)
    assert boot.ratio_ci95[0] < boot.ratio < boot.ratio_ci95[1]
    assert changes["integer", "native-x86-64"].verdict == "same"


def test_the_other_way_round_it_is_worse(runs):
    changes = by_metric(compare(*reversed(runs)))
    assert changes["first-command", "tcg-arm64-tiny"].verdict == "regressed"
    assert changes["integer", "tcg-arm64-tiny"].verdict == "regressed"


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
        recorder.samples(
            "boot",
            metric,
            unit="s",
            better="lower",
            subject=subject,
            values=samples,
            at_s=range(len(samples)),
        )
        return recorder.finish()


def test_unlike_fingerprints_are_said_aloud(tmp_path):
    comparison = compare(_small(tmp_path), _small(tmp_path, version="9.0", governor="powersave", load=3.7))
    assert [sentence.split(":")[0] for sentence in comparison.unlike] == [
        "the hosts differ",
        "tcg-arm64-tiny differs",
    ]
    assert comparison.unlike[0] == "the hosts differ: governor 'performance' became 'powersave'"
    assert "version '7.2' became '9.0'" in comparison.unlike[1]
    assert "not like with like: the hosts differ" in printed(print_comparison, comparison, 200)


def test_the_load_of_a_host_makes_no_other_host_of_it(tmp_path):
    assert compare(_small(tmp_path), _small(tmp_path, load=3.7)).unlike == ()


def test_too_few_samples_are_named_so_and_keep_their_ratio(tmp_path):
    (change,) = compare(_small(tmp_path, samples=(1.0,)), _small(tmp_path, samples=(9.0,))).changes
    assert (change.verdict, change.ratio_ci95, change.ratio) == ("too few", None, 9.0)


def test_a_comparison_and_a_gate_say_the_same(runs):
    judged = {(each.metric, each.subject): each.verdict for each in decide(*runs).judged}
    changes = by_metric(compare(*runs))
    assert judged == {key: changes[key].verdict for key in judged}
    assert {"improved", "same"} <= set(judged.values())


def test_what_follows_upon_zero_is_json_all_the_same(tmp_path):
    comparison = compare(_small(tmp_path, samples=[0.0] * 9), _small(tmp_path, samples=[1.0] * 9))
    (change,) = json.loads(json.dumps(comparison.to_dict(), allow_nan=False))["changes"]
    assert (change["ratio"], change["worse"], change["verdict"]) == (None, None, "regressed")


def test_what_only_one_run_has_is_named(tmp_path):
    comparison = compare(_small(tmp_path, metric="init"), _small(tmp_path, metric="guest-ready"))
    assert comparison.only_before == ("boot/init/tcg-arm64-tiny",)
    assert comparison.only_after == ("boot/guest-ready/tcg-arm64-tiny",)
    assert "series only after: 1 of boot" in printed(print_comparison, comparison)
    with pytest.raises(NothingCompared, match="no metric in common"):
        comparison.check_not_empty()


def test_a_comparison_fits_80_columns_and_cuts_no_name(runs):
    comparison = compare(*runs)
    wordy = replace(
        next(change for change in comparison.changes if change.unit.endswith("/s")),
        scenario="my-scenario", metric="cold/first-console-of-a-very-long-name", before=45.6e6, after=467.4e6,
        unit="calls/s", ratio_ci95=(10.05, 11.45), verdict="regressed",
    )  # fmt: skip
    text = printed(print_comparison, replace(comparison, changes=(*comparison.changes, wordy)), 80)
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    lines = [line.rstrip() for line in text.splitlines()]
    assert lines.count("boot") == len(
        {change.subject for change in comparison.changes if change.scenario == "boot"}
    )
    for words in ("first console output", "SSH banner", "first command"):
        assert [line for line in lines if line.startswith(f"  {words} ")], (
            "each metric in words, in one piece"
        )
    folded = lines[lines.index("my-scenario") + 1 :]
    names = " ".join(line[: line.find("45.6")] if "45.6" in line else line for line in folded[:4])
    assert " ".join(names.split()).startswith("first console of a very long name (cold)")
    assert f"10.25 [10.05 {units.DASH} 11.45]" in text


def test_the_list_of_runs_fits_80_columns_and_cuts_nothing():
    def line(profile, finished):
        return RunLine(
            "20260102-030405-abcd", "2026-01-02T03:04:05Z", finished, profile, "f", 12, 120, 12345, 12, 3
        )

    text = printed(
        print_runs, [line("standard", "2026-01-02T04:04:05Z"), line("my-very-own-profile", None)], 80
    )
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    header, first, *rest = [row.split() for row in text.splitlines()]
    assert " ".join(header) == "run started (UTC) profile samples failed skipped"
    assert " ".join(first) == "20260102-030405-abcd 2026-01-02 03:04 standard 12,345 3 12"
    assert rest[0][3] + "".join(map("".join, rest[1:])) == "my-very-own-profile(interrupted)"


def test_the_table_fits_and_tells_the_key_metrics(runs):
    text = printed(print_table, runs[0], width=80)
    assert max(map(len, text.splitlines())) <= 80
    assert "tcg arm64  boots to first command in" in text
    assert "boot\n  guest ready" in re.sub(" *\n", "\n", text)
    assert "  memory bandwidth ↑" in text
    assert re.match("↑ higher is better, +\notherwise lower ", text)
    assert "1 failed, 2 skipped" in text
    assert "kvm-x86-64: /dev/kvm opens" in text


@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_table_keeps_every_name_whatever_number_of_subjects(tmp_path, width):
    metrics = ("1280x720-30fps/flip-to-last-nal", "1280x720-unpaced/host-cpu-per-frame")
    with RunRecorder("full", {}, reports=tmp_path) as recorder:
        native = recorder.subject(backend="native", arch="x86-64", variant="encoder")
        variants = ("zero-copy-pushed", "zero-copy-asked", "pixels-sent", "x264-in-guest")
        guests = [
            recorder.subject(backend="tcg", guest="media", arch="x86-64", variant=variant, baseline=native)
            for variant in variants
        ]
        for at, subject in enumerate((native, *guests)):
            for metric in metrics:
                recorder.sample("encode", metric, unit="s", better="lower", subject=subject, value=at + 1)
        run = recorder.finish()
    text = printed(print_table, run, width)
    lines = text.partition("tcg x86-64 zero-copy-pushed  encode at")[0].splitlines()
    assert max(map(len, lines)) <= width
    assert "…" not in text
    tables = sum(line.strip() == "encode" for line in lines)
    assert tables == {60: 4, 80: 2, 200: 1}[width]
    for name in ("flip to last NAL unit (1280x720", "host CPU per frame (1280x720"):
        assert sum(line.startswith(f"  {name}") for line in lines) == tables
    for ratio in ("2.00\u00d7", "3.00\u00d7", "4.00\u00d7", "5.00\u00d7"):
        assert sum(line.count(ratio) for line in lines) == len(metrics)


def test_the_table_says_how_many_subjects_it_leaves_to_the_report(tmp_path):
    with RunRecorder("full", {}, reports=tmp_path) as recorder:
        for number in range(20):
            subject = recorder.subject(backend="tcg", guest="tiny", variant=f"lane-{number}")
            recorder.sample("network", "bandwidth", unit="B/s", better="higher", subject=subject, value=1)
        run = recorder.finish()
    key = key_table(run)
    assert len(key.subjects) + key.omitted_subjects == 20
    assert f"\n{key.omitted_subjects} more subjects in the report\n" in printed(print_table, run)


@pytest.mark.parametrize("name", ["speed", "speed-of-a-long-name"])
@pytest.mark.parametrize(
    ("directions", "said"),
    [
        (["lower"], ["lower is better"]),
        (["higher"], ["↑ higher is better"]),
        (["lower", "higher"], ["↑ higher is better,", "otherwise lower"]),
    ],
)
def test_the_table_says_which_way_is_better(tmp_path, directions, said, name):
    with RunRecorder("quick", {}, reports=tmp_path) as recorder:
        subject = recorder.subject(backend="tcg", guest="tiny")
        for better in directions:
            metric = f"{better}-{name}"
            recorder.sample("boot", metric, unit="1/s", better=better, subject=subject, value=1)
        run = recorder.finish()
    text = printed(print_table, run)
    for line, part in zip(text.splitlines(), said, strict=False):
        assert line.startswith(f"{part} ")
    assert text.count("↑") == 2 * ("higher" in directions)
    assert (f"  higher {name.replace('-', ' ')} ↑" in text) == ("higher" in directions)


def test_of_no_key_metric_there_is_no_table(tmp_path):
    text = printed(print_table, _small(tmp_path, samples=(1.0,), metric="vmm-ready"))
    assert "is better" not in text


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
