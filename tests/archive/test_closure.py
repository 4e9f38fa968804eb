"""What packages need: every dependency met, nothing taken that nothing needs, the same for any order of asking."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.archive.closure import closure
from harness.archive.index import Index, parse_index, relations
from harness.errors import ArchiveCorrupt, PackageNotFound


def index_of(**fields: dict[str, str]) -> Index:
    """An index of packages by name with their fields; ``_`` in a name is ``-``."""
    return parse_index(
        "\n".join(
            [
                f"Package: {name.replace('_', '-')}",
                f"Version: 1\nArchitecture: all\nFilename: pool/{name}.deb\nSize: 1\nSHA256: {'AB' * 32}",
                *(f"{field.replace('_', '-')}: {value}" for field, value in more.items()),
            ]
        ).encode()
        for name, more in fields.items()
    )


def names(index: Index, *asked: str, exclude: tuple[str, ...] = ()) -> list[str]:
    return [package.name for package in closure(index, asked, exclude=exclude)]


@pytest.mark.parametrize(
    ("field", "groups"),
    [
        ("", ()),
        ("libc6 (>= 2.38), libx1:any (= 2), g++-14", (("libc6",), ("libx1",), ("g++-14",))),
        ("debconf (>= 0.5) | debconf-2.0, awk", (("debconf", "debconf-2.0"), ("awk",))),
        (
            "libz1 [amd64], perl:any<!nocheck>,\n python3 |\n python",
            (("libz1",), ("perl",), ("python3", "python")),
        ),
    ],
)
def test_relations_are_names_without_versions(field: str, groups: tuple) -> None:
    assert relations(field) == groups


def test_a_package_as_it_stands_in_the_index() -> None:
    package = index_of(a={"Pre_Depends": "dpkg", "Depends": "b | c,\n d", "Provides": "v (= 2), w"})["a"]
    assert package.depends == (("dpkg",), ("b", "c"), ("d",))
    assert package.provides == ("v", "w")
    assert package.checksum.sha256 == "ab" * 32


def test_a_stanza_without_a_version_is_no_package() -> None:
    with pytest.raises(ArchiveCorrupt, match=r"Package: a: KeyError\('Version'\)"):
        parse_index([b"Package: a\nFilename: pool/a.deb"])["a"]


def test_dependencies_are_followed_once_and_in_circles() -> None:
    index = index_of(
        a={"Depends": "b, c"}, b={"Pre_Depends": "c"}, c={"Depends": "a, d"}, d={}, e={"Depends": "a"}
    )
    assert names(index, "a") == ["a", "b", "c", "d"]


def test_alternatives() -> None:
    index = index_of(a={"Depends": "absent | b | c"}, b={}, c={})
    assert names(index, "a") == ["a", "b"]
    assert names(index, "a", "c") == ["a", "c"]
    assert names(index, "a", exclude=("c",)) == ["a"]


def test_virtual_packages() -> None:
    index = index_of(a={"Depends": "awk"}, mawk={"Provides": "awk"}, gawk={"Provides": "awk (= 5), x"})
    assert names(index, "a") == ["a", "gawk"]
    assert names(index, "a", "mawk") == ["a", "mawk"]
    assert names(index, "a", exclude=("mawk",)) == ["a"]
    assert names(index, "a", exclude=("awk",)) == ["a"]
    with pytest.raises(PackageNotFound, match=r"no package awk .name one that provides it: gawk, mawk"):
        names(index, "awk")


def test_a_real_package_beats_one_that_provides_its_name() -> None:
    assert names(index_of(a={"Depends": "b"}, b={}, aa={"Provides": "b"}), "a") == ["a", "b"]


def test_what_is_excluded_is_not_followed_unless_it_is_asked_for() -> None:
    index = index_of(a={"Depends": "b"}, b={"Depends": "c, absent"}, c={})
    assert names(index, "a", exclude=("b",)) == ["a"]
    assert names(index, "a", "b", exclude=("b", "absent")) == ["a", "b", "c"]


def test_what_is_missing_is_named_with_the_way_to_it() -> None:
    index = index_of(a={"Depends": "b"}, b={"Depends": "c"}, c={"Depends": "x | y"}, z={"Depends": "c"})
    with pytest.raises(PackageNotFound, match=r"no package x \| y, needed by a → b → c → x \| y"):
        names(index, "a")
    with pytest.raises(PackageNotFound, match=r"no package libfooo .did you mean libfoo"):
        names(index_of(libfoo={}), "libfooo")


def test_packages_of_another_suite_instead_or_besides() -> None:
    old = index_of(a={"Depends": "b"}, b={"Provides": "v"}, d={"Depends": "v"})
    new = index_of(a={"Depends": "c"}, b={"Depends": "absent"}, c={"Provides": "v"})
    both = old.overlaid(new, ["a", "c*"])
    assert names(both, "a") == ["a", "c"]
    assert names(both, "d") == ["b", "d"]
    assert names(old.overlaid(new, ["c"]), "d", "c") == ["c", "d"]


NAMES = [f"p{number}" for number in range(8)]
VIRTUAL = ["v0", "v1"]
GROUP = st.lists(st.sampled_from([*NAMES, *VIRTUAL, "absent"]), min_size=1, max_size=3).map(" | ".join)
FIELDS = st.fixed_dictionaries(
    {
        "Depends": st.lists(GROUP, max_size=3).map(", ".join),
        "Provides": st.lists(st.sampled_from(VIRTUAL), max_size=2).map(", ".join),
    }
)
INDEXES = st.dictionaries(st.sampled_from(NAMES), FIELDS, min_size=1).map(lambda fields: index_of(**fields))


@given(INDEXES, st.data())
def test_a_closure_is_closed_and_has_nothing_to_spare(index: Index, data: st.DataObject) -> None:
    asked = data.draw(st.lists(st.sampled_from(sorted(index)), min_size=1, unique=True))
    exclude = data.draw(st.lists(st.sampled_from([*NAMES, *VIRTUAL]), unique=True))
    try:
        found = closure(index, asked, exclude=exclude)
    except PackageNotFound as error:
        way = error.message.rpartition("needed by ")[2].split(" → ")
        assert way[0] in asked
        for package, needed in itertools.pairwise(way):
            also = set(index[needed].provides) if needed in index else set(needed.split(" | "))
            assert any({needed, *also} & set(group) for group in index[package].depends)
        assert not any(name in index or index.providers(name) for name in way[-1].split(" | "))
        return
    there = {package.name for package in found}
    provided = {virtual for package in found for virtual in package.provides}
    assert [package.name for package in found] == sorted(there)
    assert set(asked) <= there
    assert not there & (set(exclude) - set(asked))
    given_up = set(exclude) | {v for name in exclude if name in index for v in index[name].provides}
    for package in found:
        for group in package.depends:
            assert set(group) & (there | provided | given_up)
    reached = set(asked)
    for _ in found:
        reached |= {
            other.name
            for package in found
            if package.name in reached
            for other in found
            for group in package.depends
            if {other.name, *other.provides} & set(group)
        }
    assert reached == there


@given(INDEXES, st.data())
def test_the_order_of_asking_does_not_matter(index: Index, data: st.DataObject) -> None:
    asked = data.draw(st.lists(st.sampled_from(sorted(index)), min_size=1, unique=True))
    shuffled = data.draw(st.permutations(asked))
    reordered = Index(dict(reversed(list(index.stanzas.items()))), index.provided)

    def outcome(index: Index, asked: list[str]) -> object:
        try:
            return closure(index, asked)
        except PackageNotFound as error:
            return error.message

    assert outcome(index, asked) == outcome(reordered, shuffled)
