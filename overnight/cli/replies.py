"""Answers to the calls of a task, sent as events of its session."""

from typing import Any

from overnight.cli.asks import CONFIRMATION, RESULT, pending, said
from overnight.cli.client import Client
from overnight.cli.exits import CliError

Json = dict[str, Any]

WANTED = {CONFIRMATION: "to be allowed or denied", RESULT: "to be answered"}


def confirm(client: Client, task: Json, call_id: str | None, *, allow: bool, message: str | None = None) -> Json:
    """Gives the event. Without `call_id`: the only call that there is to allow. Raises CliError."""
    event = {
        "type": f"user.{CONFIRMATION}",
        "tool_use_id": call_id or _only(task, CONFIRMATION),
        "result": "allow" if allow else "deny",
    }
    return client.send(task["session_id"], event if message is None else {**event, "deny_message": message})


def provide(client: Client, task: Json, call_id: str | None, text: str, *, is_error: bool = False) -> Json:
    """Gives the event. Without `call_id`: the only call that there is to answer. Raises CliError."""
    event = {
        "type": f"user.{RESULT}",
        "custom_tool_use_id": call_id or _only(task, RESULT),
        "content": [{"type": "text", "text": text}],
        "is_error": is_error,
    }
    return client.send(task["session_id"], event)


def _only(task: Json, kind: str) -> str:
    calls = [call for call in pending(task) if call["type"] == kind]
    if not calls:
        raise CliError(f"{task['id']} is {task['status']} and has no call that is {WANTED[kind]}{_instead(task)}")
    if len(calls) > 1:
        named = "; ".join(f"{call['id']} is {said(call)}" for call in calls)
        raise CliError(f"{task['id']} has {len(calls)} calls that are {WANTED[kind]}, name one: {named}")
    call_id: str = calls[0]["id"]
    return call_id


def _instead(task: Json) -> str:
    """What would fit better."""
    fits = {CONFIRMATION: "use 'overnight approve' or 'deny'", RESULT: "use 'overnight answer'"}
    return "".join(f", but one that is {WANTED[call['type']]}: {fits[call['type']]}" for call in pending(task)[:1])
