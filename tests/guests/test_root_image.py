"""A guest whose root is an image: packages with what they need, less what is left out, whole or not at all."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from harness.errors import DiskFull, InvalidConfiguration, PackageNotFound
from harness.guests import catalogue
from harness.guests.image import cpio
from harness.guests.model import Arch, GuestImage
from harness.guests.spec import GuestSpec, RootSpec
from tests.archive.miniature import Miniature, deb, regular, special
from tests.guests.small_guest import KERNEL, MODULES, SPEC, fill

if TYPE_CHECKING:
    from pathlib import Path

LIBRARY = b"\x7fELF library" * 1000
NEWER = "trixie-backports"

ROOT = RootSpec(
    packages=("viewer",),
    without=("fonts",),
    newer={NEWER: ("driver",)},
    exclude=("/usr/share/doc/*", "/usr/lib/*unwanted*"),
    modules=("virtio-net",),
    links={"/bin": "usr/bin"},
    files={"/init": b"#!/bin/sh\n"},
)
GUEST = replace(SPEC, name="pictures", root=ROOT)

needs_erofs_utils = pytest.mark.skipif(
    not shutil.which("fsck.erofs"), reason="no-erofs-utils: install erofs-utils to read images with it"
)


@pytest.fixture
def build(archive: Miniature, keyring, cache):
    archive.add(
        "viewer",
        "1",
        deb(
            [
                regular("./usr/bin/viewer", b"\x7fELF", 0o755),
                regular("./usr/share/doc/viewer/copyright", b"me"),
            ]
        ),
        depends="driver (>= 1), fonts",
    )
    archive.add("driver", "1", deb([regular("./usr/lib/libdriver.so.1", b"old")]))
    archive.add("fonts", "1", deb([regular("./usr/share/fonts/large", b"f" * 9999)]))
    archive.add(
        "driver",
        "26",
        deb(
            [
                regular("./usr/lib/libdriver.so.26", LIBRARY),
                special("./usr/lib/libdriver.so", b"2", "libdriver.so.26"),
                regular("./usr/lib/unwanted.so", b""),
            ]
        ),
        suite=NEWER,
    )
    archive.publish(suite=NEWER)
    kept = list(archive.stanzas)
    fill(archive)
    archive.stanzas += kept
    archive.publish()

    def build(spec: GuestSpec = GUEST, **more) -> GuestImage:
        return catalogue.ensure(spec, **({"mirror": archive.url, "keyring": keyring} | more))

    return build


@needs_erofs_utils
def test_what_is_in_it(build, tmp_path: Path) -> None:
    image = build()
    tree = tmp_path / "tree"
    subprocess.run(["fsck.erofs", f"--extract={tree}", image.root_image], check=True, capture_output=True)
    assert (tree / "usr/lib/libdriver.so").read_bytes() == LIBRARY
    assert (tree / "usr/bin/viewer").stat().st_mode & 0o777 == 0o755
    assert (tree / "bin/viewer").is_file()
    assert (tree / "init").stat().st_mode & 0o777 == 0o755
    base = tree / MODULES.removesuffix("/kernel")
    assert (base / "modules.dep").read_text().count("\n") == 3
    for left_out in ("usr/share", "usr/lib/unwanted.so", "usr/lib/libdriver.so.1", "usr/bin/tool"):
        assert not (tree / left_out).exists()


def test_the_manifest_names_every_package(build) -> None:
    image = build()
    versions = {name: facts["version"] for name, facts in image.manifest["packages"].items()}
    assert versions == {KERNEL: "6.1", "tool": "1", "viewer": "1", "driver": "26"}
    assert "usr/bin/viewer" not in {entry.path for entry in cpio.unpack(image.initrd.read_bytes())}


def test_the_same_inputs_give_the_same_bytes(build, monkeypatch, tmp_path: Path) -> None:
    first = build()
    monkeypatch.setenv("VISORBENCH_CACHE_DIR", str(tmp_path / "another place"))
    second = build()
    assert second.root_image != first.root_image
    assert second.root_image.read_bytes() == first.root_image.read_bytes()
    assert second.fingerprint == first.fingerprint


def test_a_changed_root_is_another_recipe() -> None:
    for change in ({"exclude": ()}, {"files": {"/init": b"#!/bin/ash\n"}}, {"newer": {}}):
        assert replace(GUEST, root=replace(ROOT, **change)).recipe != GUEST.recipe
    assert SPEC.recipe != GUEST.recipe


def test_an_image_that_is_gone_is_made_again(build) -> None:
    image = build()
    image.root_image.unlink()
    assert catalogue.find(GUEST) is None


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"packages": ("veiwer",)}, PackageNotFound, "veiwer"),
        ({"without": ("driver",), "packages": ("viewer", "font")}, PackageNotFound, "font"),
        ({"modules": ("virtio_nett",)}, PackageNotFound, "did you mean virtio_net"),
        (
            {"links": {"/usr/bin/viewer": "tool"}},
            InvalidConfiguration,
            "usr/bin/viewer is in the image twice",
        ),
        (
            {"links": {"/usr/lib": "elsewhere"}},
            InvalidConfiguration,
            "below something that is not a directory",
        ),
    ],
)
def test_a_description_that_does_not_fit(build, cache, change: dict, error: type, match: str) -> None:
    with pytest.raises(error, match=match):
        build(replace(GUEST, root=replace(ROOT, **change)))
    assert _left(cache) == []


def test_a_full_disk(build, cache, no_space_beyond) -> None:
    size = build().root_image.stat().st_size
    shutil.rmtree(cache / "guests")
    with no_space_beyond(size - 5000), pytest.raises(DiskFull):
        build()
    assert _left(cache) == []
    assert build().root_image.stat().st_size == size


def test_an_interrupted_build(build, cache) -> None:
    def interrupt(what: str, done: int, total: int) -> None:
        if what.endswith(f"image of {GUEST.name}") and 0 < done < total:
            assert list((cache / "guests").rglob("root.erofs"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(progress=interrupt)
    assert _left(cache) == []
    assert build().root_image.is_file()


def test_tiny_has_none() -> None:
    assert all(catalogue.get("tiny", arch).root is None for arch in Arch)


def _left(cache: Path) -> list[Path]:
    return [path for path in (cache / "guests").rglob("*") if path.suffix != ".lock" and path.is_file()]
