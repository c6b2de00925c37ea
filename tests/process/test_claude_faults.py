"""What real Claude does to a worker: nothing half is stored, nobody is held up, the next turn is valid."""

import pytest

from tests.process.cluster import Cluster, until
from tests.process.conftest import MakeCluster
from tests.process.invariants import assert_ledgers_are_whole

PASSING = [
    "[[sim status=429 times=2]]",
    "[[sim status=529 times=2]]",
    "[[sim status=500 times=2]]",
    "[[sim cut=2 times=2]]",
    "[[sim reset=2 times=2]]",
    "[[sim error_in_stream=overloaded_error times=2 after=0]]",
    "[[sim error_in_stream=api_error times=2 after=2]]",
    "[[sim window_exceeded times=1]]",
]
LASTING = {
    "[[sim refusal]]": "refusal",
    "[[sim status=400]]": "invalid_request_error",
    "[[sim status=401]]": "authentication_error",
    "[[sim status=402]]": "billing_error",
    "[[sim status=403]]": "permission_error",
    "[[sim status=404]]": "not_found_error",
}


@pytest.fixture
def cluster(make_cluster: MakeCluster) -> Cluster:
    cluster = make_cluster(retry_base="0.2", retry_cap="0.5", concurrency="4")
    cluster.start_worker("w1")
    cluster.start_beat()
    cluster.wait_for_workers("w1")
    return cluster


def test_every_fault_and_the_turn_after_it(cluster: Cluster) -> None:
    passing = {fault: cluster.submit(f"begin {number}") for number, fault in enumerate([*PASSING, *LASTING])}
    faulty = {fault: cluster.submit(f"fault {fault}", first.session_id) for fault, first in passing.items()}
    after = [cluster.submit("and after it", first.session_id) for first in passing.values()]
    cluster.wait_until_idle()
    for fault in PASSING:
        assert cluster.task(faulty[fault].id).status == "succeeded", fault
    for fault, kind in LASTING.items():
        failed = cluster.task(faulty[fault].id)
        assert (failed.status, (failed.error or {})["type"]) == ("failed", kind), fault
    assert {cluster.task(task.id).status for task in after} == {"succeeded"}
    assert_ledgers_are_whole(cluster)
    requests = cluster.sim("GET", "/sim/requests")
    listed = requests["data"] if isinstance(requests, dict) else requests
    assert [request["error"] for request in listed if request["outcome"] == "invalid"] == []


def test_a_storm_holds_no_slot(cluster: Cluster) -> None:
    """Thirty tasks wait on four slots, most without having asked; another model is asked at once."""
    waiting = [cluster.submit(f"wait {number} [[sim status=529 retry_after=3600]]") for number in range(30)]
    for task in waiting:
        parked = cluster.wait_for(task, "waiting")
        assert parked.due_at is not None
        if parked.wait_reason == "retry":
            assert 890 < (parked.due_at - parked.updated_at).total_seconds() < 920, "retry-after is capped at 900 s"
        else:
            assert (parked.wait_reason, parked.attempts, parked.error) == ("rate_limit", 0, None)
    owned = "SELECT count(*) FROM sessions WHERE lease_owner IS NOT NULL"
    until(lambda: cluster.rows(owned)[0][0] == 0, "nobody owns a session")
    assert cluster.sim("GET", "/sim/stats")["received"] <= 16, "as many as may go before the first answer"
    cluster.wait_for(cluster.submit("served", model="claude-haiku-4-5"), "succeeded", patience=20)


def test_cancel_and_interrupt_in_mid_stream(cluster: Cluster) -> None:
    cluster.start_api()
    hanging = cluster.submit("one [[sim hang]]")
    queued = cluster.submit("two", hanging.session_id)
    other = cluster.submit("three [[sim silent]]")
    until(lambda: cluster.sim("GET", "/sim/stats")["in_flight"] == 2, "both in flight")
    interrupt = {"events": [{"type": "user.interrupt"}]}
    assert cluster.api("POST", f"/v1/sessions/{hanging.session_id}/events", json=interrupt).status_code == 200
    assert cluster.api("POST", f"/v1/tasks/{other.id}/cancel").status_code == 200
    assert cluster.wait_for(hanging, patience=10).stop_reason == "interrupted"
    assert cluster.wait_for(other, patience=10).stop_reason == "cancelled"
    assert cluster.wait_for(queued).status == "succeeded"
    until(lambda: cluster.sim("GET", "/sim/stats")["in_flight"] == 0, "the streams closed")
    assert_ledgers_are_whole(cluster)
