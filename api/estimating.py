"""What a task would probably take, told without running or storing anything."""

import json
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from api import submitting
from api.agents import choose
from api.schemas_tasks import TaskRequest
from overnight.models import DEFAULT_AGENT, DEFAULT_ENVIRONMENT, Session
from overnight.pricing import Tokens, cost_nanousd
from overnight.settings import Settings
from overnight.states import UNCLOSED
from overnight.store import environments, forecasts, sessions, submissions, users
from overnight.store.budget_words import usd
from overnight.store.forecasts import Asking, Usual

#: What a reply is taken for where none is known.
FIRST_REPLY = 400


def estimate(connection: Connection, workspace_id: str, request: TaskRequest, settings: Settings) -> dict[str, Any]:
    """Raises what submitting the same would."""
    session = _session(connection, workspace_id, request)
    ahead = 0 if session is None else submissions.ahead(connection, session.id)
    if session is None:
        agent_id, asking = _of_a_new_one(connection, workspace_id, request, settings)
    else:
        agent_id, asking = _of_a_turn(connection, workspace_id, request, session, settings)
    asking = replace(asking, said=[*asking.said, *request.new_task().content])
    usual = forecasts.usual(connection, workspace_id, agent_id)
    tokens = _with_reply(forecasts.next_call(connection, asking).tokens, usual, asking.max_tokens)
    return {
        "type": "task_estimate",
        "session_id": session.id if session else None,
        "model": asking.model,
        "queue_position": ahead,
        "input_tokens": tokens.prompt,
        "output_tokens": tokens.output_tokens,
        "cost_usd": usd(cost_nanousd(asking.model, tokens)),
        "usual": _shown(usual),
    }


def _session(connection: Connection, workspace_id: str, request: TaskRequest) -> Session | None:
    """The session into which it would go; None: a new one."""
    session_id = request.session_id
    if session_id is None and request.context_key is not None:
        session_id = submitting.open_one(connection, workspace_id, request.context_key, request.agent)
    if session_id is None:
        return None
    session = sessions.get(connection, workspace_id, session_id)
    if session.life not in UNCLOSED:
        raise submissions.why_closed(connection, workspace_id, session_id)
    return session


def _of_a_turn(
    connection: Connection, workspace_id: str, request: TaskRequest, session: Session, settings: Settings
) -> tuple[str, Asking]:
    """In a session that there is, of its own agent or the one that is named."""
    own = Asking(session.id, session.ledger_seq, session.model, session.system, session.max_tokens)
    if request.agent is None or submitting.whose_turn(connection, workspace_id, request, settings) is None:
        return session.agent_id, own
    version = choose(connection, workspace_id, request.agent, settings).version
    return version.agent_id, replace(own, model=version.model, system=version.system, max_tokens=version.max_tokens)


def _of_a_new_one(
    connection: Connection, workspace_id: str, request: TaskRequest, settings: Settings
) -> tuple[str, Asking]:
    environments.check_open(connection, workspace_id, request.environment_id or DEFAULT_ENVIRONMENT)
    choice = choose(connection, workspace_id, request.agent or DEFAULT_AGENT, settings)
    resolved = choice.resolved
    said = resolved.system if request.system is None else request.system
    system = users.introduced(connection, workspace_id, request.user_id, said)
    most = request.max_tokens or resolved.max_tokens
    described = [{"type": "text", "text": json.dumps(resolved.tools)}] if resolved.tools else []
    asking = Asking("", 0, request.model or resolved.model, system, most, described)
    return choice.version.agent_id, asking


def _with_reply(tokens: Tokens, usual: Usual | None, max_tokens: int) -> Tokens:
    expected = tokens.output_tokens or (usual.reply if usual else FIRST_REPLY)
    return replace(tokens, output_tokens=min(expected, max_tokens))


def _shown(usual: Usual | None) -> dict[str, Any] | None:
    if usual is None:
        return None
    return {
        "tasks": usual.tasks,
        "requests": usual.requests,
        "input_tokens": usual.prompt,
        "output_tokens": usual.output,
        "cost_usd": usd(usual.nanousd),
    }
