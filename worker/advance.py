"""What a task needs next: its tools, the results of its calls, another request to Claude, or an end."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from overnight.history import resumption
from overnight.history.context import Entry
from overnight.models import Task
from overnight.states import StopRequest
from overnight.store import budgets, pauses, turns
from overnight.store.leases import Lease
from overnight.store.turn import Turn
from overnight.tools.errors import BadTools
from worker.calls import Calls
from worker.equipment import Equipment
from worker.fitting import Fitting, may_be_long
from worker.governor.asking import Refusal
from worker.granting import reserve, wait_in_line
from worker.held import Held
from worker.history import load_history
from worker.limits import exceeded
from worker.next import Next, ended
from worker.persist import persist
from worker.process import Process
from worker.step import Step
from worker.tools.errors import ToolsUnavailable


@dataclass(frozen=True, slots=True)
class Advance:
    """One session's owner at work; `may_go_on`: there is time for another step."""

    process: Process
    held: Held
    equipment: Equipment
    may_go_on: Callable[[], bool]

    def take_up(self, lease: Lease, task: Task, history: list[Entry] | None) -> Next | None:
        """Brings a task that is due one step further; None when it was halted. Raises `LeaseLost`."""
        after = self._not_here_and_now(lease, task)
        if after is not None:
            return after
        if task.open_calls:
            return self._calls(lease, task).run(history)
        if may_be_long(self._turn(lease, task), self.equipment.policy, lease.ledger_seq - lease.context_from):
            history = load_history(self.process.database, lease) if history is None else history
            fitting = Fitting(self.process, self.held, self.equipment, self._turn(lease, task), history)
            if (begin_after := fitting.begin_after()) is not None:
                return fitting.cut(begin_after)
        match reserve(self.process, lease, task):
            case Refusal(delay):
                return wait_in_line(self.process, self.held, self._turn(lease, task), delay)
            case grant:
                self.held.grant = grant
        turn = self._persist(self._beginning(lease, task), lease, task, self.held.limits)
        if turn is None:
            self.process.governor.put_back(self.held.take_grant())
            return Next(lease, None)
        return self.ask(turn, history)

    def ask(self, turn: Turn, history: list[Entry] | None) -> Next | None:
        """The request of a step that has begun, and what it comes to."""
        if history is None:
            history = load_history(self.process.database, turn.lease)
        turn = replace(turn, notice=_notice(turn, history))
        return Step(self.process, self.held, turn, history, self.equipment, self.may_go_on).run()

    def _not_here_and_now(self, lease: Lease, task: Task) -> Next | None:
        """What it comes to when it ends, or its tools cannot be had."""
        if (over := self._end(lease, task)) is not None:
            return over
        try:
            missing = self.equipment.toolbox.missing
        except BadTools as wrong:
            return self._give_up(lease, task, {"type": "invalid_tools", "message": str(wrong)})
        except ToolsUnavailable as down:
            return self._wait(lease, task, str(down))
        if missing and not task.open_calls:
            return self._wait(lease, task, f"no worker that has come by so far serves {', '.join(missing)}")
        return None

    def _end(self, lease: Lease, task: Task) -> Next | None:
        """Ends what is to go no further, whatever tools there are."""
        if task.stop_request is not None:  # asked of an owner who died, or let go, before he could
            return self._stop(lease, task, StopRequest(task.stop_request))
        error = exceeded(task, self.equipment.agent.max_steps, lease.now)
        return None if error is None else self._give_up(lease, task, error)

    def _beginning(self, lease: Lease, task: Task) -> Callable[..., Turn | None]:
        """Budgets are looked at where there may be one."""
        return budgets.begin if self.process.budgeted.concern(lease, task) else turns.begin

    def _calls(self, lease: Lease, task: Task) -> Calls:
        return Calls(self.process, self.held, self._turn(lease, task), self.equipment)

    def _turn(self, lease: Lease, task: Task) -> Turn:
        return Turn(lease, task, None, self.held.limits)

    def _stop(self, lease: Lease, task: Task, request: StopRequest) -> Next:
        turn = self._turn(lease, task)
        return ended(turn, self._persist(turns.stop, turn, request, None))

    def _give_up(self, lease: Lease, task: Task, error: dict[str, Any]) -> Next:
        turn = self._turn(lease, task)
        return ended(turn, self._persist(turns.give_up, turn, error))

    def _wait(self, lease: Lease, task: Task, why: str) -> Next:
        self._persist(pauses.wait_for_worker, self._turn(lease, task), {"type": "tools_unavailable", "message": why})
        return Next(lease, None)

    def _persist(self, verb: Callable[..., Any], *values: Any, **options: Any) -> Any:
        return persist(self.process, self.held, verb, *values, **options)


def _notice(turn: Turn, history: list[Entry]) -> list[dict[str, Any]]:
    return resumption.notice(history[-1].at if history else None, turn.lease.now)
