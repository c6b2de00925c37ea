"""What an owner writes: once, in order, and adding up."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Connection

from overnight.errors import LeaseLost
from overnight.expiry import Limits
from overnight.models import Task
from overnight.states import Priority, StopRequest, TaskStatus, WaitReason
from overnight.store import pauses, sessions, tasks, turns
from overnight.store.calls import Call
from overnight.store.database import Database
from overnight.store.turn import Pause, Turn
from tests import asking
from tests.asking import PLAIN
from tests.store.answering import asked, delivered
from tests.store.scenes import (
    DEFAULT_WORKSPACE,
    MODEL,
    NO_LIMITS,
    OVERLOADED,
    begin,
    call,
    calls,
    change,
    clock,
    events,
    fail,
    ledger,
    moved_on,
    new_session,
    park,
    reply,
    rest,
    says,
    session,
    started,
    submit,
    succeed,
    take,
    task,
    types,
)

End = Callable[[Connection, Turn], object]
ENDS: dict[str, End] = {
    "succeed": lambda connection, turn: turns.succeed(connection, turn, reply()),
    "fail": lambda connection, turn: turns.fail(connection, turn, OVERLOADED, call()),
    "stop": lambda connection, turn: turns.stop(connection, turn, StopRequest.CANCEL, call()),
    "park": lambda connection, turn: pauses.park(connection, turn, Pause(WaitReason.RETRY, 9.0, OVERLOADED), call()),
}


def everything(database: Database, session_id: str) -> list[object]:
    return [
        session(database, session_id),
        ledger(database, session_id),
        calls(database, session_id),
        events(database, session_id),
    ]


@pytest.mark.parametrize("behind", [0, 1], ids=["alone", "with a task behind it"])
@pytest.mark.parametrize("end", ENDS)
def test_an_end_whose_commit_was_not_heard_of_is_not_written_twice(database: Database, end: str, behind: int) -> None:
    turn = started(database)
    session_id = turn.task.session_id
    for _ in range(behind):
        submit(database, session_id)
    with database.write() as connection:
        ENDS[end](connection, turn)
    once = everything(database, session_id)
    with pytest.raises(LeaseLost), database.write() as connection:
        ENDS[end](connection, turn)
    assert everything(database, session_id) == once
    assert len(calls(database, session_id)) == 1
    assert len(ledger(database, session_id)) == (2 if end == "succeed" else 0)


def test_a_beginning_whose_commit_was_not_heard_of_is_not_written_twice(database: Database) -> None:
    turn = started(database)
    before = types(database, turn.task.session_id)
    not_begun = turn.task.model_copy(update={"status": TaskStatus.QUEUED})
    with pytest.raises(LeaseLost), database.write() as connection:
        turns.begin(connection, turn.lease, not_begun, NO_LIMITS)
    assert types(database, turn.task.session_id) == before


def test_results_whose_commit_was_not_heard_of_are_not_written_twice(database: Database) -> None:
    turn, [wish] = asked(database, PLAIN)
    with database.write() as connection:
        asking.run(connection, turn, wish)
    delivered(database, turn)
    once = everything(database, turn.task.session_id)
    with pytest.raises(LeaseLost):
        delivered(database, turn)
    assert everything(database, turn.task.session_id) == once


def test_prompt_and_reply_enter_the_ledger_together(database: Database) -> None:
    turn = started(database, words="Question?")
    assert ledger(database, turn.task.session_id) == []
    assert succeed(database, turn, "Answer.") is None
    prompt, answer = ledger(database, turn.task.session_id)
    assert (prompt.seq, prompt.role, prompt.content, prompt.task_id) == (1, "user", says("Question?"), turn.task.id)
    assert (answer.seq, answer.role, answer.content, answer.task_id) == (2, "assistant", says("Answer."), turn.task.id)
    assert (answer.model, answer.message_id, answer.stop_reason) == (MODEL, "msg_1", "end_turn")
    done = task(database, turn.task.id)
    assert (done.status, done.output, done.stop_reason, done.steps) == ("succeeded", "Answer.", "end_turn", 1)
    assert done.started_at is not None
    assert done.finished_at is not None
    assert done.created_at <= done.started_at <= done.finished_at


def test_a_whole_story_is_numbered_in_order(database: Database) -> None:
    session_id = new_session(database)
    for words in ("one", "two", "three"):
        submit(database, session_id, words)
    turn = begin(database, take(database, session_id))
    park(database, turn, delay=0.0)
    turn = begin(database, take(database, session_id))
    following = succeed(database, turn)
    assert following is not None
    with database.write() as connection:
        turn = turns.begin(connection, moved_on(turn.lease), following, NO_LIMITS)
    assert fail(database, turn) is not None
    submit(database, session_id, "four")
    lease = turn.lease
    for _ in range(2):
        succeed(database, begin(database, lease))
        lease = moved_on(lease)
    told = events(database, session_id)
    assert [event.seq for event in told] == sorted({event.seq for event in told})
    assert told[-1].seq == session(database, session_id).event_seq
    assert [event.created_at for event in told] == sorted(event.created_at for event in told)
    assert [(m.role, m.seq) for m in ledger(database, session_id)] == [
        (("user", "assistant")[place % 2], place + 1) for place in range(6)
    ]
    assert types(database, session_id) == [
        *["user.message"] * 3,
        *["session.status_running", "span.model_request_start"],
        *["session.error", "span.model_request_end", "session.status_rescheduled"],
        *["session.status_running", "span.model_request_start"],
        *["agent.message", "span.model_request_end", "task.succeeded"],
        *["session.status_running", "span.model_request_start"],
        *["session.error", "span.model_request_end", "task.failed", "user.message"],
        *["session.status_running", "span.model_request_start"],
        *["agent.message", "span.model_request_end", "task.succeeded"],
        *["session.status_running", "span.model_request_start"],
        *["agent.message", "span.model_request_end", "task.succeeded", "session.usage", "session.status_idle"],
    ]


def test_the_next_turn_begins_in_the_transaction_that_ends_the_last(database: Database) -> None:
    session_id = new_session(database)
    waiting = [submit(database, session_id, words).task.id for words in ("one", "two")]
    turn = begin(database, take(database, session_id))
    with database.write() as connection:
        following = turns.succeed(connection, turn, reply(), chain=True)
    assert isinstance(following, Turn)
    assert (following.task.id, following.lease.ledger_seq) == (waiting[1], 2)
    assert task(database, waiting[1]).status == TaskStatus.RUNNING
    assert types(database, session_id)[-2:] == ["task.succeeded", "span.model_request_start"]
    with database.write() as connection:
        assert turns.succeed(connection, following, reply(), chain=True) is None
    told = events(database, session_id)
    assert [event.seq for event in told] == sorted({event.seq for event in told})
    assert told[-1].seq == session(database, session_id).event_seq
    ends = [event.payload["model_request_start_id"] for event in told if event.type == "span.model_request_end"]
    assert ends == [event.id for event in told if event.type == "span.model_request_start"]


def test_a_next_task_that_is_not_due_is_not_begun(database: Database) -> None:
    session_id = new_session(database)
    submit(database, session_id)
    later = submit(database, session_id, not_before=clock(database) + timedelta(hours=1)).task
    turn = begin(database, take(database, session_id))
    with database.write() as connection:
        following = turns.fail(connection, turn, OVERLOADED, None, chain=True)
    assert isinstance(following, Task)
    assert (following.id, following.status) == (later.id, TaskStatus.WAITING)


def test_a_task_whose_worker_died_goes_on(database: Database) -> None:
    turn = started(database, "a#1")
    first = task(database, turn.task.id).started_at
    change(database, turn.task.session_id, lease_expires_at=-1.0)
    again = begin(database, take(database, turn.task.session_id, "b#1"))
    assert again.task.id == turn.task.id
    assert types(database, turn.task.session_id).count("session.status_running") == 1
    succeed(database, again)
    assert task(database, turn.task.id).started_at == first


def test_a_failure_leaves_nothing_in_the_ledger(database: Database) -> None:
    turn = started(database)
    refusal = {"type": "refusal", "message": "No.", "category": "cyber"}
    with database.write() as connection:
        assert turns.fail(connection, turn, refusal, call(outcome="discarded")) is None
    assert ledger(database, turn.task.session_id) == []
    failed = task(database, turn.task.id)
    assert (failed.status, failed.error, failed.stop_reason) == ("failed", refusal, "refusal")
    assert failed.input_tokens == 10
    details = {"type": "refusal", "category": "cyber", "explanation": "No."}
    told = events(database, turn.task.session_id)[-1].payload
    assert told == {"stop_reason": {"type": "refusal"}, "stop_details": details}


def test_a_stop_says_who_asked_for_it(database: Database) -> None:
    for request, reason in ((StopRequest.CANCEL, "cancelled"), (StopRequest.INTERRUPT, "interrupted")):
        turn = started(database)
        with database.write() as connection:
            assert turns.stop(connection, turn, request, None) is None
        stopped = task(database, turn.task.id)
        assert (stopped.status, stopped.stop_reason) == ("cancelled", reason)


def test_a_parked_task_is_a_row_with_a_due_time(database: Database) -> None:
    turn = started(database)
    park(database, turn, delay=600.0, reason=WaitReason.RATE_LIMIT)
    parked, row = task(database, turn.task.id), session(database, turn.task.session_id)
    assert (parked.status, parked.wait_reason, parked.attempts) == ("waiting", "rate_limit", 1)
    assert parked.error == OVERLOADED
    assert parked.due_at == row.wake_at
    assert parked.due_at is not None
    assert 595 < (parked.due_at - clock(database)).total_seconds() <= 600
    assert (row.lease_owner, row.idle_since) == (None, None)
    assert rest(database, take(database, row.id)) is None
    assert session(database, row.id).wake_at == parked.due_at


def test_a_task_that_waits_in_line_has_neither_failed_nor_begun(database: Database) -> None:
    session_id = new_session(database)
    submitted = submit(database, session_id, priority=Priority.BACKGROUND).task
    for _ in range(2):
        lease = take(database, session_id)
        with database.write() as connection:
            head = tasks.head(connection, session_id)
            assert head is not None
            pauses.wait_in_line(connection, Turn(lease, head, None, NO_LIMITS), 0.0)
    waiting = task(database, submitted.id)
    assert (waiting.status, waiting.wait_reason, waiting.priority) == ("waiting", "rate_limit", "background")
    assert (waiting.attempts, waiting.retry_since, waiting.error) == (0, None, None)
    assert waiting.due_at == session(database, session_id).wake_at
    assert types(database, session_id) == ["user.message", "session.status_rescheduled"], "and it is told once"


def test_a_task_parked_again_counts_from_its_first_failure(database: Database) -> None:
    turn = started(database)
    park(database, turn, delay=0.0)
    since = task(database, turn.task.id).retry_since
    lease = take(database, turn.task.session_id)
    park(database, begin(database, lease), delay=0.0)
    again = task(database, turn.task.id)
    assert (again.attempts, again.retry_since) == (2, since)
    due = rest(database, take(database, turn.task.session_id))
    assert due is not None
    assert due.id == turn.task.id


def test_an_idle_session_looks_after_its_own_end(database: Database) -> None:
    session_id = new_session(database)
    submit(database, session_id)
    turn = begin(database, take(database, session_id), Limits(idle_ttl=100, max_age=0, notice=10))
    succeed(database, turn)
    row = session(database, session_id)
    assert row.idle_since is not None
    assert row.wake_at == row.idle_since + timedelta(seconds=90)
    woken = take(database, session_id)
    assert (woken.idle_since, woken.notified_at) == (row.idle_since, None)
    assert rest(database, woken, Limits(idle_ttl=50, max_age=0, notice=0)) is None
    again = session(database, session_id)
    assert (again.idle_since, again.wake_at) == (row.idle_since, row.idle_since + timedelta(seconds=50))


def test_without_limits_an_idle_session_is_never_woken(database: Database) -> None:
    turn = started(database)
    succeed(database, turn)
    assert session(database, turn.task.session_id).wake_at is None


def test_a_session_handed_back_is_left_to_its_wake_up_for_a_moment(database: Database) -> None:
    turn = started(database)
    with database.write() as connection:
        pauses.hand_back(connection, turn.lease, grace=2.0)
    row = session(database, turn.task.session_id)
    assert (row.lease_owner, row.wakes) == (None, 1)
    assert row.wake_at is not None
    assert 1 < (row.wake_at - clock(database)).total_seconds() <= 2
    assert submit(database, row.id).wake is False
    assert task(database, turn.task.id).status == TaskStatus.RUNNING


@pytest.mark.parametrize("close", [sessions.archive, sessions.delete])
@pytest.mark.parametrize("end", ENDS)
def test_an_owner_of_a_session_that_was_closed_writes_nothing(database: Database, end: str, close: Call) -> None:
    turn = started(database)
    with database.write() as connection:
        close(connection, DEFAULT_WORKSPACE, turn.task.session_id)  # type: ignore[operator]
    closed = everything(database, turn.task.session_id)
    with pytest.raises(LeaseLost), database.write() as connection:
        ENDS[end](connection, turn)
    assert everything(database, turn.task.session_id) == closed
    assert task(database, turn.task.id).status == TaskStatus.CANCELLED
