"""Debian's own installer, unchanged, through ``visorbench boot``: asked for by TEST_DEBIAN_INSTALLER=1.

Its netboot images come from the signed archive (debian-installer-13-netboot-*, 150 MB each), checked like any package.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.archive.client import Archive
from harness.archive.deb import members
from harness.archive.fetch import Fetcher
from harness.archive.mirrors import mirrors
from harness.guests.model import Arch
from harness.host.paths import cache_dir, shipped
from tests.machines.conftest import needs

pytestmark = [
    pytest.mark.guest_boot,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        not os.environ.get("TEST_DEBIAN_INSTALLER"),
        reason="installer-not-asked-for: downloads 150 MB for each architecture; TEST_DEBIAN_INSTALLER=1 runs it",
    ),
]


def installer(debian_arch: str, to: Path) -> Path:
    """The folder with ``linux`` and ``initrd.gz``."""
    folder = cache_dir() / "archive"
    fetcher = Fetcher(folder / "sha256", mirrors())
    archive = Archive(folder, "trixie", debian_arch, shipped("fixtures", "keyrings"), fetcher)
    name = f"debian-installer-13-netboot-{debian_arch}"
    package = archive.fetch(archive.packages(archive.release(), [name])[name])
    images = f"usr/lib/debian-installer/images/13/{debian_arch}/text/debian-installer/{debian_arch}"
    for member in members(package, [f"{images}/linux", f"{images}/initrd.gz"]):
        with (to / Path(member.path).name).open("wb") as out:
            shutil.copyfileobj(member.content, out)
    return to


@pytest.mark.parametrize(
    ("arch", "debian_arch", "console"), [(Arch.X86_64, "amd64", "ttyS0"), (Arch.ARM64, "arm64", "ttyAMA0")]
)
def test_the_installer_reaches_its_first_screen(arch, debian_arch, console, tmp_path):
    needs(arch)
    folder = tmp_path / "installer, ü"
    folder.mkdir()
    images = installer(debian_arch, folder)
    argv = ["boot", "--arch", arch.value, "--backend", "tcg", "--memory", "1024", "--timeout", "600"]
    argv += ["--kernel", images / "linux", "--initrd", images / "initrd.gz", "--append", f"console={console}"]
    done = subprocess.run(
        [sys.executable, "-c", "from harness.cli.main import main; main()", *argv, "--until", "Select a language"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
