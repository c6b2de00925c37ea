"""`/v1/environments`: create, get, list, change, archive, delete."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from sqlalchemy import Connection
from starlette.responses import Response

from api import paging
from api.answers_environments import DeletedEnvironment, EnvironmentAnswer, EnvironmentPage
from api.defining import patched
from api.documented import failures, shown
from api.failures import Json
from api.idempotent import IdempotencyKey, Outcome, perform
from api.parts import parts_of, workspace_of
from api.render_environments import environment
from api.schemas_environments import EnvironmentChange, EnvironmentList, EnvironmentRequest
from api.text import Text
from overnight.environment_models import Environment
from overnight.environments import built_in
from overnight.errors import InvalidRequest
from overnight.models import DEFAULT_ENVIRONMENT
from overnight.store import environments
from overnight.store.environments import NewEnvironment
from overnight.store.idempotency import Answer

PREFIX = "/v1/environments"
router = APIRouter(prefix=PREFIX, tags=["environments"])
EnvironmentId = Annotated[Text, Path(description="`env_…`")]


@router.post("", responses={**shown(EnvironmentAnswer), **failures(413)})
def create_environment(request: Request, body: EnvironmentRequest, idempotency_key: IdempotencyKey = None) -> Response:
    """A place with workers of its own, which run the agent toolset of its sessions."""
    workspace_id = workspace_of(request)
    new = NewEnvironment(body.name, body.description, body.metadata)

    def act(connection: Connection) -> Outcome:
        return Outcome(None, Answer(200, environment(environments.create(connection, workspace_id, new))))

    return perform(request, body, idempotency_key, act, location=PREFIX)


@router.get("/{environment_id}", responses={**shown(EnvironmentAnswer), **failures(404)})
def get_environment(request: Request, environment_id: EnvironmentId) -> Response:
    if environment_id == DEFAULT_ENVIRONMENT:
        return Json(environment(built_in()))
    with parts_of(request).database.read() as connection:
        return Json(environment(environments.find(connection, workspace_of(request), environment_id)))


@router.post("/{environment_id}", responses={**shown(EnvironmentAnswer), **failures(404, 413)})
def change_environment(request: Request, environment_id: EnvironmentId, body: EnvironmentChange) -> Response:
    """Name, description and metadata. The sessions that are in it stay as they are."""
    refuse_default(environment_id, "cannot be changed")
    with parts_of(request).database.write() as connection:
        return Json(
            environment(environments.change(connection, workspace_of(request), environment_id, _amendment(body)))
        )


@router.get("", responses={**shown(EnvironmentPage), **failures()})
def list_environments(request: Request, query: Annotated[EnvironmentList, Query()]) -> Response:
    """Newest first; without the built-in one."""
    with parts_of(request).database.read() as connection:
        found = environments.page(
            connection,
            workspace_of(request),
            limit=query.limit + 1,
            cursor=paging.place_of(query.page),
            include_archived=query.include_archived,
        )
    return paging.listed(found, query.limit, environment, paging.made)


@router.post("/{environment_id}/archive", responses={**shown(EnvironmentAnswer), **failures(404)})
def archive_environment(request: Request, environment_id: EnvironmentId) -> Response:
    """No session begins in it any more; those that are in it go on, with its workers."""
    refuse_default(environment_id, "cannot be archived")
    with parts_of(request).database.write() as connection:
        return Json(environment(environments.archive(connection, workspace_of(request), environment_id)))


@router.delete("/{environment_id}", responses={**shown(DeletedEnvironment), **failures(404)})
def delete_environment(request: Request, environment_id: EnvironmentId) -> Response:
    """Only where no session is in it; otherwise archive it."""
    refuse_default(environment_id, "cannot be deleted")
    with parts_of(request).database.write() as connection:
        environments.remove(connection, workspace_of(request), environment_id)
    return Json({"id": environment_id, "type": "environment_deleted"})


def refuse_default(environment_id: str, why: str) -> None:
    if environment_id == DEFAULT_ENVIRONMENT:
        remedy = "create one of your own with POST /v1/environments"
        raise InvalidRequest(f"environment {DEFAULT_ENVIRONMENT} is built in and {why}; {remedy}")


def _amendment(request: EnvironmentChange) -> Any:
    """What the request changes in whatever the environment is by then."""
    labels = {name: value or None for name, value in request.metadata.items()}

    def amend(before: Environment) -> Mapping[str, Any]:
        changes: dict[str, Any] = {"labels": patched(before.labels, labels, "environment")}
        if request.name is not None:
            changes["name"] = request.name
        if "description" in request.model_fields_set:
            changes["description"] = request.description
        return changes

    return amend
