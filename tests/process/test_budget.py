"""Who has spent a budget waits, through a deploy, until somebody raises it: a session by the official SDK, fifty tasks
of a workspace by one call."""

from typing import Any

import pytest
from anthropic import Anthropic

from tests.process.cluster import KEY, Cluster, until
from tests.process.conftest import MakeCluster

DEFAULT = {"agent": "agent_default", "environment_id": "env_default"}
LONG = "All of it, please. " * 4_000  # some 20,000 tokens, which cost cents


@pytest.fixture
def cluster(make_cluster: MakeCluster) -> Cluster:
    made = make_cluster()
    made.start_worker("w1")
    made.start_beat()
    made.start_api()
    return made


def says(words: str) -> Any:
    return {"type": "user.message", "content": [{"type": "text", "text": words}]}


def dollars(cents: int) -> Any:
    return {"type": "limit", "max_list_cost": {"amount": str(cents), "currency": "USD"}}


def test_no_request_is_made_beyond_the_budget(cluster: Cluster) -> None:
    with Anthropic(base_url=cluster.api_url, api_key=KEY) as client:
        sessions = client.beta.sessions
        session = sessions.create(**DEFAULT, budget=dollars(5), initial_events=[says(LONG), says(LONG)])

        def reasons() -> list[str]:
            found = sessions.events.list(session.id, types=["session.status_idle"])
            return [event.stop_reason.type for event in found if event.type == "session.status_idle"]

        until(lambda: reasons() == ["budget_reached"], f"the budget is reached: {reasons()}")
        assert requests(cluster) == 1
        assert sessions.retrieve(session.id).status == "idle"
        (waiting,) = cluster.api("GET", "/v1/tasks?statuses[]=waiting").json()["data"]
        assert (waiting["wait_reason"], waiting["due_at"]) == ("budget", None)
        cluster.terminate("w1")
        cluster.start_worker("w1")
        cluster.after_commit.wake(session.id)

        raised = sessions.update(session.id, budget=dollars(500))
        assert raised.budget is not None
        until(lambda: reasons() == ["budget_reached", "end_turn"], "the second turn")
        assert requests(cluster) == 2
        used = sessions.events.list(session.id, types=["session.usage"])
        costs = [int(event.usage.list_cost.amount) for event in used if event.type == "session.usage"]  # type: ignore[union-attr]
        assert costs == sorted(costs)
        assert 1 < costs[0] <= 5, "the second request would have gone beyond"


AT_ONCE, WORKERS = 50, ("w1", "w2")
PROMPT = "[[sim reply=Done.]] " + "Read this, please. " * 200  # some 960 tokens; each its own, lest they be cached
#: For which the budget of the fifty has room.
FEW = 10


def test_fifty_at_once_take_no_more_than_the_workspace_may_spend(make_cluster: MakeCluster) -> None:
    cluster = make_cluster(latency=0.5)
    cluster.start_api()
    room = FEW * estimate(cluster)
    budget = cluster.api("POST", "/v1/budgets", json={"max_usd": room}).json()
    for name in WORKERS:
        cluster.start_worker(name)
    cluster.start_beat()
    cluster.wait_for_workers(*WORKERS)
    for number in range(AT_ONCE):
        assert cluster.api("POST", "/v1/tasks", json={"prompt": f"{number}. {PROMPT}"}).status_code == 202
    until(lambda: sum(counts(cluster)) == AT_ONCE, "each is done or waits for somebody to raise the budget")
    done, waiting = counts(cluster)
    assert 1 <= done <= FEW
    assert waiting == AT_ONCE - done
    assert requests(cluster) == done
    spent = cluster.api("GET", f"/v1/budgets/{budget['id']}").json()["spent_usd"]
    assert spent - room < spent / done, "beyond it is less than one request, for all of them together"
    one = cluster.api("GET", "/v1/tasks?statuses[]=waiting").json()["data"][0]
    assert one["error"]["budget"]["id"] == budget["id"]
    assert "budget of the workspace is reached" in one["error"]["message"]

    cluster.api("POST", f"/v1/budgets/{budget['id']}", json={"max_usd": 100}).raise_for_status()
    until(lambda: counts(cluster) == (AT_ONCE, 0), "all have gone on by one call")
    assert requests(cluster) == AT_ONCE


def estimate(cluster: Cluster) -> float:
    """Dollars of one prompt, without the reply."""
    told = cluster.api("POST", "/v1/tasks", json={"prompt": PROMPT, "dry_run": True}).json()
    return told["input_tokens"] * 2 / 1e6


def counts(cluster: Cluster) -> tuple[int, int]:
    """How many have succeeded, and how many wait for a person."""
    held = "status = 'waiting' AND wait_reason = 'budget' AND due_at IS NULL"
    succeeded = cluster.rows("SELECT count(*) FROM tasks WHERE status = 'succeeded'")[0][0]
    return succeeded, cluster.rows(f"SELECT count(*) FROM tasks WHERE {held}")[0][0]


def requests(cluster: Cluster) -> int:
    return len(cluster.sim("GET", "/sim/requests")["data"])
