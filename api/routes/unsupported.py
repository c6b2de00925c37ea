"""What Managed Agents has and Overnight has not: refused by name, whatever is sent."""

from collections.abc import Callable

from fastapi import APIRouter, Request
from starlette.responses import Response

from overnight.errors import InvalidRequest

#: With the remedy that docs/managed-agents.md gives.
FAMILIES = {
    "/v1/deployments": "deployments: schedule with a beat of your own that creates sessions",
    "/v1/deployment_runs": "deployment_runs: schedule with a beat of your own that creates sessions",
    "/v1/vaults": "vaults: secrets belong into the workers' environment",
    "/v1/memory_stores": "memory_stores: give the agent tools that remember",
    "/v1/dreams": "dreams: give the agent tools that remember",
    "/v1/tunnels": "tunnels: workers call MCP servers from their own network",
    "/v1/sessions/{session_id}/resources": "resources: tools reach what workers reach",
    "/v1/sessions/{session_id}/threads": "threads: a session has one",
}
METHODS = ["GET", "POST", "DELETE"]
router = APIRouter(include_in_schema=False)


def _refusing(said: str) -> Callable[[Request], Response]:
    name, _, remedy = said.partition(": ")

    def refuse(request: Request) -> Response:
        raise InvalidRequest(f"{request.url.path}: {name} are not supported; {remedy}")

    return refuse


for family, said in FAMILIES.items():
    for path in (family, f"{family}/{{rest:path}}"):
        router.add_api_route(path, _refusing(said), methods=METHODS)
