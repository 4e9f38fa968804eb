"""Lines out of bytes: however they were cut on the way, the same lines."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.channels.pattern import LinePattern
from harness.channels.splitter import LONGEST, LineSplitter, lines_of
from harness.errors import InvalidConfiguration

LONG = 16
"""A short limit, so that examples reach it."""

consoles = st.lists(
    st.one_of(
        st.sampled_from([b"\n", b"\r\n", b"\r", b"\r\r\n", b"\x1b[0m", b"\x1b[31;1m", b"\x1b]0;t\x07", b"\x1bc"]),
        st.sampled_from(["ü", "€", "𝄞"]).map(str.encode),
        st.sampled_from([b"\xff", b"\xe2\x82", b"\x00", b"\x08", b"\t", b"login: ", b"x" * (LONG - 1), b"y" * LONG]),
        st.binary(max_size=6),
    ),
    max_size=30,
).map(b"".join)  # fmt: skip


def split(chunks: list[bytes]) -> list[str]:
    splitter = LineSplitter(LONG)
    lines = [line for chunk in chunks for line in lines_of(splitter.feed(chunk))]
    return lines + lines_of(splitter.finish())


@given(consoles, st.data())
def test_any_chunking_gives_the_same_lines(console, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(console)), max_size=8)))
    chunks = [console[a:b] for a, b in zip([0, *cuts], [*cuts, len(console)], strict=True)]
    whole = split([console])
    assert split(chunks) == whole
    assert split([bytes([byte]) for byte in console]) == whole


@given(consoles)
def test_lines_are_short_and_printable(console):
    for line in split([console]):
        assert 0 < len(line.encode(errors="replace")) <= 3 * LONG  # U+FFFD takes three bytes
        assert not re.search(r"[\x00-\x08\x0a-\x1f\x7f]", line)


@given(
    st.lists(st.from_regex(r"[ -~]{1,15}", fullmatch=True), max_size=10),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_plain_lines_are_kept_as_they_are(lines, end):
    assert split(["".join(line + end for line in lines).encode()]) == lines


@pytest.mark.parametrize(
    ("console", "lines"),
    [
        (b"one\r\ntwo\n\n\nthree", ["one", "two", "three"]),
        (b"10%\r20%\r\n", ["10%", "20%"]),
        (b"\x1b[1;32mgreen\x1b[0m\n", ["green"]),
        (b"\x1b]0;title\x07text\x1b]8;;u\x1b\\link\n", ["textlink"]),
        (b"\x1b(B\x1b[?25l\x1b[2J\x1b[01;01Hmenu\n", ["menu"]),
        (b"gr\xc3\xbc\xc3\x9fe \xff\n", ["grüße \ufffd"]),
        (b"tab\there\x07\n", ["tab\there"]),
    ],
)
def test_what_consoles_say(console, lines):
    splitter = LineSplitter()
    assert lines_of(splitter.feed(console)) + lines_of(splitter.finish()) == lines


def test_a_prompt_is_seen_before_its_line_ends():
    splitter = LineSplitter()
    assert splitter.feed(b"Debian 13\n\ndebian login: \x1b[") == "Debian 13\n\n"
    assert splitter.partial == "debian login: "
    assert splitter.feed(b"0m") == ""
    assert splitter.partial == "debian login: "


def test_a_line_without_end_is_cut():
    splitter = LineSplitter()
    block = splitter.feed(b"a\n" + b"x" * (3 * LONGEST + 5))
    assert [len(line) for line in lines_of(block)] == [1, LONGEST, LONGEST, LONGEST]
    assert splitter.partial == "x" * 5


texts = st.lists(st.text(st.sampled_from("ab \tlogin:"), max_size=8), max_size=6)
patterns = st.sampled_from(
    [r"^a", r"b$", r"^ab?$", r"[^a]b", r"a(?!\s)", r"\Ab", r"a\Z", r"login:", r"^\S+ login: $", r"a\s+b", r"(?<=a)b",
     r"(?i)LOGIN", r"(a)b*\1", r".*", r"[^x]*+b", r"(?>a*)b", r"\bl", r"\Bo", r"^\s*$", r"(?m)^b", r"(?-i:a)",
     r"a{2,}+", r"^a|b", r"a|^b", r"^^a", r"^", r"^(?:a|l)[^a]"]
)  # fmt: skip


@given(patterns, texts)
def test_a_block_is_searched_as_if_line_by_line(source, lines):
    try:
        pattern = re.compile(source)
    except re.error:  # possessive quantifiers and atomic groups came with Python 3.11
        return
    expected = next((line for line in lines if line and pattern.search(line)), None)
    found = LinePattern(source).find("".join(f"{line}\n" for line in lines), 7)
    assert (found.text if found else None) == expected


def test_what_is_no_pattern():
    with pytest.raises(InvalidConfiguration, match="not a regular expression"):
        LinePattern("(")
