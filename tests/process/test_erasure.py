"""Sessions and users that are deleted while workers are at work, and while the one that removes them is killed."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import insert
from sqlmodel import SQLModel

from api.schemas_portable import SessionFile
from overnight.models import DEFAULT_WORKSPACE, Event, Task
from overnight.settings import Settings
from overnight.store import transcripts
from overnight.store.places import reserve
from overnight.store.transcripts import Key
from overnight.tools.workspaces import workspace_of
from tests.process.cluster import Cluster, until
from tests.process.conftest import MakeCluster, at_work
from tests.store.test_long_ledgers import grow

#: Several transactions' worth of rows each.
SESSIONS, ROWS, LINES = 5, 7_000, 5_000
#: What stays of a session that is gone: what it cost, and that it was.
KEPT = {"model_calls", "tombstones"}


def ask(cluster: Cluster, user_id: str, prompt: str = "Go.", **more: Any) -> Task:
    wish = {"prompt": prompt, "user_id": user_id, **more}
    return cluster.task(cluster.api("POST", "/v1/tasks", json=wish).json()["id"])


def life_of(cluster: Cluster, user_id: str) -> str:
    """A session with a long past, and files."""
    task = cluster.wait_for(ask(cluster, user_id))
    grow(cluster.database, task.session_id, task.id, ROWS)
    with cluster.database.write() as connection:
        place = reserve(connection, task.session_id, events=ROWS)
        row = {"workspace_id": DEFAULT_WORKSPACE, "session_id": task.session_id, "type": "x", "payload": {}}
        seqs = range(place.event_seq - ROWS + 1, place.event_seq + 1)
        ids = ({"seq": seq, "id": f"sevt_{task.id}_{seq}", "created_at": place.now} for seq in seqs)
        connection.execute(insert(Event), [{**row, **each} for each in ids])
    folder = workspace_of(Path(cluster.folder), task.session_id)
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("of Ann")
    return task.session_id


def said_in_others(cluster: Cluster) -> str:
    """A session of Bob's in which Ann has spoken."""
    task = cluster.wait_for(ask(cluster, "bob"))
    cluster.wait_for(ask(cluster, "ann", session_id=task.session_id))
    return task.session_id


def remember(cluster: Cluster) -> None:
    cluster.api("POST", "/v1/users/ann", json={"profile": {"name": "Ann"}})
    cluster.api("POST", "/v1/budgets", json={"user_id": "ann", "max_tokens": 10**15})
    with cluster.database.write() as connection:
        lines = [{"n": number} for number in range(LINES)]
        key = Key(DEFAULT_WORKSPACE, "p", "s")
        transcripts.append(connection, key, "ann", lines, lambda row, entries: {})


def rows_of(cluster: Cluster, mine: list[str], tables: set[str]) -> dict[str, int]:
    """How many rows of these sessions are there, by table."""
    listed = ", ".join(f"'{session_id}'" for session_id in mine)
    found = {}
    for name in tables:
        column = "id" if name == "sessions" else "session_id"
        found[name] = cluster.rows(f"SELECT count(*) FROM {name} WHERE {column} IN ({listed})")[0][0]
    return {name: rows for name, rows in found.items() if rows}


def tables_of_sessions() -> set[str]:
    tables = SQLModel.metadata.tables
    return {name for name in tables if name == "sessions" or "session_id" in tables[name].c} - KEPT


def named_ann(cluster: Cluster) -> dict[str, int]:
    found = {"users": cluster.rows("SELECT count(*) FROM users WHERE id = 'ann'")[0][0]}
    for name, table in SQLModel.metadata.tables.items():
        if "user_id" in table.c:
            found[name] = cluster.rows(f"SELECT count(*) FROM {name} WHERE user_id = 'ann'")[0][0]
    return {name: rows for name, rows in found.items() if rows}


def stone_of(cluster: Cluster, subject_id: str) -> Mapping[str, Any]:
    (stone,) = cluster.api("GET", "/v1/audit", params={"subject_id": subject_id}).json()["data"]
    return dict(stone)


def test_an_erasure_goes_on_where_its_worker_was_killed(make_cluster: MakeCluster) -> None:
    cluster = at_work(make_cluster())
    cluster.start_api()
    remember(cluster)
    mine = [life_of(cluster, "ann") for _ in range(SESSIONS)]
    bob_s = said_in_others(cluster)
    cluster.wait_until_idle()
    tables = tables_of_sessions()
    before, calls = rows_of(cluster, mine, tables), cluster.rows("SELECT count(*) FROM model_calls")
    bobs = rows_of(cluster, [bob_s], tables)
    assert cluster.api("DELETE", "/v1/users/ann").status_code == 202
    rest = "SELECT count(*) FROM messages"
    until(lambda: cluster.rows(rest)[0][0] < SESSIONS * ROWS, "some of it is gone", patience=60)
    cluster.kill("w1")
    left = rows_of(cluster, mine, tables)
    assert 0 < sum(left.values()) < sum(before.values()), "it was killed amid its work"
    assert stone_of(cluster, "ann")["finished_at"] is None
    cluster.start_worker("w2")
    until(lambda: stone_of(cluster, "ann")["finished_at"], "another has done the rest", patience=90)
    assert rows_of(cluster, mine, tables) == {}
    assert named_ann(cluster) == {}
    stones = [stone_of(cluster, session_id) for session_id in mine]
    assert all(stone["finished_at"] for stone in stones)
    removed = {name: sum(stone["removed"].get(name, 0) for stone in stones) for name in before}
    told = SESSIONS * 2  # of the end, when they were deleted
    assert removed == {**before, "events": before["events"] + told}
    entries = {"users": 1, "transcript_entries": LINES, "transcripts": 1, "budgets": 1}
    unnamed = {"tasks_unnamed": 1, "model_calls_unnamed": SESSIONS + 1}
    assert stone_of(cluster, "ann")["removed"] == {**entries, **unnamed}
    assert not any(workspace_of(Path(cluster.folder), session_id).exists() for session_id in mine)
    assert rows_of(cluster, [bob_s], tables) == bobs, "what was said to Bob is Bob's"
    assert cluster.rows("SELECT count(*) FROM model_calls") == calls


def test_what_is_at_work_is_exported_deleted_and_erased(make_cluster: MakeCluster) -> None:
    cluster = at_work(make_cluster(lease_ttl="300"))  # so that no renewal finds out
    cluster.start_api()
    first = cluster.wait_for(ask(cluster, "ann"))
    asked = [
        ask(cluster, "ann", "[[sim hang]] Work.", session_id=first.session_id),
        ask(cluster, "ann", "[[sim hang]] Work."),
        ask(cluster, "bob", "[[sim hang]] Work."),
    ]
    until(lambda: cluster.sim("GET", "/sim/stats")["in_flight"] == len(asked), "all are at work")
    answer = cluster.api("GET", f"/v1/sessions/{first.session_id}/export")
    file = json.loads(answer.content)
    SessionFile.model_validate(file).document(Settings()).check()
    assert [row["status"] for row in file["tasks"]] == ["succeeded", "running"]
    assert len(file["messages"]) == 2
    copied = cluster.api("POST", "/v1/sessions/import", json=file).json()["id"]
    assert cluster.api("DELETE", f"/v1/sessions/{asked[2].session_id}").status_code == 200
    assert cluster.api("DELETE", "/v1/users/ann").status_code == 202
    until(lambda: cluster.sim("GET", "/sim/stats")["in_flight"] == 0, "nothing more is paid", patience=20)
    gone = [task.session_id for task in asked]
    until(lambda: not rows_of(cluster, [*gone, copied], tables_of_sessions()), "all rows are gone", patience=60)
    until(lambda: stone_of(cluster, "ann")["finished_at"], "erased", patience=60)
    assert named_ann(cluster) == {}
    late = cluster.rows("SELECT session_id, outcome FROM model_calls WHERE outcome <> 'kept'")
    assert sorted(late) == sorted((session_id, "discarded") for session_id in gone), "paid for all the same"
    assert cluster.wait_for(ask(cluster, "ann")).status == "succeeded", "what comes now is new"
