"""A session that has spent its budget waits, through a deploy, until somebody raises it: by the official SDK."""

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


def requests(cluster: Cluster) -> int:
    return len(cluster.sim("GET", "/sim/requests")["data"])
