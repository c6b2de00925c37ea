"""Sessions with a whole life behind them, and their files, for the tests of exporting and importing."""

import copy
import json
from typing import Any

from api.schemas_portable import SessionFile
from overnight.models import DEFAULT_WORKSPACE
from overnight.portable import writing
from overnight.settings import Settings
from overnight.store import imports, pins, sessions
from overnight.store.database import Database
from overnight.tools.kinds import Kind
from tests.asking import Wish, ask
from tests.asking import begin as intend
from tests.store.scenes import begin, new_session, submit, take, work_off

OTHER = "wrkspc_elsewhere"
SETTINGS = Settings()
#: What is new in a copy: its ids, its times, and what it was told when it came.
FRESH = {"id", "created_at", "updated_at", "archived_at", "event_seq"}


def exported(database: Database, session_id: str, workspace: str = DEFAULT_WORKSPACE) -> dict[str, Any]:
    with database.snapshot() as connection:
        text = "".join(writing.session(connection, sessions.get(connection, workspace, session_id)))
    return dict(json.loads(text))


def imported(database: Database, file: dict[str, Any], workspace: str = OTHER, user_id: str | None = None) -> str:
    document = SessionFile.model_validate(file).document(SETTINGS)
    with database.write() as connection:
        return imports.session(connection, workspace, document, idle_check=60.0, user_id=user_id)


def full_life(database: Database, **changes: Any) -> str:
    """Turns, a tool call that was never answered, a cut, a pin."""
    session_id = new_session(database, title="Desk", labels={"team": "a"}, **changes)
    submit(database, session_id, "half a \ud800 pair")
    work_off(database, session_id)
    task = submit(database, session_id, "Tidy up.", user_id=changes.get("user_id")).task
    turn = begin(database, take(database, session_id))
    with database.write() as connection:
        pins.pin(connection, DEFAULT_WORKSPACE, session_id, 1)
    with database.write() as connection:
        wishes = [Wish("sweep", Kind.CUSTOM)]
        turn, asked = ask(connection, turn, wishes)
        intend(connection, turn, asked, wishes)
    assert task.id == turn.task.id
    return session_id


def without_ids(file: dict[str, Any]) -> dict[str, Any]:
    """The file with each id by the order in which it comes."""
    text = copy.deepcopy(file)
    names: dict[str, str] = {}
    for section in ("tasks", "events", "tool_calls"):
        for row in text[section]:
            names.setdefault(row["id"], f"{section}-{len(names)}")

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: plain(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [plain(inner) for inner in value]
        return names.get(value, value) if isinstance(value, str) else value

    return dict(plain({name: text[name] for name in ("tasks", "messages", "tool_calls", "events", "contexts", "pins")}))
