"""Archiving by hand with a summary: whoever is killed over it, another goes on; what is sent meanwhile wins."""

from typing import Any

from tests.process.cluster import Cluster, until
from tests.process.conftest import MakeCluster, at_work
from tests.process.invariants import assert_ledgers_are_whole

SESSIONS = "/v1/sessions"


def post(cluster: Cluster, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = cluster.api("POST", path, json=body)
    assert answer.status_code < 300, answer.text
    return dict(answer.json())


def summarising(cluster: Cluster) -> bool:
    return bool(cluster.sim("GET", "/sim/stats")["in_flight"])


def test_its_owner_is_killed_over_the_summary(make_cluster: MakeCluster) -> None:
    cluster = at_work(make_cluster(latency=1.5, lease_ttl="3"))
    cluster.start_api()
    made = post(cluster, SESSIONS, {"expiry": {"on_expiry": "delete"}})
    done = cluster.wait_for(cluster.submit("Hello.", made["id"]))
    dropped = cluster.submit("And then?", made["id"])
    asked = post(cluster, f"{SESSIONS}/{made['id']}/archive", {"summary": True})
    assert (asked["state"], asked["archived_at"]) == ("idle", None)
    assert asked["archiving_since"]
    until(lambda: summarising(cluster), "a summary under way")
    cluster.kill("w1")
    cluster.start_worker("w2")
    ended = until(lambda: archived(cluster, made["id"]), "archived by another")
    assert (ended["archive_reason"], ended["archiving_since"]) == ("user", None)
    assert ended["summary"]
    assert [cluster.task(one.id).status for one in (done, dropped)] == ["succeeded", "cancelled"]
    assert post(cluster, f"{SESSIONS}/{made['id']}/resume", {"from": "summary"})["state"] == "idle"
    assert cluster.wait_for(cluster.submit("Where were we?", made["id"])).status == "succeeded"
    assert_ledgers_are_whole(cluster)


def archived(cluster: Cluster, session_id: str) -> dict[str, Any] | None:
    found = cluster.api("GET", f"{SESSIONS}/{session_id}").json()
    return dict(found) if found["state"] == "archived" else None


def test_a_task_that_comes_over_the_summary_wins(make_cluster: MakeCluster) -> None:
    cluster = at_work(make_cluster(latency=1.5))
    cluster.start_api()
    session_id = cluster.wait_for(cluster.submit("Hello.")).session_id
    post(cluster, f"{SESSIONS}/{session_id}/archive", {"summary": True})
    until(lambda: summarising(cluster), "a summary under way")
    assert cluster.wait_for(cluster.submit("Wait!", session_id)).status == "succeeded"
    now = cluster.api("GET", f"{SESSIONS}/{session_id}").json()
    assert (now["state"], now["archiving_since"], now["summary"]) == ("idle", None, None)
