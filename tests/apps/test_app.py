"""`visorbench app` with real programs on a real X server: what it measures, what it says, and what it leaves behind."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from harness.apps.application import Application
from harness.apps.screen import RUNTIME, xvfb_command
from harness.errors import ArchiveUnreachable, HostLacks, InvalidConfiguration, ToolMissing
from harness.runtimes import catalogue
from harness.runtimes.ways import way_for

METRICS = {"bundle-size", "warm/first-window", "idle/memory", "idle/cpu-per-second"}
BRIEFLY = ("--rounds", 1, "--cold-rounds", 0, "--settle", 0.1, "--timeout", 300)


@pytest.fixture(scope="module")
def programs():
    """Where the runtime's programs are; its X server runs."""
    try:
        runtime = catalogue.ensure(RUNTIME)
        xvfb_command()
    except (ArchiveUnreachable, HostLacks) as lack:
        pytest.skip(f"the runtime {RUNTIME} is not here: {lack}")
    return runtime.programs(way_for(runtime))


@pytest.fixture
def app(command, monkeypatch, tmp_path):
    """`visorbench app`, which waits for no harness that measures on this host."""
    monkeypatch.setenv("VISORBENCH_LOCK_DIR", str(tmp_path))
    monkeypatch.setenv("VISORBENCH_REPORTS", str(tmp_path / "reports"))
    return lambda *arguments: command("app", *arguments)


def results(folder):
    return json.loads((next(folder.glob("reports/*/results.json"))).read_text())


def test_two_applications_in_turns(app, programs, tmp_path):
    code, out, err = app("--a", programs / "xclock", "--b", f"{programs / 'xcalc'}", *BRIEFLY)
    assert (code, "xclock: warm start 1 of 1" in err, "xcalc: warm start 1 of 1" in err) == (0, True, True)
    assert "nothing can be judged" in out  # after one round
    run = results(tmp_path)
    assert {(each["metric"], each["subject"][-1]) for each in run["series"]} == {
        (metric, side) for metric in METRICS for side in "AB"
    }
    values = {(each["metric"], each["subject"][-1]): each["samples"][0] for each in run["series"]}
    assert all(values[metric, side] > 0 for metric in METRICS - {"idle/cpu-per-second"} for side in "AB")
    assert not run["failed"]
    assert (tmp_path / "reports" / "latest" / "index.html").is_file()


def test_one_that_shows_no_window_is_ended_with_all_that_it_started(app, programs, tmp_path):
    seconds = str(100_000 + os.getpid())  # by which they are found again
    code, _, _ = app(f"sh -c 'setsid sleep {seconds} & sleep {seconds}'", *BRIEFLY[:-1], 1)
    assert not [each for each in psutil.process_iter(["cmdline"]) if seconds in (each.info["cmdline"] or [])]
    assert code == 1
    (failed,) = results(tmp_path)["failed"]
    assert (failed["error"], "no window within 1 s" in failed["message"]) == ("NoWindow", True)


def test_one_that_ends_first_is_told_with_its_words(app, programs, tmp_path):
    code, _, _ = app("sh -c 'echo no licence >&2; exit 3'", *BRIEFLY)
    assert code == 1
    (failed,) = results(tmp_path)["failed"]
    assert failed["error"] == "AppEnded"
    assert "ended with status 3 before it showed a window: no licence" in failed["message"]


def test_ctrl_c_leaves_nothing_behind(programs, tmp_path):
    own = {
        "VISORBENCH_LOCK_DIR": tmp_path,
        "VISORBENCH_REPORTS": tmp_path / "reports",
        "VISORBENCH_DATA_DIR": tmp_path,
    }
    main = "from harness.cli.main import main; main()"
    harness = subprocess.Popen(
        [sys.executable, "-c", main, "app", programs / "xclock", "--settle", "1000", "--timeout", "300"],
        env={**os.environ, **{key: str(path) for key, path in own.items()}},
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    said = next(line for line in harness.stderr if "warm start" in line)
    children = psutil.Process(harness.pid).children(recursive=True)
    harness.send_signal(signal.SIGINT)
    _, rest = harness.communicate(timeout=300)
    assert (harness.returncode, "interrupted; what was measured is kept" in rest, bool(said)) == (
        130,
        True,
        True,
    )
    assert children
    assert not psutil.wait_procs(children, timeout=60)[1]


def test_a_bundle_is_a_file_a_folder_or_what_is_named(tmp_path, monkeypatch):
    folder = tmp_path / "Some.app" / "Contents"
    folder.mkdir(parents=True)
    program = folder / "program"
    program.write_bytes(b"#!/bin/sh\n")
    program.chmod(0o755)
    (folder / "same").hardlink_to(program)
    (folder / "data").write_bytes(bytes(1000))
    (folder / "link").symlink_to(folder / "data")
    own = Application.of(f"'{program}' --option 'two words'")
    assert (own.bundle, own.command[1:], own.label) == (folder.parent, ("--option", "two words"), "program")
    assert own.bundle_bytes() == 10 + 1000 + len(str(folder / "data"))
    assert Application.of(str(program), bundle=program).bundle_bytes() == 10
    assert Application.of("sh").bundle == Path("/bin/sh").resolve()
    with pytest.raises(ToolMissing, match="no program"):
        Application.of("visorbench-has-no-such-program")
    with pytest.raises(ToolMissing, match="no program"):
        Application.of("")
    (tmp_path / "app").touch()
    with pytest.raises(InvalidConfiguration, match="nobody may run it") as refused:
        Application.of(str(tmp_path / "app"))
    assert refused.value.fix == f"chmod +x {tmp_path / 'app'}"
    with pytest.raises(InvalidConfiguration, match="is not one"):
        Application.of("sh 'unclosed")
    with pytest.raises(InvalidConfiguration, match="is not there"):
        Application.of("sh", bundle=tmp_path / "none")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "name one CMD"),
        (("--a", "sh"), "name the other with --b"),
        (("--b", "sh"), "name the other with --a"),
        (("sh", "--a", "sh", "--b", "sh"), "name it as one of the two"),
        (("sh", "--bundle", "/bin", "--bundle", "/bin"), "2 bundles for 1"),
    ],
)
def test_what_makes_no_sense_is_refused(app, arguments, words):
    code, _, err = app(*arguments)
    assert (code, words in err) == (2, True)


def test_the_display_of_a_session_that_has_none(app, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    code, _, err = app("sh", "--real")
    assert (code, "no X display" in err) == (3, True)
