"""Schemathesis reads the OpenAPI document and tries to prove it wrong."""

from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import ignored_auth, negative_data_rejection, positive_data_acceptance

from api.app import create_app
from overnight.ids import new_id
from overnight.models import DEFAULT_WORKSPACE
from overnight.settings import Settings
from overnight.store import work
from overnight.store.database import Database
from tests.api.support import KEY, Api, Worker

whole = schemathesis.openapi.from_dict(create_app(Settings(redis_url="redis://127.0.0.1:1/0")).openapi())
#: Files of whole sessions take it minutes to make up; test_api_portable.py has real ones, test_api_broken_files.py
#: the same, spoilt in every place.
schema = whole.exclude(path_regex="/import$")

#: A schema cannot say all: what a cursor is, that `prompt` and `content` exclude each other, which sessions there are.
#: And a wrong key beside our right one is let in.
EXCLUDED = [positive_data_acceptance, ignored_auth]
HEADERS = {"x-api-key": KEY}


# The document is the same on both databases, and SQLite takes whatever Postgres takes.
@pytest.mark.parametrize("module_database_url", ["postgres"], indirect=True)
@schema.parametrize()
@settings(max_examples=10, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
def test_the_document_holds(case: Any, api: Api) -> None:
    case.call_and_validate(base_url=api.url, headers=HEADERS, excluded_checks=EXCLUDED)
    if case.path_parameters:
        of_something_real(case, api)
        checks = [*EXCLUDED, negative_data_rejection]
        case.call_and_validate(base_url=api.url, headers=HEADERS, excluded_checks=checks)


def work_in(environment_id: str, api: Api) -> str:
    """What its worker has of a new session."""
    session = api.client.post("/v1/sessions", json={"environment_id": environment_id}).json()
    database = Database(api.database_url)
    with database.write() as connection:
        work.queue(connection, DEFAULT_WORKSPACE, session["id"], environment_id)
    database.close()
    item = api.client.get(f"/v1/environments/{environment_id}/work/poll").json()
    return str(api.client.post(f"/v1/environments/{environment_id}/work/{item['id']}/ack").json()["id"])


def said_in(session_id: str, api: Api) -> int:
    """The first message of its ledger."""
    database = Database(api.database_url)
    Worker(database).answer(session_id)
    database.close()
    return 1


def of_something_real(case: Any, api: Api) -> None:
    """The same call for things that exist."""
    real: dict[str, Any] = {
        name: REAL[name](api) for name in case.path_parameters if name not in {"work_id", "seq", "snapshot_id"}
    }
    if "work_id" in case.path_parameters:
        real["work_id"] = work_in(real["environment_id"], api)
    if "seq" in case.path_parameters:
        real["seq"] = said_in(real["session_id"], api)
    if "snapshot_id" in case.path_parameters:
        path = f"/v1/sessions/{real['session_id']}/snapshots"
        real["snapshot_id"] = api.client.post(path, json={"name": "real"}).json()["id"]
    if case.path.endswith("/stream"):  # of an open session it would not end
        api.client.post(f"/v1/sessions/{real['session_id']}/archive")
    case.path_parameters = {name: real[name] for name in case.path_parameters}
    case.query.pop("wait", None)


def made(path: str, body: dict[str, Any], field: str = "id") -> Callable[[Api], str]:
    return lambda api: str(api.client.post(path, json=body).json()[field])


def a_budget(api: Api) -> str:
    """Another one each time: there is one of a kind for each user."""
    return made("/v1/budgets", {"max_tokens": 10**15, "user_id": new_id("user")})(api)


REAL = {
    "user_id": lambda api: str(api.client.post("/v1/users/ann", json={}).json()["id"]),
    "task_id": made("/v1/tasks", {"prompt": "x"}),
    "session_id": made("/v1/tasks", {"prompt": "x"}, "session_id"),
    "agent_id": made("/v1/agents", {"name": "x", "model": "x"}),
    "environment_id": made("/v1/environments", {"name": "x"}),
    "budget_id": a_budget,
}
