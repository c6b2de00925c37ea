"""Schemathesis reads the OpenAPI document and tries to prove it wrong."""

from typing import Any

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import ignored_auth, negative_data_rejection, positive_data_acceptance

from api.app import create_app
from overnight.settings import Settings
from tests.api.support import KEY, Api

schema = schemathesis.openapi.from_dict(create_app(Settings(redis_url="redis://127.0.0.1:1/0")).openapi())

#: A schema cannot say all: what a cursor is, that `prompt` and `content` exclude each other, which sessions there are.
#: And a wrong key beside our right one is let in.
EXCLUDED = [positive_data_acceptance, ignored_auth]
HEADERS = {"x-api-key": KEY}


@schema.parametrize()
@settings(max_examples=10, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
def test_the_document_holds(case: Any, api: Api) -> None:
    case.call_and_validate(base_url=api.url, headers=HEADERS, excluded_checks=EXCLUDED)
    if case.path_parameters:
        of_something_real(case, api)
        checks = [*EXCLUDED, negative_data_rejection]
        case.call_and_validate(base_url=api.url, headers=HEADERS, excluded_checks=checks)


def of_something_real(case: Any, api: Api) -> None:
    """The same call for a task, a session and an agent that exist."""
    task = api.client.post("/v1/tasks", json={"prompt": "x"}).json()
    if case.path.endswith("/stream"):  # of an open session it would not end
        api.client.post(f"/v1/sessions/{task['session_id']}/archive")
    agent = api.client.post("/v1/agents", json={"name": "x", "model": "x"}).json()
    real = {"task_id": task["id"], "session_id": task["session_id"], "agent_id": agent["id"]}
    case.path_parameters = {name: real[name] for name in case.path_parameters}
    case.query.pop("wait", None)
