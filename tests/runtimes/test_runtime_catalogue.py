"""A runtime comes whole from a signed archive, stays as it is, and never is half there."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from harness.errors import (
    ArchiveCorrupt,
    ArchiveUnreachable,
    CacheReadOnly,
    DiskFull,
    InvalidConfiguration,
    RuntimeInUse,
    ToolMissing,
    UnknownName,
)
from harness.runtimes import catalogue
from harness.runtimes.model import containing, fingerprint, read, upstream
from harness.runtimes.spec import read_spec
from tests.runtimes.conftest import SPEC, fill


def folders(cache) -> list[str]:
    return sorted(path.name for path in (cache / "runtimes/mini").iterdir() if path.is_dir())


def test_what_is_in_it(install, cache) -> None:
    runtime = install()
    assert runtime.packages == {"hello": "1", "libc6": "1"}
    assert runtime == catalogue.find("mini") == read(runtime.root)
    assert runtime.root.parent == cache / "runtimes" / "mini"
    manifest = json.loads((runtime.root / "manifest.json").read_bytes())
    assert runtime.fingerprint == fingerprint(manifest)
    assert manifest["suites"] == {"trixie": "13.1"}
    assert not (runtime.tree / "usr/share/doc/hello/copyright").exists()
    assert not (runtime.tree / "usr/lib/systemd").exists()


def test_an_installed_one_is_pinned_and_needs_no_network(archive, install) -> None:
    first = install()
    archive.requests.clear()
    fill(archive, version="2")
    assert install() == install(offline=True) == first
    assert archive.requests == []


def test_refresh_replaces_it_and_leaves_nothing_of_the_old_one(archive, install, cache) -> None:
    first = install()
    fill(archive, version="2")
    second = install(refresh=True)
    assert second.fingerprint != first.fingerprint
    assert second.packages["hello"] == "2"
    assert folders(cache) == [second.root.name]


def test_one_of_another_description_is_made_again(archive, install, cache, monkeypatch) -> None:
    first = install()
    fill(archive, version="2")
    monkeypatch.setattr(catalogue, "_description", lambda name: f"another {name}")
    assert catalogue.find("mini") is None
    second = install()
    assert second.packages["hello"] == "2"
    assert catalogue.find("mini") == second != first
    assert folders(cache) == [second.root.name]


def test_a_refresh_that_fails_leaves_the_old_one(archive, install) -> None:
    first = install()
    fill(archive, version="2")
    archive.files = {path: body for path, body in archive.files.items() if "hello_2" not in path}
    with pytest.raises(ArchiveUnreachable):
        install(refresh=True)
    assert install() == first == read(first.root)


def test_a_refresh_without_an_archive_says_so(install) -> None:
    first = install()
    with pytest.raises(
        ArchiveUnreachable, match="today's packages of trixie were asked for, and no mirror answers"
    ):
        install(refresh=True, mirror="http://127.0.0.1:9")
    assert install() == install(refresh=True, offline=True) == first


def test_a_new_date_of_the_suite_makes_no_new_runtime(archive, install) -> None:
    first = install()
    archive.publish(Version="13.9")
    second = install(refresh=True)
    assert second == first
    assert json.loads((second.root / "manifest.json").read_bytes())["suites"] == {"trixie": "13.9"}


def test_refresh_mends_a_damaged_tree(install) -> None:
    echo = install().tree / "usr/bin/echo"
    size = echo.stat().st_size
    echo.unlink()
    install(refresh=True)
    assert echo.stat().st_size == size


def test_one_of_another_format_is_not_installed(install, monkeypatch) -> None:
    first = install()
    monkeypatch.setattr("harness.runtimes.model.FORMAT", 99)
    monkeypatch.setattr("harness.runtimes.build.FORMAT", 99)
    assert catalogue.find("mini") is None
    with pytest.raises(InvalidConfiguration, match="another version of the harness"):
        read(first.root)
    assert install().fingerprint != first.fingerprint


def test_progress_is_one_download_and_one_unpacking(install) -> None:
    told: list[tuple[str, int, int]] = []
    install(progress=lambda what, done, total: told.append((what, done, total)))
    for what in ("fetching runtime mini", "unpacking runtime mini"):
        done = [now for name, now, _ in told if name == what]
        assert done == sorted(done)
        assert done[-1] == next(total for name, _, total in told if name == what)


def test_a_broken_download_is_resumed(archive, install) -> None:
    resumed: list[str] = []

    def cut(what: str, done: int, total: int) -> None:
        if what.startswith("fetching") and not resumed:
            archive.cut_after = 400_000  # of the package after this one, libc6
            resumed.append(what)

    install(progress=cut)
    assert [path for path, wanted in archive.requests if wanted] == ["pool/libc6_1.deb"]


@pytest.mark.parametrize("moment", ["fetching", "unpacking"])
def test_ctrl_c_leaves_nothing_half_written(install, cache, moment: str) -> None:
    def interrupt(what: str, done: int, total: int) -> None:
        if what.startswith(moment):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        install(progress=interrupt)
    assert folders(cache) == []
    assert catalogue.find("mini") is None
    assert install().packages


def test_what_a_kill_left_is_swept(install, cache) -> None:
    left = cache / "runtimes/mini/.0123456789abcdef-x/tree/usr"
    left.mkdir(parents=True)
    assert folders(cache) == [".0123456789abcdef-x"]
    runtime = install()
    assert folders(cache) == [runtime.root.name]


def test_a_full_disk(install, cache, no_space_beyond) -> None:
    install()
    catalogue.remove("mini")
    with no_space_beyond(20_000), pytest.raises(DiskFull):
        install()
    assert folders(cache) == []
    assert install().packages


def test_a_read_only_cache(install, monkeypatch, read_only_folder) -> None:
    monkeypatch.setenv("VISORBENCH_CACHE_DIR", str(read_only_folder))
    with pytest.raises(CacheReadOnly):
        install()


def test_a_tree_without_a_c_library(install, cache) -> None:
    with pytest.raises(ArchiveCorrupt, match="no C library"):
        install(spec=SPEC.model_copy(update={"exclude": ("systemd", "libc6")}))
    assert folders(cache) == []


def test_removing(install, cache) -> None:
    runtime = install()
    with pytest.raises(UnknownName):
        catalogue.remove("minni")
    assert catalogue.remove("mini")
    assert not runtime.root.exists()
    assert not catalogue.remove("gpu")


@pytest.fixture
def running(install):
    """A process of the host's ``cat``, run by the loader of the installed tree until the test ends."""
    runtime = install()
    loader = next((runtime.tree / "usr/lib64").glob("ld-linux-*")).absolute()
    with subprocess.Popen(
        [loader, shutil.which("cat")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as cat:
        cat.stdin.write(b"up")
        cat.stdin.flush()
        assert cat.stdout.read(2) == b"up"
        yield runtime, cat
        cat.kill()


def test_what_processes_run_from_is_not_removed(running) -> None:
    runtime, cat = running
    with pytest.raises(RuntimeInUse, match=rf"in use by process {cat.pid}\b") as refused:
        catalogue.remove("mini")
    assert refused.value.pids == [cat.pid]
    assert catalogue.find("mini") == runtime
    cat.kill()
    cat.wait()
    assert catalogue.remove("mini")


def test_a_refresh_leaves_a_tree_that_is_in_use_to_a_later_one(archive, install, cache, running) -> None:
    old, cat = running
    with pytest.raises(RuntimeInUse):  # the same packages would replace it in its place
        install(refresh=True)
    fill(archive, version="2")
    new = install(refresh=True)
    assert folders(cache) == sorted([old.root.name, new.root.name])
    assert catalogue.find("mini") == new
    cat.kill()
    cat.wait()
    install(refresh=True)
    assert folders(cache) == [new.root.name]


def test_what_is_not_installed(cache) -> None:
    with pytest.raises(ToolMissing, match="visorbench runtime install gpu"):
        catalogue.installed("gpu")
    with pytest.raises(UnknownName, match="did you mean 'gpu'"):
        catalogue.installed("gpuu")


def test_a_program_knows_its_runtime(install, tmp_path) -> None:
    runtime = install()
    for way in ("bwrap", "loader"):
        assert containing(runtime.root / "launchers" / way / "echo") == runtime
    link = tmp_path / "link"
    link.symlink_to(runtime.root / "launchers/loader/echo")
    assert containing(link) == runtime
    assert containing(runtime.tree / "usr/bin/echo") is None
    assert runtime.label == f"mini {runtime.fingerprint[:12]}"


@pytest.mark.parametrize(
    ("version", "told"),
    [("1:10.0.13+ds-0+deb13u1", "10.0.13"), ("26.1.6-1~bpo13+1", "26.1.6"), ("2.41", "2.41"), ("2:3-1", "3")],
)
def test_the_version_that_people_know(version: str, told: str) -> None:
    assert upstream(version) == told


@pytest.mark.parametrize(
    ("text", "error", "match"),
    [
        ("descripton = 1", UnknownName, "descripton"),
        ("suite = 3", InvalidConfiguration, "description in .*: Field required"),
        ("= 3", InvalidConfiguration, "is not TOML"),
    ],
)
def test_a_bad_description(tmp_path, text: str, error: type[Exception], match: str) -> None:
    path = tmp_path / "x.toml"
    path.write_text(text)
    with pytest.raises(error, match=match):
        read_spec(path)
