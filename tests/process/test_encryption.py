"""A whole run with a key set leaves no trace of what was said; without the key nothing is read, lost or failed."""

import json
import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest
from redis import Redis

from overnight.crypto import masters
from overnight.crypto.masters import MasterKey
from overnight.crypto.vault import MARK
from overnight.models import DEFAULT_WORKSPACE, Task
from overnight.store import tasks
from overnight.store.database import Database
from tests.nursery import ROOT
from tests.process.cluster import KEY, Cluster, until
from tests.process.conftest import MakeCluster, at_work
from tests.process.working_agents import call, script
from tests.servers import Postgres

#: Said nowhere else, so that finding it is finding a leak.
SECRET = "Zyxoquartzplanted"
#: The same for what is labelled, and therefore stays readable: that looking finds what is there.
LABEL = "Zyxoquartzlabel"


@pytest.fixture
def keys() -> list[str]:
    return [masters.new_text(), masters.new_text()]


@pytest.fixture
def folders(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> list[Path]:
    """Where a run leaves its files: the database's, its log included, Redis's, and the logs."""
    if database_url.startswith("sqlite"):
        return [tmp_path]
    server: Postgres = request.getfixturevalue("postgres_server")
    return [tmp_path, Path(server.server.pgdata)]


def holding(words: str, *places: Path) -> list[str]:
    """The files in which the words stand, as they are or in base64, as Celery writes its messages.

    Looked for by another process: SQLite's locks end when its own process opens and closes the file beside it.
    """
    patterns = [word for form in (words, *in_base64(words)) for word in ("-e", form)]
    found = subprocess.run(
        ["grep", "-rlasF", *patterns, *places], capture_output=True, text=True, check=False, env={"LC_ALL": "C"}
    )
    return found.stdout.split()


def in_base64(words: str) -> list[str]:
    """What stands wherever a text with the words is encoded: at each of three shifts, what is theirs alone."""
    return [b64encode(b" " * shift + words.encode())[4 if shift else 0 : -4].decode() for shift in range(3)]


def submit(cluster: Cluster, prompt: str, **more: Any) -> dict[str, Any]:
    answer = cluster.api(
        "POST", "/v1/tasks", json={"prompt": prompt, **more}, headers={"idempotency-key": os.urandom(8).hex()}
    )
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


def ended(cluster: Cluster, task: dict[str, Any], *wanted: str) -> dict[str, Any]:
    def looked() -> dict[str, Any] | None:
        now = cluster.api("GET", f"/v1/tasks/{task['id']}").json()
        return now if now["status"] in (wanted or ("succeeded", "failed")) else None

    return dict(until(looked, f"{task['id']} ended"))


def agent(cluster: Cluster) -> str:
    tools = [{"type": "python", "name": name} for name in ("note", "broken", "report_progress", "ask_human")]
    body = {"name": "keeper", "model": "claude-sonnet-5-5", "system": f"You keep {SECRET}.", "tools": tools}
    answer = cluster.api("POST", "/v1/agents", json=body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def a_day_of_work(cluster: Cluster) -> list[dict[str, Any]]:
    """Whatever can hold the secret does: prompts, tools, questions and answers, failures, notes, words as they come."""
    keeper = agent(cluster)
    steps = [
        [call("report_progress", note=f"at {SECRET}", fraction=0.5), call("note", n=1), call("broken")],
        [call("ask_human", question=f"Is it {SECRET}?")],
        [{"type": "text", "text": f"It is {SECRET}."}],
    ]
    asking = submit(cluster, f"{SECRET} {script(*steps)}", agent=keeper, title=LABEL, metadata={"k": LABEL})
    waiting = ended(cluster, asking, "waiting")
    answer = {
        "type": "user.custom_tool_result",
        "custom_tool_use_id": waiting["pending"][0]["id"],
        "content": [{"type": "text", "text": f"Yes, {SECRET}."}],
    }
    sent = cluster.api("POST", f"/v1/sessions/{asking['session_id']}/events", json={"events": [answer]})
    assert sent.status_code == 200, sent.text
    failing = submit(cluster, f'[[sim status=400 message="{SECRET} is not allowed"]]', system=f"Of {SECRET}")
    return [ended(cluster, task) for task in (asking, failing, listened_to(cluster))]


def listened_to(cluster: Cluster) -> dict[str, Any]:
    """A task whose words are streamed as they come, and really come live."""
    first = ended(cluster, submit(cluster, "Hello."))
    path = f"{cluster.api_url}/v1/sessions/{first['session_id']}/events/stream?event_deltas[]=agent.message"
    with (
        ThreadPoolExecutor(1) as pool,
        httpx2.stream("GET", path, headers={"x-api-key": KEY}, timeout=60) as stream,
    ):
        heard = pool.submit(_deltas, stream.iter_lines())
        redis = Redis.from_url(cluster.redis_url)
        until(lambda: redis.pubsub_numsub(f"overnight:live:{first['session_id']}")[0][1], "the API listens")
        task = submit(cluster, f'[[sim latency=2 deltas=10 reply="{SECRET} {SECRET}"]]', session_id=first["session_id"])
        assert SECRET in heard.result(60)
    return task


def _deltas(lines: Iterator[str]) -> str:
    said = ""
    for line in lines:
        data = json.loads(line.removeprefix("data: ")) if line.startswith("data: ") else {}
        if data.get("type") == "event_delta":
            said += data["delta"]["content"]["text"]
        if data.get("type") == "agent.message":
            break
    return said


def dump_redis(cluster: Cluster) -> None:
    """What Redis holds, keys and values, in a file of its own beside its log; uncompressed, to be looked through."""
    redis = Redis.from_url(cluster.redis_url)
    redis.config_set("rdbcompression", "no")
    redis.save()
    assert (cluster.folder / "dump.rdb").exists()


def test_a_run_leaves_no_trace_of_what_was_said(
    make_cluster: MakeCluster, keys: list[str], folders: list[Path]
) -> None:
    cluster = make_cluster(tools="tests.process.working_tools", encryption_keys=keys[0], log_level="DEBUG")
    at_work(cluster).start_api()
    spied = Redis.from_url(cluster.redis_url).pubsub()
    spied.psubscribe("*")
    asked, failed, heard = a_day_of_work(cluster)
    assert (asked["status"], asked["output"]) == ("succeeded", f"It is {SECRET}.")
    assert SECRET in failed["error"]["message"]
    assert heard["status"] == "succeeded"
    messages = cluster.api("GET", f"/v1/sessions/{asked['session_id']}/messages").text
    assert f"Yes, {SECRET}." in messages
    told_of_themselves(cluster, asked["session_id"])
    assert_nothing_stands(cluster, folders, asked["session_id"])
    archived_and_packed(cluster, asked["session_id"])
    assert cluster.api("GET", f"/v1/sessions/{asked['session_id']}/messages").text == messages
    assert_nothing_stands(cluster, folders, asked["session_id"])
    resumed = cluster.api("POST", f"/v1/sessions/{asked['session_id']}/resume", json={"from": "full"})
    assert resumed.json()["state"] == "idle"
    assert cluster.rows("SELECT count(*) FROM packs") == [(0,)]
    assert cluster.api("GET", f"/v1/sessions/{asked['session_id']}/messages").text == messages
    assert_nothing_stands(cluster, folders, asked["session_id"])
    heard_on_redis = b"".join(iter(lambda: _spied(spied), b"\0"))
    assert b"$1$" in heard_on_redis
    assert SECRET.encode() not in heard_on_redis


def told_of_themselves(cluster: Cluster, session_id: str) -> None:
    """A user's profile, and a session's notes and file: what is sent out is plain, and leaves nothing behind."""
    for path, body in (("users/ann", {"profile": {"plan": SECRET}}), (f"sessions/{session_id}", {"notes": SECRET})):
        assert cluster.api("POST", f"/v1/{path}", json=body).status_code == 200
    for path in ("users/ann", f"sessions/{session_id}", f"sessions/{session_id}/export"):
        assert SECRET in cluster.api("GET", f"/v1/{path}").text


def archived_and_packed(cluster: Cluster, session_id: str) -> None:
    """Summarised by Claude and packed by the worker's sweep, which is told that it is due."""
    cluster.api("POST", f"/v1/sessions/{session_id}/archive", json={"summary": True})
    until(lambda: cluster.api("GET", f"/v1/sessions/{session_id}").json()["summary"], "it is summarised")
    with cluster.database.write() as connection:
        connection.exec_driver_sql("UPDATE packing SET due_at = '2026-01-01 00:00:00'")
    until(lambda: cluster.rows("SELECT count(*) FROM packing") == [(0,)], "it is packed")
    bodies = [bytes(row[0]) for row in cluster.rows("SELECT body FROM packs")]
    assert bodies  # compressed, they would not show the words in any case
    assert all(body.startswith(MARK.encode()) for body in bodies)


def assert_nothing_stands(cluster: Cluster, folders: list[Path], session_id: str) -> None:
    """In the database's files, Redis's log and dump, and the logs of all processes; and that they were looked at."""
    write_down(cluster)
    dump_redis(cluster)
    seen = {Path(found).name for words in (LABEL, session_id) for found in holding(words, *folders)}
    assert seen >= {"api.log", *({"overnight.db", "overnight.db-wal"} if cluster.database.is_sqlite else ())}
    assert any(name.endswith(".aof") for name in seen), "Celery's messages"
    assert {path.name for path in cluster.folder.glob("*.log")} >= {"api.log", "beat.log", "redis.log", "w1.log"}
    assert holding(SECRET, *folders) == []


def write_down(cluster: Cluster) -> None:
    """The database's pages, of which its log has told so far."""
    with cluster.database.read() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)" if cluster.database.is_sqlite else "CHECKPOINT")


def _spied(pubsub: Any) -> bytes:
    message = pubsub.get_message(timeout=0.2)
    if message is None:
        return b"\0"
    return message["data"] if isinstance(message["data"], bytes) else b" "


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_key_that_is_missing_is_named_and_nothing_is_lost(make_cluster: MakeCluster, keys: list[str]) -> None:
    cluster = at_work(make_cluster(encryption_keys=keys[0]))
    cluster.start_api()
    done = ended(cluster, submit(cluster, "Remember this."))
    cluster.terminate("w1")
    waiting = submit(cluster, "And this.", session_id=done["session_id"])
    cluster.terminate("api")
    lost = MasterKey.parse(keys[0]).id
    cluster.env["OVERNIGHT_ENCRYPTION_KEYS"] = keys[1]
    cluster.start_worker("w2")
    assert cluster.processes["w2"].wait(60) != 0
    assert f"worker cannot start: Unreadable: contents are encrypted with key {lost}" in cluster.log("w2")
    assert "Traceback" not in cluster.log("w2")
    cluster.start_api()
    ready = cluster.api("GET", "/readyz")
    assert (ready.status_code, ready.json()["encryption"]["missing_keys"]) == (503, [lost])
    for method, path in (("GET", f"/v1/tasks/{done['id']}"), ("GET", f"/v1/sessions/{done['session_id']}/events")):
        answer = cluster.api(method, path)
        assert answer.status_code == 503
        assert f"key {lost}, which OVERNIGHT_ENCRYPTION_KEYS does not have" in answer.json()["error"]["message"]
    assert cluster.api("POST", "/v1/tasks", json={"prompt": "x"}).status_code == 503
    assert "Traceback" not in cluster.log("api")
    cluster.terminate("api")
    cluster.env["OVERNIGHT_ENCRYPTION_KEYS"] = f"{keys[1]},{keys[0]}"
    cluster.start_api()
    cluster.start_worker("w1")
    assert ended(cluster, waiting)["status"] == "succeeded"


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_a_row_that_cannot_be_read_waits_for_its_key(make_cluster: MakeCluster, keys: list[str]) -> None:
    """Its data key is gone, so workers start, and find out when they come to the session."""
    cluster = at_work(make_cluster(encryption_keys=keys[0]))
    cluster.start_api()
    done = ended(cluster, submit(cluster, "Remember this."))
    with cluster.database.write() as connection:
        connection.exec_driver_sql("CREATE TABLE kept AS SELECT * FROM data_keys")
        connection.exec_driver_sql("DELETE FROM data_keys")
    for name in ("w1", "api"):
        cluster.terminate(name)
    cluster.start_api()
    cluster.start_worker("w3")
    waiting = submit(cluster, "And this.", session_id=done["session_id"])
    until(lambda: "contents_unreadable" in cluster.log("w3"), "the worker says so")
    other = submit(cluster, "Somebody else's.")
    assert ended(cluster, other)["status"] == "succeeded"
    assert cluster.rows(f"SELECT status FROM tasks WHERE id = '{waiting['id']}'")[0][0] in {"queued", "running"}
    assert "Traceback" not in cluster.log("w3")
    with cluster.database.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO data_keys SELECT * FROM kept WHERE id NOT IN (SELECT id FROM data_keys)"
        )
        connection.exec_driver_sql("UPDATE sessions SET wake_at = created_at WHERE lease_owner IS NULL")
    assert ended(cluster, waiting)["status"] == "succeeded"


def test_switched_on_and_rotated_while_workers_run(
    make_cluster: MakeCluster, keys: list[str], database_url: str
) -> None:
    cluster = make_cluster(encryption_keys=f"{keys[1]},{keys[0]}")
    old, new = map(MasterKey.parse, keys)
    said = [submitted_with(cluster, database_url), submitted_with(cluster, database_url, old)]
    cluster.database.vault.check()
    at_work(cluster)
    under_way = [cluster.submit(f'[[sim latency=2 reply="{SECRET}"]]') for _ in range(5)]
    told = rotate(cluster)
    assert (told["key"], told["left"], told["unreadable"]) == (new.id, 0, 0)
    assert told["rewritten"] > told["were_plain"] > 0
    assert {cluster.wait_for(task).output for task in [*said, *under_way]} == {SECRET}
    if database_url.startswith("sqlite"):  # Postgres keeps old rows until its own VACUUM
        assert holding(SECRET, *cluster.folder.glob("overnight.db*")) == []
    only = Database(database_url, 2, [new])
    with only.read() as connection:
        outputs = [tasks.get(connection, DEFAULT_WORKSPACE, task.id).output for task in said]
    only.vault.check()
    only.close()
    assert outputs == [SECRET] * 2


def submitted_with(cluster: Cluster, database_url: str, *keys: MasterKey) -> Task:
    """By a process that has these keys only; it is there for the rows that it leaves."""
    theirs, ours = Database(database_url, 2, keys or None), cluster.database
    cluster.database = theirs
    task = cluster.submit(f'[[sim reply="{SECRET}"]]')
    theirs.close()
    cluster.database = ours
    return task


def rotate(cluster: Cluster) -> dict[str, Any]:
    command = [sys.executable, "-P", "-m", "overnight.cli.main", "keys", "rotate-encryption", "--json"]
    done = subprocess.run(command, env=cluster.env, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))
