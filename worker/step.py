"""One step: a request to Claude, and what it comes to, written in one transaction."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from overnight import event_types
from overnight.history.context import Entry, entries, parted
from overnight.history.policy import SHARE, SMALLEST_WINDOW, Cut, first_kept, shorter
from overnight.history.request import Request
from overnight.store import contexts, pauses, turns
from overnight.store.calls import Call
from overnight.store.events import Draft
from overnight.store.turn import Following, Pause, Reply, Turn
from worker.asking import Heard, ask
from worker.calling import asked_for
from worker.decide import Shrink, judge_failure
from worker.equipment import Equipment
from worker.failures import Failure
from worker.granting import at_once
from worker.held import Halt, Held
from worker.next import Next
from worker.persist import persist
from worker.process import Process
from worker.putting_down import put_down
from worker.requests import of_turn
from worker.words import Words

#: Reasons for which Claude stops and the turn goes on.
LONG_PROMPT = 20_000  # tokens; a longer one is caught by Claude's refusal
ON_THE_WAY = {"tool_use", "pause_turn"}


@dataclass(frozen=True, slots=True)
class Step:
    """A turn's request and its settlement. `may_chain` is asked at the end: may the next turn begin at once?"""

    process: Process
    held: Held
    turn: Turn
    history: list[Entry]
    equipment: Equipment
    may_chain: Callable[[], bool]

    def run(self) -> Next | None:
        """Asks Claude once and settles the answer; None when it was halted and the task is left as it stands.

        Raises `LeaseLost`.
        """
        lease, task = self.turn.lease, self.turn.task
        words = Words(lease.session_id, self.process.hints, self.process.after_commit)
        heard = ask(self.process, self.held, self._request(), self.held.take_grant(), words=words)
        if heard.message is not None:
            return self._succeed(heard.message, heard, words.event_id)
        if heard.failure is None:
            return self._stop(heard)
        match judge_failure(heard.failure, task, lease.now, self.equipment.retry_rules, self.process.chance):
            case Pause() as pause:
                self._persist(pauses.park, pause, heard.call)
                return Next(lease, None)
            case Shrink():
                return self._shorten(heard, heard.failure)
            case given_up:
                return self._fail(heard, given_up.error)

    def _request(self) -> Request:
        return of_turn(self.turn, self.history, self.equipment.toolbox.definitions)

    def _succeed(self, message: dict[str, Any], heard: Heard, event_id: str) -> Next:
        assert heard.call is not None
        content = message["content"]
        text = "".join(block["text"] for block in content if block["type"] == "text")
        reply = Reply(content, message["stop_reason"], text, heard.call, event_id, self._warning(heard.call))
        following: Following
        if reply.stop_reason in ON_THE_WAY:
            turn = self._persist(turns.go_on, reply, asked_for(content, self.turn, self.equipment))
            lease, following = turn.lease, turn.task
        else:
            following = self._end(turns.succeed, reply)
            end = self.turn.lease.ledger_seq + len(self.turn.spoken) + 1
            lease = replace(self.turn.lease, ledger_seq=end, context_tokens=reply.filled)
        added = entries(lease.ledger_seq, [*self.turn.spoken, ("assistant", content)], lease.now)
        return Next(lease, following, [*self.history, *added])

    def _stop(self, heard: Heard) -> Next | None:
        request = self.held.stop_request
        if self.held.reason is Halt.PAUSE:
            return put_down(self.process, self.held, self.turn.lease, self.turn, heard.call)
        if request is None:
            if self.held.reason is Halt.DRAIN and heard.call is not None:
                persist(self.process, self.held, pauses.spend, self.turn.lease, self.turn.task, heard.call)
            return None
        following = self._end(turns.stop, request, heard.call)
        return Next(self.turn.lease, following, self.history)

    def _shorten(self, heard: Heard, failure: Failure) -> Next:
        tail = parted(self.history, self.turn.lease.context_from)[1]
        begin_after = shorter(tail, under_way=self.turn.is_under_way)
        if begin_after is None:
            return self._fail(heard, failure.error)
        first = first_kept(self.history, self.turn.lease.context_from, begin_after, SMALLEST_WINDOW)
        cut = Cut("too_long", begin_after, first if self.equipment.policy.type == "window" else None)
        lease, task = self._persist(contexts.cut, cut, heard.call)
        return Next(lease, task)

    def _fail(self, heard: Heard, error: dict[str, Any]) -> Next:
        following = self._end(turns.fail, error, heard.call)
        return Next(self.turn.lease, following, self.history)

    def _end(self, verb: Callable[..., Any], *values: Any) -> Following:
        """Ends the turn; the next one begins with it only if its request is granted already."""
        may_chain = self.may_chain() and not self._may_be_long()
        grant = at_once(self.process, self.turn.lease, self.turn.task) if may_chain else None
        following: Following = self._persist(verb, *values, chain=grant is not None)
        if isinstance(following, Turn):
            self.held.grant = grant
        elif grant is not None:
            self.process.governor.put_back(grant)
        return following

    def _may_be_long(self) -> bool:
        """The context after this step: the next turn then begins with a look at it."""
        return not self.equipment.policy.is_far(self.turn.lease.context_tokens + LONG_PROMPT, len(self.history))

    def _warning(self, call: Call) -> list[Draft]:
        """Told when the context has come to that share of its limit."""
        before, filled = self.turn.lease.context_tokens, call.tokens.total
        if self.equipment.policy.is_far(filled, 0):
            return []
        window = self.process.model(self.turn.lease.model).window
        limit = self.equipment.policy.warns_at(window)
        if not before < limit <= filled:
            return []
        said = {"tokens": filled, "limit": round(limit / SHARE), "policy": self.equipment.policy.type}
        return [Draft(event_types.CONTEXT_WARNING, said, self.turn.task.id)]

    def _persist(self, verb: Callable[..., Any], *values: Any, **options: Any) -> Any:
        return persist(self.process, self.held, verb, self.turn, *values, **options)
