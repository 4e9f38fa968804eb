"""The wrappers by which the programs of a tree are run: here by its loader, with the host's own echo in it."""

from __future__ import annotations

import os
import subprocess

import pytest

from harness.runtimes.model import Runtime, Way

ARGUMENTS = ["a b", "*", "$HOME", "'\"", "-n", "", "ü"]


def run(*argv: object, **more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(list(map(str, argv)), capture_output=True, text=True, check=False, **more)


@pytest.fixture
def loader(install):
    """The folder of wrappers, below one with a space and an umlaut."""
    runtime: Runtime = install()
    return runtime.programs(Way.LOADER)


def test_every_argument_arrives_as_it_is(loader) -> None:
    assert run(loader / "echo", *ARGUMENTS).stdout == " ".join(ARGUMENTS) + "\n"
    assert run(loader / "run", "echo", *ARGUMENTS).stdout == " ".join(ARGUMENTS) + "\n"


def test_a_program_is_called_by_its_own_name(loader) -> None:
    """As its usage shows: passt, for one, is two programs that differ in nothing else."""
    for argv in ([loader / "echo"], [loader / "run", "echo"]):
        assert run(*argv, "--help").stdout.partition(" [")[0].endswith("/echo")


def test_it_is_the_trees_program_that_runs(loader) -> None:
    tree = str(loader.parents[1] / "tree")
    seen = run(loader / "echo", env={"LD_DEBUG": "libs", "PATH": "/nowhere"}).stderr
    of_echo = seen[seen.index(tree) :].splitlines()  # before that it is of the shell, which has the same pid
    used = [line.split("init: ")[1] for line in of_echo if "calling init: /" in line]
    assert len(used) >= 2
    assert all(path.startswith(tree) for path in used)


def test_by_a_link_by_a_relative_path_and_by_PATH(loader, tmp_path) -> None:  # noqa: N802
    link = tmp_path / "my echo"
    link.symlink_to(loader / "echo")
    assert run(link, "hi").stdout == "hi\n"
    assert run("./echo", "hi", cwd=loader).stdout == "hi\n"
    assert run("sh", "-c", "echo () { command -p true; }; unset -f echo; exec echo hi",
               env={"PATH": f"{loader}:{os.environ['PATH']}"}).stdout == "hi\n"  # fmt: skip


def test_a_runtime_may_be_moved(loader, tmp_path) -> None:
    elsewhere = tmp_path / "else where"
    loader.parents[1].rename(elsewhere)
    assert run(elsewhere / "launchers/loader/echo", "hi").stdout == "hi\n"


def test_no_shell_is_left_behind(loader) -> None:
    with subprocess.Popen(
        ["sh", "-c", f'echo $$; exec "{loader}/run" "{loader}/../../tree/usr/bin/echo" x'],
        stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.read().splitlines() == [str(process.pid), "x"]


def test_libraries_forced_on_the_host_are_not_forced_on_the_tree(loader) -> None:
    env = os.environ | {"LD_LIBRARY_PATH": "/nowhere", "LD_PRELOAD": "/nowhere/x.so"}
    done = run(loader / "echo", "hi", env=env)
    assert done.stdout == "hi\n"
    assert "tree" not in done.stderr


def test_links_work_and_what_is_not_there_is_named(loader) -> None:
    assert run(loader / "run", "say", "hi").stdout == "hi\n"
    done = run(loader / "run", "nosuch")
    assert (done.returncode, done.stdout) == (127, "")
    assert "this runtime has no program nosuch" in done.stderr
