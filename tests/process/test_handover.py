"""Deploys and restarts: sessions change hands in seconds."""

import signal
import time

from tests.process.cluster import until
from tests.process.conftest import MakeCluster, at_work
from tests.process.invariants import assert_ledgers_are_whole


def test_drain_hands_over_whatever_claude_is_doing(make_cluster: MakeCluster) -> None:
    cluster = at_work(make_cluster(drain_seconds="6"))
    quick = cluster.submit("quick [[sim latency=1]]")
    hung = cluster.submit("hung [[sim hang times=1]]")
    until(lambda: cluster.sim("GET", "/sim/stats")["in_flight"] == 2, "both in flight")
    assert cluster.terminate("w1", patience=60) < 30
    assert cluster.task(quick.id).status == "succeeded", "a step that ends within the grace is kept"
    assert cluster.task(hung.id).status == "running"
    assert cluster.rows("SELECT count(*) FROM sessions WHERE lease_owner IS NOT NULL")[0][0] == 0
    cluster.start_worker("w2")
    assert cluster.wait_for(hung).status == "succeeded"
    assert_ledgers_are_whole(cluster)


def test_the_same_node_name_takes_over_at_once(make_cluster: MakeCluster) -> None:
    """The lease would last ten minutes; the restarted worker does not wait for it."""
    cluster = make_cluster(lease_ttl="600")
    cluster.start_worker("w1")
    cluster.start_beat()
    cluster.wait_for_workers("w1")
    task = cluster.submit("hung [[sim hang times=1]]")
    until(lambda: cluster.sim("GET", "/sim/stats")["in_flight"] == 1, "in flight")
    cluster.kill("w1")
    cluster.start_worker("w1")
    assert cluster.wait_for(task, patience=60).status == "succeeded"


def test_another_worker_takes_over_after_the_lease(make_cluster: MakeCluster) -> None:
    cluster = make_cluster(lease_ttl="4")
    for name in ("w1", "w2"):
        cluster.start_worker(name)
    cluster.start_beat()
    cluster.wait_for_workers("w1", "w2")
    task = cluster.submit("hung [[sim hang times=1]]")
    until(lambda: cluster.sim("GET", "/sim/stats")["in_flight"] == 1, "in flight")
    owner = cluster.rows("SELECT lease_owner FROM sessions")[0][0].partition("@")[0]
    cluster.kill(owner)
    assert cluster.wait_for(task, patience=60).status == "succeeded"


def test_a_worker_that_cannot_renew_stops_its_calls(make_cluster: MakeCluster) -> None:
    """Its database is frozen: the stream to Claude is closed before the lease has run out."""
    cluster = make_cluster(lease_ttl="4")
    cluster.start_worker("w1")
    cluster.wait_for_workers("w1")
    cluster.submit("hung [[sim hang]]")
    until(lambda: cluster.sim("GET", "/sim/stats")["in_flight"] == 1, "in flight")
    with cluster.database.write() as connection:
        connection.exec_driver_sql("UPDATE sessions SET lease_token = lease_token")  # holds the row against renewal
        began = time.monotonic()
        until(lambda: cluster.sim("GET", "/sim/stats")["in_flight"] == 0, "the call stopped", patience=20)
        assert time.monotonic() - began < 15
    cluster.signal("w1", signal.SIGTERM)
