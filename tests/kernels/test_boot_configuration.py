"""grub.cfg, boot-loader-specification entries and versions: what is said is read, and anything else is taken."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.kernels.bls import parse_bls, sorted_entries
from harness.kernels.grub import parse_environment, parse_grub
from harness.kernels.versions import compare, newest_first
from tests.kernels.disks import BLS, GRUB_CFG

WORD = st.text("abcXYZ019=/._-", min_size=1, max_size=12).filter(lambda word: not word.startswith("--"))
"""None is an option of GRUB's."""


def test_the_menu_of_debian():
    menu = parse_grub(GRUB_CFG)
    first, old = menu.entries
    assert menu.default is first
    assert (first.title, first.name, first.place) == ("Debian GNU/Linux", "gnulinux-simple", "0")
    assert first.linux == "/vmlinuz-6.1.0-18-cloud"
    assert first.options == 'root=PARTUUID=ab-cd ro console=ttyS0 "a b"'
    assert first.initrds == ("/initrd.img-6.1.0-18-cloud",)
    assert (old.place, old.linux, old.options) == (
        "1>0",
        "(hd0,gpt1)/vmlinuz-6.1.0-9-cloud",
        "root=/dev/vda1",
    )


@pytest.mark.parametrize(
    ("next_entry", "title"),
    [
        ("gnulinux-simple", "Debian GNU/Linux"),
        ("1>0", "the old one"),
        ("gnulinux-advanced>old", "the old one"),
        ("1", "the old one"),
        ("Advanced options>the old one", "the old one"),
    ],
)
def test_the_environment_chooses_as_grub_does(next_entry, title):
    environment = parse_environment(f"# GRUB Environment Block\nnext_entry={next_entry}\n########")
    chosen = parse_grub(GRUB_CFG, environment).default
    assert chosen
    assert chosen.title == title


def test_a_default_that_is_not_there_is_none():
    assert parse_grub("set default=7\n" + GRUB_CFG.replace('set default="0"', "true")).default is None


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ('[ "a" = "a" ]', True), ("[ a = b ]", False), ("[ a != b ]", True), ('[ -n "$no" ]', False),
        ('[ -z "$no" -a x = x ]', True), ("[ a = b -o c = c ]", True), ("! [ a = a ]", False),
        ("[ ! -f /x ]", True), ("test -e /boot/grub/custom.cfg", False), ("search --file x", True),
    ],
)  # fmt: skip
def test_conditions(condition, holds):
    script = (
        f"if {condition}; then\nset default=yes\nelif true; then set default=no; else set default=never; fi"
    )
    assert parse_grub(script).variables["default"] == ("yes" if holds else "no")


def test_the_first_condition_that_holds_is_the_only_one():
    script = "if false; then set a=1; elif true; then set a=2; elif true; then set a=3; else set a=4; fi"
    assert parse_grub(script).variables["a"] == "2"


@given(WORD, WORD, st.lists(st.one_of(WORD, st.just("two words")), max_size=5), st.lists(WORD, max_size=3))
def test_an_entry_is_read_back_however_it_is_quoted(title, kernel, options, initrds):
    quoted = " ".join(f'"{word}"' if " " in word else word for word in options)
    rest = "".join(f"'{word}' " for word in initrds)
    menu = parse_grub(f"menuentry '{title}' {{\n linux '/{kernel}' {quoted}\n initrd {rest}\n}}\n")
    (entry,) = menu.entries
    assert (entry.title, entry.linux, entry.options) == (title, f"/{kernel}", quoted)
    assert entry.initrds == tuple(initrds)


@given(st.text(alphabet="abif{}[]\"'\\$ \n;#=>01", max_size=80))
@example("menuentry {\n" * 2000)
@example('"')
@example("${")
@example("} fi done }")
def test_any_text_is_a_grub_cfg(text):
    assert parse_grub(text + "\n").default is None


def test_an_entry_of_fedora():
    entry = parse_bls("a", BLS + "# linux /not-this\ngrub_users $grub_users\n", {"kernelopts": "ro quiet"})
    assert entry
    assert (entry.title, entry.version, entry.linux) == ("Fedora", "6.5", "/vmlinuz-6.5")
    assert (entry.initrds, entry.options) == (("/initrd-6.5.img",), "root=UUID=1 ro quiet")


def test_what_a_boot_loader_shows_first():
    said = {
        "a-6.5": "version 6.5\n", "a-6.10": "version 6.10\n",
        "key-b": "sort-key b\nversion 9\n", "key-a-1": "sort-key a\nversion 1\n",
        "key-a-1.1": "sort-key a\nversion 1.1\n",
    }  # fmt: skip
    entries = [parse_bls(name, text + "linux\t/v\n", {}) for name, text in said.items()]
    order = [entry.name for entry in sorted_entries(entry for entry in entries if entry)]
    assert order == ["key-a-1.1", "key-a-1", "key-b", "a-6.10", "a-6.5"]


@given(st.text(max_size=100))
def test_any_text_is_an_entry_or_none(text):
    entry = parse_bls("a", text, {})
    assert entry is None or entry.linux


def test_versions_as_the_specification_orders_them():
    """The row of examples of UAPI.10, and kernels of Debian and Fedora."""
    rising = ["122.1", "123~rc1-1", "123", "123-a", "123-a.1", "123-1", "123-1.1", "123^post1", "123.a-1", "123.1-1",
              "123a-1", "124-1"]  # fmt: skip
    for older, newer in pairwise(rising):
        assert compare(older, newer) < 0, (older, newer)
        assert compare(newer, older) > 0, (older, newer)
    names = ["6.1.0-9-amd64", "6.1.0-18-amd64", "5.10.0-30-amd64"]
    assert sorted(names, key=newest_first) == ["6.1.0-18-amd64", "6.1.0-9-amd64", "5.10.0-30-amd64"]
    assert compare("6.5.6-300.fc39.x86_64", "6.10.1-100.fc39.x86_64") < 0


VERSION = st.text("abz019.~^-_", max_size=10)


@given(VERSION, VERSION, VERSION)
def test_versions_have_an_order(one, two, three):
    assert compare(one, one) == 0
    assert compare(one, two) == -compare(two, one) or (compare(one, two) > 0) == (compare(two, one) < 0)
    if compare(one, two) <= 0 and compare(two, three) <= 0:
        assert compare(one, three) <= 0
