"""The ways to give a guest a disk, and what is recorded of fio on one."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.errors import DataLost
from harness.machines.disk import Aio, Cache, Disk, DiskInterface, ImageFormat
from harness.machines.fio import JOBS, Fio
from harness.machines.fio_report import FioReport, Latency
from harness.plugin.measure import Measure
from harness.plugin.storage_contest import Side, check_kept, fio_in_turns, short_name, ways

QUICK = Latency(9, 1000, 2000)


def test_every_interface_format_cache_and_aio_mode_is_tried_once():
    every = [Disk("any", Path("any"), **way) for way in ways()]
    assert len({disk.way for disk in every}) == len(every)
    assert {(disk.interface, disk.format) for disk in every} == {
        (i, f) for i in DiskInterface for f in ImageFormat
    }
    assert {disk.cache for disk in every} == set(Cache)
    assert {disk.aio for disk in every} == set(Aio)
    assert all(disk.cache.direct for disk in every if disk.aio is Aio.NATIVE)
    names = [short_name(disk) for disk in every]
    assert len(set(names)) == len(names)
    assert {"raw-none-native", "nvme-qcow2-none-native", "qcow2-unsafe-threads"} <= set(names)


def test_data_that_was_lost_is_an_error_and_no_number():
    disk = Disk("a", Path("a.qcow2"), cache=Cache.NONE)
    check_kept(disk, "same", "same")
    with pytest.raises(DataLost, match=r"virtio-blk-qcow2-none-threads: .* kill -9"):
        check_kept(disk, "this", "that")


@pytest.mark.parametrize("native", [False, True])
def test_what_a_job_is_measured_by(monkeypatch, native):
    def run(_self, job, _seconds):
        return FioReport("fio-3.39", 8 << 20, 2048, 500, QUICK, QUICK if job.flushes else None)

    monkeypatch.setattr(Fio, "run", run)
    said = []
    measure = Measure("storage", {"backend": "tcg"}, {"backend": "native"}, None, said.append)
    profile = SimpleNamespace(storage_rounds=1, storage_seconds=1)
    fio_in_turns([Side(Fio(None, ("fio",), "x", 8), measure, native=native)], measure, profile)
    assert {each["subject"]["backend"] for each in said} == {"native" if native else "tcg"}
    assert all(each["facts"] == {"fio": "fio-3.39"} for each in said if each["say"] == "about")
    told = {each["metric"]: (*each["values"], each["unit"]) for each in said if each["say"] == "samples"}
    assert told == {
        "sequential-read/bandwidth": (16 << 20, "B/s"), "sequential-write/bandwidth": (16 << 20, "B/s"),
        "random-read/requests": (4096, "op/s"), "random-write/requests": (4096, "op/s"),
        "random-read/latency": (1e-6, "s"), "random-read/latency-p99": (2e-6, "s"),
        "random-write/latency": (1e-6, "s"), "random-write/latency-p99": (2e-6, "s"),
        "fsync/latency": (1e-6, "s"), "fsync/latency-p99": (2e-6, "s"),
    }  # fmt: skip
    assert {name.partition("/")[0] for name in told} == {job.name for job in JOBS}
