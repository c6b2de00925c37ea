"""The rules that a conversation must keep to be taken by Claude, and what is raised when one is broken."""

from enum import StrEnum


class Rule(StrEnum):
    """Each value says what must hold."""

    NOT_EMPTY = "there is a message"
    FIRST_IS_USER = "the first message is the user's"
    ROLES_ALTERNATE = "roles are user and assistant in turn"
    NOTE_PLACE = "a system message follows the user's and precedes the assistant's, or ends"
    LAST_IS_USER = "the last message is the user's, except when a paused turn goes on"
    CONTENT_NOT_EMPTY = "a message has content"
    TEXT_NOT_BLANK = "a text says something"
    BLOCK_SHAPE = "a block has a type, and the fields of its type"
    BLOCK_PLACE = "calls and thinking are the assistant's, results the user's"
    CALL_ID_ONCE = "the id of a call is used once"
    CALL_ANSWERED = "every call is answered in the next message"
    RESULTS_FIRST = "results come before all else in a message"
    RESULT_KNOWN = "a result answers a call of the message before"
    RESULT_ONCE = "a call has a single result"
    RESULT_SHAPE = "a result is text or blocks, and an error is text that is not empty"
    SERVER_CALL_ANSWERED = "a call of Claude's own tools is answered before the turn ends"
    SERVER_RESULT_KNOWN = "a result of Claude's own tools comes after its call"
    THINKING_SIGNED = "thinking is signed"
    THINKING_NOT_LAST = "a reply does not end with thinking"
    THINKING_UNTOUCHED = "thinking is sent as it was said"
    THINKING_KEPT = "thinking before a call of the turn under way is sent"
    TOOL_NAME = "names of tools are 1 to 128 letters, digits, _ and -, each used once"
    TOOLS_DEFINED = "a request with calls or results defines tools"


class InvalidHistory(Exception):
    """Claude would refuse the request: message `index` breaks `rule`."""

    def __init__(self, index: int, rule: Rule, detail: str = "") -> None:
        self.index = index
        self.rule = rule
        self.detail = detail
        super().__init__(f"messages.{index}: {rule}" + (f" ({detail})" if detail else ""))
