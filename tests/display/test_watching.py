"""What is counted of the frames that were seen."""

import pytest

from harness.display.watching import Watched


@pytest.mark.parametrize(
    ("numbers", "backwards"),
    [([], 0), ([7], 0), ([1, 2, 2, 9], 0), ([1, 2, 5, 3, 4, 4, 9], 1), ([3, 2, 1], 2)],
)
def test_every_step_backwards_is_a_stale_frame(numbers, backwards):
    assert Watched(numbers).backwards == backwards


def test_a_number_that_comes_twice_was_seen_once():
    assert Watched([1, 2, 2, 1]).different == 2
