"""A real machine through random steps, legal and illegal, beside the model of what its lifecycle allows."""

import os
import signal

import pytest
from hypothesis import settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from harness.errors import GuestSilent, MachineDied, WrongState
from harness.machines.model import Phase, State

pytestmark = pytest.mark.guest_boot

ALIVE = {State.RUNNING, State.PAUSED}
STATUS = {State.RUNNING: "running", State.PAUSED: "paused"}


def pause_for_ever(machine):
    """A machine that is paused already is not asked again, so that its death may go unnoticed for a moment."""
    while True:
        machine.pause()


def test_random_steps_agree_with_the_model(sector):
    class Lifecycle(RuleBasedStateMachine):
        def __init__(self):
            super().__init__()
            self.machine = sector(ready="hello from")
            self.state = State.DEFINED
            self.spoken = False

        def teardown(self):
            self.machine.kill()

        def step(self, verb, allowed, leads_to=None, **options):
            """Do it, and see that it leads where the model says, or is refused as the model says."""
            do = getattr(self.machine, verb)
            if self.state in allowed:
                do(**options)
                self.state = leads_to or self.state
                return
            with pytest.raises(MachineDied if self.state is State.DEAD else WrongState) as refused:
                do(**options)
            assert str(self.machine.name) in refused.value.message

        @rule()
        def start(self):
            if self.state is State.DEFINED:
                self.step("start", {State.DEFINED}, State.RUNNING)
            else:
                with pytest.raises(WrongState, match="was started already"):
                    self.machine.start()

        @precondition(lambda self: self.state is State.DEFINED)
        @rule()
        def boot(self):
            self.machine.boot(until=Phase.GUEST_READY, timeout_s=300)
            self.state = State.RUNNING
            self.spoken = True

        @rule()
        def pause(self):
            self.step("pause", ALIVE, State.PAUSED)

        @rule()
        def resume(self):
            self.step("resume", ALIVE, State.RUNNING)

        @rule()
        def reset(self):
            self.step("reset", {State.RUNNING})
            if self.state is State.RUNNING and self.spoken:  # before that, SeaBIOS may not survive it
                began = self.machine.timeline.spawn
                assert self.machine.wait_for(Phase.GUEST_READY, 300).at_ns >= began.at_ns

        @rule()
        def powerdown(self):
            if self.state is State.RUNNING:  # its firmware does not listen to the button
                with pytest.raises(GuestSilent):
                    self.machine.powerdown(timeout_s=0.05)
            else:
                self.step("powerdown", set(), timeout_s=0.05)

        @rule()
        def stop(self):
            self.step("stop", {*ALIVE, State.STOPPED}, State.STOPPED)

        @rule()
        def kill(self):
            self.machine.kill()
            self.state = State.STOPPED if self.state in ALIVE else self.state

        @precondition(lambda self: self.state in ALIVE)
        @rule()
        def die(self):
            os.kill(self.machine.pids[0], signal.SIGKILL)
            with pytest.raises(MachineDied, match="SIGKILL"):
                pause_for_ever(self.machine)
            self.state = State.DEAD

        @invariant()
        def agrees(self):
            assert self.machine.state is self.state
            assert bool(self.machine.pids) == (self.state in ALIVE)
            if self.state in ALIVE:
                assert self.machine.control.status() == STATUS[self.state]

    run_state_machine_as_test(Lifecycle, settings=settings(max_examples=12, stateful_step_count=12))
