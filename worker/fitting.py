"""Making a conversation fit: whether the next request would be too long, and what is done about it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from overnight.history import policy, sizes
from overnight.history.context import Entry, parted
from overnight.history.policy import DOUBT, Cut, Policy
from overnight.history.request import Definition, Request
from overnight.store import budgets, contexts, pauses, turns
from overnight.store.turn import Pause, Turn
from worker import claude, compaction
from worker.asking import Heard, ask
from worker.decide import judge_failure
from worker.equipment import Equipment
from worker.governor.asking import Refusal
from worker.granting import for_summary, is_background, wait_in_line
from worker.held import Halt, Held
from worker.known_models import Known
from worker.next import Next, ended
from worker.persist import persist
from worker.process import Process
from worker.putting_down import put_down
from worker.requests import of_turn

log = structlog.get_logger(__name__)

#: Messages of unknown size that need no look.
FEW = 40
#: Tokens of a request's system prompt and tools are not known before they were sent once.
UNKNOWN = 0


def may_be_long(turn: Turn, limits: Policy, messages: int) -> bool:
    """Whether it is worth a closer look: asked before every request, so it costs nothing."""
    tokens = turn.lease.context_tokens
    if tokens == UNKNOWN and messages > FEW:
        return True
    return not limits.is_far(tokens + sizes.of_content(turn.prompt), messages + 1)


@dataclass(frozen=True, slots=True)
class Fitting:
    """Of a turn whose request has not begun. `history` is what it would send before its prompt."""

    process: Process
    held: Held
    equipment: Equipment
    turn: Turn
    history: list[Entry]

    def begin_after(self) -> int | None:
        """After which message the ledger would have to be sent; None when it fits, or nothing can go."""
        room = self.equipment.policy.room(self._known.window)
        if room is None:
            return None
        tail = parted(self.history, self.turn.lease.context_from)[1]
        if not self.equipment.policy.is_too_many(tail) and self._tokens(room) < room:
            return None
        return policy.where_to_cut(
            self.equipment.policy,
            room,
            self.history,
            self.turn.lease.context_from,
            under_way=self.turn.is_under_way,
            tokens=self.turn.lease.context_tokens,
        )

    def cut(self, begin_after: int) -> Next | None:
        """Has it cut there, summarised if that is the policy; None when it was halted. Raises `LeaseLost`."""
        if self.equipment.policy.type != "compact":
            return self._begin(Cut("window", begin_after, self._first(begin_after)), None)
        lease, task = self.turn.lease, self.turn.task
        if self.process.budgeted.concern(lease, task) and not self._persist(budgets.has_room, self.turn):
            return Next(lease, None)
        older = [entry for entry in self.history if entry.seq <= begin_after]
        request = self._summary_request(older)
        match for_summary(self.process, lease, request, is_background=is_background(task)):
            case Refusal(delay):
                return wait_in_line(self.process, self.held, self.turn, delay)
            case grant:
                heard = ask(self.process, self.held, request, grant, purpose="compaction")
        return self._summarised(heard, begin_after)

    @property
    def _known(self) -> Known:
        return self.process.model(self.turn.lease.model)

    @property
    def _tools(self) -> list[Definition]:
        return self.equipment.toolbox.definitions

    def _tokens(self, room: int) -> int:
        """Of the next request: the last one's, and what has come since; counted by Claude where that decides."""
        lease, new = self.turn.lease, policy.since_the_last_reply(self.history) + sizes.of_content(self.turn.prompt)
        tokens = lease.context_tokens + new
        if not lease.context_tokens:
            tools = sum(sizes.of_text(str(tool)) for tool in self._tools)
            tokens = sizes.of_entries(self.history) + sizes.of_content(self.turn.prompt)
            tokens += sizes.of_text(lease.system) + tools
        if abs(tokens - room) > DOUBT * room:
            return tokens
        try:
            counted = claude.count(self.process.claude, of_turn(self.turn, self.history, self._tools))
            return int(self.process.submit(counted).result())
        except Exception as error:
            log.warning("tokens_not_counted", session=lease.session_id, error=type(error).__name__)
            return tokens

    def _first(self, begin_after: int) -> list[int] | None:
        room = self.equipment.policy.room(self._known.window) or self._known.window
        return policy.first_kept(self.history, self.turn.lease.context_from, begin_after, room)

    def _summary_request(self, older: Sequence[Entry]) -> Request:
        if self._known.compacts:
            return compaction.native(self.turn, older, self._tools)
        model = self.process.settings.summary_model or self.turn.lease.model
        return compaction.in_words(self.turn, older, self._tools, model)

    def _summarised(self, heard: Heard, begin_after: int) -> Next | None:
        if heard.message is not None:
            return self._begin(Cut("compacted", begin_after, [], compaction.summary(heard.message)), heard.call)
        if heard.failure is None:
            return self._halted(heard)
        lease, task = self.turn.lease, self.turn.task
        match judge_failure(heard.failure, task, lease.now, self.equipment.retry_rules, self.process.chance):
            case Pause() as pause:
                self._persist(pauses.park, self.turn, pause, heard.call)
                return Next(lease, None)
            case _:  # better without a summary than not at all
                log.warning("not_summarised", session=lease.session_id, error=heard.failure.error["type"])
                return self._begin(Cut("window", begin_after, self._first(begin_after)), heard.call)

    def _halted(self, heard: Heard) -> Next | None:
        turn, request = self.turn, self.held.stop_request
        if self.held.reason is Halt.PAUSE:
            return put_down(self.process, self.held, turn.lease, turn, heard.call)
        if request is not None:
            return ended(turn, self._persist(turns.stop, turn, request, heard.call))
        if self.held.reason is Halt.DRAIN and heard.call is not None:
            self._persist(pauses.spend, turn.lease, turn.task, heard.call)
        return None

    def _begin(self, chosen: Cut, call: Any) -> Next:
        lease, task = self._persist(contexts.cut, self.turn, chosen, call)
        return Next(lease, task)

    def _persist(self, verb: Callable[..., Any], *values: Any, **options: Any) -> Any:
        return persist(self.process, self.held, verb, *values, **options)
