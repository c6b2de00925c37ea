"""Four workers and more sessions than Claude's limits allow: the limits are used, kept to, and nobody fails."""

from collections import Counter
from typing import Any

import pytest

from tests.process.cluster import Cluster, until
from tests.process.conftest import MakeCluster

WORKERS = ("w1", "w2", "w3", "w4")
SESSIONS, TURNS = 50, 13
A_MINUTE = 500


@pytest.fixture
def cluster(make_cluster: MakeCluster) -> Cluster:
    cluster = make_cluster(latency=0.1, concurrency="30", retry_base="0.2")
    cluster.sim("POST", "/sim/limits", json={"rpm": A_MINUTE})
    for name in WORKERS:
        cluster.start_worker(name)
    cluster.start_beat()
    cluster.wait_for_workers(*WORKERS)
    return cluster


def outcomes(cluster: Cluster) -> Counter[str]:
    return Counter(cluster.sim("GET", "/sim/stats")["outcomes"])


def wait_until_served(cluster: Cluster, more: int) -> None:
    """How soon, `overnight bench --governor` tells: it depends on the machine."""
    enough = outcomes(cluster)["ok"] + more
    until(lambda: outcomes(cluster)["ok"] >= enough, f"{more} more are served")


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_the_limits_are_used_and_kept_to(cluster: Cluster) -> None:
    for number in range(SESSIONS):
        session_id = cluster.submit(f"turn 0 of {number}").session_id
        for turn in range(1, TURNS):
            cluster.submit(f"turn {turn} of {number}", session_id)
    until(lambda: outcomes(cluster)["ok"] >= A_MINUTE, "the first minute's worth is used up", patience=60)
    waiting = cluster.rows("SELECT wait_reason, attempts, error FROM tasks WHERE status = 'waiting'")
    assert {tuple(row) for row in waiting} <= {("rate_limit", 0, None)}

    wait_until_served(cluster, A_MINUTE // 10)
    cluster.sim("POST", "/sim/limits", json={"rpm": A_MINUTE // 2})
    wait_until_served(cluster, A_MINUTE // 20)

    cluster.sim("POST", "/sim/faults", json={"status": 529, "seconds": 5})
    until(lambda: outcomes(cluster)["http_529"], "the storm begins")
    owned = "SELECT count(*) FROM sessions WHERE lease_owner IS NOT NULL"
    until(lambda: cluster.rows(owned)[0][0] == 0, "nobody holds a session while the gate is closed", patience=10)
    cluster.wait_until_idle(patience=60)

    told = outcomes(cluster)
    assert told["http_429"] < 0.02 * told["ok"], told
    assert told["http_529"] <= 15, told
    assert told["ok"] == SESSIONS * TURNS
    assert {row[0] for row in cluster.rows("SELECT status FROM tasks")} == {"succeeded"}
    assert spans(cluster) == (told.total(), told.total())


def spans(cluster: Cluster) -> tuple[Any, ...]:
    """Requests begun and ended, as the events tell: who was refused a place has begun none."""
    count = "SELECT count(*) FROM events WHERE type = 'span.model_request_{}'"
    return tuple(cluster.rows(count.format(which))[0][0] for which in ("start", "end"))
