"""Refusing what Claude would refuse, in Claude's words. This is how tests catch a request that is not valid."""

from typing import Any

from ops.simulator.blocks import TOOL_NAME, check_blocks
from ops.simulator.conversation import SERVER_CALLS, Message, blocks, is_one_text
from ops.simulator.errors import Refused
from ops.simulator.models import find_model
from ops.simulator.pairs import THINKING, check_pairs

FIELDS = frozenset(
    {
        "model",
        "messages",
        "max_tokens",
        "system",
        "stream",
        "tools",
        "tool_choice",
        "thinking",
        "cache_control",
        "container",
        "diagnostics",
        "inference_geo",
        "metadata",
        "output_config",
        "service_tier",
        "speed",
        "stop_sequences",
        "user_profile_id",
        "billing_policy",
        "compaction",
        "context_management",
        "fallbacks",
        "fallback_credit_token",
        "mcp_servers",
        "thread",
        "temperature",
        "top_p",
        "top_k",
    }
)
MESSAGE_FIELDS = frozenset({"role", "content", "clear_at", "output_config"})
ROLES = frozenset({"user", "assistant", "system"})


def invalid(message: str) -> Refused:
    return Refused(400, message)


def check(request: Any, *, counting: bool = False) -> None:
    """Raise Refused with the answer Claude would give; counting tokens asks for less than a message does."""
    if not isinstance(request, dict):
        raise invalid("Input should be an object")
    _check_fields(request, counting)
    if find_model(request["model"]) is None:
        raise Refused(404, f"model: {request['model']}")
    _check_tools(request.get("tools") or [])
    if system := request.get("system"):
        check_blocks(blocks(system), "system")
    _check_messages(request["messages"], request.get("tools") or [], compacts=bool(request.get("compaction")))


def check_window(model_id: str, tokens: int) -> None:
    """Raise Refused when a prompt of so many tokens does not fit the model."""
    model = find_model(model_id)
    if model and tokens > model.max_input_tokens:
        raise invalid(f"prompt is too long: {tokens} tokens > {model.max_input_tokens} maximum")


def _check_fields(request: dict[str, Any], counting: bool) -> None:
    required = {"model": str, "messages": list} | ({} if counting else {"max_tokens": int})
    for name, kind in required.items():
        if name not in request:
            raise invalid(f"{name}: Field required")
        if not isinstance(request[name], kind) or isinstance(request[name], bool):
            wanted = {str: "string", list: "list", int: "integer"}[kind]
            raise invalid(f"{name}: Input should be a valid {wanted}")
    if extra := request.keys() - FIELDS:
        raise invalid(f"{min(extra)}: Extra inputs are not permitted")
    if request.get("max_tokens", 0) < 0:
        raise invalid("max_tokens: must be greater than or equal to 0")


def _check_tools(tools: list[dict[str, Any]]) -> None:
    names = [tool.get("name", "") for tool in tools if tool.get("type", "custom") == "custom"]
    for n, name in enumerate(names):
        if not TOOL_NAME.fullmatch(name):
            raise invalid(f"tools.{n}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
    if len(set(names)) < len(names):
        raise invalid("tools: Tool names must be unique.")


def _check_messages(messages: list[Message], tools: list[dict[str, Any]], *, compacts: bool) -> None:
    if not messages:
        raise invalid("messages: at least one message is required")
    for n, message in enumerate(messages):
        _check_message(message, n)
    if messages[0]["role"] != "user" and blocks(messages[0]["content"])[0]["type"] != "compaction":
        raise invalid('messages: first message must use the "user" role')
    _check_system_places(messages)
    if not all(is_one_text(message["content"]) for message in messages):
        check_pairs(messages)
        _check_last_blocks(messages)
        _check_tools_defined(messages, tools)
    # A turn paused among Claude's own tools is sent back as it stands; anything else would be prefill.
    ends_open = messages[-1]["role"] == "assistant" and not compacts
    if ends_open and not _may_go_on(blocks(messages[-1]["content"])[-1]["type"]):
        raise invalid(
            "This model does not support assistant message prefill. The conversation must end with a user message."
        )


def _may_go_on(kind: str) -> bool:
    return kind in SERVER_CALLS or kind == "compaction" or kind.endswith("_tool_result")


def _check_last_blocks(messages: list[Message]) -> None:
    for n, message in enumerate(messages):
        kind = blocks(message["content"])[-1]["type"]
        if message["role"] == "assistant" and kind in THINKING:
            raise invalid(f"messages.{n}: The final block in an assistant message cannot be `thinking`.")


def _check_tools_defined(messages: list[Message], tools: list[dict[str, Any]]) -> None:
    kinds = {block["type"] for message in messages for block in blocks(message["content"])}
    if not kinds.isdisjoint({"tool_use", "tool_result"}) and not tools:
        raise invalid("Requests which include `tool_use` or `tool_result` blocks must define tools.")


def _check_message(message: Any, n: int) -> None:
    if not isinstance(message, dict):
        raise invalid(f"messages.{n}: Input should be an object")
    role, content = message.get("role"), message.get("content")
    if role is None or content is None:
        raise invalid(f"messages.{n}.{'role' if role is None else 'content'}: Field required")
    if role not in ROLES:
        raise invalid(f"messages.{n}.role: Input should be 'user', 'assistant' or 'system'")
    if len(message) > 2 and (extra := message.keys() - MESSAGE_FIELDS):
        raise invalid(f"messages.{n}.{min(extra)}: Extra inputs are not permitted")
    if not isinstance(content, str | list):
        raise invalid(f"messages.{n}.content: Input should be a valid string or list")
    if not content:
        raise invalid(
            f"messages.{n}: all messages must have non-empty content except for the optional final assistant message"
        )
    check_blocks(blocks(content), f"messages.{n}.content")


def _check_system_places(messages: list[Message]) -> None:
    for n, message in enumerate(messages[:-1]):
        if message["role"] == "system" and messages[n + 1]["role"] != "assistant":
            raise invalid(f"messages.{n}: role 'system' must precede an 'assistant' message or end the array")
