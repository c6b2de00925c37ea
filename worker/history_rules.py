"""Whether Claude would take a request's messages: checked before each is sent. Pure; the rules are the API's."""

from collections.abc import Collection, Sequence
from typing import Any

from overnight.history.blocks import THINKING, is_plain_text
from overnight.history.context import Entry
from overnight.tools.names import VALID
from worker.block_rules import check_block
from worker.call_rules import check_calls, check_server_calls
from worker.history_faults import InvalidHistory, Rule
from worker.thinking_rules import check_thinking

ROLES = ("user", "assistant")
OF_TOOLS = {"tool_use", "tool_result"}
Message = dict[str, Any]


def check(
    messages: Sequence[Message],
    tools: Collection[str] = (),
    *,
    paused: bool = False,
    history: Sequence[Entry] | None = None,
    cut: int = 0,
) -> None:
    """Raises `InvalidHistory`, which names the message and the rule that it breaks.

    `tools` are the names of the request's tools; `paused` says that a turn goes on which Claude paused. With the
    `history` and `cut` that the messages were chosen from, thinking is compared with what was said.
    """
    places = _places_of_the_spoken(messages)
    try:
        _check_spoken([messages[place] for place in places], tools, paused, history, cut)
    except InvalidHistory as fault:
        raise InvalidHistory(places[fault.index] if places else 0, fault.rule, fault.detail) from None


def _places_of_the_spoken(messages: Sequence[Message]) -> list[int]:
    """Of all but system messages, which stand beside the conversation."""
    roles = [message.get("role") for message in messages]
    for index, role in enumerate(roles):
        if role != "system":
            continue
        _check_content(index, messages[index])
        if index == 0 or roles[index - 1] != "user" or roles[index + 1 : index + 2] not in ([], ["assistant"]):
            raise InvalidHistory(index, Rule.NOTE_PLACE)
    return [index for index, role in enumerate(roles) if role != "system"]


def _check_spoken(
    messages: Sequence[Message], tools: Collection[str], paused: bool, history: Sequence[Entry] | None, cut: int
) -> None:
    _check_roles(messages)
    _check_tool_names(tools)
    only_text = [_check_content(index, message) for index, message in enumerate(messages)]
    if not all(only_text):
        check_calls(messages)
        check_server_calls(messages)
        _check_ends(messages, paused)
        _check_tools_defined(messages, tools)
    if messages[-1]["role"] == "assistant" and not paused:
        raise InvalidHistory(len(messages) - 1, Rule.LAST_IS_USER)
    if history is not None:
        check_thinking(messages, [entry for entry in history if entry.role != "system"], cut)


def _check_roles(messages: Sequence[Message]) -> None:
    if not messages:
        raise InvalidHistory(0, Rule.NOT_EMPTY)
    if messages[0].get("role") != "user":
        raise InvalidHistory(0, Rule.FIRST_IS_USER, f"it is {messages[0].get('role')!r}")
    for index, message in enumerate(messages):
        if message.get("role") != ROLES[index % 2]:
            raise InvalidHistory(index, Rule.ROLES_ALTERNATE, f"it is {message.get('role')!r}")


def _check_content(index: int, message: Message) -> bool:
    """Gives whether it is one text and nothing else, as most are; then the rules of calls have nothing to say."""
    content = message.get("content")
    if not content or not isinstance(content, list):
        raise InvalidHistory(index, Rule.CONTENT_NOT_EMPTY, "give a list of blocks")
    if len(content) == 1 and is_plain_text(content[0]):
        return True
    for place, block in enumerate(content):
        check_block(index, place, block, message["role"])
    return False


def _check_ends(messages: Sequence[Message], paused: bool) -> None:
    """A reply ends with what was said or called; only one that Claude paused goes back as it stands."""
    for index in range(1, len(messages) - paused, 2):
        if messages[index]["content"][-1]["type"] in THINKING:
            raise InvalidHistory(index, Rule.THINKING_NOT_LAST)


def _check_tool_names(tools: Collection[str]) -> None:
    for name in tools:
        if not VALID.fullmatch(name):
            raise InvalidHistory(0, Rule.TOOL_NAME, f"tool {name!r}")
    if len(set(tools)) < len(tools):
        raise InvalidHistory(0, Rule.TOOL_NAME, f"twice: {max(tools, key=list(tools).count)!r}")


def _check_tools_defined(messages: Sequence[Message], tools: Collection[str]) -> None:
    if tools:
        return
    for index, message in enumerate(messages):
        for block in message["content"]:
            if block["type"] in OF_TOOLS:
                raise InvalidHistory(index, Rule.TOOLS_DEFINED)
