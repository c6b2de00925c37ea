"""Archiving by hand with a summary: the wish stands in the row, an owner carries it out, what is sent takes it back."""

from collections.abc import Callable
from typing import Any

import pytest

from overnight import expiry
from overnight.errors import InvalidRequest, LeaseLost, NotFound
from overnight.expiry import Limits
from overnight.states import ArchiveReason, Life, OnExpiry, Origin
from overnight.store import archiving, pausing, retirement, reviving, sessions, submissions
from overnight.store.database import Database
from overnight.store.leases import Lease
from overnight.store.pausing import Moved
from tests.asking import CUSTOM
from tests.store.answering import waiting
from tests.store.every_state import check_numbers
from tests.store.scenes import (
    DEFAULT_WORKSPACE,
    call,
    change,
    events,
    fail,
    ledger,
    new_session,
    rest,
    session,
    started,
    submit,
    succeed,
    take,
    task,
    types,
    work_off,
)

USER = ArchiveReason.USER
#: Of a session that would go on in another at once.
ANYTHING = Limits(idle_ttl=1, max_age=0, notice=0, max_messages=1, on_expiry=OnExpiry.CONTINUE)


def wish(database: Database, session_id: str, workspace: str = DEFAULT_WORKSPACE) -> Moved:
    with database.write() as connection:
        return archiving.archive_with_summary(connection, workspace, session_id)


def wished(database: Database) -> Lease:
    """In the hands of the owner who is about to have it summarised."""
    turn = started(database)
    succeed(database, turn)
    assert wish(database, turn.task.session_id) == Moved(changed=True, wake=True)
    return take(database, turn.task.session_id)


def verdict(lease: Lease, limits: Limits = ANYTHING) -> object:
    return expiry.judge(
        limits,
        created_at=lease.created_at,
        idle_since=lease.idle_since or lease.now,
        notified_at=lease.notified_at,
        now=lease.now,
        standing=lease.standing(),
    )


def end(database: Database, lease: Lease, summary: str | None = "All was said.") -> bool:
    with database.write() as connection:
        return retirement.archive(connection, lease, USER, summary, None, call())


def test_it_cancels_at_once_and_its_next_owner_ends_it(database: Database) -> None:
    turn = started(database)
    queued = submit(database, turn.task.session_id)
    assert wish(database, turn.task.session_id).wake
    for one in (turn.task, queued.task):
        assert (task(database, one.id).status, task(database, one.id).stop_reason) == ("cancelled", "session archived")
    row = session(database, turn.task.session_id)
    assert (row.life, row.lease_owner, row.archived_at, row.wakes) == (Life.ACTIVE, None, None, 1)
    assert None not in (row.archiving_since, row.idle_since)
    assert row.wake_at is not None, "should the wake-up be lost"
    told = events(database, row.id)[-4:]
    assert [event.type for event in told] == [*["task.cancelled"] * 2, "session.status_idle", "session.expiring"]
    assert told[-1].payload == {"reason": "user", "expires_at": None}
    with pytest.raises(LeaseLost):
        succeed(database, turn)
    lease = take(database, row.id)
    assert verdict(lease) == expiry.Expire(USER)
    assert end(database, lease)
    row = session(database, row.id)
    assert (row.life, row.archive_reason, row.summary) == (Life.ARCHIVED, USER, "All was said.")
    assert row.archiving_since is None
    check_numbers(database, row.id)


def test_calls_that_wait_are_answered_and_it_goes_on_from_the_summary(database: Database) -> None:
    parked, _ = waiting(database, CUSTOM)
    wish(database, parked.session_id)
    assert end(database, take(database, parked.session_id))
    with database.write() as connection:
        reviving.revive(connection, DEFAULT_WORKSPACE, parked.session_id, Origin.SUMMARY, idle_check=60.0)
    submit(database, parked.session_id)
    work_off(database, parked.session_id)
    roles = [row.role for row in ledger(database, parked.session_id)]
    assert roles == ["user", "assistant", "user", "user", "assistant"]
    assert session(database, parked.session_id).context_from == 3


def test_no_limit_says_what_happens_then(database: Database) -> None:
    lease = wished(database)
    assert [limit.then(USER) for limit in (ANYTHING, Limits(0, 0, 0, on_expiry=OnExpiry.DELETE))] == ["archive"] * 2
    change(database, lease.session_id, kept_until=600.0, lease_expires_at=-1.0)
    assert verdict(take(database, lease.session_id)) == expiry.Expire(USER)


BACK: dict[str, Callable[[Any, str], Any]] = {
    "task": lambda connection, session_id: submissions.submit(
        connection, DEFAULT_WORKSPACE, session_id, submissions.NewTask([]), max_age=0
    ),
    "interrupt": lambda connection, session_id: submissions.interrupt(connection, DEFAULT_WORKSPACE, session_id),
    "extend": lambda connection, session_id: reviving.extend(connection, DEFAULT_WORKSPACE, session_id, None),
}


@pytest.mark.parametrize("what", BACK)
@pytest.mark.parametrize("late", [False, True], ids=["before its owner came", "over the summary"])
def test_what_is_sent_takes_the_wish_back(database: Database, what: str, late: bool) -> None:
    lease = wished(database)
    if not late:
        change(database, lease.session_id, lease_expires_at=-1.0)
    with database.write() as connection:
        BACK[what](connection, lease.session_id)
    assert session(database, lease.session_id).archiving_since is None
    if late:
        assert end(database, lease) is False
    else:
        lease = take(database, lease.session_id)
        assert verdict(lease, Limits(0, 0, 0)) == expiry.Keep(None)
    assert (rest(database, lease) is not None) == (what == "task")
    assert session(database, lease.session_id).life == Life.ACTIVE


def test_so_does_a_retry(database: Database) -> None:
    turn = started(database)
    fail(database, turn)
    wish(database, turn.task.session_id)
    with database.write() as connection:
        submissions.retry(connection, DEFAULT_WORKSPACE, turn.task.id, most_steps=10)
    assert session(database, turn.task.session_id).archiving_since is None


def test_an_owner_who_rests_or_dies_leaves_it_to_the_next(database: Database) -> None:
    lease = wished(database)
    change(database, lease.session_id, lease_expires_at=-1.0)
    after = take(database, lease.session_id, "other#1")
    with pytest.raises(LeaseLost):
        end(database, lease)
    assert rest(database, after, ANYTHING) is None
    row = session(database, lease.session_id)
    assert row.wake_at is not None
    assert row.wake_at <= take(database, row.id).now


def test_twice_paused_archived_and_unknown(database: Database) -> None:
    lease = wished(database)
    before = session(database, lease.session_id)
    assert wish(database, lease.session_id) == Moved(changed=False)
    assert session(database, lease.session_id) == before
    with database.write() as connection:
        pausing.pause(connection, DEFAULT_WORKSPACE, lease.session_id)
    with pytest.raises(InvalidRequest, match=r"^summary: .*paused.*resume it first"):
        wish(database, lease.session_id)
    with database.write() as connection:
        sessions.archive(connection, DEFAULT_WORKSPACE, lease.session_id)
    row = session(database, lease.session_id)
    assert (row.life, row.summary, row.archiving_since) == (Life.ARCHIVED, None, None)
    assert wish(database, row.id) == Moved(changed=False)
    assert types(database, row.id)[-1] == "session.status_terminated"
    with pytest.raises(NotFound):
        wish(database, new_session(database), "wrkspc_other")


def test_a_summary_from_before_is_not_that_of_one_archived_at_once(database: Database) -> None:
    lease = wished(database)
    end(database, lease)
    with database.write() as connection:
        reviving.revive(connection, DEFAULT_WORKSPACE, lease.session_id, Origin.FULL, idle_check=0.0)
        sessions.archive(connection, DEFAULT_WORKSPACE, lease.session_id)
    assert session(database, lease.session_id).summary is None
