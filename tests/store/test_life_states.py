"""A session's life in any order: what callers, owners, time and death do to it, one after the other and at once."""

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from overnight.errors import LeaseLost
from overnight.states import FINAL, Life
from overnight.store import turns
from overnight.store.database import Database
from tests.store.life_callers import CALLERS, ENDS, Callers
from tests.store.life_checks import OPEN, Checks
from tests.store.life_owner import Owner
from tests.store.scenes import at_once, reply

#: LIFE_EXAMPLES=500 for a long run by hand, of other lives each time.
EXAMPLES = os.environ.get("LIFE_EXAMPLES")
#: Of what an owner can do: not of what he could when it was drawn, as races make that differ from run to run.
CHOICE = st.integers(0, 59)
#: What becomes of it in the end, if nothing has before.
LAST = (("delete",), ("snapshot", "archive", "pack", "export", "restore", "delete"))
#: One that ends early shows little.
GROWN_UP = 12


class AnyLife(Callers, Owner, Checks, RuleBasedStateMachine):
    @initialize(tasks=st.integers(1, 3), last=st.sampled_from(LAST))
    def with_work(self, tasks: int, last: tuple[str, ...]) -> None:
        self.last = last
        for _ in range(tasks):
            self._submit()

    @rule(what=st.sampled_from(CALLERS))
    def a_caller(self, what: str) -> None:
        self._do(what)

    @rule(choice=CHOICE)
    def an_owner(self, choice: int) -> None:
        self._do(self._possible(choice))

    @rule(choice=CHOICE, caller=st.sampled_from(CALLERS))
    def both_at_once(self, choice: int, caller: str) -> None:
        self._at_once(caller, self._possible(choice))

    @rule(choice=CHOICE)
    def somebody_reads_it_meanwhile(self, choice: int) -> None:
        self._at_once("export", self._possible(choice))

    @rule(choice=CHOICE, caller=st.sampled_from(CALLERS), end=st.sampled_from(ENDS))
    def somebody_ends_it_meanwhile(self, choice: int, caller: str, end: str) -> None:
        if self.happened > GROWN_UP:
            self._at_once(caller, self._possible(choice), end)

    @rule(choice=CHOICE, caller=st.sampled_from(CALLERS))
    def its_rows_go_meanwhile(self, choice: int, caller: str) -> None:
        if self.life == Life.DELETED:
            self._at_once(caller, self._possible(choice), "purge")

    @rule()
    def a_ghost(self) -> None:
        """One who has let go, or lost the session, and does not know."""
        if self.ghost is not None:
            with pytest.raises(LeaseLost):
                self._write(turns.succeed, self.ghost, reply())
        else:
            self._do(self._possible(0))

    def teardown(self) -> None:
        if self._row().life in OPEN:
            self._work_off()
        for what in self.last:
            self._do(what)
        self.only_legal_moves()
        while not self._purge():
            pass
        self.nothing_is_left()

    def _work_off(self) -> None:
        self._do("resume")
        self._do("die")
        for _ in range(4 * len(self.accepted) + 4):
            self._do(self._possible(0))
        assert {task.status for task in self._tasks()} <= FINAL
        self.nothing_is_lost_or_doubled()

    def _at_once(self, *what: str) -> None:
        at_once(len(what), lambda place: self._do(what[place]))


def test_a_sessions_life(database: Database) -> None:
    machine = type("Life", (AnyLife,), {"database": database})
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    bounds = settings(
        max_examples=int(EXAMPLES or 15),
        stateful_step_count=20,
        deadline=None,
        suppress_health_check=checks,
        derandomize=EXAMPLES is None,
        database=None,
        phases=[Phase.generate],  # what fails in a race cannot be made smaller
    )
    run_state_machine_as_test(machine, settings=bounds)
