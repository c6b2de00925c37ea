"""The tool calls of one step: decided, begun side by side, each recorded as it ends, then answered together."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, as_completed
from dataclasses import dataclass
from typing import Any

import structlog

from overnight.history.context import Entry, entries
from overnight.models import ToolCall
from overnight.store import tool_calls, tool_turns, turns
from overnight.store.tool_calls import Move, Outcome
from overnight.store.turn import Turn
from worker.call_decisions import begun, decide
from worker.equipment import Equipment
from worker.held import Halt, Held
from worker.next import Next, ended
from worker.persist import persist
from worker.process import Process
from worker.putting_down import put_down
from worker.tools import running
from worker.tools.results import Result

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Calls:
    """Of the turn's last reply, with an owner's means."""

    process: Process
    held: Held
    turn: Turn
    equipment: Equipment

    def run(self, history: list[Entry] | None) -> Next | None:
        """Carries out what can be; None when it was halted, and the calls are left as they stand.

        Raises `LeaseLost`, `SessionPaused`, `ToolsUnavailable` and `BadTools`.
        """
        turn = self.turn
        while self.held.reason is None:
            calls = self._read(turn)
            found = decide(calls, self.equipment.toolbox, turn.lease.now)
            if found.moves:
                turn, made = self._persist(tool_turns.carry_out, turn, found.moves, found.progress)
                self._hand_out(turn, found.moves)
                self._perform(turn, begun(calls, made))
                continue
            settled = self._persist(tool_turns.settle, turn, found.missing)
            if settled is None:
                return Next(turn.lease, None)
            turn, said = settled
            if said:
                told = entries(turn.lease.ledger_seq, said)
                return Next(turn.lease, turn.task, None if history is None else [*history, *told])
        return self._halted(turn)

    def _read(self, turn: Turn) -> list[ToolCall]:
        assert turn.task.ledger_end is not None
        with self.process.database.read() as connection:
            return tool_calls.of_step(connection, turn.lease.session_id, turn.task.ledger_end)

    def _hand_out(self, turn: Turn, moves: Sequence[Move]) -> None:
        """Tells the environment's workers that poll just now."""
        if any(tool_turns.is_handed_out(move) for move in moves):
            self.process.after_commit.nudge(turn.lease.environment_id)

    def _perform(self, turn: Turn, calls: Sequence[ToolCall]) -> None:
        """Runs them side by side; each result is stored as it comes."""
        under_way = {self._start(turn, call): call for call in calls}
        try:
            with self.held.calling(*under_way, may_finish=True):
                for future in as_completed(under_way):
                    self._record(turn, under_way[future], future)
        finally:
            for future in under_way:  # whoever has lost the session must not leave its calls running
                future.cancel()

    def _record(self, turn: Turn, call: ToolCall, ended: "Future[Result]") -> None:
        if ended.cancelled():  # halted: what it came to, nobody knows
            return
        result = ended.result()
        self._persist(tool_turns.finish, turn, call, Outcome(result.content, result.is_error))

    def _start(self, turn: Turn, call: ToolCall) -> "Future[Result]":
        tool = self.equipment.tool(call)
        assert tool is not None
        context = self.equipment.context(turn.task.id, call.id, self._reporter(turn))
        return running.begin(tool, call.input, context, self.process.loop, self.process.bounds)

    def _reporter(self, turn: Turn) -> Callable[[str, float | None], object]:
        """Writes in a thread of its own: a tool may report from the event loop, which no database must hold up."""
        return lambda note, fraction: self.process.reports.submit(self._report, turn, note, fraction)

    def _report(self, turn: Turn, note: str, fraction: float | None) -> None:
        try:
            with self.process.database.write() as connection:
                tool_turns.report(connection, turn, note, fraction)
        except Exception as error:
            log.warning("progress_not_shown", session=turn.lease.session_id, error=type(error).__name__)

    def _halted(self, turn: Turn) -> Next | None:
        request = self.held.stop_request
        if request is None:
            return put_down(self.process, self.held, turn.lease) if self.held.reason is Halt.PAUSE else None
        return ended(turn, self._persist(turns.stop, turn, request, None))

    def _persist(self, verb: Callable[..., Any], *values: Any, **options: Any) -> Any:
        return persist(self.process, self.held, verb, *values, **options)
