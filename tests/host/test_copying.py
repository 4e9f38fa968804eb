"""Every means to copy a file, on this host."""

import os
import random
import sys

import pytest

from harness.errors import HostLacks, MeasurementError, ToolMissing
from harness.host.copying import MEANS, copy_file_range


@pytest.mark.parametrize("name", MEANS)
def test_a_copy_is_the_same_or_it_is_said_what_the_host_lacks(name, tmp_path):
    source, to = tmp_path / "a source, ü", tmp_path / "a copy, ü"
    source.write_bytes(random.Random(7).randbytes(3 << 20))
    os.truncate(source, 5 << 20)
    try:
        MEANS[name](source, to)
    except HostLacks as lack:
        pytest.skip(str(lack))
    assert to.read_bytes() == source.read_bytes()


@pytest.mark.skipif(sys.platform != "linux", reason="a file that grows smaller while Linux copies it")
def test_a_source_that_ends_early_is_no_copy(tmp_path, monkeypatch):
    source, to = tmp_path / "source", tmp_path / "to"
    source.write_bytes(b"x" * 10)
    monkeypatch.setattr(os, "copy_file_range", lambda *_: 0)
    with pytest.raises(MeasurementError, match="10 bytes before the end"):
        copy_file_range(source, to)


def test_a_program_that_is_missing_or_fails_is_named(tmp_path, monkeypatch):
    with pytest.raises(MeasurementError, match=r"cp did not copy .*none: "):
        MEANS["cp"](tmp_path / "none", tmp_path / "to")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissing, match="has no rsync"):
        MEANS["rsync"](tmp_path / "none", tmp_path / "to")
