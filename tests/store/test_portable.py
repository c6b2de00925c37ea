"""Sessions out of one workspace and into another, on both databases."""

import copy
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import insert, select
from sqlmodel import col

from api.schemas_portable import SessionFile
from overnight.errors import InvalidRequest
from overnight.models import DEFAULT_AGENT, DEFAULT_WORKSPACE, Event, Session
from overnight.portable.sections import SECTIONS
from overnight.store import agents, sessions
from overnight.store.agents import Definition
from overnight.store.database import Database
from overnight.store.places import reserve
from tests.store.portable_scenes import FRESH, OTHER, SETTINGS, exported, full_life, imported, without_ids
from tests.store.scenes import at_once, ledger, new_session, session, submit, task, work_off
from tests.store.statements import recorded
from tests.store.test_long_ledgers import grow

LONG = 10_000
LOOK_UP = {"type": "custom", "name": "look_up", "description": "Looks up.", "input_schema": {"type": "object"}}
#: Statements for a session of so many messages and events, out and in.
MOST = 150


def finished(database: Database, **changes: Any) -> str:
    """A session that is at rest."""
    session_id = new_session(database, **changes)
    for words in ("half a \ud800 pair", "nul \x00"):
        submit(database, session_id, words)
    work_off(database, session_id)
    return session_id


def test_out_and_in_and_out_again_is_the_same(database: Database) -> None:
    session_id = finished(database, title="Desk", labels={"team": "a"}, context_key="desk", user_id="ann")
    file = exported(database, session_id)
    copied = imported(database, file)
    again = exported(database, copied, OTHER)
    told = again["events"].pop()
    assert (told["type"], told["payload"]["session_id"]) == ("session.imported", session_id)
    assert without_ids(again) == without_ids(file)
    assert {name: value for name, value in again["session"].items() if name not in FRESH} == {
        name: value for name, value in file["session"].items() if name not in FRESH
    }
    assert file["session"]["id"] != again["session"]["id"]
    assert [one["id"] for one in file["tasks"]] != [one["id"] for one in again["tasks"]]
    assert len(file["calls"]) == 2
    assert again["calls"] == [], "what was paid elsewhere was not paid here"


def test_a_copy_goes_on_where_its_ledger_ends(database: Database) -> None:
    file = exported(database, finished(database))
    copied = imported(database, file, DEFAULT_WORKSPACE)
    submit(database, copied)
    work_off(database, copied)
    assert [row.seq for row in ledger(database, copied)] == [1, 2, 3, 4, 5, 6]
    assert [row.content for row in ledger(database, copied)][:4] == [row["content"] for row in file["messages"]]


def test_what_was_under_way_is_not_done_a_second_time(database: Database) -> None:
    session_id = full_life(database)
    file = exported(database, session_id)
    assert [row["status"] for row in file["tasks"]] == ["succeeded", "running"]
    copied = imported(database, file, DEFAULT_WORKSPACE)
    again = exported(database, copied)
    assert [row["status"] for row in again["tasks"]] == ["succeeded", "cancelled"]
    assert again["messages"][:-1] == [
        {**row, "task_id": new["task_id"]} for row, new in zip(file["messages"], again["messages"], strict=False)
    ]
    (result,) = again["messages"][-1]["content"]
    assert (result["type"], result["is_error"]) == ("tool_result", True)
    assert "imported" in str(result["content"])
    assert again["pins"] == file["pins"]
    assert task(database, file["tasks"][1]["id"]).status == "running", "the one that it was copied from goes on"
    submit(database, copied)
    work_off(database, copied)


def test_an_archived_session_stays_archived_and_is_kept_from_now_on(database: Database) -> None:
    session_id = finished(database)
    with database.write() as connection:
        sessions.archive(connection, DEFAULT_WORKSPACE, session_id)
    copied = session(database, imported(database, exported(database, session_id)))
    assert (copied.life, copied.archive_reason, copied.wake_at) == ("archived", "user", None)
    assert copied.archived_at is not None
    assert copied.archived_at == copied.created_at


def test_a_context_key_that_is_taken_stays_with_its_session(database: Database) -> None:
    file = exported(database, finished(database, context_key="desk"))
    assert session(database, imported(database, file, DEFAULT_WORKSPACE)).context_key is None
    assert session(database, imported(database, file)).context_key == "desk"
    assert session(database, imported(database, file)).context_key is None


def test_the_agent_comes_along_once(database: Database) -> None:
    definition = Definition("clerk", "claude-haiku-4-5", 9, 99, 60.0, {"type": "full"}, tools=[LOOK_UP])
    with database.write() as connection:
        agent = agents.create(connection, DEFAULT_WORKSPACE, definition).agent
    file = exported(database, finished(database, agent_id=agent.id))
    assert file["agent"]["name"] == "clerk"
    assert session(database, imported(database, file, DEFAULT_WORKSPACE)).agent_id == agent.id
    one, other = (session(database, imported(database, file)) for _ in range(2))
    assert one.agent_id == other.agent_id not in (agent.id, DEFAULT_AGENT)
    with database.read() as connection:
        assert agents.find(connection, OTHER, one.agent_id).version.max_tokens == 99
    orphan = session(database, imported(database, {**file, "session": {**file["session"], "environment_id": "env_x"}}))
    assert orphan.environment_id == "env_default"


def changed(file: dict[str, Any], *path: Any, to: Any) -> dict[str, Any]:
    """The file with one place changed; `None` as `to` takes it out."""
    file = copy.deepcopy(file)
    inner = file
    for step in path[:-1]:
        inner = inner[step]
    if to is None:
        del inner[path[-1]]
    else:
        inner[path[-1]] = to
    return file


@pytest.mark.parametrize(
    ("path", "to", "complaint"),
    [
        (("messages", 1), None, r"^messages\.1: is numbered 3, which should be 2"),
        (("messages", -1), None, r"^messages: ends at 3, but the session says 4: the file is not whole"),
        (("events", 3, "seq"), 3, r"^events\.3: is not in order: 3 comes after 3"),
        (("messages", 2, "task_id"), "task_x", r"^messages\.2\.task_id: task_x is not among the tasks"),
        (("tasks", 1, "id"), "twice", r"is not among the tasks"),
        (("session", "agent_id"), "agent_x", r"^agent: is required"),
        (("session", "context_from"), 9, r"^session\.context_from: is beyond"),
        (("tasks", 1, "status"), "running", r"^tasks\.1\.finished_at: does not go with the status, running"),
        (("tasks", 1, "wait_reason"), "timer", r"^tasks\.1\.wait_reason: does not go with"),
        (("tasks", 1, "open_calls"), 1, r"^tasks\.1\.open_calls: are not among the tool_calls"),
        (("tasks", 1, "seq"), 7, r"^tasks\.1: is numbered 7, which should be 2 or less"),
    ],
)
def test_a_file_that_does_not_fit_together_is_refused_by_the_place(
    database: Database, path: tuple[Any, ...], to: Any, complaint: str
) -> None:
    file = changed(exported(database, finished(database)), *path, to=to)
    with pytest.raises(InvalidRequest, match=complaint):
        imported(database, file)
    with database.read() as connection:
        assert connection.execute(select(col(Session.id)).where(col(Session.workspace_id) == OTHER)).all() == []


@pytest.mark.parametrize(
    ("path", "to", "place"),
    [
        (("tasks", 0, "status"), "sleeping", ("tasks", 0, "status")),
        (("messages", 0, "role"), "tool", ("messages", 0, "role")),
        (("session", "life"), "deleted", ("session", "life")),
        (("session", "lease_owner"), "me", ("session", "lease_owner")),
        (("session", "title"), "\x00", ("session", "title")),
        (("events", 0, "created_at"), "yesterday", ("events", 0, "created_at")),
        (("messages", 0, "content"), [{"n": float("nan")}], ("messages", 0, "content")),
        (("messages",), None, ("messages",)),
        (("tasks", 0, "steps"), 2**31, ("tasks", 0, "steps")),
        (("version",), 2, ("version",)),
        (("format",), "overnight.user", ("format",)),
    ],
)
def test_what_is_no_row_of_ours_is_refused_by_its_field(
    database: Database, path: tuple[Any, ...], to: Any, place: tuple[Any, ...]
) -> None:
    file = changed(exported(database, finished(database)), *path, to=to)
    with pytest.raises(ValidationError) as refused:
        imported(database, file)
    assert refused.value.errors()[0]["loc"] == place


def test_a_file_shows_one_moment_of_a_session_at_work(database: Database) -> None:
    session_id = new_session(database)
    files: list[dict[str, Any]] = []

    def work_or_read(place: int) -> None:
        for _ in range(6):
            if place == 0:
                submit(database, session_id)
                work_off(database, session_id)
            else:
                files.append(exported(database, session_id))

    at_once(3, work_or_read)
    assert len(files) == 12
    for file in files:
        SessionFile.model_validate(file).document(SETTINGS).check()
        assert len(file["messages"]) == file["session"]["ledger_seq"]


def test_a_snapshot_leaves_its_connection_as_it_was(database_url: str) -> None:
    database = Database(database_url, pool_size=1)
    session_id = new_session(database)
    for _ in range(2):
        with database.snapshot() as connection:
            before = sessions.get(connection, DEFAULT_WORKSPACE, session_id).inbox
        submit(database, session_id)
        with database.read() as connection:
            assert sessions.get(connection, DEFAULT_WORKSPACE, session_id).inbox == before + 1
    database.close()


def test_ten_thousand_messages_go_out_and_in_by_the_hundred(database: Database) -> None:
    session_id = new_session(database)
    done = submit(database, session_id).task
    work_off(database, session_id)
    grow(database, session_id, done.id, LONG - 2)
    with database.write() as connection:
        place = reserve(connection, session_id, events=LONG)
        fixed = {"session_id": session_id, "workspace_id": DEFAULT_WORKSPACE, "task_id": done.id, "type": "x"}
        row = {**fixed, "payload": {"said": "w" * 200}, "created_at": place.now}
        numbers = range(place.event_seq - LONG + 1, place.event_seq + 1)
        connection.execute(insert(Event), [{**row, "seq": seq, "id": f"sevt_{seq}"} for seq in numbers])
    file: dict[str, Any] = {}
    with recorded(database) as sent:
        file.update(exported(database, session_id))
        copied = imported(database, file)
    assert [row.content for row in ledger(database, copied)] == [row["content"] for row in file["messages"]]
    assert len(file["messages"]) == LONG
    assert len(sent) < MOST, "they are read and written many at a time"


def test_no_column_enters_a_file_unnoticed() -> None:
    """A new one belongs into docs/export.md, and must be optional: files of before lack it."""
    with open("docs/export.md", encoding="utf-8") as page:
        told = page.read()
    unknown = [f"{section.name}.{name}" for section in SECTIONS for name in section.columns if f"`{name}`" not in told]
    assert unknown == []
