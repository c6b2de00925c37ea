"""What the beat and the keeper ask costs the same with 1,000 sessions and with 20,000: plans and pages, not seconds."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, text

from overnight.states import Removal
from overnight.store import leases, retention, sweeps, tasks, tombstones, work, work_pages, work_turns
from overnight.store.database import Database
from overnight.store.retention import Periods, Rules
from tests.conftest import TEMPLATE
from tests.servers import Postgres
from tests.store.statements import recorded

FEW, MANY = 1_000, 20_000

# Of every hundred sessions ninety are idle, due in a week; ten are archived, none long enough to go.
SESSIONS = """
INSERT INTO sessions (
    id, workspace_id, life, archived_at, wake_at, idle_since, labels, model, max_tokens, lease_token, inbox, wakes,
    event_seq, ledger_seq, context_from, context_cut, summary_attempts, created_at, updated_at,
    input_tokens, output_tokens, cache_write_tokens, cache_read_tokens)
SELECT 'sesn_' || n, 'w', CASE WHEN n % 10 = 0 THEN 'archived' ELSE 'active' END,
    CASE WHEN n % 10 = 0 THEN now() - interval '1 day' END,
    CASE WHEN n % 10 <> 0 THEN now() + interval '7 days' END, now(), '{}', 'm', 1, 0, 0, 0,
    0, 0, 0, 0, 0, now(), now(), 0, 0, 0, 0
FROM generate_series(1, :count) n"""
# Each session has been in the hands of the one environment's worker, once.
WORK = """
INSERT INTO work (id, workspace_id, environment_id, session_id, state, labels, attempts, ttl, due_at, stopped_at,
    created_at)
SELECT 'work_' || n, 'w', 'env_1', 'sesn_' || n, 'stopped', '{}', 0, 60, now(), now(), now()
FROM generate_series(1, :count) n"""
TWO_OFFERED = "UPDATE work SET state = 'queued', stopped_at = NULL WHERE id IN ('work_1', 'work_2')"
KEYS = """
INSERT INTO idempotency_keys (workspace_id, key, fingerprint, status, body, created_at)
SELECT 'w', 'k' || n, 'f', 200, '{}', now() FROM generate_series(1, :count) n"""
FIVE_DUE = """
UPDATE sessions SET wake_at = now() - interval '1 second',
    idle_since = CASE WHEN id IN ('sesn_4', 'sesn_5') THEN idle_since END
WHERE id IN ('sesn_1', 'sesn_2', 'sesn_3', 'sesn_4', 'sesn_5')"""
FOUR_OWNED = """
UPDATE sessions SET lease_owner = 'a#1', lease_expires_at = now()
WHERE id IN ('sesn_6', 'sesn_7', 'sesn_8', 'sesn_9')"""

MONTH = Rules(Periods(archived_days=30), {})
ITS_MONTH = Rules(Periods(), {"w": {"idle_days": 30, "archived_days": 30, "deleted_days": None}})

QUESTIONS: dict[str, Callable[[Connection], object]] = {
    "what is due": sweeps.take_due,
    "whose end is due": sweeps.take_due,
    "what is deleted": lambda connection: retention.purgeable(connection, Rules(Periods(), {}), 50),
    "what is past its retention": lambda connection: retention.outlived(connection, MONTH, 50),
    "what a workspace keeps no longer": lambda connection: retention.outlived(connection, ITS_MONTH, 50),
    "who is being erased": lambda connection: tombstones.unfinished(connection, Removal.USER, 50),
    "which keys are old": sweeps.forget_idempotency_keys,
    "what is to stop": tasks.stopping,
    "what a predecessor held": lambda connection: leases.free_predecessor(connection, "a#2"),
    "whether there is work": lambda connection: work_turns.is_anything(connection, "env_1", 5.0),
    "the next work": lambda connection: work_turns.poll(connection, "env_1", 5.0),
    "how much work there is": lambda connection: work_pages.stats(connection, "env_1"),
    "work to do for a session": lambda connection: work.queue(connection, "w", "sesn_3", "env_1"),
    "no more work for a session": lambda connection: work.wind_up(connection, "sesn_1"),
    "renewal": lambda connection: leases.renew(connection, "a#1", ["sesn_6", "sesn_7"], 30.0),
}


@pytest.fixture(scope="module")
def small_and_large(postgres_server: Postgres) -> Iterator[tuple[Database, Database]]:
    databases = tuple(Database(postgres_server.new_database(TEMPLATE)) for _ in (FEW, MANY))
    for database, count in zip(databases, (FEW, MANY), strict=True):
        with database.write() as connection:
            for statement in (SESSIONS, KEYS, WORK):
                connection.execute(text(statement), {"count": count})
            for statement in (FIVE_DUE, FOUR_OWNED, TWO_OFFERED):
                connection.execute(text(statement))
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
    yield databases[0], databases[1]
    for database in databases:
        database.close()


def plans(database: Database, ask: Callable[[Connection], object]) -> list[dict[str, Any]]:
    """How Postgres carries out what `ask` sends, each statement as it was sent; nothing is changed."""
    with database.engine.connect() as connection:
        with recorded(database) as sent, connection.begin() as transaction:
            ask(connection)
            transaction.rollback()
        found = []
        for statement, parameters in sent:
            with connection.begin() as transaction:
                explained = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}"
                answer = connection.exec_driver_sql(explained, parameters).scalar_one()
                found.append((json.loads(answer) if isinstance(answer, str) else answer)[0]["Plan"])
                transaction.rollback()
    return found


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)


def rows_read(plan: dict[str, Any]) -> int:
    """Rows of tables that were looked at, whether or not they were wanted."""
    scans = [node for node in nodes(plan) if "Scan" in node["Node Type"] and "Relation Name" in node]
    return sum(
        int(scan["Actual Rows"] + scan.get("Rows Removed by Filter", 0)) * scan["Actual Loops"] for scan in scans
    )


def pages_read(plan: dict[str, Any]) -> int:
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_question_costs_more_with_more_sessions(small_and_large: tuple[Database, Database], question: str) -> None:
    few, many = (plans(database, QUESTIONS[question]) for database in small_and_large)
    assert few
    for plan in many:
        assert rows_read(plan) <= 10, json.dumps(plan, indent=1)
    # Twenty times the rows make an index a level deeper; reading them all would be twenty times the pages.
    assert sum(map(pages_read, many)) <= 2 * sum(map(pages_read, few)) + 20


def test_what_is_due_is_found_by_its_index(small_and_large: tuple[Database, Database]) -> None:
    at_work, idle, mark = plans(small_and_large[1], QUESTIONS["what is due"])
    for find, index, rows in ((at_work, "session_due", 3), (idle, "session_ends", 2)):
        assert [node["Index Name"] for node in nodes(find) if "Index Name" in node] == [index]
        assert find["Actual Rows"] == rows
    assert all("Seq Scan" not in node["Node Type"] for plan in (at_work, idle, mark) for node in nodes(plan))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_on_sqlite_indexes_serve_as_well(database: Database) -> None:
    wanted = {
        "what is due": "session_due (wake_at<?)",
        "whose end is due": "session_ends (wake_at<?)",
        "what is deleted": "session_purge (life=?",
        "what is past its retention": "archived_at<?)",
        "what a workspace keeps no longer": "session_idle (workspace_id=? AND idle_since>? AND idle_since<?)",
        "who is being erased": "tombstone_open",
        "which keys are old": "idempotency_age (created_at<?)",
        "what is to stop": "task_stops",
        "whether there is work": "work_live",
        "how much work there is": "work_live",
        "work to do for a session": "work_of_session",
        "no more work for a session": "work_of_session",
    }
    for question, index in wanted.items():
        with database.engine.connect() as connection:
            with recorded(database) as sent:
                QUESTIONS[question](connection)
            asked = [one for one in sent if not one[0].startswith("BEGIN")]
            plans = (connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {one}", given).all() for one, given in asked)
            steps = [step for plan in plans for step in plan]
        assert any(index in step.detail for step in steps), (question, steps)
