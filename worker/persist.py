"""Writing what must not be lost: tried until the database takes it, or the right to write it is gone."""

import time
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

import structlog
from sqlalchemy import Connection

from overnight.store.database import is_down
from worker.held import Halt, Held
from worker.process import Process

log = structlog.get_logger(__name__)

P = ParamSpec("P")
T = TypeVar("T")
PAUSE = 0.5


def persist(
    process: Process, held: Held, write: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Runs `write(connection, *args)` in a transaction, again while the database is away and the lease may be ours.

    A paid reply survives a restart of Postgres so. The lease's token makes a second try of a written one harmless.
    """
    while True:
        try:
            with process.database.write() as connection:
                done = write(connection, *args, **kwargs)
            held.owed = None
            return done
        except Exception as error:
            if held.reason is Halt.LOST or not is_down(error):
                raise
            log.warning("database_away", session=held.lease.session_id, error=type(error).__name__)
        time.sleep(PAUSE)
