"""Long conversations under each policy, with real workers: every request is taken, and can be shown again."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from overnight.models import Message
from overnight.rate_limits import learned
from tests.process.cluster import Cluster, until
from tests.process.conftest import MakeCluster, at_work

Json = dict[str, Any]
TURNS = 10
PROMPT = "words of mine " * 70  # some 250 tokens, as the simulator counts


@pytest.fixture
def cluster(make_cluster: MakeCluster) -> Cluster:
    made = at_work(make_cluster())
    made.start_api()
    return made


def test_each_policy_goes_on_and_on(cluster: Cluster) -> None:
    native, ours = {"id": "claude-sonnet-5-5"}, {"id": "claude-haiku-4-5"}
    policies = {
        "native": (native, {"type": "compact", "max_tokens": 1_000}),
        "ours": (ours, {"type": "compact", "max_tokens": 1_000}),
        "window": (native, {"type": "window", "max_tokens": 2_000}),
        "messages": (native, {"type": "window", "max_messages": 8}),
        "full": (native, {"type": "full"}),
    }
    sessions = {name: begin(cluster, *policy) for name, policy in policies.items()}
    for turn in range(TURNS):
        for name, session_id in sessions.items():
            say(cluster, session_id, f"{name} {turn}: {PROMPT}")
        if turn == 1:
            cluster.wait_until_idle()
            pin(cluster, sessions["window"], 3)
            pin(cluster, sessions["native"], 4)
    cluster.wait_until_idle()
    failed = list(cluster.rows("SELECT id, error FROM tasks WHERE status <> 'succeeded'"))
    assert failed == []
    requests = cluster.sim("GET", "/sim/requests")["data"]
    assert [request["error"] for request in requests if request["outcome"] != "ok"] == []
    kinds = {name: events(cluster, session_id) for name, session_id in sessions.items()}
    for name in policies:
        compacted = [event for event in kinds[name] if event["type"] == "agent.thread_context_compacted"]
        warned = [event for event in kinds[name] if event["type"] == "session.context_warning"]
        expected = {"native": "compacted", "ours": "compacted", "window": "window", "messages": "window"}
        assert {event["reason"] for event in compacted} == ({expected[name]} if name in expected else set()), name
        assert bool(warned) == (name not in {"full", "messages"}), name
        assert len(warned) <= len(compacted) + 1
    assert [bool(request["compaction"]) for request in requests].count(True) >= 2
    for session_id in sessions.values():
        shown_again(cluster, session_id, requests)
    for name in ("window", "native"):
        pinned = next(row for row in messages(cluster, sessions[name]) if row["pinned"])
        last = as_sent(cluster, sessions[name], 2 * TURNS)
        assert pinned["content"][0] in [block for message in last["data"] for block in message["content"]], name
    first = f"window 0: {PROMPT}".strip()
    assert as_sent(cluster, sessions["window"], 2 * TURNS)["data"][0]["content"][0]["text"].strip() == first
    purposes = cluster.rows("SELECT purpose, output_tokens, cost_nanousd FROM model_calls WHERE purpose = 'compaction'")
    assert purposes
    assert all(row.output_tokens > 0 and row.cost_nanousd > 0 for row in purposes)
    usage = cluster.api("GET", f"/v1/sessions/{sessions['full']}").json()["usage"]
    assert usage["cache_read_input_tokens"] > usage["cache_creation_input_tokens"] > usage["input_tokens"]


def test_a_new_context_begins_with_nothing(cluster: Cluster) -> None:
    session_id = begin(cluster, {"id": "claude-sonnet-5-5"}, {"type": "compact"})
    say(cluster, session_id, "before")
    cluster.wait_until_idle()
    answer = cluster.api("POST", f"/v1/sessions/{session_id}/reset")
    assert answer.status_code == 200, answer.text
    say(cluster, session_id, "after")
    cluster.wait_until_idle()
    sent = cluster.sim("GET", "/sim/requests")["data"][-1]["messages"]
    assert [block["text"] for message in sent for block in message["content"]] == ["after"]
    assert len(messages(cluster, session_id)) == 4, "what was said stays readable"
    assert as_sent(cluster, session_id, 4)["data"] == sent
    with cluster.database.write() as connection:
        connection.execute(update(Message).values(created_at=datetime.now(UTC) - timedelta(days=4, minutes=1)))
    say(cluster, session_id, "and later")
    cluster.wait_until_idle()
    sent = cluster.sim("GET", "/sim/requests")["data"][-1]["messages"]
    told, spoken = sent[-1]["content"]
    assert told["text"].startswith("(4 days have passed since the last message.")
    assert spoken["text"] == "and later"
    assert messages(cluster, session_id)[4]["content"] == [told, spoken], "it stays where it is"
    say(cluster, session_id, "[[sim hang]]")
    refused = cluster.api("POST", f"/v1/sessions/{session_id}/reset")
    assert (refused.status_code, refused.json()["error"]["type"]) == (400, "invalid_request_error")
    assert "interrupt it" in refused.json()["error"]["message"]


def test_a_summary_needs_room_in_the_budget_as_any_request(cluster: Cluster) -> None:
    session_id = begin(
        cluster, {"id": "claude-sonnet-5-5"}, {"type": "compact", "max_tokens": 1_000}, budget=limit(10**9)
    )
    for turn in range(3):
        say(cluster, session_id, f"{turn}: {PROMPT}")
    cluster.wait_until_idle()
    assert summaries(cluster) == 0
    address = f"/v1/sessions/{session_id}"
    every_kind = "input_tokens + output_tokens + cache_write_tokens + cache_read_tokens"
    used = int(cluster.rows(f"SELECT sum({every_kind}) FROM model_calls")[0][0])
    limited = cluster.api("POST", address, json={"budget": limit(used + 1)})
    assert limited.status_code == 200, limited.text
    say(cluster, session_id, f"more: {PROMPT}")
    waiting = "SELECT count(*) FROM tasks WHERE wait_reason = 'budget'"
    until(lambda: cluster.rows(waiting)[0][0], "it waits for the budget")
    assert summaries(cluster) == 0
    assert cluster.api("POST", address, json={"budget": limit(10**9)}).status_code == 200
    cluster.wait_until_idle()
    assert summaries(cluster) == 1
    assert {row[0] for row in cluster.rows("SELECT status FROM tasks")} == {"succeeded"}


def test_a_summary_counts_against_the_limits_of_the_model_that_writes_it(make_cluster: MakeCluster) -> None:
    cluster = at_work(make_cluster(summary_model="claude-opus-5-5"))
    cluster.start_api()
    session_id = begin(cluster, {"id": "claude-haiku-4-5"}, {"type": "compact", "max_tokens": 1_000})
    for turn in range(5):
        say(cluster, session_id, f"{turn}: {PROMPT}")
    cluster.wait_until_idle()
    used = {row.model: row.purpose for row in cluster.rows("SELECT model, purpose FROM model_calls")}
    assert used == {"claude-haiku-4-5": "step", "claude-opus-5-5": "compaction"}
    families = {pool.family for pool in learned(cluster.redis_url)}
    assert families == {"haiku", "opus"}


def limit(tokens: int) -> Json:
    return {"type": "limit", "max_tokens": tokens}


def summaries(cluster: Cluster) -> int:
    return sum(bool(request["compaction"]) for request in cluster.sim("GET", "/sim/requests")["data"])


def begin(cluster: Cluster, model: Json, history: Json, **more: Any) -> str:
    agent = {"name": "talker", "model": model, "history": history}
    made = cluster.api("POST", "/v1/agents", json=agent)
    assert made.status_code == 200, made.text
    assert made.json()["history"] == history
    session_id: str = cluster.api("POST", "/v1/sessions", json={"agent": made.json()["id"], **more}).json()["id"]
    return session_id


def say(cluster: Cluster, session_id: str, words: str) -> None:
    said = {"type": "user.message", "content": [{"type": "text", "text": words}]}
    cluster.api("POST", f"/v1/sessions/{session_id}/events", json={"events": [said]}).raise_for_status()


def pin(cluster: Cluster, session_id: str, seq: int) -> None:
    answer = cluster.api("POST", f"/v1/sessions/{session_id}/messages/{seq}/pin")
    assert (answer.status_code, answer.json().get("pinned")) == (200, True), answer.text


def messages(cluster: Cluster, session_id: str) -> list[Json]:
    found: list[Json] = cluster.api("GET", f"/v1/sessions/{session_id}/messages?limit=1000").json()["data"]
    return found


def events(cluster: Cluster, session_id: str) -> list[Json]:
    found: list[Json] = cluster.api("GET", f"/v1/sessions/{session_id}/events?limit=1000").json()["data"]
    return found


def as_sent(cluster: Cluster, session_id: str, seq: int) -> Json:
    answer = cluster.api("GET", f"/v1/sessions/{session_id}/messages?as_sent={seq}")
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def shown_again(cluster: Cluster, session_id: str, requests: list[Json]) -> None:
    """For every reply in the ledger: exactly what Claude's stand-in received."""
    received = [request["messages"] for request in requests]
    for row in messages(cluster, session_id):
        if row["role"] == "assistant":
            assert as_sent(cluster, session_id, row["seq"])["data"] in received, row["seq"]
