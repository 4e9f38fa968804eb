"""The framing of QMP: any cut of a stream gives the same lines, in bounded memory."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from harness.channels.qmp_lines import LineTooLongError, QmpLines

lines = st.lists(st.binary(max_size=40).map(lambda b: b.replace(b"\n", b"").strip()), max_size=12)


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(stream), *(place % (len(stream) + 1) for place in places)})
    return [stream[a:b] for a, b in pairwise(edges)]


@given(lines, st.sampled_from([b"\n", b"\r\n"]), st.lists(st.integers(min_value=0), max_size=20))
def test_any_cut_gives_the_same_lines(wanted, end, places):
    splitter = QmpLines()
    stream = b"".join(line + end for line in wanted)
    got = [line for chunk in cut(stream, places) for line in splitter.feed(chunk)]
    assert got == [line for line in wanted if line]
    assert splitter.held == 0


@given(st.binary(max_size=60), st.lists(st.integers(min_value=0), max_size=8))
def test_memory_is_bounded_by_the_limit(stream, places):
    splitter = QmpLines(limit=8)
    refused = False
    for chunk in cut(stream, places):
        try:
            splitter.feed(chunk)
        except LineTooLongError:
            refused = True
            break
        assert splitter.held <= 8
    assert refused == (max(map(len, stream.split(b"\n"))) > 8)


def test_an_unfinished_line_is_held_until_its_end():
    splitter = QmpLines()
    assert splitter.feed(b'{"return"') == []
    assert splitter.held == 9
    assert splitter.feed(b": {}}\r\n{") == [b'{"return": {}}']
    assert splitter.held == 1
