"""Overnight as `overnight up` runs it: API, workers, beat, Redis."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from psycopg import Connection

from ops.bench.contender import Ledgers, Line, by_session
from ops.bench.ground import Ground, connected, rows
from overnight.settings import Settings
from overnight.stack.plan import Parts
from overnight.stack.record import Record
from overnight.stack.stack import Stack
from overnight.states import FINAL, one_of

KEY = "sk-overnight-bench"
SETTLED = f"SELECT count(*) FROM tasks WHERE {one_of('status', sorted(FINAL))}"  # noqa: S608 - our own words
LEDGERS = "SELECT session_id, role, content, extract(epoch FROM created_at) FROM messages ORDER BY session_id, seq"


class Overnight:
    name = "overnight"

    def __init__(
        self, connection: Connection[Any], database_url: str, door: dict[str, Any], processes: dict[str, list[int]]
    ) -> None:
        self.database_url = database_url
        self.door = door
        self.processes = processes
        self._connection = connection

    def ask(self, query: str) -> Sequence[Any]:
        """The rows that answer it, in a transaction of its own."""
        return rows(self._connection, query)

    def settled(self) -> int:
        return int(self.ask(SETTLED)[0][0])

    def ledgers(self) -> Ledgers:
        told = self.ask(LEDGERS)
        return by_session((session, Line(role, _text(content), float(at))) for session, role, content, at in told)


@contextmanager
def overnight(
    ground: Ground, name: str, claude_url: str, workers: int, slots: int, direct: bool
) -> Iterator[Overnight]:
    """Up, with every worker ready. Raises StackError."""
    database = ground.new_database(name)
    settings = Settings(
        _env_file=None,
        data_dir=ground.folder / name,
        database_url=database,
        anthropic_base_url=claude_url,
        api_key=KEY,
    )
    parts = Parts(workers=workers, concurrency=slots // workers, flower=False, simulator=False, ephemeral=True)
    ready = {f"worker{number}": partial(_reported, database, number) for number in range(1, workers + 1)}
    with Stack(settings, parts, also_ready=ready) as stack, connected(database) as connection:
        door = _door(stack, settings, direct)
        yield Overnight(connection, settings.sql_url, door, {**_processes(stack), "postgres": [ground.postgres_pid]})


def _processes(stack: Stack) -> dict[str, list[int]]:
    record = Record.read(stack.data_dir)
    assert record is not None
    found: dict[str, list[int]] = defaultdict(list)
    for mark in record.children:
        if mark.process():  # the migration has ended
            found["workers" if mark.name.startswith("worker") else mark.name].append(mark.pid)
    return found


def _door(stack: Stack, settings: Settings, direct: bool) -> dict[str, Any]:
    if direct:
        redis_url = stack.plan.environment["OVERNIGHT_REDIS_URL"]
        return {"kind": "store", "database_url": settings.sql_url, "redis_url": redis_url}
    return {"kind": "http", "url": stack.plan.base_url, "key": KEY}


def _reported(database: str, number: int) -> bool:
    with connected(database) as connection:
        return bool(rows(connection, f"SELECT 1 FROM nodes WHERE name LIKE 'worker{number}@%'"))  # noqa: S608 - a number


def _text(content: str) -> str:
    return "".join(block.get("text", "") for block in json.loads(content))
