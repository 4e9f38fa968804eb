"""Several machines at once for a stated time, each in a thread of its own."""

from __future__ import annotations

import random
import threading
import time
from typing import TYPE_CHECKING

from harness.soak import census
from harness.soak.life import Happened, Lives
from harness.soak.outcome import Outcome, trends

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from harness.machines.model import Backend, MachineSpec
    from harness.soak.census import Census

CENSUS_EVERY_S = 5
SETTLES_S = 30
"""How long what a machine left behind may take to be gone."""
_KILLED_EVERY_S = 0.05
"""How often, when interrupted: a machine that is only starting has no VMM yet."""


def soak(
    specs: Sequence[MachineSpec],
    made: Callable[[Path], Backend],
    *,
    machines: int,
    seconds: float,
    seed: int,
    logs: Path,
    tell: Callable[[Happened], None] = lambda _: None,
    count: Callable[[Census], None] = lambda _: None,
) -> Outcome:
    """Have ``machines`` live for ``seconds``, of ``specs`` in turns, and see what is left of them.

    ``tell`` hears of every step, ``count`` of every census; both in turns, never at once. A first machine that lives
    before everything is counted brings what is loaded only once; where it fails, the soak ends with that. It also ends
    when no machine gets anywhere any more. On KeyboardInterrupt every machine is ended first.
    """
    steps: list[Happened] = []
    lock = threading.Lock()
    interrupted = False

    def told(step: Happened) -> None:
        if interrupted:  # what fails now fails for that
            return
        with lock:
            steps.append(step)
            tell(step)

    over = threading.Event()
    lives = [
        Lives(f"{specs[number % len(specs)].guest.name}-{number + 1}", specs[number % len(specs)], made, logs,
              _chance(seed, number))
        for number in range(machines)
    ]  # fmt: skip
    began = time.monotonic()
    if not _one_life(specs, made, logs, seed, told):
        now = census.take()
        return Outcome(time.monotonic() - began, tuple(steps), now, now, ())
    before = census.steady(SETTLES_S)
    began = time.monotonic()
    threads = [
        threading.Thread(target=each.go_on, args=(over, told), name=f"soak-{each.name}") for each in lives
    ]
    censuses: list[Census] = []
    try:
        for thread in threads:
            thread.start()
        while (left := began + seconds - time.monotonic()) > 0 and any(t.is_alive() for t in threads):
            censuses.append(census.take())
            with lock:
                count(censuses[-1])
            time.sleep(min(CENSUS_EVERY_S, left))
    except BaseException:
        interrupted = True
        over.set()
        while any(thread.is_alive() for thread in threads):
            for each in lives:
                each.kill()
            time.sleep(_KILLED_EVERY_S)
        raise
    finally:
        over.set()
        for thread in threads:
            if thread.ident is not None:  # it has started
                thread.join()
    after = census.settled(before, SETTLES_S)
    return Outcome(time.monotonic() - began, tuple(steps), before, after, trends(steps, censuses))


def _one_life(
    specs: Sequence[MachineSpec],
    made: Callable[[Path], Backend],
    logs: Path,
    seed: int,
    tell: Callable[[Happened], None],
) -> bool:
    """Of each kind of machine, to its first end, and whether all went as they should."""
    firsts = [
        Lives(f"{spec.guest.name}-first-{number + 1}", spec, made, logs, _chance(seed, ~number))
        for number, spec in enumerate(specs)
    ]
    return all(first.live(threading.Event(), tell) for first in firsts)


def _chance(seed: int, number: int) -> random.Random:
    return random.Random(f"{seed}-{number}")  # noqa: S311 - nobody is to be kept from guessing it
