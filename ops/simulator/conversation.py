"""Reading a request: what was said last, how far the turn has come, and how long it all is."""

from typing import Any, NamedTuple

Message = dict[str, Any]
Block = dict[str, Any]

SERVER_CALLS = frozenset({"server_tool_use", "mcp_tool_use"})
# How the id of a call begins at which a turn was paused. A client may join the replies of a paused turn into one
# message; these ids tell how many they were.
PAUSED = "srvtoolu_simpause"


class Turn(NamedTuple):
    """The last words of the user, and how many times Claude has already answered since."""

    text: str
    step: int


def blocks(content: str | list[Block]) -> list[Block]:
    """Content as blocks; a plain string is one text block."""
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def is_one_text(content: str | list[Block]) -> bool:
    """Whether it is text and nothing else, as most messages are."""
    return isinstance(content, str) or (len(content) == 1 and content[0]["type"] == "text")


def text_of(message: Message) -> str:
    content = message["content"]
    if isinstance(content, str):
        return content
    return "\n".join(block["text"] for block in content if block["type"] == "text")


def current_turn(messages: list[Message]) -> Turn:
    """Tool results carry no words of the user, so the turn began at the last user message that has text."""
    step = 0
    for message in reversed(messages):
        if message["role"] == "assistant":
            step += _replies_in(blocks(message["content"]))
        elif message["role"] == "user" and (text := text_of(message)):
            return Turn(text, step)
    return Turn("", step)


def _replies_in(content: list[Block]) -> int:
    pauses = [block.get("id", "").startswith(PAUSED) for block in content]
    return sum(pauses) + (not pauses[-1])


def open_server_calls(messages: list[Message]) -> list[Block]:
    """The calls of Claude's own tools in the turn under way that have no result yet."""
    found: dict[str, Block] = {}
    places = reversed(range(len(messages)))
    began = next((n for n in places if messages[n]["role"] == "user" and text_of(messages[n])), 0)
    for message in messages[began:]:
        for block in blocks(message["content"]):
            if block["type"] in SERVER_CALLS:
                found[block["id"]] = block
            elif block["type"].endswith("_tool_result"):
                found.pop(block.get("tool_use_id", ""), None)
    return list(found.values())


def tool_results(messages: list[Message]) -> list[str]:
    """What the tools answered, when the last message is their answer."""
    return [_result_text(block) for block in blocks(messages[-1]["content"]) if block["type"] == "tool_result"]


def _result_text(block: Block) -> str:
    content = block.get("content") or ""
    return content if isinstance(content, str) else "\n".join(part.get("text", part["type"]) for part in content)


def size(content: str | list[Block]) -> int:
    """Characters of content."""
    if isinstance(content, str):
        return len(content)
    if len(content) == 1:
        return _block_size(content[0])
    return sum(map(_block_size, content))


def _block_size(block: Block) -> int:
    return len(block["text"]) if block["type"] == "text" else len(said(block))


def said(block: Block) -> str:
    """A block, or a tool, in a form that is the same whether or not a cache marker sits on it."""
    if block.get("type") == "text":
        return str(block["text"])
    return str({name: value for name, value in block.items() if name != "cache_control"})


def preamble_size(request: dict[str, Any]) -> int:
    """Characters that come before the messages: tools and system prompt."""
    return size(request.get("system") or "") + sum(len(said(tool)) for tool in request.get("tools") or [])


def tokens(characters: int) -> int:
    """Four characters are one token."""
    return (characters + 3) // 4


def input_tokens(request: dict[str, Any]) -> int:
    return tokens(preamble_size(request) + sum(size(message["content"]) for message in request["messages"]))
