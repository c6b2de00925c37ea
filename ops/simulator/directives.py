"""`[[sim key=value …]]` in a prompt: what a test asks the simulator to do with this very request.

The fields of `Directives` are the whole list. Loops of tools (`{step}` and `{call}` count from 1):

    [[sim tool=read input="{\\"path\\": \\"{step}.txt\\"}" loop=10]]   ten steps, then a text with the last result
    [[sim tool=read,write calls=2 reply="They said: {results}"]]   four calls in one step, then this text
    [[sim tool=read runaway]]                                      always another call
    [[sim tool=gone hallucinate]]                                  a tool that the request does not have
    [[sim tool=read loop=3 at=2 cut_call]]                         `max_tokens` within the second call; or broken_json
    [[sim server_tool=web_search]]   [[sim pause=2 tool=read]]     Claude's own tools; a turn that is paused twice
    [[sim tool=read loop=9]] [[sim hang step=4 times=1]]           any of them for the fourth request of the turn only
    [[sim script="[[{…}, {…}], [{…}]]"]]                           the blocks of each reply of the turn:
        {"type": "text", "text"}, {"type": "thinking", "thinking"}, {"type": "stop", "stop_reason"},
        {"type": "tool_use" | "server_tool_use" | "mcp_tool_use", "name", "input"?}. Claude's own calls are answered
        at once; beside a call of the client's, or last before a stop with `pause_turn`, in the next reply.

Without directives a prompt that mentions tools by name has them called one after the other, with input made up from the
schema and the prompt's quoted words and numbers.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ops.simulator.errors import ERRORS

BRACKET = re.compile(r'\[\[sim\b((?:"(?:[^"\\]|\\.)*"|[^"\]]|\](?!\]))*)\]\]', re.DOTALL)
OPENING = re.compile(r"\[\[sim\b")
PAIR = re.compile(r'\s*([a-z_]+)(?:=("(?:[^"\\]|\\.)*"|[^\s"]+))?(?=\s|$)', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Directives:
    """What to do with one request. Everything unset: answer it well."""

    reply: str | None = None  # these very words; empty for an answer without content
    latency: float | None = None  # seconds until the last delta, or until the error
    deltas: int | None = None  # in how many pieces the text comes
    thinking: bool = False  # a signed thinking block first
    tool: str | None = None  # call this tool (or these: a,b), then answer when the results are there
    input: str = "{}"  # the tool's input, as the JSON text that is streamed; {step} and {call} are filled in
    calls: int = 1  # call each tool so many times in one step
    loop: int = 1  # so many steps of calls before the answer
    runaway: bool = False  # another call after every result, for ever
    hallucinate: bool = False  # call the tool even when the request does not have it
    at: int = 1  # in which step of calls the last call is spoilt in one of the next two ways
    cut_call: bool = False  # `max_tokens` inside the call's input
    broken_json: bool = False  # an input that cannot be parsed
    server_tool: str | None = None  # use this tool of Claude's own, with its result in the reply
    pause: int = 0  # pause the turn so many times (`stop_reason=pause_turn` is once)
    script: tuple[tuple[dict[str, Any], ...], ...] = ()  # the blocks of each reply of this turn
    stop_reason: str | None = None
    # Faults: of several brackets with one, each request gets the first that still holds.
    status: int | None = None  # this error, with the next three
    message: str | None = None
    error_code: str | None = None
    retry_after: float | None = None
    too_long: int | None = None  # "prompt is too long" while there are more messages than this
    cut: int | None = None  # end the stream in order after so many deltas
    reset: int | None = None  # reset the connection after so many deltas
    error_in_stream: str | None = None  # an error event of this type, after so many deltas
    after: int = 0
    refusal: bool = False
    window_exceeded: bool = False
    hang: bool = False  # begin, then only ping
    silent: bool = False  # never answer at all

    @property
    def pauses(self) -> int:
        return self.pause or (self.stop_reason == "pause_turn")

    @property
    def says_what(self) -> bool:
        """Whether it tells what to say, so that nothing is left to what a prompt mentions."""
        return self.reply is not None or bool(self.tool or self.server_tool or self.script or self.pauses)


FAULTS = frozenset(
    {"status", "too_long", "cut", "reset", "error_in_stream", "refusal", "window_exceeded", "hang", "silent"}
)


@dataclass(frozen=True, slots=True)
class Bracket:
    """One `[[sim …]]`: its fields, for how many requests with this prompt it holds, for which reply of the turn.

    None is all of them; replies count from 1.
    """

    fields: Mapping[str, Any]
    times: int | None = None
    step: int | None = None

    @property
    def is_fault(self) -> bool:
        return not FAULTS.isdisjoint(self.fields)


def flag(value: object) -> bool:
    if value not in (True, False, "true", "false"):
        raise ValueError
    return value in (True, "true")


def text(value: object) -> str:
    if value is True:
        raise ValueError
    return value if isinstance(value, str) else json.dumps(value)


def number(value: object) -> float:
    if isinstance(value, bool):
        raise ValueError
    if (found := float(value)) < 0:  # type: ignore[arg-type]
        raise ValueError
    return found


def count(value: object) -> int:
    if number(value) % 1:
        raise ValueError
    return int(number(value))


def error_status(value: object) -> int:
    if count(value) not in ERRORS:
        raise ValueError
    return count(value)


def server_tool_name(value: object) -> str:
    if value not in SERVER_TOOLS:
        raise ValueError
    return text(value)


def script(value: object) -> tuple[tuple[dict[str, Any], ...], ...]:
    """A list of replies, each a list of text, thinking, call and stop blocks."""
    replies: Any = json.loads(value) if isinstance(value, str) else value
    needs = {"text": "text", "thinking": "thinking", "stop": "stop_reason"}
    needs |= dict.fromkeys(("tool_use", "server_tool_use", "mcp_tool_use"), "name")
    if not all(isinstance(block[needs[block["type"]]], str) for reply in replies for block in reply):
        raise ValueError
    return tuple(map(tuple, replies))


SERVER_TOOLS = ("web_search", "web_fetch", "code_execution", "bash_code_execution", "text_editor_code_execution")
FLAGS = (
    *("thinking", "runaway", "hallucinate", "cut_call", "broken_json"),
    *("refusal", "window_exceeded", "hang", "silent"),
)
TEXTS = ("reply", "tool", "input", "stop_reason", "message", "error_code", "error_in_stream")
KINDS: dict[str, Callable[[object], Any]] = {
    **dict.fromkeys(TEXTS, text),
    **dict.fromkeys(FLAGS, flag),
    **dict.fromkeys(("latency", "retry_after"), number),
    **dict.fromkeys(
        ("deltas", "calls", "loop", "at", "pause", "step", "too_long", "cut", "reset", "after", "times"), count
    ),
    "server_tool": server_tool_name,
    "status": error_status,
    "script": script,
}


def read_fields(given: Mapping[str, object]) -> dict[str, Any]:
    """Typed fields of a directive. ValueError names the field that is unknown or has a wrong value."""
    fields = {}
    for name, value in given.items():
        if name not in KINDS:
            raise ValueError(f"sim directive: unknown field '{name}'; known are {', '.join(KINDS)}")
        try:
            fields[name] = KINDS[name](value)
        except (LookupError, TypeError, ValueError):
            raise ValueError(f"sim directive: bad value for '{name}': {value!r}") from None
    return fields


def parse(prompt: str) -> tuple[str, list[Bracket]]:
    """The prompt without its directives, and the directives in order."""
    if "[[sim" not in prompt:
        return prompt, []
    brackets = [_read_bracket(found.group(1)) for found in BRACKET.finditer(prompt)]
    rest = BRACKET.sub("", prompt)
    if OPENING.search(rest):
        raise ValueError("sim directive: '[[sim' is never closed by ']]'; quote values that hold brackets or quotes")
    return rest.strip(), brackets


def _read_bracket(body: str) -> Bracket:
    if PAIR.sub("", body).strip():
        raise ValueError(f"sim directive: cannot read '[[sim{body}]]'; write [[sim key=value key=\"some text\" flag]]")
    fields = read_fields({name: _unquote(value) for name, value in PAIR.findall(body)})
    times, step = fields.pop("times", None), fields.pop("step", None)
    return Bracket(fields, times, step)


def _unquote(value: str) -> object:
    if not value:
        return True
    return json.loads(value, strict=False) if value.startswith('"') else value
