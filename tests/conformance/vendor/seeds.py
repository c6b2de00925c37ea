"""What the vendor's tests take for granted: an agent, an environment, a session and its work, under their names."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from anthropic import Anthropic

from overnight.models import DEFAULT_WORKSPACE
from overnight.store import keys, work, work_turns
from overnight.store.database import Database
from tests.api.support import KEY, Api

VENDOR_KEY = "my-anthropic-api-key"
AGENT, ENVIRONMENT = "agent_011CZkYpogX7uDKUyvBTophP", "env_011CZkZ9X2dpNyB7HsEFoRfW"
SESSION, WORK = "sesn_011CZkZAtmR3yMPDzynEDxu7", "work_id"


def plant(path: Path, api: Api) -> Path:
    """Into the database at `path`; gives a copy of it."""
    with Anthropic(base_url=api.url, api_key=KEY) as client:
        agent = client.beta.agents.create(name="Support", model="claude-sonnet-5-5")
        environment = client.beta.environments.create(name="Support")
        session = client.beta.sessions.create(
            agent=agent.id,
            environment_id=environment.id,
            budget={"type": "limit", "max_list_cost": {"amount": "100", "currency": "USD"}},
        )
    database = Database(f"sqlite:///{path}")
    with database.write() as connection:
        keys.add(connection, "vendor", VENDOR_KEY)
        work.queue(connection, DEFAULT_WORKSPACE, session.id, environment.id)
        item = work_turns.poll(connection, environment.id, reclaim=5.0)
        assert item is not None
        work_turns.acknowledge(connection, DEFAULT_WORKSPACE, environment.id, item.id, ttl=3_600)
    database.close()
    named = {agent.id: AGENT, environment.id: ENVIRONMENT, session.id: SESSION}
    with closing(sqlite3.connect(path)) as rows:
        for old, new in {**named, item.id: WORK}.items():
            _rename(rows, old, new)
        rows.commit()
        rows.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return Path(shutil.copy(path, path.with_name("seeds.db")))


def _rename(rows: sqlite3.Connection, old: str, new: str) -> None:
    for (table,) in rows.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        for column in rows.execute(f"PRAGMA table_info('{table}')").fetchall():
            name = f'"{column[1]}"'
            change = f'UPDATE "{table}" SET {name} = replace({name}, ?, ?) WHERE instr({name}, ?)'
            rows.execute(change, (old, new, old))
