"""Tools for tests of long work, loaded by workers (OVERNIGHT_TOOLS). What they do is kept outside Overnight."""

import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

from overnight.tools import Context, tool

FOLDER = Path(os.environ.get("OVERNIGHT_DATA_DIR", "."))
SCHEMA = """
    CREATE TABLE totals (account TEXT PRIMARY KEY, total INTEGER NOT NULL);
    CREATE TABLE done (key TEXT PRIMARY KEY, account TEXT NOT NULL, n INTEGER NOT NULL, total INTEGER NOT NULL);
"""


def book(name: str) -> sqlite3.Connection:
    return sqlite3.connect(FOLDER / f"{name}.book", timeout=60.0, isolation_level=None)


def next_total(total: int, n: int) -> int:
    """A step left out, done twice or done out of order gives another total."""
    return 3 * total + n


@tool(on_crash="retry")
def account(name: str, account: str, n: int, context: Context) -> int:
    """Counts `n` in; the idempotency key keeps the effect single, as docs/tools.md says."""
    with closing(book(name)) as outside:
        outside.execute("BEGIN IMMEDIATE")
        done = outside.execute("SELECT total FROM done WHERE key = ?", (context.idempotency_key,)).fetchone()
        if done is None:
            row = outside.execute("SELECT total FROM totals WHERE account = ?", (account,)).fetchone()
            done = (next_total(row[0] if row else 0, n),)
            outside.execute("INSERT OR REPLACE INTO totals VALUES (?, ?)", (account, done[0]))
            outside.execute("INSERT INTO done VALUES (?, ?, ?, ?)", (context.idempotency_key, account, n, done[0]))
        outside.execute("COMMIT")
    context.cancelled.wait(0.2)  # long enough to be killed between the effect and its result
    return int(done[0])


@tool(on_crash="retry")
def note(n: int) -> str:
    """Is done at once."""
    return f"noted {n}"


@tool(on_crash="retry")
def hold(context: Context) -> str:
    """Holds until it is stopped, or the test lets it go."""
    mark("holding", context)
    while not (FOLDER / "go").exists():
        if context.cancelled.wait(0.05):
            mark("stopped", context)
            context.cancelled.raise_if_set()
    return "held"


@tool(on_crash="tell")
def hold_once(context: Context) -> str:
    """As `hold`, but nobody runs it again unasked."""
    return str(hold(context))


@tool
def deaf(context: Context) -> str:
    """Never ends and does not listen."""
    mark("holding", context)
    threading.Event().wait()
    return "never"


@tool
def guarded(n: int) -> str:
    """For agents that let a person allow it."""
    return f"did {n}"


@tool
def meet(context: Context) -> str:
    """Ends when two calls of the session are in it at once."""
    mark("met", context)
    while len(marks("met", context.session_id)) < 2:
        if context.cancelled.wait(0.05):
            context.cancelled.raise_if_set()
    return "met"


@tool
def broken() -> str:
    """Raises."""
    raise ValueError("the printer is on fire")


@tool(timeout=0.5)
def slow(context: Context) -> str:
    """Takes longer than it may."""
    context.cancelled.wait()
    return "stopped by itself"


def mark(what: str, context: Context) -> None:
    """Leaves a file that a test can wait for, one a call."""
    (FOLDER / f"{what}-{context.session_id}-{context.idempotency_key}").touch()


def marks(what: str, session_id: str, folder: Path = FOLDER) -> list[Path]:
    return list(folder.glob(f"{what}-{session_id}-*"))
