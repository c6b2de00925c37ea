"""A task of several days in fast-forward: waits, people, deploys, a crash, a budget of steps, one ledger."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from overnight.models import Session, Task, ToolCall
from tests.process.cluster import Cluster, until
from tests.process.conftest import MakeCluster
from tests.process.working_agents import MODULE, Team, call, script, text_of
from tests.process.working_tools import SCHEMA, marks, next_total

DAY = 86_400
BUDGET, MORE = 6, 20


def count(n: int) -> dict[str, Any]:
    return call("account", name="days", account="a", n=n)


PROMPT = script(
    [call("report_progress", note="day one", fraction=0.1), count(1)],
    [call("wait", seconds=DAY)],
    [count(2)],
    [call("guarded", n=3), count(3)],
    [call("ask_human", question="Which way?")],
    [call("wait", seconds=DAY)],
    [call("hold"), count(4)],
    [call("wait", seconds=DAY)],
    [count(5)],
    [{"type": "text", "text": "All is done."}],
)


def test_three_days(make_cluster: MakeCluster) -> None:
    cluster = make_cluster(tools=MODULE, drain_seconds="1", lease_ttl="600")
    open_book(cluster)
    cluster.start_worker("w1")
    cluster.start_beat()
    cluster.start_api()
    team = Team(cluster, max_steps=BUDGET)
    task = team.begin(PROMPT + "[[sim hang step=8 times=1]]")

    sees(cluster, task, "waiting", "timer", steps=2, due_in=1.0)
    fast_forward(cluster, task, days=0.5)
    looked_at(cluster, task)
    sees(cluster, task, "waiting", "timer", steps=2, due_in=0.5)
    fast_forward(cluster, task, days=0.5)

    sees(cluster, task, "waiting", "approval", steps=4)
    fast_forward(cluster, task, days=21)
    deploy(cluster)
    looked_at(cluster, task)
    sees(cluster, task, "waiting", "approval", steps=4)
    assert total(cluster) == expected(1, 2, 3), "what needs no approval did not wait for it"
    (guarded,) = pending(cluster, task)
    assert (guarded["type"], guarded["name"], guarded["because"]) == ("tool_confirmation", "guarded", "permission")
    assert guarded["input"] == {"n": 3}
    answer(cluster, task, tool_use_id=guarded["id"], result="allow")

    sees(cluster, task, "waiting", "tool_result", steps=5)
    fast_forward(cluster, task, days=3)
    looked_at(cluster, task)
    (question,) = pending(cluster, task)
    assert (question["type"], question["question"]) == ("custom_tool_result", "Which way?")
    answer(cluster, task, custom_tool_use_id=question["id"], content=[{"type": "text", "text": "Left."}])

    sees(cluster, task, "waiting", "timer", steps=6, due_in=1.0)
    fast_forward(cluster, task, days=1)
    failed = sees(cluster, task, "failed", None, steps=BUDGET)
    assert failed["error"]["type"] == "max_steps_exceeded"
    assert failed["finished_at"] is not None
    raise_budget(cluster, task)

    until(lambda: marks("holding", task.session_id, cluster.folder), "the tool holds")
    sees(cluster, task, "running", None, steps=7)
    until(lambda: total(cluster) == expected(1, 2, 3, 4), "the call beside it")
    cluster.kill("w1")
    sees(cluster, task, "running", None, steps=7)
    (cluster.folder / "go").touch()
    cluster.start_worker("w1")

    until(lambda: len(requests(cluster)) == 8 and in_flight(cluster) == 1, "the eighth request hangs")
    deploy(cluster)
    sees(cluster, task, "waiting", "timer", steps=8, due_in=1.0)
    fast_forward(cluster, task, days=1)

    ended = sees(cluster, task, "succeeded", None, steps=10)
    assert ended["output"] == "All is done."
    assert ended["error"] is None
    assert total(cluster) == expected(1, 2, 3, 4, 5)
    assert_one_ledger(team, task)


def assert_one_ledger(team: Team, task: Task) -> None:
    """Valid, without a gap, every step and every result in it once."""
    rows = team.cluster.ledger(task.session_id)
    assert [row.seq for row in rows] == list(range(1, 21))
    assert team.check_ledger(task) == team.ledger(task)[:-1]
    results = [[text_of(block) for block in row.content] for row in rows if row.role == "user" and row.seq > 1]
    assert [len(found) for found in results] == [2, 1, 1, 2, 1, 1, 2, 1, 1]
    assert results[0][0] == "Noted."
    assert results[3][0] == "did 3"
    assert results[4] == ["Left."]
    assert results[6][0] == "held"
    assert all("It is" in results[step][0] for step in (1, 5, 7))
    assert not any(block.get("is_error") for row in rows for block in row.content)


def sees(
    cluster: Cluster, task: Task, status: str, reason: str | None, *, steps: int, due_in: float | None = None
) -> dict[str, Any]:
    """What everybody is told who asks for the task; `due_in` days, to within ten minutes."""
    wanted = (status, reason, steps)

    def is_told() -> bool:
        now = ask(cluster, task)
        return (now["status"], now["wait_reason"], now["steps"]) == wanted

    until(is_told, f"{wanted}: {ask(cluster, task)}")
    told = ask(cluster, task)
    if due_in is None:
        assert told["due_at"] is None
    else:
        left = datetime.fromisoformat(told["due_at"]) - datetime.now(UTC)
        assert abs(left - timedelta(days=due_in)) < timedelta(minutes=10)
    assert (told["finished_at"] is not None) == (status in {"succeeded", "failed"})
    assert bool(told["pending"]) == (reason in {"approval", "tool_result"})
    assert told["progress"] == {"note": "day one", "fraction": 0.1}
    return told


def ask(cluster: Cluster, task: Task) -> dict[str, Any]:
    told = cluster.api("GET", f"/v1/tasks/{task.id}").raise_for_status()
    return told.json()  # type: ignore[no-any-return]


def fast_forward(cluster: Cluster, task: Task, days: float) -> None:
    """As if so many days had gone by: all times of a session that nobody owns move back."""
    owned = f"SELECT 1 FROM sessions WHERE id = '{task.session_id}' AND lease_owner IS NOT NULL"
    until(lambda: not cluster.rows(owned), "the session let go")
    with cluster.database.write() as connection:
        for model, key in ((Session, "id"), (Task, "session_id"), (ToolCall, "session_id")):
            table = model.__table__  # type: ignore[attr-defined]
            for row in connection.execute(select(table).where(table.c[key] == task.session_id)).mappings().all():
                times = {name: value for name, value in row.items() if isinstance(value, datetime)}
                earlier = {name: value - timedelta(days=days) for name, value in times.items()}
                connection.execute(update(table).where(table.c.id == row["id"]).values(**earlier))


def looked_at(cluster: Cluster, task: Task) -> None:
    """A worker takes the session, which nobody had asked it to, and lets it go again."""
    taken = f"SELECT lease_token, lease_owner FROM sessions WHERE id = '{task.session_id}'"
    before = cluster.rows(taken)[0].lease_token
    cluster.after_commit.wake(task.session_id)
    until(lambda: (row := cluster.rows(taken)[0]).lease_token > before and row.lease_owner is None, "a look")


def deploy(cluster: Cluster) -> None:
    assert cluster.terminate("w1") < 20
    cluster.start_worker("w1")


def raise_budget(cluster: Cluster, task: Task) -> None:
    refused = cluster.api("POST", f"/v1/tasks/{task.id}/retry", json={"max_steps": BUDGET})
    assert refused.status_code == 400, "as many steps as it has taken would end it at once"
    told = cluster.api("POST", f"/v1/tasks/{task.id}/retry", json={"max_steps": MORE}).raise_for_status().json()
    assert (told["status"], told["max_steps"], told["error"]) == ("queued", MORE, None)


def pending(cluster: Cluster, task: Task) -> list[dict[str, Any]]:
    """What the task tells that somebody must answer."""
    return ask(cluster, task)["pending"]  # type: ignore[no-any-return]


def answer(cluster: Cluster, task: Task, **said: Any) -> None:
    """As a person's client does it, twice, as the first response was lost."""
    event = {"type": "user.tool_confirmation" if "result" in said else "user.custom_tool_result", **said}
    for _ in range(2):
        cluster.api("POST", f"/v1/sessions/{task.session_id}/events", json={"events": [event]}).raise_for_status()


def requests(cluster: Cluster) -> list[dict[str, Any]]:
    return cluster.sim("GET", "/sim/requests")["data"]  # type: ignore[no-any-return]


def in_flight(cluster: Cluster) -> int:
    return int(cluster.sim("GET", "/sim/stats")["in_flight"])


def open_book(cluster: Cluster) -> None:
    with closing(sqlite3.connect(cluster.folder / "days.book")) as book:
        book.executescript(SCHEMA)


def total(cluster: Cluster) -> int:
    with closing(sqlite3.connect(cluster.folder / "days.book")) as book:
        return int(book.execute("SELECT total FROM totals").fetchone()[0])


def expected(*counted: int) -> int:
    found = 0
    for n in counted:
        found = next_total(found, n)
    return found
