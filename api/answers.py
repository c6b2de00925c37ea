"""What the API answers, for the OpenAPI document and those who read it. Nothing is serialised through these."""

from typing import Literal

from pydantic import BaseModel, ConfigDict


class ErrorDetails(BaseModel):
    """`error_code` tells apart what shares a type; `field` is the path of the field that is wrong."""

    model_config = ConfigDict(extra="allow")

    error_code: str | None = None
    field: str | None = None


class ErrorBody(BaseModel):
    type: str
    message: str
    details: ErrorDetails | None


class ErrorAnswer(BaseModel):
    """Anthropic's error envelope."""

    type: Literal["error"]
    error: ErrorBody
    request_id: str


class Health(BaseModel):
    status: Literal["ok"]


class Check(BaseModel):
    model_config = ConfigDict(extra="allow")

    ok: bool


class Readiness(BaseModel):
    """`degraded`: tasks are accepted, but something that runs them is away. `unavailable`: nothing is accepted."""

    status: Literal["ok", "degraded", "unavailable"]
    version: str
    database: Check
    schema_version: Check
    redis: Check
    workers: Check
    beat: Check
    encryption: Check  # `missing_keys`: ids of keys that contents need and the settings lack
