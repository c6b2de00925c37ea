"""One step: a request to Claude, and what it comes to, written in one transaction."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from overnight.states import StopRequest
from overnight.store import ledger, pauses, turns
from overnight.store.leases import Lease
from overnight.store.turn import Following, Pause, Reply, Turn
from worker import context
from worker.asking import Heard, ask
from worker.claude import Request
from worker.context import Entry
from worker.decide import Shrink, judge_failure
from worker.failures import Failure
from worker.held import Halt, Held
from worker.persist import persist
from worker.process import Process
from worker.words import Words

STOPS = {Halt.CANCEL: StopRequest.CANCEL, Halt.INTERRUPT: StopRequest.INTERRUPT}
HALTS = {request: halt for halt, request in STOPS.items()}


@dataclass(frozen=True, slots=True)
class Next:
    """Where the session stands after a step: the lease as it is now, and what follows; without that it was let go.

    `history` is what the next request sends before its prompt, where that is known without reading it again.
    """

    lease: Lease
    following: Following
    history: list[Entry] | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """A turn's request and its settlement. `may_go_on` is asked at the end: may the next turn begin at once?"""

    process: Process
    held: Held
    turn: Turn
    history: list[Entry]
    may_go_on: Callable[[], bool]

    def run(self) -> Next | None:
        """Asks Claude once and settles the answer; None when it was halted and the task is left as it stands.

        Raises `LeaseLost`.
        """
        lease, task = self.turn.lease, self.turn.task
        if task.stop_request is not None:  # asked of an owner who died before he could
            self.held.halt(HALTS[StopRequest(task.stop_request)])
        sent = context.messages(self.history, task.content, lease.context_cut)
        words = Words(lease.session_id, self.process.hints, self.process.after_commit)
        request = Request(lease.model, lease.max_tokens, lease.system, sent)
        heard = ask(self.process, self.held, request, words=words)
        if heard.message is not None:
            return self._succeed(heard.message, heard, words.event_id)
        if heard.failure is None:
            return self._stop(heard)
        match judge_failure(heard.failure, task, lease.now, self.process.retry_rules, self.process.chance):
            case Pause() as pause:
                self._persist(pauses.park, pause, heard.call)
                return Next(lease, None)
            case Shrink():
                return self._shorten(heard, heard.failure)
            case given_up:
                return self._fail(heard, given_up.error)

    def _succeed(self, message: dict[str, Any], heard: Heard, event_id: str) -> Next:
        assert heard.call is not None
        content = message["content"]
        text = "".join(block["text"] for block in content if block["type"] == "text")
        reply = Reply(content, message["stop_reason"], text, heard.call, event_id)
        following = self._persist(turns.succeed, reply, chain=self.may_go_on())
        lease, asked = self.turn.lease, self.turn.task.content
        end = lease.ledger_seq + 2
        said = [Entry(end - 1, "user", asked), Entry(end, "assistant", content)]
        return Next(replace(lease, ledger_seq=end), following, [*self.history, *said])

    def _stop(self, heard: Heard) -> Next | None:
        request = STOPS.get(self.held.reason) if self.held.reason else None
        if request is None:
            if self.held.reason is Halt.DRAIN and heard.call is not None:
                persist(self.process, self.held, pauses.spend, self.turn.lease, self.turn.task, heard.call)
            return None
        following = self._persist(turns.stop, request, heard.call, chain=self.may_go_on())
        return Next(self.turn.lease, following, self.history)

    def _shorten(self, heard: Heard, failure: Failure) -> Next:
        begin_after = context.shorter(self.history)
        if begin_after is None:
            return self._fail(heard, failure.error)
        lease, task = self._persist(pauses.shorten, begin_after, heard.call)
        return Next(lease, task)

    def _fail(self, heard: Heard, error: dict[str, Any]) -> Next:
        following = self._persist(turns.fail, error, heard.call, chain=self.may_go_on())
        return Next(self.turn.lease, following, self.history)

    def _persist(self, verb: Callable[..., Any], *values: Any, **options: Any) -> Any:
        return persist(self.process, self.held, verb, self.turn, *values, **options)


def load_history(process: Process, lease: Lease) -> list[Entry]:
    """The part of the ledger that is sent."""
    if lease.ledger_seq == lease.context_from:
        return []
    with process.database.read() as connection:
        return [
            Entry(row.seq, row.role, row.content)
            for row in ledger.load(connection, lease.session_id, lease.context_from)
        ]
