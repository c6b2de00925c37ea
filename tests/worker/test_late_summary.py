"""A summary that a task was quicker than: what it has cost is not forgotten, whatever happens next."""

import math
from types import SimpleNamespace
from typing import Any

import pytest

from overnight.errors import LeaseLost
from overnight.states import ArchiveReason
from overnight.store import pauses
from overnight.store.database import Database
from tests.store.scenes import call, session, started, submit, succeed, take
from worker import archiving
from worker.asking import Heard
from worker.held import Held

SAID: dict[str, Any] = {"content": [{"type": "text", "text": "All was said."}]}


def late_summary(database: Database) -> tuple[Any, Held, Heard]:
    turn = started(database)
    succeed(database, turn)
    held = Held(take(database, turn.task.session_id), math.inf)
    submit(database, turn.task.session_id)
    heard = Heard(SAID, None, call())
    held.owed = heard.call
    here: Any = SimpleNamespace(database=database)
    return here, held, heard


def test_it_is_charged_and_the_task_goes_on(database: Database) -> None:
    here, held, heard = late_summary(database)
    before = session(database, held.lease.session_id).cost_nanousd
    assert not archiving._archive_with(here, held, held.lease, ArchiveReason.IDLE, heard)
    assert held.owed is None
    assert session(database, held.lease.session_id).cost_nanousd > before
    assert session(database, held.lease.session_id).life == "active"


def test_it_stays_owed_where_the_session_is_lost_before_it_is_charged(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: Any) -> None:
        raise LeaseLost(held.lease.session_id)

    here, held, heard = late_summary(database)
    monkeypatch.setattr(pauses, "spend", lost)
    with pytest.raises(LeaseLost):
        archiving._archive_with(here, held, held.lease, ArchiveReason.IDLE, heard)
    assert held.owed is heard.call
