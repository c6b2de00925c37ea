"""The models it pretends to be."""

import re
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Model:
    """One model as `/v1/models` lists it; token limits are of input and output."""

    id: str
    name: str
    line: str
    created_at: str
    max_input_tokens: int = 1_000_000
    max_tokens: int = 128_000
    min_cached_tokens: int = 1_024  # shorter prefixes are not cached
    compacts: bool = True  # on demand, for `compaction`


MODELS = (
    Model("claude-fable-5-1", "Claude Fable 5.1", "fable", "2026-08-01T00:00:00Z", min_cached_tokens=512),
    Model("claude-opus-5-5", "Claude Opus 5.5", "opus", "2026-08-01T00:00:00Z", min_cached_tokens=512),
    Model("claude-sonnet-5-5", "Claude Sonnet 5.5", "sonnet", "2026-08-01T00:00:00Z"),
    Model("claude-haiku-5-5", "Claude Haiku 5.5", "haiku", "2026-08-01T00:00:00Z"),
    Model("claude-sonnet-4-6", "Claude Sonnet 4.6", "sonnet", "2026-02-01T00:00:00Z", max_tokens=64_000),
    Model("claude-haiku-4-5", "Claude Haiku 4.5", "haiku", "2025-10-01T00:00:00Z", 200_000, 64_000, 4_096, False),
)
BY_ID = {model.id: model for model in MODELS}
NAMED_LIKE_CLAUDE = re.compile(r"claude-(?:[\d-]+-)?(fable|mythos|opus|sonnet|haiku)-[\w.-]+")


def find_model(model_id: str) -> Model | None:
    """The model, or one made up for an id that is at least named like a Claude."""
    if known := BY_ID.get(model_id):
        return known
    named = NAMED_LIKE_CLAUDE.fullmatch(model_id)
    return Model(model_id, model_id, named.group(1), "1970-01-01T00:00:00Z") if named else None


def describe(model: Model) -> dict[str, Any]:
    """A model as `GET /v1/models/{id}` answers it."""
    yes, no = {"supported": True}, {"supported": False}
    return {
        "type": "model",
        "id": model.id,
        "display_name": model.name,
        "created_at": model.created_at,
        "lifecycle": "active",
        "deprecated_at": None,
        "retires_at": None,
        "line": model.line,
        "max_input_tokens": model.max_input_tokens,
        "max_tokens": model.max_tokens,
        "capabilities": {
            "batch": no,
            "citations": no,
            "code_execution": no,
            "compaction": {"supported": model.compacts, "summarize": {"supported": model.compacts}},
            "context_management": no,
            "effort": {"supported": True, "low": yes, "medium": yes, "high": yes, "max": yes, "xhigh": no},
            "image_input": no,
            "pdf_input": no,
            "server_tools": {"supported": False, "code_execution": no, "web_search": no},
            "structured_outputs": no,
            "thinking": {
                "supported": True,
                "types": {"adaptive": yes, "between_tools": no, "disabled": yes, "enabled": yes},
            },
        },
    }


def catalogue() -> dict[str, Any]:
    """All models as `GET /v1/models` answers them: one page."""
    data = [describe(model) for model in MODELS]
    return {"data": data, "has_more": False, "first_id": MODELS[0].id, "last_id": MODELS[-1].id}
