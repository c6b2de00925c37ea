"""The work of environments: queued with the calls, held by heartbeats, given to another when its worker is lost."""

from dataclasses import replace

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from overnight.environment_models import Work
from overnight.errors import Conflict, NotFound
from overnight.models import DEFAULT_WORKSPACE
from overnight.states import CallStatus
from overnight.store import sessions, submissions, tool_turns, work_pages, work_turns
from overnight.store.database import Database
from overnight.store.tool_calls import Move
from tests.asking import CUSTOM, GUARDED, HANDED_OUT
from tests.store.answering import allow, delivered, deny, found, required, taken_up
from tests.store.scenes import at_once, events, ledger, new_session, task, types
from tests.store.work_scenes import (
    acknowledge,
    all_work,
    asked_again,
    at_work,
    beat,
    hand_in,
    just_before,
    long_ago,
    new_environment,
    now_work,
    poll,
    polled,
    stop,
    taken,
    waiting,
)


@pytest.fixture
def environment_id(database: Database) -> str:
    return new_environment(database)


def test_calls_and_their_work_are_handed_out_together(database: Database, environment_id: str) -> None:
    waited, calls = waiting(database, environment_id, HANDED_OUT, CUSTOM, HANDED_OUT)
    assert [call.status for call in calls] == ["awaited"] * 3
    assert (waited.status, waited.wait_reason) == ("waiting", "tool_result")
    assert required(database, waited.session_id) == [[call.id for call in calls]]
    (work,) = all_work(database, waited.session_id)
    assert (work.state, work.environment_id, work.attempts) == ("queued", environment_id, 0)


def test_calls_of_others_queue_nothing(database: Database, environment_id: str) -> None:
    waited, _ = waiting(database, environment_id, CUSTOM)
    assert all_work(database, waited.session_id) == []


def test_a_call_that_asks_is_handed_out_when_it_is_allowed(database: Database, environment_id: str) -> None:
    waited, (call,) = waiting(database, environment_id, GUARDED)
    assert all_work(database, waited.session_id) == []
    with database.write() as connection:
        allow(connection, call)
    turn = taken_up(database, waited)
    with database.write() as connection:
        tool_turns.carry_out(connection, turn, [Move(found(database, call), CallStatus.AWAITED)], None)
    assert len(all_work(database, waited.session_id)) == 1


def test_results_enter_the_ledger(database: Database, environment_id: str) -> None:
    waited, calls = waiting(database, environment_id, HANDED_OUT, HANDED_OUT)
    for place, call in enumerate(calls):
        with database.write() as connection:
            hand_in(connection, call, f"result {place}")
    turn = taken_up(database, waited)
    assert [block["content"][0]["text"] for block in delivered(database, turn)] == ["result 0", "result 1"]
    assert ledger(database, waited.session_id)[-1].role == "user"


def test_a_worker_has_one_session_at_a_time_and_a_session_one_worker(database: Database, environment_id: str) -> None:
    first, second = (waiting(database, environment_id)[0] for _ in range(2))
    one, two = polled(database, environment_id), polled(database, environment_id)
    assert (one.session_id, two.session_id) == (first.session_id, second.session_id)
    assert poll(database, environment_id) is None
    assert poll(database, new_environment(database)) is None
    assert (one.state, one.polled_at is not None) == ("queued", True)


def test_the_life_of_work(database: Database, environment_id: str) -> None:
    waiting(database, environment_id)
    work = acknowledge(database, polled(database, environment_id))
    assert (work.state, work.ttl, work.heartbeat_at) == ("starting", 60, None)
    assert acknowledge(database, work) == work
    first = beat(database, work)
    assert (first.extended, first.work.state, first.work.started_at is not None) == (True, "active", True)
    second = beat(database, work, first.work.heartbeat_at, ttl=9)
    assert second.extended
    assert (second.work.started_at, second.work.ttl) == (first.work.started_at, 9)
    assert second.work.expires_at is not None
    assert acknowledge(database, work).state == "active"
    leaving = stop(database, work, force=False)
    assert (leaving.state, leaving.stop_requested_at is not None) == ("stopping", True)
    assert stop(database, work, force=False) == leaving
    told = beat(database, work, just_before(second.work))  # is not compared any more
    assert (told.extended, told.is_lost, told.work.state) == (False, False, "stopping")
    assert stop(database, work).state == "stopped"
    for late in (lambda: stop(database, work), lambda: acknowledge(database, work)):
        with pytest.raises(Conflict, match="has stopped"):
            late()
    assert beat(database, work).work.state == "stopped"


def test_a_heartbeat_out_of_date_loses(database: Database, environment_id: str) -> None:
    waiting(database, environment_id)
    work = polled(database, environment_id)
    assert beat(database, work).is_lost  # not acknowledged
    acknowledge(database, work)
    current = beat(database, work).work
    for wrong in ("NO_HEARTBEAT", just_before(current)):
        lost = beat(database, work, wrong)
        assert (lost.is_lost, lost.work.heartbeat_at) == (True, current.heartbeat_at)
    assert beat(database, work, None).extended


def test_what_is_not_acknowledged_is_given_out_again(database: Database, environment_id: str) -> None:
    waiting(database, environment_id)
    work = polled(database, environment_id)
    long_ago(database, work, "polled_at", seconds=4.0)
    assert poll(database, environment_id, reclaim=5.0) is None
    again = poll(database, environment_id, reclaim=3.0)
    assert again is not None
    assert (again.id, again.attempts) == (work.id, 0)


def test_a_worker_that_falls_silent_has_lost_its_session(database: Database, environment_id: str) -> None:
    waited, _ = waiting(database, environment_id)
    before = taken(database, environment_id)
    assert poll(database, environment_id) is None
    long_ago(database, before, "expires_at")
    again = polled(database, environment_id)
    assert (again.id, again.state, again.heartbeat_at, again.attempts) == (before.id, "queued", None, 1)
    assert beat(database, before, before.heartbeat_at).is_lost
    acknowledge(database, again)
    assert beat(database, before, before.heartbeat_at).is_lost
    assert beat(database, again).extended
    assert beat(database, before).is_lost
    assert len(all_work(database, waited.session_id)) == 1


def test_a_worker_that_dies_before_its_first_heartbeat_loses_it_too(database: Database, environment_id: str) -> None:
    waiting(database, environment_id)
    work = acknowledge(database, polled(database, environment_id))
    long_ago(database, work, "expires_at")
    assert polled(database, environment_id).id == work.id


def test_a_session_with_calls_left_is_queued_again(database: Database, environment_id: str) -> None:
    waited, (call,) = waiting(database, environment_id)
    stop(database, taken(database, environment_id))
    *_, second = all_work(database, waited.session_id)
    assert (second.state, second.attempts) == ("queued", 1)
    assert poll(database, environment_id) is None  # not at once: a worker that fails at once would come at once
    long_ago(database, second, "due_at")
    third = taken(database, environment_id)
    assert third.id == second.id
    with database.write() as connection:
        hand_in(connection, call)
    assert now_work(database, third).attempts == 0
    stop(database, third)
    assert [work.state for work in all_work(database, waited.session_id)] == ["stopped", "stopped"]


def test_the_delay_grows_to_a_minute(database: Database, environment_id: str) -> None:
    waited, _ = waiting(database, environment_id)
    delays = []
    for _ in range(9):
        stop(database, all_work(database, waited.session_id)[-1])
        last = all_work(database, waited.session_id)[-1]
        delays.append(round((last.due_at - last.created_at).total_seconds()))
    assert delays == [1, 3, 7, 15, 31, 60, 60, 60, 60]


def test_calls_that_come_while_a_worker_stops_are_not_forgotten(database: Database, environment_id: str) -> None:
    waited, (call,) = waiting(database, environment_id)
    work = taken(database, environment_id)
    with database.write() as connection:
        hand_in(connection, call)
    stop(database, work, force=False)
    turn = taken_up(database, waited)
    delivered(database, turn)
    lease = replace(turn.lease, ledger_seq=turn.lease.ledger_seq + 1)
    turn = replace(turn, task=task(database, waited.id), lease=lease)
    asked_again(database, turn)
    assert [each.state for each in all_work(database, waited.session_id)] == ["stopping"]
    long_ago(database, work, "expires_at")  # and its worker dies
    assert poll(database, environment_id) is None
    assert [each.state for each in all_work(database, waited.session_id)] == ["stopped", "queued"]


@pytest.mark.parametrize("ending", ["archive", "delete", "cancel", "interrupt"])
def test_a_worker_is_sent_away_with_the_calls(database: Database, environment_id: str, ending: str) -> None:
    waited, (call,) = waiting(database, environment_id)
    work = taken(database, environment_id)
    with database.write() as connection:
        match ending:
            case "archive":
                sessions.archive(connection, DEFAULT_WORKSPACE, waited.session_id)
            case "delete":
                sessions.delete(connection, DEFAULT_WORKSPACE, waited.session_id)
            case "cancel":
                submissions.cancel(connection, DEFAULT_WORKSPACE, waited.id)
            case _:
                submissions.interrupt(connection, DEFAULT_WORKSPACE, waited.session_id)
    assert now_work(database, work).state == "stopping"
    assert task(database, waited.id).status == "cancelled"
    told = found(database, call)
    assert told.is_error
    assert "Whether it had its effect is not known" in told.content
    last = [event for event in events(database, waited.session_id) if event.type == "user.tool_result"]
    assert [event.payload["tool_use_id"] for event in last] == [call.id]  # so that no worker runs it any more
    stop(database, work)
    assert len(all_work(database, waited.session_id)) == 1


def test_what_no_worker_has_taken_ends_at_once(database: Database, environment_id: str) -> None:
    waited, _ = waiting(database, environment_id)
    with database.write() as connection:
        submissions.cancel(connection, DEFAULT_WORKSPACE, waited.id)
    assert [work.state for work in all_work(database, waited.session_id)] == ["stopped"]
    assert poll(database, environment_id) is None


def test_a_denied_call_was_with_nobody(database: Database, environment_id: str) -> None:
    waited, (call,) = waiting(database, environment_id, GUARDED)
    with database.write() as connection:
        deny(connection, call, "no")
    assert types(database, waited.session_id)[-2:] == ["user.tool_confirmation", "user.tool_result"]
    assert all_work(database, waited.session_id) == []


def test_others_find_nothing(database: Database, environment_id: str) -> None:
    waiting(database, environment_id)
    work, other = polled(database, environment_id), new_environment(database)
    for workspace, place in (("wrkspc_other", environment_id), (DEFAULT_WORKSPACE, other)):
        with database.write() as connection:
            for verb in (
                lambda: work_turns.find(connection, workspace, place, work.id),  # noqa: B023
                lambda: work_turns.acknowledge(connection, workspace, place, work.id, 9),  # noqa: B023
                lambda: work_turns.beat(connection, workspace, place, work.id, None, 9),  # noqa: B023
                lambda: work_turns.stop(connection, workspace, place, work.id, force=True),  # noqa: B023
                lambda: work_pages.relabel(connection, workspace, place, work.id, dict),  # noqa: B023
            ):
                with pytest.raises(NotFound):
                    verb()
    assert now_work(database, work) == work


def test_numbers(database: Database, environment_id: str) -> None:
    for _ in range(4):
        waiting(database, environment_id)
    silent = taken(database, environment_id)
    long_ago(database, silent, "expires_at", "created_at")
    with database.write() as connection:
        for name in ("w1", "w2", "w1"):
            work_pages.note(connection, environment_id, name)
        assert work_pages.is_noted(connection, environment_id, "w1")
        assert not work_pages.is_noted(connection, environment_id, "w3")
        found = work_pages.stats(connection, environment_id)
        assert (found.depth, found.pending, found.workers) == (4, 0, 2)
        assert found.oldest == now_work(database, silent).created_at
    polled(database, environment_id)
    polled(database, environment_id)
    with database.read() as connection:
        found = work_pages.stats(connection, environment_id)
        assert (found.depth, found.pending) == (2, 2)
        assert work_pages.stats(connection, new_environment(database)) == work_pages.Stats(0, 0, None, 0)


def test_polls_at_once_share_what_there_is(database: Database, environment_id: str) -> None:
    for _ in range(3):
        waiting(database, environment_id)
    given = [work for work in at_once(8, lambda _: poll(database, environment_id)) if work is not None]
    left = []
    while (more := poll(database, environment_id)) is not None:  # one that looked past a locked row may get nothing
        left.append(more)
    assert len({work.id for work in given}) == len(given)
    assert len({work.id for work in (*given, *left)}) == 3


def test_of_heartbeats_at_once_one_wins(database: Database, environment_id: str) -> None:
    waiting(database, environment_id)
    work = acknowledge(database, polled(database, environment_id))
    beats = at_once(6, lambda _: beat(database, work))
    assert sorted(each.extended for each in beats) == [False] * 5 + [True]
    long_ago(database, work, "heartbeat_at", seconds=30.0)
    last = now_work(database, work).heartbeat_at
    again = at_once(6, lambda _: beat(database, work, last))
    assert sorted(each.extended for each in again) == [False] * 5 + [True]


def test_a_lost_session_goes_to_one_worker(database: Database, environment_id: str) -> None:
    waiting(database, environment_id)
    before = taken(database, environment_id)
    long_ago(database, before, "expires_at")

    def either(place: int) -> Work | bool | None:
        if place == 0:  # the worker that was silent comes back
            return beat(database, before, before.heartbeat_at).extended
        return poll(database, environment_id)

    kept, *others = at_once(5, either)
    assert sum(other is not None for other in others) + bool(kept) == 1


def test_stops_at_once_queue_one(database: Database, environment_id: str) -> None:
    waited, _ = waiting(database, environment_id)
    work = taken(database, environment_id)

    def try_to_stop(_: int) -> bool:
        try:
            return bool(stop(database, work))
        except Conflict:
            return False

    assert sum(at_once(6, try_to_stop)) == 1
    assert [each.state for each in all_work(database, waited.session_id)] == ["stopped", "queued"]


def test_the_database_refuses_a_second_live_item(database: Database, environment_id: str) -> None:
    waited, _ = waiting(database, environment_id)
    (work,) = all_work(database, waited.session_id)
    with pytest.raises(IntegrityError), database.write() as connection:
        connection.execute(insert(Work).values(**{**work.model_dump(), "id": "work_second"}))


def test_the_built_in_environment_has_no_work(database: Database) -> None:
    assert all_work(database, new_session(database)) == []
    turn, _ = at_work(database, new_environment(database))
    assert turn.lease.environment_id.startswith("env_")
