"""File, environment and command line become one frozen configuration; every mistake is named."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import pytest

from harness.config.load import load, profile, profiles
from harness.config.model import GpuRoute
from harness.errors import InvalidConfiguration, UnknownName
from harness.guests.model import Arch
from harness.machines.gpu_routes import GUEST_ROUTES
from harness.measure.statistics import FEWEST_FOR_INTERVAL

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def write(tmp_path: Path):
    def _write(text: str, name: str = "visorbench.toml") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return _write


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    config = load(directory=tmp_path, environ={})
    assert config.profile == "standard"
    assert config.archs == (Arch.ARM64, Arch.X86_64)
    assert profile(config).boots >= 1


def test_shipped_profiles_grow_from_quick_to_full(tmp_path: Path) -> None:
    known = profiles(load(directory=tmp_path, environ={}))
    assert known["quick"].boots < known["standard"].boots < known["full"].boots


@pytest.mark.parametrize("name", ["quick", "standard", "full"])
def test_shipped_profiles_repeat_what_has_targets_until_it_has_an_interval(name: str, tmp_path: Path) -> None:
    shipped = profiles(load(directory=tmp_path, environ={}))[name]
    assert shipped.gpu_rounds >= FEWEST_FOR_INTERVAL
    assert shipped.overhead_rounds == 0 or shipped.overhead_rounds >= FEWEST_FOR_INTERVAL


def test_routes_are_those_that_a_guest_has() -> None:
    assert set(get_args(GpuRoute)) == {route.name for own in GUEST_ROUTES.values() for route in own}


def test_a_route_that_nobody_knows_names_the_nearest(write) -> None:
    with pytest.raises(UnknownName, match=r"'vrigl' in profiles\.p\.gpu_routes in .*did you mean 'virgl'"):
        load(write('[profiles.p]\ngpu_routes = ["venus", "vrigl"]'), environ={})
    with pytest.raises(InvalidConfiguration, match=r"gpu_routes .*must be a list with something in it"):
        load(write("[profiles.p]\ngpu_routes = []"), environ={})


def test_command_line_beats_environment_beats_file(write) -> None:
    path = write('profile = "quick"\nguest = "tiny"\nbackends = ["kvm"]')
    environ = {"VISORBENCH_PROFILE": "full", "VISORBENCH_BACKENDS": "tcg, hvf"}
    assert load(path, environ={}).profile == "quick"
    assert load(path, environ=environ).profile == "full"
    assert load(path, environ=environ).backends == ("tcg", "hvf")
    assert load(path, environ=environ, options={"profile": "standard", "qemu": None}).profile == "standard"


def test_found_in_a_parent_folder_and_in_pyproject(write, tmp_path: Path) -> None:
    write('[tool.visorbench]\nprofile = "quick"', "pyproject.toml")
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert load(directory=inner, environ={}).profile == "quick"


def test_a_guest_of_the_user_is_found_beside_the_file(write, tmp_path: Path) -> None:
    config = load(write('[guests.mine]\narch = "arm64"\nkernel = "küche/Image 1"'), environ={})
    assert config.guests["mine"].kernel == tmp_path / "küche" / "Image 1"


def test_a_subjects_qemu_is_found_beside_the_file(write, tmp_path: Path) -> None:
    config = load(write('[[subjects]]\nbackend = "tcg"\narch = "arm64"\nqemu = "build/qemu"'), environ={})
    assert config.subjects[0].qemu == tmp_path / "build" / "qemu"


@pytest.mark.parametrize(
    ("text", "place", "guess"),
    [
        ("profil = 'quick'", "profil", "profile"),
        ("[guests.mine]\narch = 'arm64'\nkernl = 'x'", "guests.mine.kernl", "guests.mine.kernel"),
        ("[[subjects]]\nbackend = 'tcg'\narch = 'arm64'\ncpu = 2", "subjects.0.cpu", "subjects.0.cpus"),
        (
            "[profiles.p]\nboot = 2\nlifecycle_rounds = 1\ncompute_rounds = 1",
            "profiles.p.boot",
            "profiles.p.boots",
        ),
    ],
)
def test_unknown_key_names_the_nearest(write, text: str, place: str, guess: str) -> None:
    with pytest.raises(UnknownName) as caught:
        load(write(text), environ={})
    assert caught.value.name == place
    assert f"did you mean {guess!r}" in str(caught.value)
    assert "visorbench.toml" in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("profile = 3", r"profile in .*visorbench\.toml must be a string in quotes, not 3"),
        ("backends = 'tcg'", r"backends in .* must be a list, e\.g\. \[\"tcg\"\], not 'tcg'"),
        ("archs = 'arm64'", r"archs in .* must be a list, e\.g\. \[\"arm64\"\]"),
        ("backends = [3]", "backends in .* must be a string in quotes, not 3"),
        (
            "[profiles.p]\nboots = 0\nlifecycle_rounds = 1\ncompute_rounds = 1",
            "profiles.p.boots in .* must be 1 or more, not 0",
        ),
        ("[profiles.p]\nboots = '3'", "profiles.p.boots in .* must be a whole number, not '3'"),
        ("[profiles.p]\nboots = 3.0", "profiles.p.boots in .* must be a whole number, not 3.0"),
        ("[profiles.p]\nboots = true", "profiles.p.boots in .* must be a whole number, not True"),
        ("[profiles.p]\nbudget_s = '60'", "profiles.p.budget_s in .* must be a number, not '60'"),
        (
            "[profiles.p]\nframe_sizes = [['640', 360]]",
            "frame_sizes.0 in .* must be a whole number, not '640'",
        ),
        ("[profiles.p]\nlong_scenarios = 'yes'", "long_scenarios in .* must be true or false, not 'yes'"),
        ("[guests.g]\nkernel = 'vmlinuz'", "guests.g.arch in .* is missing"),
        ("[profiles]\np = 1", "profiles.p in .* must be a table, not 1"),
        ("profile = ", "is not TOML"),
        (
            "[[subjects]]\nbackend = 'tcg'\narch = 'arm64'\nmemory_mib = 1",
            "subjects.0.memory_mib in .* must be 32 or more",
        ),
        (
            "[[subjects]]\nbackend = 'tcg'\narch = 'arm64'\nefi = 'yes'",
            "subjects.0.efi in .* must be true or false",
        ),
    ],
)
def test_a_value_that_does_not_fit_says_where(write, text: str, said: str) -> None:
    with pytest.raises(InvalidConfiguration, match=said):
        load(write(text), environ={})


def test_an_unknown_architecture_is_blamed_on_who_gave_it(write) -> None:
    file = write("profile = 'quick'\nmirror = 'http://m'")
    known = r" \(did you mean 'arm64'\? known: arm64, x86-64\)$"
    with pytest.raises(UnknownName, match=f"^unknown architecture 'arm65' in VISORBENCH_ARCHS{known}"):
        load(file, environ={"VISORBENCH_ARCHS": "arm65"})
    given, environ = {"archs": ("x86-64", "arm65")}, {"VISORBENCH_ARCHS": "arm64"}
    with pytest.raises(UnknownName, match=f"^unknown architecture 'arm65' in --arch{known}"):
        load(file, environ=environ, options=given)
    with pytest.raises(UnknownName, match="in --vb-arch "):
        load(file, environ=environ, options=given, option_prefix="--vb-")
    with pytest.raises(UnknownName, match=r"'arm65' in guests\.m\.arch in .*visorbench\.toml"):
        load(write("[guests.m]\narch = 'arm65'"), environ={})


def test_unknown_profile_names_the_nearest_and_where_it_was_given(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"'quik' in --profile .*did you mean 'quick'"):
        load(directory=tmp_path, environ={}, options={"profile": "quik"})
    with pytest.raises(UnknownName, match="'quik' in VISORBENCH_PROFILE"):
        load(directory=tmp_path, environ={"VISORBENCH_PROFILE": "quik"})


def test_unknown_backend_names_the_file(write: Callable[[str], Path]) -> None:
    with pytest.raises(UnknownName, match=r"'tgc' in backends in .*visorbench\.toml"):
        load(write("backends = ['tgc']"), environ={})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("archs = []", "must be a list with something in it"),
        ("reports = 3", "must be a path in quotes, not 3"),
        ("[[subjects]]\nbackend = 'tcg'\narch = 'arm64'\nqemu = 3", "must be a path in quotes, not 3"),
    ],
)
def test_what_is_no_value_is_refused(write: Callable[[str], Path], text: str, said: str) -> None:
    with pytest.raises(InvalidConfiguration, match=said):
        load(write(text), environ={})


def test_an_empty_path_is_none(write: Callable[[str], Path]) -> None:
    config = load(write("runtime = ''\nreports = ''"), environ={})
    assert (config.runtime, config.reports) == (None, None)
    assert load(write("qemu = ''"), environ={}).qemu is None


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfiguration, match=r"cannot read .*none\.toml: No such file or directory \("):
        load(tmp_path / "none.toml", environ={})
    (tmp_path / "latin.toml").write_bytes(b'profile = "caf\xe9"')
    with pytest.raises(InvalidConfiguration, match=r"latin\.toml is not UTF-8 text: byte 14 is 0xe9"):
        load(tmp_path / "latin.toml", environ={})


def test_a_misspelt_variable_is_not_ignored(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="did you mean 'VISORBENCH_PROFILE'"):
        load(directory=tmp_path, environ={"VISORBENCH_PROFIL": "quick"})


def test_a_runtime_is_a_word_or_a_folder_beside_the_file(write, tmp_path: Path) -> None:
    subject = '[[subjects]]\nbackend = "tcg"\narch = "arm64"\nruntime = "mine"'
    config = load(write(f'runtime = "my runtime"\n{subject}'), environ={})
    assert config.runtime == str(tmp_path / "my runtime")
    assert config.subjects[0].runtime == str(tmp_path / "mine")
    assert load(write('runtime = "managed"'), environ={}).runtime == "managed"


def test_a_qemu_and_a_runtime_replace_each_other(write, tmp_path: Path) -> None:
    path = write('runtime = "managed"')
    named = load(path, environ={"VISORBENCH_QEMU": "/opt/qemu"})
    assert (str(named.qemu), named.runtime) == ("/opt/qemu", None)
    chosen = load(path, environ={"VISORBENCH_QEMU": "/opt/qemu"}, options={"runtime": "system"})
    assert (chosen.qemu, chosen.runtime) == (None, "system")
