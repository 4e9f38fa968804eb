"""A download ends as the whole, checked file, or as an error with a name and nothing kept as good."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import pytest

from harness.archive.fetch import Download, Fetcher
from harness.archive.release import Checksum
from harness.errors import ArchiveCorrupt, ArchiveUnreachable, CacheReadOnly, DiskFull

BODY = bytes(range(256)) * 4000
PATH = "pool/big.deb"
NOWHERE = "http://127.0.0.1:9"
"""The discard port: nothing listens there."""


@pytest.fixture
def download(archive) -> Download:
    archive.files[PATH] = BODY
    return Download("big", (PATH,), Checksum(hashlib.sha256(BODY).hexdigest(), len(BODY)))


@pytest.fixture
def fetcher(archive, tmp_path) -> Fetcher:
    return Fetcher(tmp_path / "cäche dir" / "sha256", [archive.url])


def _left(fetcher: Fetcher) -> list[str]:
    return sorted(path.name for path in fetcher.folder.glob("*")) if fetcher.folder.exists() else []


def test_once_is_enough(archive, download, fetcher) -> None:
    told = []
    told_fetcher = Fetcher(fetcher.folder, fetcher.mirrors, progress=lambda *facts: told.append(facts))
    path = told_fetcher.fetch(download)
    assert path.read_bytes() == BODY
    assert told[-1] == ("big", len(BODY), len(BODY))
    assert fetcher.fetch(download) == path
    assert len(archive.requests) == 1


def test_a_transfer_that_breaks_off_is_resumed(archive, download, fetcher) -> None:
    archive.cut_after = 300_000
    assert fetcher.fetch(download).read_bytes() == BODY
    start = int(archive.requests[1][1].removeprefix("bytes=").removesuffix("-"))
    assert 0 < start <= 300_000  # what came was not asked for again


def test_a_later_run_resumes(archive, download, fetcher) -> None:
    fetcher.folder.mkdir(parents=True)
    part = fetcher.folder / f"{download.checksum.sha256}.part"
    part.write_bytes(BODY[:500_000])
    assert fetcher.fetch(download).read_bytes() == BODY
    assert archive.requests == [(PATH, "bytes=500000-")]
    assert not part.exists()


def test_a_server_that_ignores_range(archive, download, fetcher) -> None:
    archive.knows_range, archive.cut_after = False, 300_000
    assert fetcher.fetch(download).read_bytes() == BODY


@pytest.mark.parametrize("rest", [b"another file's beginning", BODY + b"more than there is"])
def test_a_wrong_part_is_found_out_and_not_kept(archive, download, fetcher, rest: bytes) -> None:
    fetcher.folder.mkdir(parents=True)
    (fetcher.folder / f"{download.checksum.sha256}.part").write_bytes(rest)
    try:
        fetcher.fetch(download)
    except ArchiveCorrupt:
        assert _left(fetcher) == []
    assert fetcher.fetch(download).read_bytes() == BODY


def test_a_wrong_hash(archive, download, fetcher) -> None:
    archive.files[PATH] = BODY[:-1] + b"!"
    with pytest.raises(ArchiveCorrupt, match="SHA-256"):
        fetcher.fetch(download)
    assert _left(fetcher) == []


@pytest.mark.parametrize("body", [BODY[:-1], BODY + b"!", b""])
def test_a_wrong_size(archive, download, fetcher, body: bytes) -> None:
    archive.files[PATH] = body
    with pytest.raises(ArchiveCorrupt, match="bytes long"):
        fetcher.fetch(download)
    assert _left(fetcher) == []


def test_the_next_mirror_is_asked(archive, download, fetcher) -> None:
    assert Fetcher(fetcher.folder, [NOWHERE, f"{archive.url}/none", archive.url]).fetch(download).is_file()


def test_a_wrong_hash_says_more_than_a_dead_mirror(archive, download, fetcher) -> None:
    archive.files[PATH] = BODY[::-1]
    with pytest.raises(ArchiveCorrupt):
        Fetcher(fetcher.folder, [archive.url, NOWHERE]).fetch(download)


def test_no_network(download, fetcher) -> None:
    with pytest.raises(ArchiveUnreachable, match=r"127\.0\.0\.1:9") as caught:
        Fetcher(fetcher.folder, [NOWHERE]).fetch(download)
    assert caught.value.exit_code == 3
    assert "VISORBENCH_MIRROR" in caught.value.fix


def test_offline_asks_nobody(archive, download, fetcher) -> None:
    with pytest.raises(ArchiveUnreachable, match="offline"):
        Fetcher(fetcher.folder, [archive.url], offline=True).fetch(download)
    assert archive.requests == []


def test_a_full_disk(archive, download, fetcher, no_space_beyond) -> None:
    with no_space_beyond(200_000), pytest.raises(DiskFull) as caught:
        fetcher.fetch(download)
    assert caught.value.exit_code == 3
    assert _left(fetcher) == []
    assert fetcher.fetch(download).read_bytes() == BODY  # once there is space


def test_a_read_only_cache(archive, download, read_only_folder) -> None:
    with pytest.raises(CacheReadOnly, match="read-only") as caught:
        Fetcher(read_only_folder / "sha256", [archive.url]).fetch(download)
    assert caught.value.exit_code == 3


def test_two_processes_fetch_once(archive, download, fetcher) -> None:
    program = (
        "import sys; from pathlib import Path;"
        "from harness.archive.fetch import Download, Fetcher;"
        "from harness.archive.release import Checksum;"
        "d = Download('big', (sys.argv[3],), Checksum(sys.argv[4], int(sys.argv[5])));"
        "print(Fetcher(Path(sys.argv[1]), [sys.argv[2]]).fetch(d))"
    )
    checksum = download.checksum
    argv = [
        sys.executable,
        "-c",
        program,
        fetcher.folder,
        archive.url,
        PATH,
        checksum.sha256,
        str(checksum.size),
    ]
    processes = [subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [process.communicate()[0].strip() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert outputs == [str(fetcher.folder / checksum.sha256)] * 2
    assert len(archive.requests) == 1
