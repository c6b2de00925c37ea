"""Databases of earlier versions, with something in them, brought up to date."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import text

from overnight.models import DEFAULT_AGENT, DEFAULT_ENVIRONMENT
from overnight.store import schema
from overnight.store.database import Database
from tests.servers import Postgres
from tests.store.scenes import session, submit

SESSION_OF_0001 = """
INSERT INTO sessions (id, workspace_id, life, labels, model, max_tokens, lease_token, inbox, wakes, event_seq,
  ledger_seq, context_from, context_cut, summary_attempts, input_tokens, output_tokens, cache_write_tokens,
  cache_read_tokens, created_at, updated_at)
VALUES ('sesn_1', 'wrkspc_default', 'active', '{}', 'claude-sonnet-5-5', 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
  '2026-11-20 00:00:00.000000', '2026-11-20 00:00:00.000000')
"""


@pytest.fixture(params=["sqlite", "postgres"])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "postgres":
        server: Postgres = request.getfixturevalue("postgres_server")
        database = Database(server.new_database())
    else:
        database = Database(f"sqlite:///{tmp_path / 'empty.db'}")
    yield database
    database.close()


def test_sessions_from_before_agents_have_the_built_in_one(empty_database: Database) -> None:
    with empty_database.write() as connection:
        command.upgrade(schema._config(connection), "0001")
        connection.execute(text(SESSION_OF_0001))
    schema.migrate(empty_database)
    kept = session(empty_database, "sesn_1")
    assert (kept.agent_id, kept.agent_version, kept.overrides) == (DEFAULT_AGENT, 1, None)
    assert kept.environment_id == DEFAULT_ENVIRONMENT
    assert submit(empty_database, "sesn_1").task.seq == 1
    with empty_database.write() as connection:  # as a process does that was not yet replaced
        connection.execute(text(SESSION_OF_0001.replace("sesn_1", "sesn_2")))
    assert session(empty_database, "sesn_2").agent_id == DEFAULT_AGENT


def test_the_way_back_is_open(empty_database: Database) -> None:
    schema.migrate(empty_database)
    with empty_database.write() as connection:
        command.downgrade(schema._config(connection), "0001")
        connection.execute(text(SESSION_OF_0001))
    schema.migrate(empty_database)
    with empty_database.read() as connection:
        assert schema.differences(connection) == []
    assert session(empty_database, "sesn_1").agent_version == 1
