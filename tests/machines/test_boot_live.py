"""The live view of ``visorbench boot``: every line that a real guest says, in order, none twice."""

import threading

import pytest

from harness.cli import boot_live
from harness.cli.boot_live import watch
from harness.errors import BootTimeout

pytestmark = pytest.mark.guest_boot


def texts(shown: str) -> list[str]:
    return [line[11:] for line in shown.splitlines() if not line[11:].startswith("──")]


def test_what_was_said_before_the_view_began_is_shown(sector, capsys, monkeypatch):
    """A start that returns long after the guest has spoken, as where QMP greets late."""
    machine = sector(b"one\r\ntwo\r\nthree\r\n")
    start = machine.start

    def late():
        start()
        machine.console.wait_for("^two$", 30)

    monkeypatch.setattr(machine, "start", late)
    ending = watch(machine, until="^three$", timeout_s=30, show=True)
    assert ending.why == "marker"
    shown = texts(capsys.readouterr().out)
    assert [line for line in shown if line in ("one", "two", "three")] == ["one", "two", "three"]
    assert shown[-1] == "three", "the line that ended it is shown, too"


def test_a_prompt_is_shown_although_its_line_has_not_ended(sector, capsys):
    watch(sector(b"hello\r\nlogin: "), until="login:", timeout_s=30, show=True)
    assert texts(capsys.readouterr().out)[-1].strip() == "login:"


def test_lines_are_shown_before_the_error_that_ends_the_view(sector, capsys):
    with pytest.raises(BootTimeout):
        watch(sector(b"one\r\n"), until="never", timeout_s=3, show=True)
    assert texts(capsys.readouterr().out).count("one") == 1


def test_a_slow_terminal_is_told_where_lines_are_missing(sector, capsys, monkeypatch):
    """The terminal takes its first line when the guest has long said more than may wait."""
    monkeypatch.setattr(boot_live, "_QUEUED", 5)
    machine = sector(b"".join(b"%d\r\n" % n for n in range(60)) + b"end\r\n")
    finished, echo = threading.Event(), boot_live.click.echo

    def slow(text, **more):
        finished.wait(30)
        echo(text, **more)

    start = machine.start

    def late():
        start()
        machine.console.on_line(lambda line: line.text == "end" and finished.set(), replay=True)

    monkeypatch.setattr(machine, "start", late)
    monkeypatch.setattr(boot_live.click, "echo", slow)
    watch(machine, until="^end$", timeout_s=30, show=True)
    shown = texts(capsys.readouterr().out)
    numbers = [int(line) for line in shown if line.isdigit()]
    assert numbers == sorted(set(numbers))
    assert any("lines not shown" in line for line in shown)
