import time
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy.exc import IntegrityError

from overnight.errors import NotFound, SessionClosed
from overnight.models import Task
from overnight.states import Life, TaskStatus, WaitReason
from overnight.store import sessions, submissions, tasks
from overnight.store.database import Database
from overnight.store.events import Draft
from overnight.store.sessions import NewSession
from overnight.store.submissions import NewTask
from tests.store.scenes import (
    DEFAULT_WORKSPACE,
    at_once,
    change,
    clock,
    events,
    new_session,
    rest,
    says,
    session,
    started,
    submit,
    take,
    task,
    work_off,
)

OTHER = "wrkspc_other"


def test_the_order_is_that_in_which_tasks_were_acknowledged(database: Database) -> None:
    session_id = new_session(database)

    def submit_some(_: int) -> list[tuple[float, float, int]]:
        done = []
        for _ in range(12):
            began = time.monotonic()
            seq = submit(database, session_id).task.seq
            done.append((began, time.monotonic(), seq))
        return done

    done = [one for some in at_once(5, submit_some) for one in some]
    assert sorted(seq for _, _, seq in done) == list(range(1, 61))
    for _, acknowledged, earlier in done:
        assert all(earlier < seq for began, _, seq in done if began > acknowledged)
    row = session(database, session_id)
    assert (row.inbox, row.event_seq) == (60, 60)
    assert [event.seq for event in events(database, session_id)] == list(range(1, 61))
    with database.read() as connection:
        head = tasks.head(connection, session_id)
    assert head is not None
    assert head.seq == 1


def test_each_session_counts_for_itself(database: Database) -> None:
    one, other = new_session(database), new_session(database)
    assert [submit(database, session_id).task.seq for session_id in (one, other, one)] == [1, 1, 2]


def test_one_wake_up_is_asked_for_until_an_owner_comes(database: Database) -> None:
    session_id = new_session(database)
    assert [submit(database, session_id).wake for _ in range(3)] == [True, False, False]
    lease = take(database, session_id)
    assert submit(database, session_id).wake is False
    with database.write() as connection:
        for unfinished in range(4):
            head = tasks.head(connection, session_id)
            assert head is not None, unfinished
            submissions.cancel(connection, DEFAULT_WORKSPACE, head.id)
    assert rest(database, lease) is None
    assert [submit(database, session_id).wake for _ in range(2)] == [True, False]


def test_a_dead_owner_does_not_keep_a_task_waiting(database: Database) -> None:
    turn = started(database)
    change(database, turn.task.session_id, lease_expires_at=-1.0, wake_at=-1.0)
    assert submit(database, turn.task.session_id).wake is True
    wake_at = session(database, turn.task.session_id).wake_at
    assert wake_at is not None
    assert 0 < (wake_at - clock(database)).total_seconds() <= submissions.WAKE_GRACE


def test_a_wake_up_that_is_lost_is_made_up_for_by_the_sweep(database: Database) -> None:
    session_id = new_session(database)
    submit(database, session_id)
    first = session(database, session_id).wake_at
    assert first is not None
    assert (first - clock(database)).total_seconds() <= submissions.WAKE_GRACE
    submit(database, session_id)
    assert session(database, session_id).wake_at == first


def test_how_many_are_ahead(database: Database) -> None:
    session_id = new_session(database)
    assert [submit(database, session_id).ahead for _ in range(3)] == [0, 1, 2]
    work_off(database, session_id)
    assert submit(database, session_id).ahead == 0


def test_a_submission_says_everything_about_its_task(database: Database) -> None:
    session_id = new_session(database)
    noted = Draft("user.interrupt")
    with database.write() as connection:
        new = NewTask(says("Hello"), labels={"a": "b"}, user_id="u1")
        accepted = submissions.submit(connection, DEFAULT_WORKSPACE, session_id, new, max_age=0, extra=[noted])
    stored = task(database, accepted.task.id)
    assert stored.model_dump() == accepted.task.model_dump()
    assert (stored.content, stored.labels, stored.user_id, stored.status) == (says("Hello"), {"a": "b"}, "u1", "queued")
    said = events(database, session_id)
    assert [(event.seq, event.id, event.type) for event in said] == [
        (1, noted.id, "user.interrupt"),
        (2, accepted.events[0].id, "user.message"),
    ]
    assert said[1].payload == {"content": says("Hello")}


def test_a_task_for_later_waits_and_one_for_earlier_does_not(database: Database) -> None:
    at = clock(database)
    session_id = new_session(database)
    later = submit(database, session_id, not_before=at + timedelta(hours=1)).task
    assert (later.status, later.wait_reason) == (TaskStatus.WAITING, WaitReason.SCHEDULED)
    assert task(database, later.id).due_at == at + timedelta(hours=1)
    assert submit(database, session_id, not_before=at - timedelta(hours=1)).task.status == TaskStatus.QUEUED


def test_an_idle_session_is_idle_no_longer(database: Database) -> None:
    session_id = new_session(database)
    change(database, session_id, idle_since=-60.0, notified_at=-5.0)
    submit(database, session_id)
    row = session(database, session_id)
    assert (row.idle_since, row.notified_at, row.summary_attempts) == (None, None, 0)


@pytest.mark.parametrize(("max_age", "closed"), [(0, False), (100, False), (50, True)])
def test_a_session_past_its_age_takes_no_task(database: Database, max_age: float, closed: bool) -> None:
    session_id = new_session(database)
    change(database, session_id, created_at=-60.0)
    if not closed:
        assert submit(database, session_id, max_age=max_age).task.seq == 1
        return
    with pytest.raises(SessionClosed, match=f"session {session_id} has reached its maximum age; extend it"):
        submit(database, session_id, max_age=max_age)
    assert session(database, session_id).inbox == 0


def test_an_archived_session_says_that_it_is(database: Database) -> None:
    session_id = new_session(database)
    with database.write() as connection:
        sessions.archive(connection, DEFAULT_WORKSPACE, session_id)
    with pytest.raises(SessionClosed, match=rf"session {session_id} is archived \(user\); resume it") as caught:
        submit(database, session_id)
    assert caught.value.details == {"error_code": "session_closed", "resume_from": ["summary", "full"]}
    assert [event.type for event in events(database, session_id)] == ["session.archived", "session.status_terminated"]


def test_whatever_is_deleted_foreign_or_unknown_is_not_found_in_the_same_words(database: Database) -> None:
    deleted, foreign, unknown = new_session(database), new_session(database, OTHER), "sesn_unknown"
    with database.write() as connection:
        sessions.delete(connection, DEFAULT_WORKSPACE, deleted)
    for session_id in (deleted, foreign, unknown):
        with pytest.raises(NotFound) as caught:
            submit(database, session_id)
        assert str(caught.value) == f"session {session_id} not found"


def test_no_verb_reaches_another_workspace(database: Database) -> None:
    turn = started(database)
    session_id, task_id = turn.task.session_id, turn.task.id
    before = (session(database, session_id), task(database, task_id))
    verbs = [
        (sessions.get, session_id),
        (sessions.archive, session_id),
        (sessions.delete, session_id),
        (submissions.interrupt, session_id),
        (submissions.cancel, task_id),
        (partial(submissions.retry, most_steps=200), task_id),
        (tasks.get, task_id),
    ]
    for verb, name in verbs:
        with pytest.raises(NotFound) as caught, database.write() as connection:
            verb(connection, OTHER, name)  # type: ignore[operator]
        assert str(caught.value).endswith(f"{name} not found")
    with database.read() as connection:
        assert sessions.find_open(connection, OTHER, "key") is None
        assert tasks.page(connection, OTHER, limit=9) == []
    assert before == (session(database, session_id), task(database, task_id))


def test_a_session_begins_with_its_first_tasks(database: Database) -> None:
    new = NewSession(model="m", max_tokens=1)
    with database.write() as connection:
        wanted = [NewTask(says("one")), NewTask(says("two"))]
        accepted = sessions.create(connection, DEFAULT_WORKSPACE, new, wanted, idle_check=60)
    assert [(one.task.seq, one.ahead, one.wake) for one in accepted] == [(1, 0, True), (2, 1, False)]
    row = session(database, new.id)
    assert (row.inbox, row.event_seq, row.wakes, row.idle_since) == (2, 2, 1, None)
    assert submit(database, new.id).wake is False
    work_off(database, new.id)
    assert [one.status for one in every_task(database, new.id)] == ["succeeded"] * 3


def test_a_session_without_tasks_looks_after_itself(database: Database) -> None:
    new = NewSession(model="m", max_tokens=1)
    with database.write() as connection:
        assert sessions.create(connection, DEFAULT_WORKSPACE, new, idle_check=60) == []
    row = session(database, new.id)
    assert (row.life, row.idle_since) == (Life.ACTIVE, row.created_at)
    assert row.wake_at == row.created_at + timedelta(seconds=60)
    assert session(database, new_session(database)).wake_at is None


def test_of_many_with_one_context_key_one_session_is_made(database: Database) -> None:
    def make(_: int) -> bool:
        try:
            new_session(database, context_key="thread-1")
        except IntegrityError:
            return False
        return True

    assert at_once(4, make).count(True) == 1
    with database.read() as connection:
        found = sessions.find_open(connection, DEFAULT_WORKSPACE, "thread-1")
    assert found is not None
    with database.write() as connection:
        sessions.archive(connection, DEFAULT_WORKSPACE, found)
    assert new_session(database, context_key="thread-1") != found


def every_task(database: Database, session_id: str) -> list[Task]:
    with database.read() as connection:
        return list(tasks.page(connection, DEFAULT_WORKSPACE, limit=100, session_id=session_id))
