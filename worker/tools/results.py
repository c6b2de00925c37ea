"""Whatever a tool returned or raised, as a result that the Messages API takes and Claude can use."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import GeneratorType
from typing import Any

from anthropic.lib.tools import ToolError
from anthropic.lib.tools.agent_toolset import DEFAULT_MAX_IMAGE_BASE64_BYTES, DEFAULT_MAX_PDF_BYTES
from pydantic_core import PydanticSerializationError, to_json

from overnight.tools.context import Context
from overnight.tools.errors import BadInput

BLOCKS = frozenset({"text", "image", "document", "search_result", "tool_reference"})
NOTHING = "(no output)"  # the API refuses empty text
PDF_BASE64_BYTES = DEFAULT_MAX_PDF_BYTES // 3 * 4


@dataclass(frozen=True, slots=True)
class Result:
    """The content of a `tool_result` block."""

    content: str | list[dict[str, Any]]
    is_error: bool = False


def returned(value: Any, limit: int) -> Result:
    """What a tool gave back; `limit` is in bytes of text."""
    value = list(value) if isinstance(value, GeneratorType) else value
    if value is None or isinstance(value, str):
        return Result(_told(value or "", limit))
    if _are_blocks(value):
        return _of_blocks(value, limit, is_error=False)
    try:
        return Result(_told(to_json(value).decode(), limit))
    except (PydanticSerializationError, ValueError):
        kind = type(value).__name__
        return failed(f"the tool returned {kind}, which is neither text nor content blocks nor JSON", limit)


def raised(error: BaseException, name: str, context: Context, limit: int) -> Result:
    """What a tool raised: Claude learns what went wrong, and nothing about where Overnight lives."""
    if isinstance(error, ToolError):
        content = error.content
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else list(content)
        return _of_blocks([dict(block) for block in blocks], limit, is_error=True)
    if isinstance(error, BadInput):
        return failed(f"invalid input for {name}: {error}", limit)
    return failed(_described(error, context), limit)


def _described(error: BaseException, context: Context) -> str:
    kind = type(error).__name__
    try:
        message = str(error).replace(str(context.folder), "workspace")
    except Exception:  # an exception that cannot even say what it is
        return kind
    return f"{kind}: {message}" if message else kind


def failed(message: str, limit: int) -> Result:
    return Result(_told(message, limit), is_error=True)


def cut(text: str, limit: int) -> str:
    """At most about `limit` bytes: beginning and end, and between them how much is missing."""
    raw = text.encode()
    if len(raw) <= limit:
        return text
    half = limit // 2
    head, tail = raw[:half].decode(errors="ignore"), raw[len(raw) - half :].decode(errors="ignore")
    return f"{head}\n[… {len(raw) - 2 * half} of {len(raw)} bytes left out …]\n{tail}"


def _told(text: str, limit: int) -> str:
    # Half a surrogate pair cannot be sent to anybody.
    clean = text.encode(errors="replace").decode()
    return cut(clean, limit) if clean.strip() else NOTHING


def _are_blocks(value: Any) -> bool:
    is_list = isinstance(value, list | tuple) and len(value) > 0
    return is_list and all(isinstance(item, dict) and item.get("type") in BLOCKS for item in value)


def _of_blocks(blocks: Iterable[dict[str, Any]], limit: int, *, is_error: bool) -> Result:
    given = list(blocks)
    if complaint := next(_too_large(given), None):
        return failed(complaint, limit)
    fitting = list(_fitting(given, limit))
    if len(fitting) == 1 and fitting[0]["type"] == "text":
        return Result(fitting[0]["text"], is_error)
    return Result(fitting or NOTHING, is_error)


def _fitting(blocks: list[dict[str, Any]], limit: int) -> Iterator[dict[str, Any]]:
    """Without empty texts and marks for the prompt cache, which are the request's; all texts together are cut."""
    for block in blocks:
        kept = {key: value for key, value in block.items() if key != "cache_control"}
        source = kept.get("source")
        if kept["type"] == "text":
            if not str(kept.get("text") or "").strip():
                continue
            kept["text"] = _told(str(kept["text"]), limit)
            limit = max(0, limit - len(kept["text"].encode()))
        elif isinstance(source, dict) and source.get("type") == "text":
            kept["source"] = {**source, "data": _told(str(source.get("data", "")), limit)}
            limit = max(0, limit - len(kept["source"]["data"].encode()))
        yield kept


def _too_large(blocks: list[dict[str, Any]]) -> Iterator[str]:
    limits = {"image": DEFAULT_MAX_IMAGE_BASE64_BYTES, "document": PDF_BASE64_BYTES}
    for block in blocks:
        source = block.get("source")
        if block["type"] in limits and isinstance(source, dict) and source.get("type") == "base64":
            size, most = len(source.get("data", "")), limits[block["type"]]
            if size > most:
                yield f"the tool returned one {block['type']} of {size} bytes in base64; at most {most} can be shown"
