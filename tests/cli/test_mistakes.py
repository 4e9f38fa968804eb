"""What a newcomer mistypes is refused in one sentence before a guest boots, with the exit code of its kind."""

from __future__ import annotations

import click
import pytest

import harness.cli.main as cli


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("boot", "--kernel", "absent"), 2, "absent is not a file"),
        (("boot", "--disk", "absent"), 2, "absent is not a file"),
        (("boot", "--screenshot", "absent/a.png"), 2, "there is no folder absent for the screenshot"),
        (("kernel", "unpack", "absent"), 2, "absent is not a file"),
        (("soak", "--logs", "file/logs"), 3, "cannot write logs in file/logs: Not a directory"),
        (
            ("runs", "--store", "sqlite:///file/results.db"),
            3,
            "the store cannot have the folder file: File exists",
        ),
    ],
)
def test_it_is_the_only_thing_that_is_said(command, tmp_path, arguments, code, said) -> None:
    (tmp_path / "file").touch()
    ended, out, err = command(*arguments)
    assert (ended, out) == (code, "")
    assert err.splitlines()[0] == f"visorbench: {said}"
    assert len(err.splitlines()) == 2


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_option_says_something(command, name) -> None:
    def options(group):
        yield from group.params
        for one in getattr(group, "commands", {}).values():
            yield from options(one)

    found = cli.cli.get_command(None, name)
    assert [one.name for one in options(found) if isinstance(one, click.Option) and not one.help] == []
