"""What is removed, of whom and when: retention by state, the erasure of a user, and the tombstones that stay."""

from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlmodel import SQLModel, col

from overnight.budget_models import Budget
from overnight.ceilings import Ceiling
from overnight.errors import LeaseLost, NotFound
from overnight.keeping_models import Tombstone, Transcript, TranscriptEntry, User
from overnight.models import DEFAULT_WORKSPACE, Message, ModelCall, Session, Task
from overnight.periods import Period
from overnight.store import lost_calls, removal, retention, sessions, shared_budgets, tombstones, transcripts, users
from overnight.store.database import Database
from overnight.store.retention import Periods, Rules
from overnight.store.transcripts import Key
from tests.store.scenes import (
    MODEL,
    begin,
    call,
    calls,
    change,
    new_session,
    session,
    started,
    submit,
    succeed,
    take,
    task,
    work_off,
)

DAY = 86_400.0
EVER = Periods()


def archived(database: Database, days_ago: float, workspace: str = DEFAULT_WORKSPACE) -> str:
    session_id = new_session(database, workspace)
    with database.write() as connection:
        sessions.archive(connection, workspace, session_id)
    change(database, session_id, archived_at=-days_ago * DAY)
    return session_id


def outlived(database: Database, held: Rules, batch: int = 50) -> set[str]:
    with database.read() as connection:
        return {each.session_id for each in retention.outlived(connection, held, batch)}


def says(database: Database, workspace: str, settings: Periods = EVER, **days: float | None) -> Rules:
    """What the workspace says, over the settings."""
    with database.write() as connection:
        retention.change(connection, workspace, days)
        return retention.rules(connection, settings)


def retire(database: Database, held: Rules) -> list[bool]:
    with database.read() as connection:
        found = retention.outlived(connection, held, 50)
    done = []
    for each in found:
        with database.write() as connection:
            done.append(removal.retire(connection, each))
    return done


def purge(database: Database, session_id: str, batch: int = 2_000) -> None:
    gone = False
    while not gone:
        with database.write() as connection:
            gone = removal.purge(connection, session_id, batch)


def count(database: Database, table: type[SQLModel], **wanted: Any) -> int:
    columns = table.__table__.c  # type: ignore[attr-defined]
    where = [columns[name] == value for name, value in wanted.items()]
    with database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(table).where(*where)).scalar_one())


def stones(database: Database, subject_id: str) -> list[Tombstone]:
    with database.read() as connection:
        return list(tombstones.page(connection, DEFAULT_WORKSPACE, subject_id, limit=10, cursor=None))


def test_what_is_archived_is_kept_as_the_settings_say_unless_its_workspace_says_otherwise(database: Database) -> None:
    old, young = archived(database, 3), archived(database, 1)
    theirs = archived(database, 3, "wrkspc_theirs")
    assert outlived(database, Rules(EVER, {})) == set()
    two_days = Rules(Periods(archived_days=2), {})
    assert outlived(database, two_days) == {old, theirs}
    assert len(outlived(database, two_days, batch=1)) == 1
    assert outlived(database, says(database, "wrkspc_theirs", two_days.settings, archived_days=0)) == {old}
    assert outlived(database, says(database, "wrkspc_theirs", EVER, archived_days=2)) == {theirs}
    held = says(database, DEFAULT_WORKSPACE, EVER, archived_days=0.5)
    assert outlived(database, held) == {old, young, theirs}
    assert outlived(database, says(database, DEFAULT_WORKSPACE, EVER, archived_days=None)) == {theirs}


def test_what_is_idle_for_longer_than_its_workspace_keeps_it_is_deleted(database: Database) -> None:
    idle, used, busy = (new_session(database) for _ in range(3))
    for session_id in (idle, used):
        change(database, session_id, idle_since=-3 * DAY)
    submit(database, busy)
    held = says(database, DEFAULT_WORKSPACE, idle_days=2)
    assert outlived(database, held) == {idle, used}
    with database.read() as connection:
        found = {each.session_id: each for each in retention.outlived(connection, held, 50)}
    asked = submit(database, used).task  # after it was found, before it is deleted
    for each in found.values():
        with database.write() as connection:
            removal.retire(connection, each)
    assert session(database, idle).life == "deleted"
    assert (session(database, used).life, task(database, asked.id).status) == ("active", "queued")
    assert [stone.actor for stone in stones(database, idle)] == ["retention"]
    assert stones(database, used) == []


def test_what_is_deleted_is_hidden_at_once_and_its_rows_go_when_its_workspace_says(database: Database) -> None:
    session_id = new_session(database)
    with database.write() as connection:
        sessions.delete(connection, DEFAULT_WORKSPACE, session_id, actor="key_1")
    held = says(database, DEFAULT_WORKSPACE, deleted_days=2)
    with database.read() as connection:
        assert retention.purgeable(connection, held, 50) == []
        assert retention.purgeable(connection, Rules(EVER, {}), 50) == [session_id]
        with pytest.raises(NotFound):
            sessions.get(connection, DEFAULT_WORKSPACE, session_id)
    change(database, session_id, archived_at=-3 * DAY)
    with database.read() as connection:
        assert retention.purgeable(connection, held, 50) == [session_id]


def test_a_tombstone_says_who_when_what_and_how_many_rows_and_nothing_else(database: Database) -> None:
    session_id = new_session(database, title="the secret")
    for _ in range(3):
        submit(database, session_id, "the secret")
    work_off(database, session_id)
    rows = count(database, Message, session_id=session_id)
    with database.write() as connection:
        sessions.delete(connection, DEFAULT_WORKSPACE, session_id, actor="key_1")
    (stone,) = stones(database, session_id)
    assert (stone.kind, stone.actor, stone.removed, stone.finished_at) == ("session", "key_1", {}, None)
    purge(database, session_id, batch=2)
    (stone,) = stones(database, session_id)
    assert (stone.removed["messages"], stone.removed["tasks"], stone.removed["sessions"]) == (rows, 3, 1)
    assert stone.finished_at is not None
    assert "secret" not in str(stone.model_dump())
    assert count(database, ModelCall, session_id=session_id) == 3, "what was paid stays in the sums"


def test_transcripts_go_when_nothing_was_appended_for_long(database: Database) -> None:
    for place, (workspace, days) in enumerate([("w1", 3), ("w1", 1), ("w2", 3)]):
        with database.write() as connection:
            key = Key(workspace, "p", f"s{place}")
            transcripts.append(connection, key, None, [{"n": n} for n in range(5)], lambda row, entries: {})
        change_transcript(database, key, days)
    held = Rules(Periods(transcript_days=0), {"w1": {"transcript_days": 2.0}})
    (doomed,) = retention.outlived_transcripts(held)
    rounds = []
    while True:
        with database.write() as connection:
            removed = transcripts.remove_some(connection, doomed, 2)
        if not removed:
            break
        rounds.append(removed)
    assert rounds[0] == {"transcript_entries": 2}
    assert rounds[-1] == {"transcript_entries": 1, "transcripts": 1}
    assert (count(database, Transcript), count(database, TranscriptEntry)) == (2, 10)


def change_transcript(database: Database, key: Key, days_ago: float) -> None:
    mine = (col(Transcript.workspace_id) == key.workspace_id, col(Transcript.session_id) == key.session_id)
    with database.write() as connection:
        connection.execute(update(Transcript).where(*mine).values(updated_at=retention._ago(days_ago)))


def of_ann(database: Database) -> dict[str, str]:
    """All that there is of a user, and what others have beside it."""
    made = {
        "hers": new_session(database, user_id="ann"),
        "nobody_s": new_session(database),
        "bob_s": new_session(database, user_id="bob"),
        "elsewhere": new_session(database, "wrkspc_other", user_id="ann"),
    }
    for name, by in (("hers", "ann"), ("nobody_s", "ann"), ("bob_s", "ann"), ("bob_s", "bob")):
        submit(database, made[name], user_id=by)
        work_off(database, made[name])
    with database.write() as connection:
        users.change(connection, DEFAULT_WORKSPACE, "ann", lambda before: {"name": "Ann"})
        for user_id in ("ann", "bob"):
            shared_budgets.create(connection, DEFAULT_WORKSPACE, user_id, Period.TOTAL, Ceiling(10**15))
            key = Key(DEFAULT_WORKSPACE, "p", user_id)
            transcripts.append(connection, key, user_id, [{"n": 1}], lambda row, entries: {})
    return made


def erase(database: Database, rounds: int = 1_000, batch: int = 2_000) -> Tombstone:
    """As the sweep does it; at most so many transactions, as if it was killed then."""
    with database.write() as connection:
        stone = removal.forget_user(connection, DEFAULT_WORKSPACE, "ann", "key_1")
    for _ in range(rounds):
        with database.write() as connection:
            removal.hide_some(connection, stone)
            found = removal.hidden(connection, stone)
        for session_id in found:
            with database.write() as connection:
                removal.purge(connection, session_id, batch)
        if found:
            continue
        with database.write() as connection:
            if removal.erase_some(connection, stone, batch):
                break
    return stones(database, "ann")[0]


def test_nothing_of_an_erased_user_is_left_and_others_keep_what_is_theirs(database: Database) -> None:
    made = of_ann(database)
    calls = count(database, ModelCall)
    stone = erase(database)
    assert stone.finished_at is not None
    for table in (Session, Task, Budget, Transcript, ModelCall):
        assert count(database, table, workspace_id=DEFAULT_WORKSPACE, user_id="ann") == 0, table
    assert count(database, User) == 0
    assert count(database, Session, id=made["hers"]) == count(database, Session, id=made["nobody_s"]) == 0
    assert count(database, Message, session_id=made["hers"]) == 0
    assert count(database, Message, session_id=made["bob_s"]) == 4, "what was said to Bob is Bob's"
    assert count(database, Session, id=made["elsewhere"]) == 1
    assert (count(database, Budget), count(database, Transcript)) == (1, 1)
    assert count(database, ModelCall) == calls, "the sums stay, without her name"
    assert stone.removed["tasks_unnamed"] == 1
    assert stone.removed["model_calls_unnamed"] == 3
    with database.read() as connection, pytest.raises(NotFound):
        users.find(connection, DEFAULT_WORKSPACE, "ann")


def test_an_erasure_that_is_killed_anywhere_goes_on(database: Database) -> None:
    of_ann(database)
    rounds = 0
    while erase(database, rounds=1, batch=1).finished_at is None:
        rounds += 1
        assert rounds < 100
    assert rounds > 5
    assert len(stones(database, "ann")) == 1
    assert count(database, Session, user_id="ann", workspace_id=DEFAULT_WORKSPACE) == 0


def test_whoever_waits_for_an_erased_budget_goes_on(database: Database) -> None:
    with database.write() as connection:
        budget = shared_budgets.create(connection, DEFAULT_WORKSPACE, "ann", Period.TOTAL, Ceiling(1)).budget
    session_id = new_session(database, user_id="bob")
    held = submit(database, session_id, user_id="ann").task
    with database.write() as connection:
        connection.execute(
            update(Task)
            .where(col(Task.id) == held.id)
            .values(status="waiting", wait_reason="budget", held_by=budget.id)
        )
    late = submit(database, new_session(database, user_id="bob"), user_id="bob").task
    waiting = {"status": "waiting", "wait_reason": "budget", "held_by": "bdgt_gone"}
    with database.write() as connection:  # as one does who looked just before the budget went
        connection.execute(update(Task).where(col(Task.id) == late.id).values(**waiting))
    erase(database)
    assert task(database, late.id).due_at is not None
    assert task(database, held.id).due_at is not None
    assert task(database, held.id).user_id is None


def test_a_profile_is_in_the_prompt_of_the_sessions_that_begin_with_it(database: Database) -> None:
    def know(**facts: Any) -> None:
        with database.write() as connection:
            users.change(connection, DEFAULT_WORKSPACE, "ann", lambda before: {**before, **facts})

    before = new_session(database, user_id="ann", system="Be brief.")
    know(name="Ann")
    hers = new_session(database, user_id="ann", system="Be brief.")
    know(plan="gold")
    later = new_session(database, user_id="ann")
    assert session(database, before).system == "Be brief."
    assert "- name: Ann\n</user_profile>" in str(session(database, hers).system)
    assert "- plan: gold" in str(session(database, later).system)
    assert session(database, new_session(database, system="Be brief.")).system == "Be brief."
    assert session(database, new_session(database, "wrkspc_other", user_id="ann")).system is None
    submit(database, hers)
    turn = begin(database, take(database, hers))
    assert turn.lease.system == session(database, hers).system
    assert turn.lease.model == MODEL
    succeed(database, turn)


def test_a_reply_to_an_erased_user_is_paid_by_nobody_he_was(database: Database) -> None:
    """A worker knows whose task it has at hand from before the erasure."""
    bob_s = new_session(database, user_id="bob")
    asked = submit(database, bob_s, user_id="ann").task
    turn = begin(database, take(database, bob_s))
    assert erase(database).finished_at is not None
    succeed(database, turn)
    assert count(database, ModelCall, task_id=asked.id) == 1
    assert count(database, ModelCall, user_id="ann") == 0


def test_a_reply_that_comes_too_late_is_paid_for_all_the_same(database: Database) -> None:
    kept, gone = started(database, user_id="ann"), started(database, user_id="ann")
    for turn in (kept, gone):
        with database.write() as connection:
            sessions.delete(connection, DEFAULT_WORKSPACE, turn.lease.session_id)
        with pytest.raises(LeaseLost):
            succeed(database, turn)
    purge(database, gone.lease.session_id)
    for turn in (kept, gone):
        late = call(message_id=turn.lease.session_id)
        for _ in range(2):
            with database.write() as connection:
                lost_calls.charge(connection, turn.lease, turn.task.id, late)
    (paid,), (nobody_s,) = calls(database, kept.lease.session_id), calls(database, gone.lease.session_id)
    assert (paid.outcome, paid.user_id, paid.task_id) == ("discarded", "ann", kept.task.id)
    assert (nobody_s.outcome, nobody_s.user_id, nobody_s.task_id) == ("discarded", None, None)
    assert paid.cost_nanousd == nobody_s.cost_nanousd == session(database, kept.lease.session_id).cost_nanousd
    assert task(database, kept.task.id).output_tokens == paid.output_tokens == 20
