import pytest
from sqlalchemy import Connection

from overnight.errors import LeaseLost
from overnight.states import TaskStatus
from overnight.store import leases, pins, sessions, turns
from overnight.store.database import Database
from overnight.store.leases import Lease
from tests.store.scenes import (
    DEFAULT_WORKSPACE,
    at_once,
    begin,
    change,
    clock,
    events,
    fail,
    ledger,
    meanwhile,
    new_session,
    park,
    reply,
    rest,
    session,
    started,
    submit,
    succeed,
    take,
    task,
    try_to_take,
)


def test_of_many_who_acquire_at_once_exactly_one_gets_it(database: Database) -> None:
    for _ in range(25):
        session_id = new_session(database)
        taken = at_once(4, lambda place, session_id=session_id: try_to_take(database, session_id, f"node{place}#1"))
        owners = [lease for lease in taken if lease is not None]
        assert len(owners) == 1
        row = session(database, session_id)
        assert (row.lease_owner, row.lease_token) == (owners[0].owner, 1)


def test_the_token_grows_with_every_owner(database: Database) -> None:
    session_id = new_session(database)
    tokens = []
    for place in range(3):
        lease = take(database, session_id, f"node{place}#1")
        tokens.append(lease.token)
        assert rest(database, lease) is None
    assert tokens == [1, 2, 3]


def test_a_live_lease_is_not_taken_not_even_by_its_owner(database: Database) -> None:
    session_id = new_session(database)
    take(database, session_id, "a#1")
    assert try_to_take(database, session_id, "b#1") is None
    assert try_to_take(database, session_id, "a#1") is None


def test_a_lease_says_what_the_row_says(database: Database) -> None:
    session_id = new_session(database, system="Be brief.", user_id="u1")
    submit(database, session_id)
    lease = take(database, session_id)
    row = session(database, session_id)
    for name in ("inbox", "ledger_seq", "context_from", "model", "system", "max_tokens", "user_id", "created_at"):
        assert getattr(lease, name) == getattr(row, name)
    assert lease.now <= clock(database)
    assert row.lease_expires_at is not None
    assert 29 < (row.lease_expires_at - lease.now).total_seconds() < 31
    assert row.wake_at is not None
    assert row.wake_at >= row.lease_expires_at


@pytest.mark.parametrize("end", [succeed, fail, park, lambda database, turn: rest(database, turn.lease)])
def test_who_lost_the_lease_writes_nothing(database: Database, end: object) -> None:
    turn = started(database, "a#1")
    change(database, turn.task.session_id, lease_expires_at=-1.0)
    taken = take(database, turn.task.session_id, "b#1")
    before = (
        session(database, taken.session_id),
        task(database, turn.task.id),
        len(events(database, taken.session_id)),
    )
    with pytest.raises(LeaseLost):
        end(database, turn)  # type: ignore[operator]
    assert before == (
        session(database, taken.session_id),
        task(database, turn.task.id),
        len(events(database, taken.session_id)),
    )
    assert ledger(database, taken.session_id) == []
    assert succeed(database, begin(database, taken)) is None
    assert task(database, turn.task.id).status == TaskStatus.SUCCEEDED


def test_who_lost_the_lease_cannot_let_go_of_the_new_owners(database: Database) -> None:
    session_id = new_session(database)
    old = take(database, session_id, "a#1")
    change(database, session_id, lease_expires_at=-1.0)
    new = take(database, session_id, "a#1")  # the same process, later
    with database.write() as connection:
        leases.let_go(connection, old, None)
    row = session(database, session_id)
    assert (row.lease_owner, row.lease_token) == ("a#1", new.token)


def test_an_owner_who_is_late_but_first_keeps_the_session(database: Database) -> None:
    """His lease has run out, and a write of his is under way when another comes for the session."""
    turn = started(database, "a#1")
    change(database, turn.task.session_id, lease_expires_at=-1.0)

    def end(connection: Connection) -> None:
        turns.succeed(connection, turn, reply())

    def acquire(connection: Connection) -> Lease | None:
        return leases.acquire(connection, turn.task.session_id, "b#1", 30.0)

    _, taken = meanwhile(database, end, acquire)
    assert taken is not None
    assert (taken.token, taken.ledger_seq) == (2, 2)
    assert len(ledger(database, turn.task.session_id)) == 2


def test_renewing_extends_only_what_is_ours(database: Database) -> None:
    ours, theirs, free, lost = (new_session(database) for _ in range(4))
    take(database, ours, "a#1")
    take(database, theirs, "b#1")
    take(database, lost, "a#1")
    change(database, lost, lease_expires_at=-1.0)
    take(database, lost, "b#1")
    before = {one: session(database, one) for one in (theirs, free, lost)}
    with database.write() as connection:
        renewed = leases.renew(connection, "a#1", [ours, theirs, free, lost, "sesn_unknown"], 600.0)
    assert renewed == {ours: 1}
    row = session(database, ours)
    assert row.lease_expires_at is not None
    assert 590 < (row.lease_expires_at - clock(database)).total_seconds() <= 600
    assert row.wake_at is not None
    assert row.wake_at >= row.lease_expires_at
    assert before == {one: session(database, one) for one in (theirs, free, lost)}


def test_a_lease_that_ran_out_and_was_not_taken_can_be_renewed(database: Database) -> None:
    session_id = new_session(database)
    take(database, session_id, "a#1")
    change(database, session_id, lease_expires_at=-5.0)
    with database.write() as connection:
        assert leases.renew(connection, "a#1", [session_id], 30.0) == {session_id: 1}
    assert try_to_take(database, session_id, "b#1") is None


NODES = ["a%b", "a_b", "axb", "A_B", "a_b/c", "a_bc", "é_b", "celery@host-1", "celery@host-11"]


def test_a_new_process_frees_only_its_own_predecessors(database: Database) -> None:
    held = {node: new_session(database) for node in NODES}
    for node, session_id in held.items():
        take(database, session_id, f"{node}#old")
    mine = new_session(database)
    for node in NODES:
        take(database, mine, f"{node}#new")
        with database.write() as connection:
            assert leases.free_predecessor(connection, f"{node}#new") == [held[node]]
        row = session(database, held[node])
        assert (row.lease_owner, row.lease_expires_at, row.wakes) == (None, None, 1)
        assert row.wake_at is not None
        assert (row.wake_at - clock(database)).total_seconds() < 1.5
        assert try_to_take(database, held[node], f"{node}#new") is not None
        change(database, mine, lease_expires_at=-1.0)


def test_what_is_freed_is_lost_to_a_predecessor_who_lives(database: Database) -> None:
    turn = started(database, "a#old")
    with database.write() as connection:
        leases.free_predecessor(connection, "a#new")
    with pytest.raises(LeaseLost):
        succeed(database, turn)


@pytest.mark.parametrize("close", [sessions.archive, sessions.delete])
def test_a_closed_session_cannot_be_taken(database: Database, close: object) -> None:
    session_id = new_session(database)
    with database.write() as connection:
        close(connection, DEFAULT_WORKSPACE, session_id)  # type: ignore[operator]
    assert try_to_take(database, session_id) is None


def test_an_unknown_session_cannot_be_taken(database: Database) -> None:
    assert try_to_take(database, "sesn_unknown") is None


def test_an_owner_who_slept_through_a_reset_does_not_go_on_with_what_he_knew(database: Database) -> None:
    session_id = new_session(database)
    asleep = take(database, session_id)
    change(database, session_id, lease_expires_at=-1.0)
    with database.write() as connection:
        pins.reset(connection, DEFAULT_WORKSPACE, session_id)
    submit(database, session_id)
    with pytest.raises(LeaseLost):
        begin(database, asleep)
    assert begin(database, take(database, session_id)).lease.context == session(database, session_id).context == 1
