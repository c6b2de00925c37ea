"""`overnight bench --expiry`: many idle sessions, of which some are due, while tasks are at work."""

import argparse
import json
from collections.abc import Iterator
from contextlib import chdir, closing, contextmanager
from typing import Any

from sqlalchemy import Connection, event, text, update
from sqlmodel import col

from ops.bench.crowd import copy_records, copy_sessions, named
from ops.bench.ground import ground
from ops.bench.ours import overnight
from ops.bench.phases import HEADER
from ops.bench.steady import Steady
from ops.simulator.running import running_simulator
from overnight.models import Session
from overnight.store import sweeps
from overnight.store.clock import after
from overnight.store.database import Database

LONG_AGO = -30 * 86_400.0
EXPLAIN = "EXPLAIN (ANALYZE, FORMAT JSON) "


def main(arguments: list[str]) -> int:
    """Gives the exit code: 1 where others than those that were due have ended, or one without a summary."""
    asked = _read(arguments)
    with _trial(asked) as (turns, database):
        turns.phase("warming up", asked.seconds)
        print(f"{_sweep(database)} without them")
        _crowd(database, turns.a_session(), asked.sessions, asked.due)
        print(f"{_sweep(database)} with {asked.sessions:,} idle sessions\n{HEADER}", flush=True)
        turns.phase("none is due", asked.seconds)
        _make_due(database, asked.due)
        turns.phase(f"{asked.due:,} are due", asked.seconds, until_ended=asked.due)
        turns.phase("and are packed", asked.seconds, until_packed=True)
        ended, summarised = turns.ended()
    print(f"ended {ended:,}, with a summary {summarised:,}")
    return int((ended, summarised) != (asked.due, asked.due))


def _crowd(database: Database, session_id: str, sessions: int, due: int) -> None:
    """Those that will be due have something to be summarised and packed."""
    with database.write() as connection:
        copy_sessions(connection, session_id, range(sessions))
        copy_records(connection, session_id, range(due))
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


def _make_due(database: Database, due: int) -> None:
    mine = col(Session.id).in_([named(number) for number in range(due)])
    with database.write() as connection:
        connection.execute(update(Session).where(mine).values(idle_since=after(LONG_AGO), wake_at=after(-1.0)))


def _sweep(database: Database) -> str:
    """How Postgres finds what is due, and in what time."""
    sent: list[tuple[str, Any]] = []
    with database.engine.connect() as connection, connection.begin() as transaction:
        event.listen(connection, "before_cursor_execute", lambda *told: sent.append(told[2:4]))
        sweeps.take_due(connection)
        transaction.rollback()
    with database.engine.connect() as connection:
        told = [_plan(connection, *asked) for asked in sent]
    return f"the sweep's questions, by index: {', '.join(told)}"


def _plan(connection: Connection, statement: str, values: Any) -> str:
    answer = connection.exec_driver_sql(EXPLAIN + statement, values).scalar_one()
    told = (json.loads(answer) if isinstance(answer, str) else answer)[0]
    used = [node["Index Name"] for node in _nodes(told["Plan"]) if "Index Name" in node]
    return f"{' '.join(used) or 'none'} {told['Execution Time']:.2f} ms"


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from _nodes(below)


@contextmanager
def _trial(asked: argparse.Namespace) -> Iterator[tuple[Steady, Database]]:
    latency = ("--no-record", "--latency", str(asked.latency))
    with (
        ground() as place,
        chdir(place.folder),
        running_simulator(*latency) as claude,
        overnight(place, "expiry", claude.url, asked.workers, asked.slots, True) as ours,
        closing(Database(ours.database_url)) as database,
        closing(Steady(ours, asked.pace)) as turns,
    ):
        yield turns, database


def _read(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "overnight bench --expiry", description="Idle sessions end while tasks are at work."
    )
    parser.add_argument("--sessions", type=int, default=100_000, help="idle ones (default: 100,000)")
    parser.add_argument("--due", type=int, default=1_000, help="of which are due (default: 1,000)")
    parser.add_argument("--pace", type=float, default=5.0, help="turns a second of other sessions (default: 5)")
    parser.add_argument("--latency", type=float, default=1.0, help="seconds that Claude takes (default: 1)")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each phase, at least (default: 20)")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--slots", type=int, default=50, help="turns at a time, of all workers (default: 50)")
    return parser.parse_args(arguments)
