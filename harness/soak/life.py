"""One machine after another, each through steps that a random number chooses, and what came of every step."""

from __future__ import annotations

import os
import shutil
import signal
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from harness.errors import MachineDied, VisorbenchError, WrongAnswer
from harness.machines.model import Phase, State

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from pathlib import Path
    from threading import Event

    from harness.machines.model import Backend, Machine, MachineSpec

BOOT_TIMEOUT_S = 600
"""A host that is meant to be full is slow; what takes longer than this hangs."""
CRASH_TIMEOUT_S = 60
"""Within which the death of a VMM is noticed."""
AFTER_FAILURE_S = 1
"""Between a life that failed and the next: what fails at once fails again at once."""
MOST_FAILURES = 10
"""Lives in a row that fail: what goes on failing is found."""
MOST_STEPS = 6
_WORK = "dd if=/dev/urandom of=/tmp/soak bs=64k count=16 2>/dev/null && sha256sum </tmp/soak && sha256sum </tmp/soak"
_KILL: int = getattr(signal, "SIGKILL", signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class Happened:
    """One step of one machine: when it began and how long it took, in seconds of time.monotonic()."""

    machine: str
    step: str
    at_s: float
    took_s: float
    """Of a boot, from spawn to the first command: without the time that it waits for the host to have room."""
    failure: str = ""
    """Why it did not lead where it should; empty when it did."""
    logs: Path | None = None
    """Where a failed machine's console and errors are."""


class Lives:
    """What one of the machines of a soak does, life after life, until it is told to stop.

    ``made`` is the backend that leaves a life's logs in the folder that it gets; the logs of a life without a failure
    are deleted.
    """

    def __init__(
        self, name: str, spec: MachineSpec, made: Callable[[Path], Backend], logs: Path, chance: random.Random
    ) -> None:
        self.name = name
        self._spec = spec
        self._made = made
        self._logs = logs
        self._chance = chance
        self._lives = 0
        self._interrupted = False
        self._machine: Machine | None = None

    def go_on(self, over: Event, tell: Callable[[Happened], None]) -> None:
        """Until ``over`` is set, or MOST_FAILURES lives in a row have failed; one that has begun goes on to its end."""
        failures = 0
        while not over.is_set() and failures < MOST_FAILURES:
            began = time.monotonic()
            try:
                lived = self.live(over, tell)
            except Exception as error:  # noqa: BLE001 - one machine's trouble must not end the soak: it is what a soak looks for
                tell(Happened(self.name, "life", began, time.monotonic() - began, _in_words(error)))
                lived = False
            failures = 0 if lived else failures + 1
            if not lived:
                over.wait(AFTER_FAILURE_S)

    def live(self, over: Event, tell: Callable[[Happened], None]) -> bool:
        """One life, and whether it went as it should; it does no more steps when ``over`` is set, and ends.

        Raises what making or ending a machine raises; what a step raises is told as its failure. One that is
        interrupted leaves no logs.
        """
        self._lives += 1
        logs = self._logs / f"{self.name}-{self._lives}"
        machine = self._machine = self._made(logs).machine(self._spec)
        try:
            lived = self._live(machine, logs, over, tell)
        except KeyboardInterrupt:
            self._interrupted = True
            raise
        finally:
            machine.kill()
            if self._interrupted:
                shutil.rmtree(logs, ignore_errors=True)
        if lived:
            shutil.rmtree(logs, ignore_errors=True)
        return lived

    def _live(self, machine: Machine, logs: Path, over: Event, tell: Callable[[Happened], None]) -> bool:
        steps = {"work": _work, "pause": _pause, "reset": _reset}
        endings = {"powerdown": _powerdown, "stop": _stop, "kill": _kill, "crash": _crash}
        lives = self._step(machine, "boot", _boot, logs, tell)
        for _ in range(self._chance.randint(0, MOST_STEPS) if lives else 0):
            name = self._chance.choice(list(steps))
            if over.is_set() or not (lives := self._step(machine, name, steps[name], logs, tell)):
                break
        if lives:
            name = self._chance.choice(list(endings))
            lives = self._step(machine, name, endings[name], logs, tell)
        return lives

    def kill(self) -> None:
        """From any thread, interrupted: the VMM of this moment, if there is one, so that no step waits for it."""
        self._interrupted = True
        with suppress(VisorbenchError, OSError):  # it is starting, or has ended
            for pid in self._machine.pids[:1] if self._machine else []:
                os.kill(pid, _KILL)

    def _step(
        self,
        machine: Machine,
        name: str,
        step: Callable[[Machine], float | None],
        logs: Path,
        tell: Callable[[Happened], None],
    ) -> bool:
        """Whether it led where it should."""
        began, failure, measured_s = time.monotonic(), "", None
        try:
            measured_s = step(machine)
        except Exception as error:  # noqa: BLE001 - as above
            failure = _in_words(error)
        took_s = time.monotonic() - began if measured_s is None else measured_s
        tell(Happened(self.name, name, began, took_s, failure, logs if failure else None))
        return not failure


def _in_words(error: Exception) -> str:
    """A named error in its own words, another with the way to it."""
    if isinstance(error, VisorbenchError):
        return f"{type(error).__name__}: {error.message}"
    return "".join(traceback.format_exception(error))


def _boot(machine: Machine) -> float:
    return machine.boot(until=Phase.FIRST_COMMAND, timeout_s=BOOT_TIMEOUT_S).seconds(Phase.FIRST_COMMAND)


def _work(machine: Machine) -> None:
    first, second = machine.ssh.run(_WORK, timeout_s=BOOT_TIMEOUT_S).text().splitlines()
    if first != second:
        raise WrongAnswer(f"{machine.name} read {second} of a file that it had read as {first}")


def _pause(machine: Machine) -> None:
    machine.pause()
    machine.resume()
    machine.ssh.run("true", timeout_s=BOOT_TIMEOUT_S)


def _reset(machine: Machine) -> None:
    machine.reset()
    machine.wait_for(Phase.FIRST_COMMAND, timeout_s=BOOT_TIMEOUT_S)


def _powerdown(machine: Machine) -> None:
    pids = machine.pids
    machine.powerdown(timeout_s=BOOT_TIMEOUT_S)
    _check_gone(machine, pids, State.STOPPED)


def _stop(machine: Machine) -> None:
    pids = machine.pids
    machine.stop(timeout_s=60)
    _check_gone(machine, pids, State.STOPPED)


def _kill(machine: Machine) -> None:
    pids = machine.pids
    machine.kill()
    _check_gone(machine, pids, State.STOPPED)


def _crash(machine: Machine) -> None:
    """Its VMM is killed by somebody else, which must be noticed and named."""
    pids = machine.pids
    os.kill(pids[0], _KILL)
    deadline = time.monotonic() + CRASH_TIMEOUT_S
    try:
        while time.monotonic() < deadline:  # whoever asks the VMM is told
            machine.pause()
            machine.resume()
    except MachineDied:
        _check_gone(machine, pids, State.DEAD)
    else:
        raise WrongAnswer(f"{machine.name} was killed {CRASH_TIMEOUT_S} s ago and still answers")


def _check_gone(machine: Machine, pids: list[int], expected: State) -> None:
    if machine.state is not expected:
        raise WrongAnswer(f"{machine.name} is {machine.state}, not {expected}")
    if left := [pid for pid in pids if psutil.pid_exists(pid)]:
        raise WrongAnswer(f"{machine.name} has ended, and its processes {left} have not")
