"""Frames in shared memory: of the real program, which draws on this host, and of guests that lie."""

from __future__ import annotations

import itertools
import mmap
import subprocess
import sys
from contextlib import contextmanager, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.display.frame import Damage
from harness.display.ivshmem import MAGIC, SharedMemoryDisplay
from harness.display.pattern import numbers
from harness.errors import DisplayError, DisplayLost, NoFrame
from harness.guests.toolchain import host_target
from harness.guests.workloads import workload

WIDTH, HEIGHT, PAGES = 320, 96, 3
ROW = 4 * WIDTH
PAGE_BYTES = ROW * HEIGHT
SIZE = f"--size={WIDTH}x{HEIGHT}"
XRGB = 0x34325258
LAYOUT = (MAGIC, 2, WIDTH, HEIGHT, ROW, XRGB, PAGES, PAGE_BYTES, 1)
DRAWING, TAKEN, PAGE = 9, 16, 32
linux = pytest.mark.skipif(sys.platform != "linux", reason="a program for Linux")


def alive() -> bool:
    return False


def shown(*layout: int, sequence: int = 2) -> tuple[memoryview, SharedMemoryDisplay]:
    """A memory in which a frame of this layout is shown, after a display looked at it first."""
    memory = memoryview(bytearray(4096 + PAGES * PAGE_BYTES))
    display = SharedMemoryDisplay(memory, alive)
    words = memory.cast("I")
    words[PAGE : PAGE + 5] = memoryview(bytes(20)).cast("I")
    for at, word in enumerate(layout):
        words[at] = word
    words[PAGE] = sequence
    return words, display


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "memory"
    with file.open("wb") as made:
        made.truncate(4096 + PAGES * PAGE_BYTES)
    return file


@pytest.fixture
def memory(file):
    with file.open("rb+") as opened:
        return memoryview(mmap.mmap(opened.fileno(), 0))


@contextmanager
def drawing(file, *options):
    program = workload("pattern", host_target())
    process = subprocess.Popen([program, f"--shared={file}", SIZE, *options], stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def seen(display, process):
    """Every frame that is found until the program has ended, as (numbers, damage, sequence, bytes copied)."""
    while True:
        ended = process.poll() is not None
        try:
            with display.frame(0.05) as frame:
                yield numbers(frame.surface), frame.damage, frame.sequence, frame.bytes_copied
        except NoFrame:
            if ended:
                return


@linux
def test_frames_are_whole_and_in_order_while_they_are_drawn_as_fast_as_can_be(file, memory):
    display = SharedMemoryDisplay(memory, alive)
    with drawing(file, "--frames=3000") as process:
        frames = list(seen(display, process))
    assert frames
    assert [said for said, *_ in frames if said.torn] == []
    tops = [said.top for said, *_ in frames]
    assert tops == sorted(set(tops))
    assert tops[-1] == 2999
    assert [sequence for _, _, sequence, _ in frames] == list(range(len(frames)))
    assert {copied for *_, copied in frames} == {0}


@linux
def test_a_frame_that_is_held_stays_as_it_is_and_the_guest_goes_on(file, memory):
    display, words = SharedMemoryDisplay(memory, alive), memory.cast("I")
    with drawing(file, "--seconds=600"):
        with display.frame(60) as frame:
            before, number = bytes(frame.surface.pixels), numbers(frame.surface).top
            while max(words[PAGE + 8 * page] for page in range(PAGES)) < 2 * (number + 20):
                assert words[TAKEN]
            assert bytes(frame.surface.pixels) == before
        assert words[TAKEN] == 0
        with display.frame(60) as frame:
            assert numbers(frame.surface).top > number


@linux
def test_small_damage_is_told_where_no_frame_was_missed(file, memory):
    display = SharedMemoryDisplay(memory, alive)
    with drawing(file, "--frames=6", "--fps=4", "--in-place") as process:
        frames = list(seen(display, process))
    assert [said.bottom for said, *_ in frames] == [0] * len(frames)
    for (before, *_), (said, damage, *_) in itertools.pairwise(frames):
        follows = said.top == before.top + 1
        assert damage == (Damage(0, 0, WIDTH, 16) if follows else Damage(0, 0, WIDTH, HEIGHT))


@linux
def test_a_program_that_begins_anew_is_followed(file, memory):
    display = SharedMemoryDisplay(memory, alive)
    for first in (0, 500):
        with drawing(file, "--frames=1", f"--first={first}") as process, display.frame(60) as frame:
            assert numbers(frame.surface).top == first
            process.wait()
    later = SharedMemoryDisplay(memory, alive)  # for which that frame is an old one
    with pytest.raises(NoFrame), later.frame(0.01):
        pass


@linux
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--size=1920x1080"], "smaller than so many pages"),
        (["--encode=tcp:127.0.0.1:1"], "--encode"),
        (["--memory=x"], "--memory"),
    ],
)
def test_what_cannot_be_is_refused_by_the_program(file, options, said):
    program = workload("pattern", host_target())
    ended = subprocess.run(
        [program, f"--shared={file}", SIZE, *options], capture_output=True, text=True, check=False
    )
    assert ended.returncode in (1, 2)
    assert said in ended.stderr


@pytest.mark.parametrize(
    ("layout", "said"),
    [
        ((*LAYOUT[:2], 0, *LAYOUT[3:]), "does not fit"),
        ((*LAYOUT[:2], 0xFFFFFFFF, *LAYOUT[3:]), "does not fit"),
        ((*LAYOUT[:3], HEIGHT + 1, *LAYOUT[4:]), "does not fit"),
        ((*LAYOUT[:4], ROW - 1, *LAYOUT[5:]), "does not fit"),
        ((*LAYOUT[:5], 0x3231564E, *LAYOUT[6:]), "pixel format 0x3231564e"),
        ((*LAYOUT[:6], 9, *LAYOUT[7:]), "9 pages"),
        ((*LAYOUT[:7], 0, 1), "does not fit"),
        ((*LAYOUT[:7], 0xFFFFFFFF, 1), "does not fit"),
    ],
)
def test_a_guest_whose_layout_cannot_be_is_named(layout, said):
    words, display = shown(*layout)
    with pytest.raises(DisplayError, match=said), display.frame(5):
        pass
    assert words[TAKEN] == 0


@pytest.mark.parametrize(
    ("layout", "sequence"),
    [
        ((0, *LAYOUT[1:]), 2),
        ((MAGIC, 3, *LAYOUT[2:]), 2),
        ((*LAYOUT[:8], 0), 2),
        ((*LAYOUT[:8], 4), 2),
        ((*LAYOUT[:8], 0xFFFFFFFF), 2),
        (LAYOUT, 0),
        (LAYOUT, 3),
    ],
    ids=["no magic", "changing", "nothing", "page 4", "absurd page", "never drawn", "being drawn"],
)
def test_what_is_not_shown_is_no_frame(layout, sequence):
    _, display = shown(*layout, sequence=sequence)
    with pytest.raises(NoFrame), display.frame(0.01):
        pass


def test_a_guest_that_draws_into_a_page_that_is_read_is_found_out():
    words, display = shown(*LAYOUT)

    def read() -> None:
        with display.frame(5):
            assert words[TAKEN] == 1
            words[PAGE] += 2

    with pytest.raises(DisplayError, match="while it was being read"):
        read()
    assert words[TAKEN] == 0


def test_a_page_that_is_about_to_be_drawn_is_left_to_the_guest():
    words, display = shown(*LAYOUT)
    words[DRAWING] = 1
    with pytest.raises(NoFrame), display.frame(0.01):
        pass
    assert words[TAKEN] == 0
    words[DRAWING] = 2
    with display.frame(5) as frame:
        assert frame.sequence == 0


def test_damage_outside_of_the_picture_is_the_whole_picture():
    words, display = shown(*LAYOUT)
    with display.frame(5) as frame:
        assert frame.damage == frame.surface.whole
    for at, word in enumerate((4, 0xFFFFFFFF, 0, 1, 1)):
        words[PAGE + at] = word
    with display.frame(5) as frame:
        assert frame.damage == frame.surface.whole


def test_an_ended_machine_and_a_closed_display_are_lost():
    memory = memoryview(bytearray(4096))
    with pytest.raises(DisplayLost, match="ended"), SharedMemoryDisplay(memory, lambda: True).frame(5):
        pass
    display = SharedMemoryDisplay(memory, alive)
    display.close()
    display.close()
    with pytest.raises(DisplayLost), display.frame(5):
        pass
    with pytest.raises(DisplayError, match="no room"):
        SharedMemoryDisplay(memory[:4095], alive)


@given(st.lists(st.one_of(st.integers(0, 9), st.integers(0, 2**32 - 1)), min_size=7, max_size=7))
def test_no_layout_is_read_outside_of_the_memory(words):
    memory, display = shown(MAGIC, 2, *words)
    with suppress(DisplayError), display.frame(0) as frame:
        assert len(frame.surface.pixels) <= 4 * len(memory)
        assert bytes(frame.surface.row(frame.surface.height - 1)) is not None
    assert memory[TAKEN] == 0
