"""What was spent, in groups and page by page, and a session's requests one by one."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col
from starlette.testclient import TestClient

from overnight.models import ModelCall
from overnight.pricing import Tokens
from overnight.store import turns
from overnight.store.calls import Call
from overnight.store.database import Database
from overnight.store.turn import Reply
from tests.api.support import Worker

#: Of the worker's replies: 1,000 tokens in and 200 out, by claude-haiku-4-5.
COST = 0.002


def spend(client: TestClient, worker: Worker, **body: Any) -> dict[str, Any]:
    made: dict[str, Any] = client.post("/v1/tasks", json={"prompt": "Go.", **body}).json()
    worker.answer(made["session_id"])
    return made


def usage(client: TestClient, query: str = "") -> dict[str, Any]:
    answer = client.get(f"/v1/usage{query}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_nothing_was_spent(client: TestClient) -> None:
    (row,) = usage(client)["data"]
    assert (row["requests"], row["cost_usd"], row["usage"]["input_tokens"]) == (0, 0.0, 0)
    assert usage(client, "?group_by[]=day")["data"] == []


def test_groups(client: TestClient, worker: Worker, module_database: Database) -> None:
    first = spend(client, worker, user_id="ann")
    spend(client, worker, user_id="bob")
    second = spend(client, worker, session_id=first["session_id"], user_id="carl")
    gone = spend(client, worker)
    client.delete(f"/v1/sessions/{gone['session_id']}")
    (total,) = usage(client)["data"]
    assert (total["requests"], total["cost_usd"]) == (4, pytest.approx(4 * COST))
    assert total["usage"] == {
        "input_tokens": 4_000,
        "output_tokens": 800,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "server_tool_use": {"web_search_requests": 0},
    }
    by_user = usage(client, "?group_by[]=user_id")["data"]
    assert [(row["user_id"], row["requests"]) for row in by_user] == [(None, 1), ("ann", 1), ("bob", 1), ("carl", 1)]
    today = datetime.now(UTC).date().isoformat()
    (row,) = usage(client, "?group_by[]=day&group_by[]=model&group_by[]=purpose")["data"]
    assert (row["day"], row["model"], row["purpose"], row["requests"]) == (today, "claude-haiku-4-5", "step", 4)
    (row,) = usage(client, "?group_by[]=agent_id&user_id=ann")["data"]
    assert (row["agent_id"], row["requests"]) == ("agent_default", 1)
    (row,) = usage(client, f"?session_id={first['session_id']}&group_by[]=task_id&task_id={second['id']}")["data"]
    assert (row["task_id"], row["requests"]) == (second["id"], 1)
    with module_database.write() as connection:
        long_ago = datetime.now(UTC) - timedelta(days=45)
        mine = col(ModelCall.task_id) == first["id"]
        connection.execute(update(ModelCall).where(mine).values(created_at=long_ago))
    assert usage(client)["data"][0]["requests"] == 3, "the last thirty days"
    since = (long_ago - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    days = usage(client, f"?group_by[]=day&created_at[gte]={since}")["data"]
    assert [(row["day"], row["requests"]) for row in days] == [(long_ago.date().isoformat(), 1), (today, 3)]
    until = (long_ago + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert usage(client, f"?created_at[gte]={since}&created_at[lt]={until}")["data"][0]["requests"] == 1


@pytest.mark.parametrize("group", ["user_id", "day&group_by[]=user_id", "session_id"])
def test_pages_of_groups(client: TestClient, worker: Worker, group: str) -> None:
    for user in ("ann", "bob", "carl"):
        spend(client, worker, user_id=user)
    every = usage(client, f"?group_by[]={group}")["data"]
    found, page = [], ""
    while page is not None:
        answer = usage(client, f"?group_by[]={group}&limit=2{page}")
        found += answer["data"]
        page = f"&page={answer['next_page']}" if answer["next_page"] else None
    assert found == every
    assert len(found) == 3
    for wrong in ("group_by[]=model&group_by[]=user_id&group_by[]=task_id", "group_by[]=purpose&group_by[]=day"):
        last = usage(client, f"?group_by[]={group}&limit=2")["next_page"]
        assert client.get(f"/v1/usage?{wrong}&page={last}").status_code == 400


def test_what_has_no_price_is_told_apart(client: TestClient, worker: Worker, module_database: Database) -> None:
    spend(client, worker)
    made = client.post("/v1/tasks", json={"prompt": "Go."}).json()
    turn = worker.begin(made["session_id"])
    paid = Call("some-model", Tokens(10, 20, 30, 40, 50, web_searches=3), 5, "msg_2")
    with module_database.write() as connection:
        turns.succeed(connection, turn, Reply([{"type": "text", "text": "x"}], "end_turn", "x", paid, "sevt_1"))
    (row,) = usage(client)["data"]
    assert (row["requests"], row["unpriced_requests"], row["cost_usd"]) == (2, 1, COST)
    (row,) = usage(client, "?model=some-model")["data"]
    assert row["usage"]["cache_creation"] == {"ephemeral_5m_input_tokens": 30, "ephemeral_1h_input_tokens": 40}
    assert row["usage"]["server_tool_use"] == {"web_search_requests": 3}
    own = client.get(f"/v1/sessions/{made['session_id']}/usage").json()
    assert (own["cost_usd"], own["cached_share"]) == (None, round(50 / 130, 4))
    assert [call["cost_usd"] for call in own["data"]] == [None]


def test_a_session_s_requests_one_by_one(client: TestClient, worker: Worker) -> None:
    first = spend(client, worker)
    ids = [first["id"]] + [spend(client, worker, session_id=first["session_id"])["id"] for _ in range(2)]
    path = f"/v1/sessions/{first['session_id']}/usage"
    page = client.get(f"{path}?limit=2").json()
    assert (page["usage"]["input_tokens"], page["cost_usd"], page["cached_share"]) == (3_000, 3 * COST, 0.0)
    rest = client.get(f"{path}?limit=2&page={page['next_page']}").json()
    calls = [*page["data"], *rest["data"]]
    assert [call["task_id"] for call in calls] == ids
    assert [call["cost_usd"] for call in calls] == [COST] * 3
    assert sorted(call["created_at"] for call in calls) == [call["created_at"] for call in calls]
    assert rest["next_page"] is None
    assert client.get("/v1/sessions/sesn_1/usage").status_code == 404


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("group_by[]=colour", "group_by[].0"),
        ("group_by[]=day&group_by[]=day", "group_by[]"),
        ("group_by=day", "group_by"),
        ("page=x", "page"),
        ("limit=1001", "limit"),
        ("created_at[gte]=yesterday", "created_at[gte]"),
    ],
)
def test_wrong_questions(client: TestClient, query: str, field: str) -> None:
    answer = client.get(f"/v1/usage?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]["details"]["field"] == field
