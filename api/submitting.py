"""What submitting does in its transaction: tasks, and sessions with their first tasks."""

from dataclasses import replace
from functools import partial

from sqlalchemy import Connection

from api import render
from api.agents import Agent, Choice, choose
from api.changing import check_price
from api.idempotent import Outcome
from api.parts import idle_check
from api.reviving import forwarded
from api.schemas_sessions import SessionRequest
from api.schemas_tasks import TaskRequest
from overnight.ceilings import Ceiling
from overnight.errors import InvalidRequest, SessionClosed
from overnight.expiry import said_of_age
from overnight.models import DEFAULT_AGENT, DEFAULT_ENVIRONMENT
from overnight.settings import Settings
from overnight.store import endings, environments, session_pages, sessions, submissions
from overnight.store.idempotency import Answer
from overnight.store.sessions import NewSession
from overnight.store.submissions import Accepted, NewTask


def task(connection: Connection, workspace_id: str, request: TaskRequest, settings: Settings) -> Outcome:
    """Into the session that is named, the open one with the context key, or a new one."""
    accepted = _into_a_session(connection, workspace_id, request, settings)
    row = accepted.task
    body = {**render.task(row), "queue_position": accepted.ahead}
    return Outcome(row.session_id, Answer(202, body), task_id=row.id, wake=accepted.wake)


def _into_a_session(connection: Connection, workspace_id: str, request: TaskRequest, settings: Settings) -> Accepted:
    new, max_age = request.new_task(), settings.max_age
    if request.session_id is not None:
        new = replace(new, agent=whose_turn(connection, workspace_id, request, settings))
        submit = partial(submissions.submit, connection, workspace_id, new=new, max_age=max_age)
        return forwarded(connection, workspace_id, request.session_id, settings, submit)
    if request.context_key is not None:
        known = _into_the_open_one(connection, workspace_id, request, new, max_age)
        if known is not None:
            return known
    environment_id = request.environment_id or DEFAULT_ENVIRONMENT
    environments.check_open(connection, workspace_id, environment_id)
    choice = choose(connection, workspace_id, request.agent or DEFAULT_AGENT, settings)
    as_agent = _new_session(request, choice, environment_id)
    system = as_agent.system if request.system is None else request.system
    age = said_of_age(endings.of_workspace(connection, workspace_id).expiry, choice.version.expiry)
    session = replace(as_agent, model=request.model or as_agent.model, system=system, max_age=age)
    check_price(session.model, request.budget)
    return sessions.create(connection, workspace_id, session, [new], idle_check=0)[0]


def _into_the_open_one(
    connection: Connection, workspace_id: str, request: TaskRequest, new: NewTask, max_age: float
) -> Accepted | None:
    """None where no session with this key is open, or no longer: a new one may take its place."""
    found = partial(open_one, connection, workspace_id, request.context_key, request.agent)
    session_id = found()
    while session_id is not None:
        try:
            return submissions.submit(connection, workspace_id, session_id, new, max_age=max_age)
        except SessionClosed:
            before, session_id = session_id, found()  # its successor has the key, if it has one
            if session_id == before:
                raise
    return None


def open_one(connection: Connection, workspace_id: str, context_key: str | None, agent: Agent | None) -> str | None:
    """The open session with this key, of the agent if one is named. Raises `InvalidRequest` where that is not clear."""
    agent_id = agent if agent is None or isinstance(agent, str) else agent.id
    return sessions.find_open(connection, workspace_id, context_key, agent_id) if context_key else None


def whose_turn(
    connection: Connection, workspace_id: str, request: TaskRequest, settings: Settings
) -> tuple[str, int] | None:
    """The agent that the task names for a session that there is; None: the session's own. Raises `InvalidRequest`."""
    if request.agent is None or request.session_id is None:
        return None
    version = choose(connection, workspace_id, request.agent, settings).version
    check_price(version.model, request.budget)
    own = sessions.get(connection, workspace_id, request.session_id)
    named = (version.agent_id, version.version)
    return None if named == (own.agent_id, own.agent_version) else named


def session(connection: Connection, workspace_id: str, request: SessionRequest, settings: Settings) -> Outcome:
    """A new session and its first tasks."""
    environments.check_open(connection, workspace_id, request.environment_id)
    choice = choose(connection, workspace_id, request.agent, settings)
    check_price(choice.resolved.model, request.budget)
    if open_one(connection, workspace_id, request.context_key, choice.version.agent_id):
        raise InvalidRequest(
            "context_key: an open session of the agent has it already; archive that one or use another key",
            field="context_key",
        )
    ceiling = request.budget.ceiling if request.budget else Ceiling()
    own = request.expiry.said() if request.expiry else None
    said = (endings.of_workspace(connection, workspace_id).expiry, choice.version.expiry, own)
    new = replace(
        _new_session(request, choice, request.environment_id),
        labels=request.metadata,
        budget_nanousd=ceiling.nanousd,
        budget_tokens=ceiling.tokens,
        expiry=own,
        max_age=said_of_age(*said),
    )
    first_tasks = [event.new_task() for event in request.initial_events]
    accepted = sessions.create(connection, workspace_id, new, first_tasks, idle_check=idle_check(settings, *said))
    body = render.session(session_pages.find(connection, workspace_id, new.id), settings)
    first_task = accepted[0].task.id if accepted else None
    return Outcome(new.id, Answer(200, body), first_task, wake=any(one.wake for one in accepted))


def _new_session(request: TaskRequest | SessionRequest, choice: Choice, environment_id: str) -> NewSession:
    """What both kinds of requests say alike, for the rest as its agent has it."""
    return NewSession(
        model=choice.resolved.model,
        max_tokens=request.max_tokens or choice.resolved.max_tokens,
        system=choice.resolved.system,
        title=request.title,
        notes=request.notes if isinstance(request, SessionRequest) else None,
        context_key=request.context_key,
        user_id=request.user_id,
        agent_id=choice.version.agent_id,
        agent_version=choice.version.version,
        overrides=choice.overrides,
        environment_id=environment_id,
    )
