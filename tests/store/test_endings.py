"""How sessions end as they say themselves: deleted, gone on in another, put off, taken back; a task that comes wins."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection

from overnight import expiry
from overnight.errors import InvalidRequest, NotFound, SessionClosed
from overnight.expiry import Limits
from overnight.history.context import recalled
from overnight.models import DEFAULT_WORKSPACE, Message
from overnight.states import ArchiveReason, Life, OnExpiry, Origin
from overnight.store import (
    contexts,
    endings,
    packs,
    pausing,
    records,
    retirement,
    reviving,
    sessions,
    submissions,
    succession,
)
from overnight.store.database import Database
from overnight.store.leases import Lease
from overnight.store.submissions import NewTask
from tests.store.scenes import (
    begin,
    call,
    change,
    clock,
    events,
    ledger,
    meanwhile,
    new_session,
    rest,
    says,
    session,
    submit,
    succeed,
    take,
    types,
    work_off,
)

LONG = ArchiveReason.TOO_LONG
KEY = "ticket-1"
GO_ON = Limits(0, 0, 0, max_messages=2, on_expiry=OnExpiry.CONTINUE)


def idle(database: Database, **changes: Any) -> Lease:
    session_id = new_session(database, context_key=KEY, **changes)
    submit(database, session_id)
    work_off(database, session_id)
    return take(database, session_id)


def hand_over(connection: Connection, lease: Lease) -> bool:
    return succession.hand_over(connection, lease, LONG, "All was said.", call(), max_age=None, idle_check=60.0)


def into(database: Database, act: Callable[..., Any], *values: Any, **options: Any) -> Any:
    with database.write() as connection:
        return act(connection, *values, **options)


def open_one(database: Database) -> str | None:
    with database.read() as connection:
        return sessions.find_open(connection, DEFAULT_WORKSPACE, KEY)


def test_a_turn_that_makes_it_too_long_has_it_looked_at_at_once(database: Database) -> None:
    session_id = new_session(database)
    submit(database, session_id)
    turn = begin(database, take(database, session_id), GO_ON)
    succeed(database, turn)
    row = session(database, session_id)
    assert row.wake_at is not None
    assert row.wake_at <= clock(database)
    lease = take(database, session_id)
    verdict = expiry.judge(
        GO_ON,
        created_at=lease.created_at,
        idle_since=lease.now,
        notified_at=None,
        now=lease.now,
        standing=lease.standing(),
    )
    assert verdict == expiry.Expire(LONG)


def test_a_successor_begins_with_the_summary(database: Database) -> None:
    lease = idle(database, title="Desk", budget_tokens=1_000, expiry={"max_messages": 2})
    old_id = lease.session_id
    assert into(database, hand_over, lease)
    old = session(database, old_id)
    assert (old.life, old.archive_reason, old.lease_owner) == (Life.ARCHIVED, LONG, None)
    assert old.continued_by is not None
    new = session(database, old.continued_by)
    assert (new.continues, new.context_key, new.title, new.expiry) == (old_id, KEY, "Desk", {"max_messages": 2})
    assert open_one(database) == new.id
    assert new.budget_tokens == 1_000 - 200, "what the first part and the summary have used is gone"
    assert events(database, old_id)[-2].payload["continued_by"] == new.id
    assert types(database, new.id) == ["session.continued"]
    with database.read() as connection:
        remembered = contexts.find(connection, new.id, new.context)
    assert recalled(remembered.summary, [], [])[0].content == says("All was said.")
    submit(database, new.id)
    work_off(database, new.id)
    assert [row.seq for row in ledger(database, new.id)] == [1, 2]
    with pytest.raises(SessionClosed, match=f"goes on as {new.id}"):
        submit(database, old_id)


ENDS: dict[str, Callable[[Connection, Lease], bool]] = {"hand over": hand_over, "delete": retirement.remove}


@pytest.mark.parametrize("end", ENDS)
def test_a_task_that_comes_first_wins(database: Database, end: str) -> None:
    lease = idle(database)
    accepted = submit(database, lease.session_id)
    assert not into(database, ENDS[end], lease)
    row = session(database, lease.session_id)
    assert (row.life, row.lease_token, row.continued_by) == (Life.ACTIVE, lease.token, None)
    assert open_one(database) == row.id
    assert begin(database, lease).task.id == accepted.task.id


def test_a_task_in_the_same_moment_goes_to_one_of_them(database: Database) -> None:
    lease = idle(database)

    def come(connection: Connection) -> str:
        new = NewTask(says("Go."))
        try:
            submissions.submit(connection, DEFAULT_WORKSPACE, lease.session_id, new, max_age=0)
        except SessionClosed as error:
            next_id: str = error.details["continued_by"]
            submissions.submit(connection, DEFAULT_WORKSPACE, next_id, new, max_age=0)
            return next_id
        return lease.session_id

    is_over, taken_by = meanwhile(database, lambda connection: hand_over(connection, lease), come)
    assert is_over
    assert taken_by == session(database, lease.session_id).continued_by
    work_off(database, taken_by)
    assert len(ledger(database, taken_by)) == 2


def test_one_that_says_so_is_deleted(database: Database) -> None:
    lease = idle(database)
    assert into(database, retirement.remove, lease)
    assert session(database, lease.session_id).life == Life.DELETED
    assert open_one(database) is None


@pytest.mark.parametrize("origin", Origin)
def test_what_is_archived_and_packed_goes_on(database: Database, origin: Origin) -> None:
    lease = idle(database)
    session_id = lease.session_id
    into(database, retirement.archive, lease, LONG, "All was said.", None, None)
    said = [row.content for row in ledger(database, session_id)]
    while not into(database, packs.pack_some, session_id, 1):
        pass
    assert ledger(database, session_id) == []
    assert into(database, reviving.revive, DEFAULT_WORKSPACE, session_id, origin, idle_check=60.0).changed
    row = session(database, session_id)
    assert (row.life, row.archived_at, row.archive_reason) == (Life.ACTIVE, None, None)
    assert [row.content for row in ledger(database, session_id)] == said
    assert (row.context_from, row.context) == ((2, 1) if origin is Origin.SUMMARY else (0, 0))
    assert not into(database, reviving.revive, DEFAULT_WORKSPACE, session_id, origin, idle_check=60.0).changed
    submit(database, session_id)
    work_off(database, session_id)
    assert len(ledger(database, session_id)) == 4
    assert rest(database, take(database, session_id), GO_ON) is None
    assert session(database, session_id).life == Life.ACTIVE, "it has its reprieve"
    with database.read() as connection:
        assert len(records.read(connection, Message, session_id)) == 4


def test_one_that_was_paused_goes_on_as_any(database: Database) -> None:
    session_id = idle(database).session_id
    into(database, pausing.pause, DEFAULT_WORKSPACE, session_id)
    into(database, sessions.archive, DEFAULT_WORKSPACE, session_id)
    into(database, reviving.revive, DEFAULT_WORKSPACE, session_id, Origin.FULL, idle_check=60.0)
    row = session(database, session_id)
    assert (row.life, row.paused_at) == (Life.ACTIVE, None)


def test_what_an_archived_one_needs_to_go_on_is_told(database: Database) -> None:
    lease = idle(database)
    session_id = lease.session_id
    into(database, retirement.archive, lease, LONG, None, "Overloaded", None)
    with pytest.raises(SessionClosed, match=r"resume it with POST .*summary.* or .*full"):
        submit(database, session_id)
    for origin in (None, Origin.SUMMARY):
        with pytest.raises(InvalidRequest, match=r"^from: "):
            into(database, reviving.revive, DEFAULT_WORKSPACE, session_id, origin, idle_check=0.0)
    other = new_session(database, context_key=KEY)
    with pytest.raises(InvalidRequest, match=r"^context_key: "):
        into(database, reviving.revive, DEFAULT_WORKSPACE, session_id, Origin.FULL, idle_check=0.0)
    assert open_one(database) == other
    with pytest.raises(NotFound):
        into(database, reviving.revive, "wrkspc_other", session_id, Origin.FULL, idle_check=0.0)
    as_can_be = reviving.revive_as_can_be
    into(database, sessions.archive, DEFAULT_WORKSPACE, other)
    assert into(database, as_can_be, DEFAULT_WORKSPACE, session_id, Origin.SUMMARY, idle_check=0.0).changed


def test_its_age_is_what_it_says_itself(database: Database) -> None:
    session_id = new_session(database, max_age=3_600.0)
    submit(database, session_id, max_age=0.001)
    change(database, session_id, ends_at=-1.0)
    with pytest.raises(SessionClosed, match="extend"):
        submit(database, session_id)
    into(database, reviving.extend, DEFAULT_WORKSPACE, session_id, 60.0)
    submit(database, session_id)
    assert session(database, new_session(database, max_age=0.0)).ends_at == expiry.NEVER


def test_extending_is_as_if_it_had_been_used(database: Database) -> None:
    lease = idle(database)
    rest(database, lease, Limits(3_600, 0, 0))
    change(database, lease.session_id, idle_since=-3_500.0, notified_at=-10.0)
    into(database, reviving.extend, DEFAULT_WORKSPACE, lease.session_id, None)
    row, at = session(database, lease.session_id), clock(database)
    assert row.idle_since is not None
    assert (at - row.idle_since).total_seconds() < 30
    assert (row.notified_at, row.kept_until) == (None, None)
    assert row.wake_at is not None, "a worker reckons anew"
    assert (row.wake_at - at).total_seconds() < 3
    retiring = take(database, lease.session_id)
    into(database, reviving.extend, DEFAULT_WORKSPACE, lease.session_id, 60.0)
    assert not into(database, retirement.remove, retiring), "who was about to end it sees it"
    with pytest.raises(NotFound):
        into(database, reviving.extend, "wrkspc_other", lease.session_id, 60.0)


def test_what_a_workspace_says(database: Database) -> None:
    into(database, endings.change, DEFAULT_WORKSPACE, {"idle_ttl": 5.0, "resume": "full"})
    into(database, endings.change, DEFAULT_WORKSPACE, {"max_messages": 9, "resume": None})
    with database.read() as connection:
        said = endings.of_workspace(connection, DEFAULT_WORKSPACE)
        assert (said.expiry, said.resume) == ({"idle_ttl": 5.0, "max_messages": 9}, None)
        assert endings.every_one(connection) == {DEFAULT_WORKSPACE: said.expiry}
        assert endings.of_workspace(connection, "wrkspc_other") == endings.NOTHING
