"""kill -9 and SIGSTOP: nothing lost, nothing doubled, nothing out of order."""

import random
import signal
import time

import pytest

from tests.process.cluster import until
from tests.process.conftest import MakeCluster
from tests.process.invariants import assert_history_was_sent, assert_ledgers_are_whole, overlapping_requests

postgres_only = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)


@postgres_only
def test_random_kills_under_load(make_cluster: MakeCluster) -> None:
    """200 sessions x 5 tasks on 3 workers, one of which is killed every 2 s for 20 s and started again."""
    cluster = make_cluster(latency=0.5, lease_ttl="6")
    names = ["w1", "w2", "w3"]
    for name in names:
        cluster.start_worker(name)
    cluster.start_beat()
    cluster.wait_for_workers(*names)
    firsts = [cluster.submit(f"session {number} task 1") for number in range(200)]
    for turn in range(2, 6):
        for number, first in enumerate(firsts):
            cluster.submit(f"session {number} task {turn}", first.session_id)
    ends = time.monotonic() + 20
    while time.monotonic() < ends:
        time.sleep(2)
        name = random.choice(names)
        cluster.kill(name)
        cluster.start_worker(name)
    cluster.wait_until_idle()
    assert cluster.rows("SELECT status, count(*) FROM tasks GROUP BY status") == [("succeeded", 1000)]
    assert_ledgers_are_whole(cluster)
    assert assert_history_was_sent(cluster) >= 1000
    assert overlapping_requests(cluster) == []


def test_a_frozen_worker_is_fenced_out(make_cluster: MakeCluster) -> None:
    """SIGSTOP past the lease, then SIGCONT: the late commit is refused, and the session is right."""
    cluster = make_cluster(latency=1.5, lease_ttl="3")
    cluster.start_worker("w1")
    cluster.start_beat()
    cluster.wait_for_workers("w1")
    task = cluster.submit("session 0 task 1")
    until(lambda: cluster.sim("GET", "/sim/stats")["in_flight"] == 1, "a request in flight")
    cluster.signal("w1", signal.SIGSTOP)
    cluster.start_worker("w2")
    cluster.wait_for(task, "succeeded")
    before = cluster.ledger(task.session_id)
    cluster.signal("w1", signal.SIGCONT)
    second = cluster.submit("session 0 task 2", task.session_id)
    cluster.wait_for(second, "succeeded")
    until(lambda: "lease_lost" in cluster.log("w1"), "the frozen worker letting go")
    assert cluster.ledger(task.session_id)[: len(before)] == before
    assert_ledgers_are_whole(cluster)
    assert_history_was_sent(cluster)
