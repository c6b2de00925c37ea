"""What is wrong with a request, in one line that names the field and the remedy."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi.exceptions import RequestValidationError

from overnight.errors import InvalidRequest

#: Known names whose features are not built yet: they are refused as such, in bodies and in queries.
PLANNED = frozenset(
    {
        "execution_identity",
        "inference_geo",
        "lane",
        "resources",
        "session_thread_id",
        "skills",
    }
    | {"deployment_id", "effort", "memory_store_id", "multiagent", "speed", "vault_ids"}
    | {"cache_control", "citations"}
    | {"networking", "packages"}
)

#: By pydantic's error type; the rest keep pydantic's own words.
REMEDIES = {
    "missing": "is required",
    "json_invalid": "is not valid JSON",
    "model_attributes_type": "must be a JSON object",
    "string_type": "must be a string",
    "string_unicode": "must not contain lone surrogates; send whole characters",
    "int_type": "must be a whole number",
    "list_type": "must be a list",
    "dict_type": "must be an object with string values",
}
CONTENT_TYPE = "content-type"


def invalid_request(error: RequestValidationError) -> InvalidRequest:
    """The first complaint: one at a time can be acted on."""
    if isinstance(error.body, bytes):
        return InvalidRequest(f"{CONTENT_TYPE}: send the body as application/json", field=CONTENT_TYPE)
    first = error.errors()[0]
    field = path(first["loc"])
    if first["type"] == "json_invalid":
        where = f"{first['ctx']['error']}, at character {first['loc'][-1]}"
        return InvalidRequest(f"body: {REMEDIES['json_invalid']} ({where})", field="body")
    return InvalidRequest(f"{field}: {_remedy(first)}", field=field)


def path(location: Sequence[str | int]) -> str:
    """`content.0.text`: without the part of the request, and without the tags of unions."""
    steps = [str(step) for step in location[1:] if not str(step).startswith(("<", "[key]"))]
    return ".".join(steps) or str(location[0])


def _remedy(error: Mapping[str, Any]) -> str:
    kind = error["type"]
    if kind == "extra_forbidden":
        planned = error["loc"][-1] in PLANNED
        return "is not supported yet; leave it out" if planned else "is not a known field; leave it out"
    return REMEDIES.get(kind) or _lower(error["msg"])


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]
