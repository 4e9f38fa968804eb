"""A file that cannot be written is refused before the work, whichever command is to write it."""

from __future__ import annotations

from tests.archive.fixtures import read_only_folder

__all__ = ["read_only_folder"]


def commands(to):
    return [
        ("boot", "--screenshot", to),
        ("export", "--format", "json", "-o", to),
        ("history", "guest-ready", "--plot", to),
    ]


def test_a_read_only_folder_is_the_hosts_lack(command, read_only_folder):
    for arguments in commands(read_only_folder / "file"):
        code, out, err = command(*arguments)
        assert (code, out) == (3, ""), err
        assert f"{read_only_folder} may not be written" in err


def test_what_can_be_no_file_is_the_users_mistake(command, tmp_path):
    for to, said in ((tmp_path, "is a folder, and"), (tmp_path / "no" / "file", "there is no folder")):
        for arguments in commands(to):
            code, out, err = command(*arguments)
            assert (code, out) == (2, ""), err
            assert said in err
