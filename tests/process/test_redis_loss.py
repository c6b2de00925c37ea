"""Redis is only speed: flushed, killed or frozen, it costs time and nothing else."""

import signal
import time

import pytest
from redis import Redis

from tests.process.cluster import Cluster, until
from tests.process.conftest import MakeCluster
from tests.process.invariants import assert_history_was_sent, assert_ledgers_are_whole

SESSIONS = 20


def start_everything(make_cluster: MakeCluster) -> Cluster:
    cluster = make_cluster(latency=0.3)
    cluster.start_worker("w1")
    cluster.start_beat()
    cluster.start_api()
    cluster.wait_for_workers("w1")
    return cluster


def submit_over_http(cluster: Cluster, turns: int) -> None:
    firsts = [post(cluster, {"prompt": f"session {number} task 1"}) for number in range(SESSIONS)]
    for turn in range(2, turns + 1):
        for number, first in enumerate(firsts):
            post(cluster, {"prompt": f"session {number} task {turn}", "session_id": first["session_id"]})


def post(cluster: Cluster, body: dict[str, str]) -> dict[str, str]:
    answer = cluster.api("POST", "/v1/tasks", json=body)
    assert answer.status_code == 202, answer.text
    accepted: dict[str, str] = answer.json()
    return accepted


def assert_all_done(cluster: Cluster, tasks: int) -> None:
    cluster.wait_until_idle()
    assert cluster.rows("SELECT status, count(*) FROM tasks GROUP BY status") == [("succeeded", tasks)]
    assert_ledgers_are_whole(cluster)
    assert_history_was_sent(cluster)


def test_flushed_in_mid_run(make_cluster: MakeCluster) -> None:
    cluster = start_everything(make_cluster)
    submit_over_http(cluster, turns=3)
    Redis.from_url(cluster.redis_url).flushall()
    assert_all_done(cluster, SESSIONS * 3)


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_dead_for_ten_seconds(make_cluster: MakeCluster) -> None:
    cluster = start_everything(make_cluster)
    submit_over_http(cluster, turns=2)
    cluster.kill("redis")
    gone = time.monotonic()
    late = [post(cluster, {"prompt": f"late session {number} task 1"}) for number in range(5)]
    until(lambda: time.monotonic() > gone + 10, "ten seconds without Redis")
    cluster.start_redis()
    assert_all_done(cluster, SESSIONS * 2 + len(late))
    assert cluster.processes["w1"].poll() is None, "the worker, with what it was doing, outlives Redis"


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_frozen_it_does_not_hang_the_api(make_cluster: MakeCluster) -> None:
    cluster = start_everything(make_cluster)
    post(cluster, {"prompt": "session 0 task 1"})
    cluster.signal("redis", signal.SIGSTOP)
    for number in range(1, 6):
        answer = cluster.api("POST", "/v1/tasks", json={"prompt": f"session {number} task 1"}, timeout=1.0)
        assert answer.status_code == 202
    cluster.signal("redis", signal.SIGCONT)
    assert_all_done(cluster, 6)
