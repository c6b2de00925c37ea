"""`/v1/agents`: create, get, list, change, archive, and their versions."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from sqlalchemy import Connection
from starlette.responses import Response

from api import paging, render_agents
from api.answers_agents import AgentAnswer, AgentPage
from api.defining import amendment, definition
from api.documented import failures, shown
from api.failures import Json
from api.idempotent import IdempotencyKey, Outcome, perform
from api.parts import parts_of, workspace_of
from api.schemas_agents import AgentChange, AgentList, AgentQuery, AgentRequest, VersionList
from api.text import Text
from overnight.agents import built_in
from overnight.errors import InvalidRequest, NotFound
from overnight.models import DEFAULT_AGENT, Agent
from overnight.store import agent_pages, agents
from overnight.store.agents import Found
from overnight.store.idempotency import Answer

PREFIX = "/v1/agents"
router = APIRouter(prefix=PREFIX, tags=["agents"])
AgentId = Annotated[Text, Path(description="`agent_…`")]


@router.post("", responses={**shown(AgentAnswer), **failures(413)})
def create_agent(request: Request, body: AgentRequest, idempotency_key: IdempotencyKey = None) -> Response:
    """An agent in its version 1."""
    workspace_id, said = workspace_of(request), definition(body, parts_of(request).settings)

    def act(connection: Connection) -> Outcome:
        return Outcome(None, Answer(200, render_agents.agent(agents.create(connection, workspace_id, said))))

    return perform(request, body, idempotency_key, act, location=PREFIX)


@router.get("/{agent_id}", responses={**shown(AgentAnswer), **failures(404)})
def get_agent(request: Request, agent_id: AgentId, query: Annotated[AgentQuery, Query()]) -> Response:
    """The agent as it is, or as it was in a version."""
    if agent_id == DEFAULT_AGENT:
        return Json(render_agents.agent(_built_in(request, query.version)))
    with parts_of(request).database.read() as connection:
        return Json(render_agents.agent(agents.find(connection, workspace_of(request), agent_id, query.version)))


@router.post("/{agent_id}", responses={**shown(AgentAnswer), **failures(404, 409, 413)})
def change_agent(request: Request, agent_id: AgentId, body: AgentChange) -> Response:
    """Makes the next version, unless nothing changes. With `version`: only if that is still the current one."""
    _refuse_default(agent_id)
    parts = parts_of(request)
    amend = amendment(body, parts.settings)
    with parts.database.write() as connection:
        found = agents.change(connection, workspace_of(request), agent_id, amend, expected=body.version)
    return Json(render_agents.agent(found))


@router.get("", responses={**shown(AgentPage), **failures()})
def list_agents(request: Request, query: Annotated[AgentList, Query()]) -> Response:
    """Newest first; without the built-in one."""
    with parts_of(request).database.read() as connection:
        found = agent_pages.page(
            connection,
            workspace_of(request),
            limit=query.limit + 1,
            cursor=paging.place_of(query.page),
            include_archived=query.include_archived,
            since=query.since,
            until=query.until,
        )
    return paging.listed(found, query.limit, render_agents.agent, lambda row: paging.made(row.agent))


@router.post("/{agent_id}/archive", responses={**shown(AgentAnswer), **failures(404)})
def archive_agent(request: Request, agent_id: AgentId) -> Response:
    """No session begins with it any more, and it no longer changes; sessions that have it go on."""
    _refuse_default(agent_id)
    with parts_of(request).database.write() as connection:
        found = agents.archive(connection, workspace_of(request), agent_id)
    return Json(render_agents.agent(found))


@router.get("/{agent_id}/versions", responses={**shown(AgentPage), **failures(404)})
def list_versions(request: Request, agent_id: AgentId, query: Annotated[VersionList, Query()]) -> Response:
    """Newest first."""
    cursor = paging.seq_of(query.page)
    if agent_id == DEFAULT_AGENT:
        return Json({"data": [render_agents.agent(_built_in(request))], "next_page": None})
    with parts_of(request).database.read() as connection:
        found = agent_pages.version_page(
            connection, workspace_of(request), agent_id, limit=query.limit + 1, cursor=cursor
        )
    return paging.listed(found, query.limit, render_agents.agent, lambda row: (row.version.version,))


def _built_in(request: Request, number: int | None = None) -> Found:
    version = built_in(parts_of(request).settings)
    if number not in {None, version.version}:
        raise NotFound(f"agent {DEFAULT_AGENT} has no version {number}")
    at = version.created_at
    agent = Agent(
        id=version.agent_id,
        workspace_id=version.workspace_id,
        version=version.version,
        name=version.name,
        created_at=at,
        updated_at=at,
    )
    return Found(agent, version)


def _refuse_default(agent_id: str) -> None:
    if agent_id == DEFAULT_AGENT:
        raise InvalidRequest(f"agent {DEFAULT_AGENT} is built in and cannot be changed; create one of your own")
