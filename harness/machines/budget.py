"""How many machines may start at once: no more than the host has memory for, nor more boots than processors.

Twenty machines that are started together on two processors would boot ten times as slowly as one, and their timeouts
would blame the guests. Who waits here has not begun: neither a boot's clocks nor its timeout run yet.
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from harness.host.memory import total_bytes
from harness.host.once import once

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BEYOND_BYTES = 128 << 20
"""What a VMM takes besides its guest's memory: TCG's translated code, mostly."""
LEAST_BOOTS = 2


class Budget:
    """Of one process's machines: ``memory_bytes`` together, and ``boots`` that go on at a time.

    A thread that has machines already is never made to wait for memory: it may be what others wait for, and then
    nobody would go on. So one machine may always start, however large.
    """

    def __init__(self, memory_bytes: int, boots: int) -> None:
        self.memory_bytes = memory_bytes
        self.boots = boots
        self.tell: Callable[[str], None] = lambda _: None
        """Hears who waits for what, once each."""
        self._changed = threading.Condition()
        self._held: dict[object, tuple[int, int]] = {}
        """Machine → the thread that started it, and its bytes."""
        self._booting = 0

    @contextmanager
    def memory(self, name: str, guest_bytes: int) -> Iterator[None]:
        """Have a machine's memory, as soon as it is to be had."""
        me, needed, machine = threading.get_ident(), guest_bytes + BEYOND_BYTES, object()

        def fits() -> bool:
            held = self._held.values()
            alone = not held or any(thread == me for thread, _ in held)
            return alone or sum(size for _, size in held) + needed <= self.memory_bytes

        with self._changed:
            self._wait(fits, f"{name} waits for memory: {len(self._held)} machines have theirs")
            self._held[machine] = (me, needed)
        try:
            yield
        finally:
            with self._changed:
                del self._held[machine]
                self._changed.notify_all()

    @contextmanager
    def boot(self, name: str) -> Iterator[None]:
        """Be among those that boot, as soon as there is room."""
        with self._changed:
            self._wait(lambda: self._booting < self.boots, f"{name} waits for {self._booting} others to boot")
            self._booting += 1
        try:
            yield
        finally:
            with self._changed:
                self._booting -= 1
                self._changed.notify_all()

    def _wait(self, ready: Callable[[], bool], note: str) -> None:
        if not ready():
            self.tell(note)
            self._changed.wait_for(ready)


@once
def of_host() -> Budget:
    """That of every machine of this process: an eighth of the host's memory stays its own."""
    return Budget(total_bytes() * 7 // 8, max(LEAST_BOOTS, os.cpu_count() or 1))
