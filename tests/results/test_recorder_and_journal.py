"""A bench records; whatever happens to it, what was recorded can be read."""

import json
import math
import os
import signal
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import DiskFull, MeasurementError, ReportsUnwritable, StoreError, UnknownName
from harness.results.journal import JOURNAL, recover
from harness.results.models import Run
from harness.results.plain_values import TEXT_MAX
from harness.results.recorder import RunRecorder

TINY = {"backend": "tcg", "guest": "tiny", "arch": "arm64"}


@pytest.fixture
def recorder(tmp_path):
    with RunRecorder("quick", {"cpu": "x"}, reports=tmp_path) as made:
        yield made


def boot(recorder, subject, value=1.0, **more):
    recorder.sample("boot", "init", unit="s", better="lower", subject=subject, value=value, **more)


def test_a_run_is_what_was_recorded(recorder):
    native, tcg = recorder.subject(backend="native"), recorder.subject(**TINY)
    for subject, factor in ((native, 1), (tcg, 10)):
        recorder.samples(
            "compute",
            "integer",
            unit="s",
            better="lower",
            subject=subject,
            values=[factor * v for v in (1, 2, 3)],
        )
    recorder.note("compute", "integer", subject=tcg, text="warm")
    recorder.note("compute", "integer", subject=tcg, text="warm")
    run = recorder.finish()
    assert [series.samples for series in run.series] == [(1, 2, 3), (10, 20, 30)]
    assert run.series[0].native is None
    assert run.series[1].native.ratio == 10
    assert run.series[1].native.subject == "native"
    assert run.series[1].notes == ("warm",)
    assert run.run.duration_s >= 0


def test_a_folder_that_cannot_be_made_has_a_name(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ReportsUnwritable, match="cannot write a run in"):
        RunRecorder("quick", {}, reports=tmp_path / "file")


def test_the_same_facts_are_the_same_subject(recorder):
    assert recorder.subject(**TINY) == recorder.subject(**TINY) == "tcg-arm64-tiny"
    other = recorder.subject(**TINY, config={"memory_mib": 64})
    assert other.startswith("tcg-arm64-tiny~")
    assert recorder.subject(**TINY, variant="microvm") == "tcg-arm64-tiny-microvm"
    assert len(recorder.finish().subjects) == 3


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -0.1, None, "fast"])
def test_what_is_no_measurement_is_no_sample(recorder, value):
    subject = recorder.subject(**TINY)
    with pytest.raises(MeasurementError, match="boot/init on tcg-arm64-tiny"):
        boot(recorder, subject, value)
    assert recorder.sample_count == 0
    assert recorder.finish().series == ()


def test_a_drift_may_be_negative(recorder):
    boot(recorder, recorder.subject(**TINY), -0.5, signed=True)
    assert recorder.finish().series[0].summary.min == -0.5


def test_values_are_recorded_all_or_none(recorder):
    subject = recorder.subject(**TINY)
    with pytest.raises(MeasurementError):
        recorder.samples("boot", "init", unit="s", better="lower", subject=subject, values=[1.0, math.nan])
    assert recorder.sample_count == 0


def test_a_series_keeps_its_unit_and_direction(recorder):
    subject = recorder.subject(**TINY)
    boot(recorder, subject)
    with pytest.raises(MeasurementError, match="now ms"):
        recorder.sample("boot", "init", unit="ms", better="lower", subject=subject, value=1)
    with pytest.raises(UnknownName, match="did you mean 'higher'"):
        recorder.sample("boot", "x", unit="s", better="highest", subject=subject, value=1)


def test_a_subject_must_be_registered(recorder):
    recorder.subject(**TINY)
    with pytest.raises(UnknownName, match="did you mean 'tcg-arm64-tiny'"):
        boot(recorder, "tcg-arm64-tinny")


def test_a_guest_without_end_and_without_encoding_is_kept_short_and_readable(recorder):
    recorder.fail("boot", error=ValueError("\udcff" + "x" * TEXT_MAX * 2))
    message = recorder.finish().failed[0].message
    assert message.startswith("\\udcff")
    assert len(message) < TEXT_MAX + 100


WILD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters()), inner, max_size=3),
    max_leaves=6,
)
ANY = st.text(st.characters(), max_size=300)


@pytest.mark.parametrize(
    ("home", "said", "kept"),
    [
        ("/home/al", "/home/al/src/qemu", "~/src/qemu"),
        ("/home/al", "qemu=/home/al, then /home/al:/opt", "qemu=~, then ~:/opt"),
        ("/home/al", "/home/alice, /home/al-2, /srv/home/al", "/home/alice, /home/al-2, /srv/home/al"),
        ("/", "/opt/qemu", "/opt/qemu"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="paths are written in another way")
def test_a_run_does_not_say_whose_home_it_was_measured_in(recorder, monkeypatch, home, said, kept):
    monkeypatch.setenv("HOME", home)
    tcg = recorder.subject(**TINY, config={"qemu": said})
    boot(recorder, tcg)
    recorder.notice(said)
    recorder.skip("boot", code="x", reason=said, fix=said)
    recorder.fail("boot", error="MachineDied", message=said)
    run = recorder.finish()
    assert run.subjects[0].config["qemu"] == kept
    assert run.notices == (kept,)
    assert {run.skipped[0].reason, run.skipped[0].fix, run.failed[0].message} == {kept}


@given(ANY, ANY, ANY, st.dictionaries(ANY, WILD, max_size=3))
@settings(max_examples=60, deadline=None)
def test_no_name_and_no_fact_can_cost_a_run(tmp_path_factory, name, other, text, facts):
    with RunRecorder(text, facts, reports=tmp_path_factory.mktemp("wild")) as recorder:
        subject = recorder.subject(backend=name, guest=other, arch=text, config=facts, variant=other)
        recorder.sample(name, other, unit="s", better="lower", subject=subject, value=1)
        recorder.note(name, other, subject=subject, text=text)
        recorder.skip(other, code=text, reason=name, fix=other, subject=text)
        recorder.fail(text, error=name, message=other, subject=name, logs=[other])
        run = recorder.finish()
    assert recover(recorder.folder) == run == Run.from_json(run.to_json())


def test_a_failure_that_does_not_know_the_guest_belongs_to_its_subject(recorder):
    boot(recorder, recorder.subject(**TINY, variant="virt"))
    recorder.fail("boot", error="BootTimeout", message="slow", subject="tcg-arm64-virt")
    recorder.fail("boot", error="BootTimeout", message="slow", subject="kvm-arm64")
    run = recorder.finish()
    assert [failure.subject for failure in run.failed] == ["tcg-arm64-tiny-virt", "kvm-arm64"]
    assert run.passed() == []


def test_logs_are_named_relative_to_the_run(recorder):
    log = recorder.logs / "a.console"
    recorder.fail("boot", error="MachineDied", message="gone", logs=[log.resolve(), "logs/b.console"])
    assert recorder.finish().failed[0].logs == ("logs/a.console", "logs/b.console")


def test_recording_loads_neither_numpy_nor_pydantic(tmp_path):
    code = (
        "import sys, pathlib; from harness.results.recorder import RunRecorder\n"
        f"r = RunRecorder('quick', {{}}, reports=pathlib.Path({str(tmp_path)!r}))\n"
        "r.sample('a', 'b', unit='s', better='lower', subject=r.subject(backend='tcg'), value=1)\n"
        "print(*{'numpy', 'pydantic', 'pandas', 'matplotlib', 'sqlalchemy'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout == b"\n"


def test_the_journal_gives_the_same_run(recorder):
    boot(recorder, recorder.subject(**TINY), 3)
    recorder.skip("boot", code="hangs", reason="it hangs", subject="kvm-arm64")
    run = recorder.finish()
    assert recover(recorder.folder) == run
    assert not run.unfinished


def test_a_killed_bench_leaves_everything_but_its_end(tmp_path):
    code = (
        "import os, signal, pathlib; from harness.results.recorder import RunRecorder\n"
        f"r = RunRecorder('quick', {{}}, reports=pathlib.Path({str(tmp_path)!r}), run_id='killed')\n"
        "s = r.subject(backend='tcg')\n"
        "for i in range(1000): r.sample('a', 'b', unit='s', better='lower', subject=s, value=i)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL
    run = recover(tmp_path / "killed")
    assert run.unfinished
    assert run.series[0].samples == tuple(range(1000))


def _journalled(folder):
    with RunRecorder("quick", {"cpu": "x"}, reports=folder, run_id="cut") as recorder:
        subject = recorder.subject(**TINY)
        for value in range(20):
            boot(recorder, subject, value)
        recorder.finish()
    return recorder.folder


@given(st.floats(0, 1, exclude_max=True))
@settings(max_examples=40, deadline=None)
def test_a_journal_cut_anywhere_loses_the_last_line_only(tmp_path_factory, where):
    folder = _journalled(tmp_path_factory.mktemp("cut"))
    whole = (folder / JOURNAL).read_bytes()
    named = whole.index(b"\n") + 1
    cut = named + int(where * (len(whole) - named))
    (folder / JOURNAL).write_bytes(whole[:cut])
    run = recover(folder)
    kept = sum(json.loads(line)["event"] == "samples" for line in whole[:cut].split(b"\n")[:-1])
    assert run.unfinished
    assert run.sample_count == kept


def test_a_damaged_line_in_the_middle_is_named(tmp_path):
    folder = _journalled(tmp_path)
    lines = (folder / JOURNAL).read_bytes().split(b"\n")
    lines[5] = b"\x00\x00\x00"
    (folder / JOURNAL).write_bytes(b"\n".join(lines))
    with pytest.raises(StoreError, match="line 6"):
        recover(folder)


@pytest.mark.parametrize("content", [None, b"", b'{"event":"run","id'])
def test_a_journal_without_a_beginning_is_no_run(tmp_path, content):
    if content is not None:
        (tmp_path / JOURNAL).write_bytes(content)
    with pytest.raises(StoreError):
        recover(tmp_path)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="limits a process of its own")
def test_a_full_disk_keeps_what_was_recorded(tmp_path):
    """RLIMIT_FSIZE makes the kernel refuse the write, in the middle of a line, as a full disk does."""
    code = (
        "import resource, signal, pathlib; from harness.results.recorder import RunRecorder\n"
        "from harness.errors import DiskFull\n"
        f"r = RunRecorder('quick', {{}}, reports=pathlib.Path({str(tmp_path)!r}), run_id='full')\n"
        "s = r.subject(backend='tcg')\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
        "try:\n"
        "    for i in range(1000): r.sample('a', 'b', unit='s', better='lower', subject=s, value=i)\n"
        "except DiskFull as error: print(error.exit_code, r.sample_count)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    code_and_count = done.stdout.split()
    run = recover(tmp_path / "full")
    assert code_and_count == [str(DiskFull.exit_code), str(run.sample_count)]
    assert run.sample_count > 5
    assert (tmp_path / "full" / JOURNAL).read_bytes().endswith(b"\n")


def test_a_subject_is_compared_with_the_native_rounds_taken_in_turns_with_it(tmp_path) -> None:
    recorder = RunRecorder("p", {}, reports=tmp_path)
    native = recorder.subject(backend="native")
    first = recorder.subject(backend="tcg", arch="arm64")
    second = recorder.subject(backend="tcg", arch="x86-64")
    at_s = 0.0
    for subject, host_speed in ((first, 100.0), (second, 50.0)):  # the host slows down between the two
        for _ in range(5):
            for who, value in ((native, host_speed), (subject, 10.0)):
                at_s += 1
                recorder.sample("s", "m", unit="op/s", better="higher", subject=who, value=value, at_s=at_s)
    run = recorder.finish()
    ratios = {series.subject: series.native.ratio for series in run.series if series.native}
    assert ratios == {first: 0.1, second: 0.2}


def test_subjects_that_take_turns_are_compared_with_every_native_round(tmp_path) -> None:
    recorder = RunRecorder("p", {}, reports=tmp_path)
    native, *others = (recorder.subject(backend=name) for name in ("native", "tcg", "kvm"))
    for number, host_speed in enumerate((100.0, 200.0, 300.0)):
        for rank, (subject, value) in enumerate(((native, host_speed), *((other, 20.0) for other in others))):
            at_s = 10.0 * number + rank
            recorder.sample("s", "m", unit="op/s", better="higher", subject=subject, value=value, at_s=at_s)
    assert [series.native.ratio for series in recorder.finish().series if series.native] == [0.1, 0.1]


def test_a_subject_names_its_own_baseline(recorder) -> None:
    fast, slow = (recorder.subject(backend="native", variant=name) for name in ("fast", "slow"))
    own = recorder.subject(backend="tcg", baseline=slow)
    lone = recorder.subject(backend="kvm", baseline=recorder.subject(backend="native", variant="unmeasured"))
    plain = recorder.subject(backend="hvf")
    for subject, value in ((fast, 100), (slow, 50), (own, 10), (lone, 10), (plain, 10)):
        recorder.samples("s", "m", unit="op/s", better="higher", subject=subject, values=[value])
    run = recorder.finish()
    named = {
        series.subject: (series.native.subject, series.native.ratio) for series in run.series if series.native
    }
    assert named == {own: (slow, 0.2), plain: (fast, 0.1)}
    assert recover(recorder.folder) == run
    with pytest.raises(UnknownName, match="nobody"):
        RunRecorder("p", {}, reports=recorder.folder / "other").subject(backend="tcg", baseline="nobody")


def test_what_is_said_about_a_series_adds_up_and_is_written_once(recorder) -> None:
    subject = recorder.subject(**TINY)
    boot(recorder, subject)
    for _ in range(3):
        recorder.about(
            "boot", "init", subject=subject, targets={"80 %": 0.8, "95 %": 0.95}, facts={"driver": "x"}
        )
        recorder.about(
            "boot", "init", subject=subject, definition="when init starts", facts={"renderer": "y"}
        )
    for bad in (0, -1, math.nan, "much"):
        with pytest.raises(MeasurementError, match="target of boot/init"):
            recorder.about("boot", "init", subject=subject, targets={"bad": bad})
    with pytest.raises(UnknownName, match="series"):
        recorder.about("boot", "ini", subject=subject, facts={"a": 1})
    for _ in range(2):
        recorder.notice("no fan on this host")
    run = recorder.finish()
    (series,) = run.series
    assert [(target.label, target.share) for target in series.targets] == [("80 %", 0.8), ("95 %", 0.95)]
    assert (series.definition, series.facts) == ("when init starts", {"driver": "x", "renderer": "y"})
    assert run.notices == ("no fan on this host",)
    events = [json.loads(line)["event"] for line in (recorder.folder / JOURNAL).read_bytes().splitlines()]
    assert (events.count("about"), events.count("notice")) == (2, 1)
    assert recover(recorder.folder) == run


def test_a_run_goes_on_in_another_folder_with_all_that_it_has(tmp_path):
    with RunRecorder("quick", {}, reports=tmp_path / "one") as recorder:
        subject = recorder.subject(backend="tcg")
        for number in range(2):
            recorder.sample("boot", "init", unit="s", better="lower", subject=subject, value=number)
            if not number:
                recorder.move(tmp_path / "two")
        run = recorder.finish()
    assert recover(tmp_path / "two" / run.id) == run
    assert run.series[0].samples == (0, 1)


def test_a_run_that_cannot_move_stays(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with RunRecorder("quick", {}, reports=tmp_path / "one") as recorder:
        with pytest.raises(ReportsUnwritable):
            recorder.move(tmp_path / "file")
        recorder.notice("still here")
        run = recorder.finish()
    assert recover(tmp_path / "one" / run.id) == run
