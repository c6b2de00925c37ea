"""Agents with the tools of `working_tools`, what people say to them, and their ledgers."""

import json
from typing import Any

from overnight.history import context
from overnight.history.context import Entry
from overnight.models import DEFAULT_WORKSPACE, Task, ToolCall
from overnight.states import CallStatus
from overnight.store import agents, answers, sessions, tool_calls
from overnight.store.agents import Definition
from overnight.store.sessions import NewSession
from overnight.store.submissions import NewTask
from tests.process.cluster import Cluster
from worker.history_rules import check

MODULE = "tests.process.working_tools"
OWN = ("wait", "ask_human", "report_progress")
OURS = ("account", "note", "hold", "hold_once", "deaf", "meet", "broken", "slow")
TOOLS = [
    *({"type": "python", "name": name} for name in OWN + OURS),
    {"type": "python", "name": "guarded", "permission_policy": {"type": "always_ask"}},
]


class Team:
    """One agent in a cluster; each session of it begins with a prompt."""

    def __init__(self, cluster: Cluster, max_steps: int = 50, tools: list[dict[str, Any]] = TOOLS) -> None:
        self.cluster = cluster
        self.names = [tool["name"] for tool in tools]
        limits = {"max_steps": max_steps, "max_tokens": 1_000, "max_retry_age": 600.0}
        agent = Definition("worker", "claude-sonnet-5-5", **limits, history={"type": "compact"}, tools=tools)
        with cluster.database.write() as connection:
            self.agent = agents.create(connection, DEFAULT_WORKSPACE, agent).version

    def begin(self, prompt: str) -> Task:
        agent, new = self.agent, NewTask([{"type": "text", "text": prompt}])
        session = NewSession(model=agent.model, max_tokens=1_000, agent_id=agent.agent_id, agent_version=agent.version)
        with self.cluster.database.write() as connection:
            accepted = sessions.create(connection, DEFAULT_WORKSPACE, session, [new], idle_check=0)[0]
        self.cluster.after_commit.wake(accepted.task.session_id, accepted.task.id)
        return accepted.task

    def calls(self, task: Task) -> list[ToolCall]:
        """All of the task's, in the order in which Claude asked."""
        steps = self.cluster.rows(f"SELECT DISTINCT message_seq FROM tool_calls WHERE task_id = '{task.id}'")
        with self.cluster.database.read() as connection:
            found = [tool_calls.of_step(connection, task.session_id, row[0]) for row in sorted(steps)]
        return [call for step in found for call in step]

    def open_call(self, task: Task, status: CallStatus) -> ToolCall | None:
        return next((call for call in self.calls(task) if call.status == status), None)

    def allow(self, call: ToolCall | None) -> None:
        assert call is not None
        with self.cluster.database.write() as connection:
            said = answers.confirm(
                connection, DEFAULT_WORKSPACE, call.session_id, call.id, allow=True, deny_message=None
            )
        if said.wake:
            self.cluster.after_commit.wake(call.session_id, call.task_id)

    def ledger(self, task: Task) -> list[dict[str, Any]]:
        return [{"role": row.role, "content": row.content} for row in self.cluster.ledger(task.session_id)]

    def check_ledger(self, task: Task) -> list[dict[str, Any]]:
        """What Claude would be sent to go on from it is valid; gives that, without a last answer."""
        entries = [Entry(row.seq, row.role, row.content) for row in self.cluster.ledger(task.session_id)]
        kept = entries if entries[-1].role == "user" else entries[:-1]
        sent = context.messages(kept, [], 0)
        check(sent, self.names)
        return sent


def script(*replies: list[dict[str, Any]]) -> str:
    """A directive of the simulator's: what Claude says, reply by reply."""
    return f"[[sim script={json.dumps(json.dumps(replies))}]]"


def call(name: str, /, **given: Any) -> dict[str, Any]:
    return {"type": "tool_use", "name": name, "input": given}


def text_of(result: dict[str, Any]) -> str:
    return "".join(block["text"] for block in result["content"])
