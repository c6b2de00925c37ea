"""Idle and over-aged sessions: warned, summarised, archived; a task that comes in the same second wins or is told."""

import threading

from overnight.errors import SessionClosed
from tests.process.cluster import until
from tests.process.conftest import MakeCluster, at_work


def archived(cluster: object) -> str:
    return "SELECT archive_reason, summary FROM sessions WHERE life = 'archived'"


def events_of(cluster: object, session_id: str) -> list[str]:
    rows = cluster.rows(f"SELECT type FROM events WHERE session_id = '{session_id}' ORDER BY seq")  # type: ignore[attr-defined]
    return [row[0] for row in rows]


def test_idle_with_two_beats(make_cluster: MakeCluster) -> None:
    cluster = make_cluster(idle_ttl="3", expiry_notice="1.5")
    cluster.start_worker("w1")
    for name in ("beat", "beat2"):
        cluster.start_beat(name)
    cluster.wait_for_workers("w1")
    task = cluster.wait_for(cluster.submit("hello"))
    until(lambda: cluster.rows(archived(cluster)), "archived")
    [(reason, summary)] = cluster.rows(archived(cluster))
    assert reason == "idle"
    assert summary
    record = events_of(cluster, task.session_id)
    assert record.count("session.expiring") == 1
    assert record[-3:] == ["session.expiring", "session.archived", "session.status_terminated"]
    assert len(cluster.rows("SELECT id FROM model_calls WHERE purpose = 'summary'")) == 1


def test_max_age_and_a_summary_that_fails(make_cluster: MakeCluster) -> None:
    cluster = make_cluster(max_age="3", expiry_notice="0", summary_attempts="2", retry_base="0.2")
    cluster.start_worker("w1")
    cluster.start_beat()
    cluster.wait_for_workers("w1")
    task = cluster.wait_for(cluster.submit("hello"))
    cluster.sim("POST", "/sim/faults", json={"status": 500, "count": 10})
    until(lambda: cluster.rows(archived(cluster)), "archived")
    assert cluster.rows(archived(cluster)) == [("max_age", None)]
    told = cluster.rows("SELECT payload FROM events WHERE type = 'session.archived'")[0][0]
    assert '"summary_error":"' in told
    assert task.status == "succeeded"


def test_a_drain_over_the_summary_is_no_use_of_the_session(make_cluster: MakeCluster) -> None:
    cluster = at_work(make_cluster(idle_ttl="2", expiry_notice="0", drain_seconds="0.1"))
    cluster.wait_for(cluster.submit("hello"))
    cluster.sim("POST", "/sim/faults", json={"latency": 60, "count": 1})
    until(lambda: cluster.sim("GET", "/sim/stats")["in_flight"], "a summary under way")
    [before] = cluster.rows("SELECT idle_since FROM sessions")
    cluster.terminate("w1")
    assert cluster.rows("SELECT idle_since FROM sessions WHERE lease_owner IS NULL") == [before]
    cluster.start_worker("w2")
    until(lambda: cluster.rows(archived(cluster)), "archived by another")


def test_a_task_in_the_same_second(make_cluster: MakeCluster) -> None:
    """Sessions expire while tasks keep coming: each is run, or refused with a reason."""
    cluster = make_cluster(idle_ttl="2", expiry_notice="0", latency=0.2)
    cluster.start_worker("w1")
    cluster.start_beat()
    cluster.wait_for_workers("w1")
    firsts = [cluster.submit(f"session {number}") for number in range(20)]
    for first in firsts:
        cluster.wait_for(first)
    accepted, refused = [], []

    def knock(session_id: str, pause: float) -> None:
        threading.Event().wait(pause)
        try:
            accepted.append(cluster.submit("again", session_id))
        except SessionClosed:
            refused.append(session_id)

    knocks = [
        threading.Thread(target=knock, args=(first.session_id, 1.0 + number * 0.15))
        for number, first in enumerate(firsts)
    ]
    for thread in knocks:
        thread.start()
    for thread in knocks:
        thread.join()
    assert len(accepted) + len(refused) == len(firsts)
    for task in accepted:
        assert cluster.wait_for(task).status == "succeeded"
    until(lambda: len(cluster.rows(archived(cluster))) == len(firsts), "all archived in the end")
