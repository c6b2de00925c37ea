"""One step: a request to Claude, and what it comes to, written in one transaction."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from overnight import event_types
from overnight.expiry import Limits
from overnight.models import Task
from overnight.states import StopRequest
from overnight.store import ledger, turns
from overnight.store.events import Draft
from overnight.store.leases import Lease
from overnight.store.turns import Pause, Reply, Turn
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
    """Where the session stands after a step: the lease as it is now, and the next task; without one it is let go."""

    lease: Lease
    task: Task | None


@dataclass(frozen=True, slots=True)
class Begun:
    """A step that has been written down as begun, at `now`."""

    turn: Turn
    now: datetime


def begin(connection: Connection, lease: Lease, task: Task, limits: Limits) -> Begun:
    """Writes down that the task's next step begins. Raises `LeaseLost`."""
    span = Draft(event_types.REQUEST_START, {"model": lease.model, "attempt": task.attempts + 1}, task.id)
    turn = Turn(lease, task, span, limits)
    return Begun(turn, turns.begin(connection, turn).now)


def run_step(process: Process, held: Held, begun: Begun) -> Next | None:
    """Asks Claude once for the task and settles the answer; None when it was halted and the task is left as it stands.

    Raises `LeaseLost`.
    """
    turn, lease, task = begun.turn, begun.turn.lease, begun.turn.task
    if task.stop_request is not None:  # asked of an owner who died before he could
        held.halt(HALTS[StopRequest(task.stop_request)])
    history = load_history(process, lease)
    sent = context.messages(history, task.content, lease.context_cut)
    words = Words(lease.session_id, process.hints, process.after_commit)
    heard = ask(process, held, Request(lease.model, lease.max_tokens, lease.system, sent), words=words)
    if heard.message is not None:
        return _succeed(process, held, turn, heard, words)
    if heard.failure is None:
        return _stop(process, held, turn, heard)
    match judge_failure(heard.failure, task, begun.now, process.retry_rules, process.chance):
        case Pause() as pause:
            persist(process, held, turns.park, turn, pause, heard.call)
            return Next(lease, None)
        case Shrink():
            return _shorten(process, held, turn, heard, history, heard.failure)
        case given_up:
            return _fail(process, held, turn, heard, given_up.error)


def load_history(process: Process, lease: Lease) -> list[Entry]:
    """The part of the ledger that is sent."""
    if lease.ledger_seq == lease.context_from:
        return []
    with process.database.read() as connection:
        return [
            Entry(row.seq, row.role, row.content)
            for row in ledger.load(connection, lease.session_id, lease.context_from)
        ]


def _succeed(process: Process, held: Held, turn: Turn, heard: Heard, words: Words) -> Next:
    assert heard.message is not None
    assert heard.call is not None
    content = heard.message["content"]
    text = "".join(block["text"] for block in content if block["type"] == "text")
    reply = Reply(content, heard.message["stop_reason"], text, heard.call, words.event_id)
    following = persist(process, held, turns.succeed, turn, reply)
    return Next(replace(turn.lease, ledger_seq=turn.lease.ledger_seq + 2), following)


def _stop(process: Process, held: Held, turn: Turn, heard: Heard) -> Next | None:
    request = STOPS.get(held.reason) if held.reason else None
    if request is None:
        if held.reason is Halt.DRAIN and heard.call is not None:
            persist(process, held, turns.spend, turn.lease, turn.task, heard.call)
        return None
    following = persist(process, held, turns.stop, turn, request, heard.call)
    return Next(turn.lease, following)


def _shorten(process: Process, held: Held, turn: Turn, heard: Heard, history: list[Entry], failure: Failure) -> Next:
    begin_after = context.shorter(history)
    if begin_after is None:
        return _fail(process, held, turn, heard, failure.error)
    lease, task = persist(process, held, turns.shorten, turn, begin_after, heard.call)
    return Next(lease, task)


def _fail(process: Process, held: Held, turn: Turn, heard: Heard, error: dict[str, Any]) -> Next:
    following = persist(process, held, turns.fail, turn, error, heard.call)
    return Next(turn.lease, following)
