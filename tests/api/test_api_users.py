"""Users over HTTP: what is known of them, their files, their erasure; retention and the audit log."""

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from overnight.keeping_models import Tombstone
from overnight.states import Removal
from overnight.store import removal, tombstones, transcripts
from overnight.store.database import Database
from overnight.store.transcripts import Key
from tests.api.support import Worker


def say(client: TestClient, user_id: str = "ann", **profile: Any) -> dict[str, Any]:
    answer = client.post(f"/v1/users/{user_id}", json={"profile": profile})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def talk(client: TestClient, worker: Worker, user_id: str | None = "ann", **body: Any) -> str:
    given = {} if user_id is None else {"user_id": user_id}
    answer = client.post("/v1/tasks", json={"prompt": "Go.", **given, **body})
    assert answer.status_code == 202, answer.text
    session_id = str(answer.json()["session_id"])
    worker.answer(session_id)
    return session_id


def get(client: TestClient, path: str) -> dict[str, Any]:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def refused(answer: Any) -> str:
    assert answer.status_code == 400, answer.text
    return str(answer.json()["error"]["message"])


def sweep(database: Database, stone: dict[str, Any]) -> None:
    """What the worker's sweep does."""
    with database.read() as connection:
        rows = [row for row in tombstones.unfinished(connection, Removal.USER, 50) if row.id == stone["id"]]
    for row in rows:
        while not _round(database, row):
            pass


def _round(database: Database, stone: Tombstone) -> bool:
    with database.write() as connection:
        removal.hide_some(connection, stone)
        found = removal.hidden(connection, stone)
    for session_id in found:
        with database.write() as connection:
            removal.purge(connection, session_id)
    with database.write() as connection:
        return not found and removal.erase_some(connection, stone)


def test_a_profile_is_kept_fact_by_fact_and_sent_with_the_next_session(client: TestClient, worker: Worker) -> None:
    assert client.get("/v1/users/ann").status_code == 404
    made = say(client, name="Ann", cats=2)
    assert (made["id"], made["profile"], made["sessions"]) == ("ann", {"name": "Ann", "cats": 2}, 0)
    assert say(client, cats=None, plan="gold")["profile"] == {"name": "Ann", "plan": "gold"}
    session_id = talk(client, worker, system="Be brief.")
    system = get(client, f"/v1/sessions/{session_id}")["agent"]["system"]
    assert system.startswith("Be brief.\n\n<user_profile>")
    assert "- name: Ann\n- plan: gold" in system
    say(client, plan="silver")
    assert get(client, f"/v1/sessions/{session_id}")["agent"]["system"] == system, "the cache lives on it"
    worker.rest(session_id)
    client.post(f"/v1/sessions/{session_id}/reset")
    assert "- plan: silver" in get(client, f"/v1/sessions/{session_id}")["agent"]["system"]
    plain, hers = (
        client.post("/v1/tasks", json={"prompt": "x", "dry_run": True, **given}).json()["input_tokens"]
        for given in ({}, {"user_id": "ann"})
    )
    assert hers > plain, "a dry run counts what is known of her"
    shown = get(client, "/v1/users/ann")
    assert (shown["sessions"], shown["open_sessions"]) == (1, 1)
    assert [one["id"] for one in get(client, "/v1/sessions?user_id=ann")["data"]] == [session_id]


def test_users_are_listed_with_their_limits_and_those_without_a_profile_are_found(
    client: TestClient, worker: Worker
) -> None:
    for name in ("dora", "bob", "carl"):
        say(client, name, name=name.title())
    say(client, "%2Fz%C3%B6%2Fx", name="with slashes")
    assert get(client, "/v1/users/%2Fz%C3%B6%2Fx")["id"] == "/zö/x"
    assert client.delete("/v1/users/%2Fz%C3%B6%2Fx").json()["subject_id"] == "/zö/x"
    say(client, "%0Afay%0A", name="with lines")
    assert get(client, "/v1/users/%0Afay%0A/export")["user"]["id"] == "\nfay\n"
    assert client.delete("/v1/users/%0Afay%0A").json()["subject_id"] == "\nfay\n"
    client.post("/v1/budgets", json={"user_id": "bob", "max_tokens": 5_000})
    first = get(client, "/v1/users?limit=2")
    assert [(one["id"], len(one["budgets"])) for one in first["data"]] == [("bob", 1), ("carl", 0)]
    assert [one["id"] for one in get(client, f"/v1/users?page={first['next_page']}")["data"]] == ["dora"]
    talk(client, worker, "eve")
    seen = get(client, "/v1/users/eve")
    assert (seen["profile"], seen["created_at"], seen["sessions"]) == ({}, None, 1)
    talk(client, worker, None)
    assert [one["id"] for one in get(client, "/v1/users")["data"]] == ["bob", "carl", "dora"]


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"profile": {"x": "a" * 16_001}}, "profile: would have 1 facts of"),
        ({"profile": {"": "x"}}, "profile."),
        ({"facts": {}}, "facts: is not a known field"),
        ({"profile": {"x": "\x00"}}, "profile.x: must not contain NUL"),
        ({"profile": ["x"]}, "profile: must be"),
    ],
)
def test_what_cannot_be_a_profile_is_refused_by_the_field(client: TestClient, body: Any, complaint: str) -> None:
    assert complaint in refused(client.post("/v1/users/ann", json=body))
    assert client.get("/v1/users/ann").status_code == 404


def test_a_user_goes_out_as_one_file_and_comes_in_elsewhere(
    client: TestClient, worker: Worker, api: Any, module_database: Database
) -> None:
    say(client, name="Ann")
    session_id = talk(client, worker)
    workspace = get(client, f"/v1/sessions/{session_id}/export")
    assert workspace["format"] == "overnight.session"
    _append(module_database, client, "ann", [{"uuid": "a", "n": 1}, {"n": 2}])
    answer = client.get("/v1/users/ann/export")
    assert "attachment" in answer.headers["content-disposition"]
    file = answer.json()
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert [len(file[name]) for name in ("sessions", "transcripts")] == [1, 1]
    come = client.post("/v1/users/anna/import", content=answer.content, headers={"content-type": "application/json"})
    assert come.status_code == 200, come.text
    told = come.json()
    assert (told["id"], told["profile"], told["sessions"]) == ("anna", {"name": "Ann"}, 1)
    again = get(client, "/v1/users/anna/export")
    assert [row["content"] for row in again["sessions"][0]["messages"]] == [
        row["content"] for row in file["sessions"][0]["messages"]
    ]
    assert again["sessions"][0]["session"]["user_id"] == again["sessions"][0]["tasks"][0]["user_id"] == "anna"
    broken = {**file, "sessions": [{**file["sessions"][0], "messages": []}]}
    assert refused(client.post("/v1/users/eve/import", json=broken)).startswith("sessions.0.messages: ends at 0")
    assert client.get("/v1/users/eve").status_code == 404, "nothing was written"
    assert "is a user's file" in refused(client.post("/v1/sessions/import", json=file))
    assert client.get("/v1/users/nobody/export").status_code == 404


def _append(database: Database, client: TestClient, user_id: str, entries: list[dict[str, Any]]) -> None:
    """As the SessionStore does, into the test's own workspace."""
    from overnight.store import keys

    with database.write() as connection:
        opened = keys.opened_by(connection, client.headers["x-api-key"])
        assert opened is not None
        transcripts.append(connection, Key(opened.workspace_id, "p", "s"), user_id, entries, lambda row, said: {})


def test_an_erased_user_is_gone_at_once_and_the_audit_log_says_who_did_it(
    client: TestClient, worker: Worker, module_database: Database
) -> None:
    say(client, name="Ann")
    session_id = talk(client, worker, title="her secret")
    _append(module_database, client, "ann", [{"n": 1}])
    answer = client.delete("/v1/users/ann")
    assert answer.status_code == 202
    stone = answer.json()
    assert (stone["kind"], stone["subject_id"], stone["finished_at"]) == ("user", "ann", None)
    assert stone["actor"].startswith("key_")
    assert client.get(f"/v1/sessions/{session_id}").status_code == 404
    assert client.delete("/v1/users/ann").json()["id"] == stone["id"]
    sweep(module_database, stone)
    assert client.get("/v1/users/ann").status_code == 404
    last = client.delete("/v1/users/ann").json()
    assert (last["id"], last["removed"]["transcripts"], last["finished_at"] is None) == (stone["id"], 1, False)
    log = get(client, "/v1/audit")["data"]
    assert {(one["kind"], one["subject_id"]) for one in log} == {("user", "ann"), ("session", session_id)}
    assert "secret" not in json.dumps(log)
    assert [one["kind"] for one in get(client, f"/v1/audit?subject_id={session_id}")["data"]] == ["session"]
    assert get(client, "/v1/usage")["data"][0]["requests"] == 1, "what was paid stays in the workspace's sum"
    assert get(client, "/v1/usage?user_id=ann")["data"][0]["requests"] == 0
    assert client.delete("/v1/users/nobody").status_code == 404


def test_retention_is_the_workspace_s_own_where_it_says_so(client: TestClient, api: Any) -> None:
    nothing = dict.fromkeys(("idle_days", "archived_days", "deleted_days", "transcript_days"))
    before = get(client, "/v1/retention")
    assert (before["holds"]["archived_days"], before["workspace"]) == (0, nothing)
    changed = client.post("/v1/retention", json={"archived_days": 30, "idle_days": 90.5}).json()
    assert changed["workspace"] == {**nothing, "archived_days": 30, "idle_days": 90.5}
    assert client.post("/v1/retention", json={"archived_days": None}).json()["holds"]["archived_days"] == 0
    assert "idle_days: " in refused(client.post("/v1/retention", json={"idle_days": -1}))
    theirs = api.new_client()
    assert theirs.get("/v1/retention").json()["workspace"]["idle_days"] is None
    assert theirs.get("/v1/audit").json()["data"] == []
    theirs.close()
