"""Answers to tool calls: what each does, what it is refused for, and what it does when it is given again."""

from datetime import timedelta

import pytest

from overnight.errors import InvalidRequest, NotFound, SessionClosed
from overnight.models import DEFAULT_WORKSPACE
from overnight.states import CallStatus, TaskStatus, WaitReason
from overnight.store import answers, packs, pending, sessions, tool_turns
from overnight.store.database import Database
from overnight.tools.kinds import Kind
from tests import asking
from tests.asking import APPROVED, ASK_HUMAN, CUSTOM, PLAIN, QUESTION, Wish
from tests.store.answering import (
    allow,
    asked,
    crashed,
    delivered,
    deny,
    found,
    let_go,
    provide,
    required,
    taken_up,
    waiting,
)
from tests.store.every_state import cancel, check_numbers, interrupt
from tests.store.scenes import clock, events, session, task, types


def test_an_allowed_call_is_for_the_next_owner_to_run(database: Database) -> None:
    parked, [call] = waiting(database, APPROVED)
    assert (parked.wait_reason, parked.due_at) == (WaitReason.APPROVAL, None)
    with database.write() as connection:
        answered = allow(connection, call)
    assert (answered.task_id, answered.wake) == (parked.id, True)
    assert found(database, call).status == CallStatus.ALLOWED
    due = task(database, parked.id).due_at
    assert due is not None
    assert due <= clock(database)
    assert events(database, parked.session_id)[-1].payload == {"tool_use_id": call.id, "result": "allow"}
    check_numbers(database, parked.session_id)


def test_a_denied_call_has_a_result_that_says_why(database: Database) -> None:
    parked, [call] = waiting(database, APPROVED)
    with database.write() as connection:
        deny(connection, call, "not to strangers")
    [result] = delivered(database, taken_up(database, parked))
    assert result["is_error"] is True
    assert result["content"] == [{"type": "text", "text": "The user denied this tool call: not to strangers"}]
    assert types(database, parked.session_id)[-2:] == ["user.tool_confirmation", "agent.tool_result"]
    check_numbers(database, parked.session_id)


def test_a_provided_result_is_what_claude_gets(database: Database) -> None:
    parked, [call] = waiting(database, CUSTOM)
    assert parked.wait_reason == WaitReason.TOOL_RESULT
    with database.write() as connection:
        provide(connection, call, "nothing there", is_error=True)
    [result] = delivered(database, taken_up(database, parked))
    assert result["tool_use_id"] == call.tool_use_id
    assert (result["is_error"], result["content"]) == (True, [{"type": "text", "text": "nothing there"}])


def test_a_result_may_come_before_anybody_waits_for_it(database: Database) -> None:
    turn, [call] = asked(database, CUSTOM)
    with database.write() as connection:
        assert provide(connection, call).wake is False
    assert delivered(database, turn)[0]["content"] == [{"type": "text", "text": "42"}]


def test_what_is_left_after_a_partial_answer_is_told(database: Database) -> None:
    parked, [first, second, third] = waiting(database, APPROVED, CUSTOM, ASK_HUMAN)
    for answer, call in ((provide, second), (deny, first)):
        with database.write() as connection:
            answer(connection, call)
        let_go(database, taken_up(database, parked))
    told = [[first.id, second.id, third.id], [first.id, third.id], [third.id]]
    assert required(database, parked.session_id) == told
    assert task(database, parked.id).wait_reason == WaitReason.TOOL_RESULT
    with database.write() as connection:
        provide(connection, third, "left")
    assert [len(result["content"]) for result in delivered(database, taken_up(database, parked))] == [1, 1, 1]
    check_numbers(database, parked.session_id)


def test_a_timer_does_not_keep_an_answer_waiting(database: Database) -> None:
    later = clock(database) + timedelta(hours=1)
    wish = Wish("wait", Kind.OVERNIGHT, {"seconds": 3_600}, due_at=later)
    parked, [_, call] = waiting(database, wish, CUSTOM)
    assert parked.due_at is not None
    assert parked.due_at > clock(database)
    with database.write() as connection:
        provide(connection, call)
    due = task(database, parked.id).due_at
    assert due is not None
    assert due <= clock(database)


@pytest.mark.parametrize("answer", [allow, deny, provide])
def test_the_same_answer_again_changes_nothing(database: Database, answer: object) -> None:
    parked, [call] = waiting(database, CUSTOM if answer is provide else APPROVED)
    given = []
    for _ in range(2):
        with database.write() as connection:
            given.append(answer(connection, call))  # type: ignore[operator]
        record, row = events(database, parked.session_id), session(database, parked.session_id)
    assert given[0].event == given[1].event
    assert given[1].wake is False
    assert [event.id for event in record].count(given[0].event.id) == 1
    assert row.inbox == 2  # the task, and one answer
    check_numbers(database, parked.session_id)


def test_the_same_answer_again_is_taken_when_all_is_over(database: Database) -> None:
    parked, [call] = waiting(database, APPROVED)
    with database.write() as connection:
        first = allow(connection, call)
        sessions.archive(connection, DEFAULT_WORKSPACE, parked.session_id)
    is_packed = False
    while not is_packed:
        with database.write() as connection:
            assert allow(connection, call).event == first.event
            is_packed = packs.pack_some(connection, parked.session_id, 2)
    assert events(database, parked.session_id) == []
    with database.write() as connection:
        assert allow(connection, call).event == first.event
    with pytest.raises(SessionClosed), database.write() as connection:
        deny(connection, call)
    with database.write() as connection:
        sessions.delete(connection, DEFAULT_WORKSPACE, parked.session_id)
    with pytest.raises(NotFound), database.write() as connection:
        allow(connection, call)


def test_another_answer_is_refused(database: Database) -> None:
    parked, [first, second] = waiting(database, APPROVED, CUSTOM)
    with database.write() as connection:
        deny(connection, first)
        provide(connection, second)
    before = events(database, parked.session_id)
    with pytest.raises(InvalidRequest, match="has its answer already"), database.write() as connection:
        allow(connection, first)
    with pytest.raises(InvalidRequest, match="has its answer already"), database.write() as connection:
        deny(connection, first, "because")
    with pytest.raises(InvalidRequest, match="has its answer already"), database.write() as connection:
        provide(connection, second, "43")
    assert events(database, parked.session_id) == before


def test_a_call_that_a_crash_has_cut_off_is_asked_for_again(database: Database) -> None:
    parked, [call] = waiting(database, APPROVED)
    with database.write() as connection:
        first = allow(connection, call)
    crashed(database, taken_up(database, parked), found(database, call))
    with database.write() as connection:
        second = allow(connection, call)
    assert second.event.id != first.event.id
    with database.write() as connection:
        assert allow(connection, call).event.id == second.event.id


def test_wrong_kinds_are_told_apart(database: Database) -> None:
    _, [approved, custom, plain] = asked(database, APPROVED, CUSTOM, PLAIN)
    wrong = [
        (allow, custom, "send its result as user.custom_tool_result"),
        (allow, plain, "is requested, and does not wait for a confirmation"),
        (provide, approved, "allow or deny it with user.tool_confirmation"),
        (provide, plain, "is not the client's to carry out"),
    ]
    for answer, call, why in wrong:
        with pytest.raises(InvalidRequest, match=why) as refused, database.write() as connection:
            answer(connection, call)
        assert refused.value.details["field"] in {"tool_use_id", "custom_tool_use_id"}
        assert found(database, call) == call


def test_unknown_and_foreign_calls(database: Database) -> None:
    parked, [call] = waiting(database, APPROVED)
    other, _ = waiting(database, APPROVED)
    with pytest.raises(InvalidRequest, match="this session has no tool call"), database.write() as connection:
        answers.confirm(connection, DEFAULT_WORKSPACE, other.session_id, call.id, allow=True, deny_message=None)
    with pytest.raises(NotFound), database.write() as connection:
        allow(connection, call, "wrkspc_other")
    with database.write() as connection:
        allow(connection, call)
    with pytest.raises(NotFound), database.write() as connection:
        allow(connection, call, "wrkspc_other")
    assert task(database, parked.id).status == TaskStatus.WAITING


@pytest.mark.parametrize("end", [cancel, interrupt])
def test_an_answer_to_a_task_that_has_ended_comes_too_late(database: Database, end: object) -> None:
    parked, [first, second] = waiting(database, APPROVED, CUSTOM)
    end(database, parked.id if end is cancel else parked.session_id)  # type: ignore[operator]
    assert task(database, parked.id).status == TaskStatus.CANCELLED
    with pytest.raises(InvalidRequest, match="has ended, and does not wait"), database.write() as connection:
        allow(connection, first)
    with pytest.raises(InvalidRequest, match="takes no result any more"), database.write() as connection:
        provide(connection, second)


def test_a_session_that_is_archived_while_it_waits_takes_no_answer(database: Database) -> None:
    parked, [call] = waiting(database, APPROVED)
    with database.write() as connection:
        sessions.archive(connection, DEFAULT_WORKSPACE, parked.session_id)
    with pytest.raises(SessionClosed), database.write() as connection:
        allow(connection, call)
    assert found(database, call).status == CallStatus.DONE


def test_a_running_task_tells_what_may_be_answered_already(database: Database) -> None:
    turn, [approved, plain] = asked(database, APPROVED, PLAIN)
    assert task(database, turn.task.id).status == TaskStatus.RUNNING
    with database.read() as connection:
        assert pending.calls(connection, [task(database, turn.task.id)]) == {turn.task.id: [approved]}
    with database.write() as connection:
        asking.run(connection, turn, plain)
        allow(connection, approved)
        settled = tool_turns.settle(connection, turn, ())
    assert settled is not None
    assert settled[1] == []  # there is something to run


def test_what_is_pending(database: Database) -> None:
    parked, [approved, custom, question] = waiting(database, APPROVED, CUSTOM, ASK_HUMAN)
    assert question.input == QUESTION
    with database.read() as connection:
        assert pending.calls(connection, [parked]) == {parked.id: [approved, custom, question]}
    with database.write() as connection:
        allow(connection, approved)
        provide(connection, question)
    with database.read() as connection:
        assert pending.calls(connection, [task(database, parked.id)]) == {parked.id: [custom]}
    cancel(database, parked.id)
    with database.read() as connection:
        assert pending.calls(connection, [task(database, parked.id)]) == {}
