"""The bare script's processes, and what they wrote."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from psycopg import Connection

from ops.bench.contender import Ledgers, Line, by_session
from ops.bench.errors import BenchError
from ops.bench.ground import Ground, connected, rows

SCRIPT = "ops.bench.bare_script"
TABLE = """
CREATE TABLE messages (
    session text, seq int, role text NOT NULL, content text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(), PRIMARY KEY (session, seq)
)"""
SETTLED = "SELECT count(*) FROM messages WHERE role = 'assistant'"
LEDGERS = "SELECT session, role, content, extract(epoch FROM created_at) FROM messages ORDER BY session, seq"


class Bare:
    name = "bare script"

    def __init__(self, connection: Connection[Any], ports: list[int], processes: dict[str, list[int]]) -> None:
        self.door: dict[str, Any] = {"kind": "lines", "ports": ports}
        self.processes = processes
        self._connection = connection

    def settled(self) -> int:
        return int(rows(self._connection, SETTLED)[0][0])

    def ledgers(self) -> Ledgers:
        told = rows(self._connection, LEDGERS)
        return by_session((session, Line(role, content, float(at))) for session, role, content, at in told)


@contextmanager
def bare(ground: Ground, name: str, claude_url: str, workers: int, slots: int) -> Iterator[Bare]:
    """As many processes as Overnight has workers, each with its share of the slots and of the sessions."""
    database = ground.new_database(name)
    command = [sys.executable, "-P", "-m", SCRIPT, database, claude_url, str(slots // workers)]
    with ExitStack() as stack:
        connection = stack.enter_context(connected(database))
        connection.execute(TABLE)
        started = [stack.enter_context(_running(command)) for _ in range(workers)]
        ports = [_port(process) for process in started]
        processes = {"script": [process.pid for process in started], "postgres": [ground.postgres_pid]}
        yield Bare(connection, ports, processes)


@contextmanager
def _running(command: list[str]) -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own module
        try:
            yield process
        finally:
            process.terminate()


def _port(process: "subprocess.Popen[str]") -> int:
    assert process.stdout
    line = process.stdout.readline()
    if not line:
        raise BenchError("the bare script did not start: its error is above")
    return int(line)
