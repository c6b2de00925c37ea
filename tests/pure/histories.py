"""Ledgers as workers write them: turns with tool loops, Claude's own tools, pauses, and turns that were stopped."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from typing import Any

from hypothesis import strategies as st

from overnight.history.context import Entry
from overnight.tool_results import result

Block = dict[str, Any]
TOOLS = ("read", "write-file", "ask_human")
words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12).filter(str.strip)
said_by_tools = st.one_of(
    words, st.just(""), st.none(), st.lists(st.builds(lambda said: {"type": "text", "text": said}, words), max_size=2)
)


@dataclass(frozen=True)
class Case:
    """A ledger, and what is asked next: a prompt, or none while a turn is under way."""

    history: list[Entry]
    prompt: list[Block]
    opening: list[Block]
    paused: bool
    note: list[Block]  # of what is asked, or of the turn under way


class Teller:
    """Tells one conversation, drawing as it goes."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw
        self._numbers = count(1)
        self.entries: list[Entry] = []
        self.open: list[Block] = []  # calls of Claude's own tools without a result

    def say(self, role: str, content: list[Block]) -> None:
        self.entries.append(Entry(len(self.entries) + 1, role, content))

    def text(self) -> Block:
        return {"type": "text", "text": self._draw(words)}

    def prompt(self) -> list[Block]:
        self.open.clear()
        blank = [{"type": "text", "text": " "}] if self._draw(st.integers(0, 5)) == 0 else []
        return [*blank, self.text()]

    def note(self) -> list[Block]:
        return [self.text()] if self._draw(st.integers(0, 3)) == 0 else []

    def ask(self, prompt: list[Block], note: list[Block]) -> None:
        self.say("user", prompt)
        if note:
            self.say("system", note)

    def reply(self) -> list[Block]:
        """The beginning of a reply: what was left open is answered first."""
        content = [_server_result(call) for call in self.open]
        self.open.clear()
        if self._draw(st.booleans()):
            content.append(self._thought())
        if self._draw(st.booleans()):
            content.append(self.text())
        if self._draw(st.integers(0, 3)) == 0:
            call = self._server_call()
            content += [call, _server_result(call)]
        return content

    def call(self) -> list[Block]:
        """A reply that calls tools, perhaps with one of Claude's own among them, which then waits."""
        deferred = [self._server_call()] if self._draw(st.integers(0, 3)) == 0 else []
        names = self._draw(st.lists(st.sampled_from(TOOLS), min_size=1, max_size=3))
        content = [*self.reply(), *deferred, *(self._use("tool_use", "toolu", name) for name in names)]
        self.open += deferred
        self.say("assistant", content)
        return content

    def answer(self, content: list[Block]) -> None:
        calls = [block for block in content if block["type"] == "tool_use"]
        results = [result(call["id"], self._draw(said_by_tools), is_error=self._draw(st.booleans())) for call in calls]
        self.say("user", results_message(content, self._draw(st.permutations(results)))["content"])

    def pause(self) -> None:
        call = self._server_call()
        self.say("assistant", [*self.reply(), call])
        self.open.append(call)

    def finish(self) -> None:
        self.say("assistant", [*self.reply(), self.text()])

    def stop(self) -> None:
        """The turn ends before its time: in its calls, in a pause, or in the middle of a reply."""
        match self._draw(st.sampled_from(["calls", "pause", "thinking", "nothing"])):
            case "calls":
                content = self.call()
                self.say("user", answer_unanswered(content, "stopped before this tool was called"))
            case "pause":
                self.pause()
            case "thinking":
                cut = [self._thought()] if self._draw(st.booleans()) else [{**self._thought(), "signature": ""}]
                self.say("assistant", [*self.reply(), *cut])

    def _thought(self) -> Block:
        number = next(self._numbers)
        if self._draw(st.integers(0, 4)) == 0:
            return {"type": "redacted_thinking", "data": f"opaque {number}"}
        thinking = {"type": "thinking", "thinking": self._draw(st.sampled_from(["", "so"])), "signature": f"s{number}"}
        return dict(thinking)

    def _server_call(self) -> Block:
        kind = self._draw(st.sampled_from(["server_tool_use", "mcp_tool_use"]))
        return self._use(kind, "srvtoolu", "web_search")

    def _use(self, kind: str, prefix: str, name: str) -> Block:
        return {"type": kind, "id": f"{prefix}_{next(self._numbers)}", "name": name, "input": {}}


def _server_result(call: Block) -> Block:
    kind = "mcp_tool_result" if call["type"] == "mcp_tool_use" else f"{call['name']}_tool_result"
    return {"type": kind, "tool_use_id": call["id"], "content": []}


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Some turns that have ended, then a prompt, or a turn under way: after results, or paused."""
    teller = Teller(draw)
    for _ in range(draw(st.integers(0, 3))):
        teller.ask(teller.prompt(), teller.note())
        _steps(teller, draw)
        teller.finish() if draw(st.booleans()) else teller.stop()
    state = draw(st.sampled_from(["prompt", "results", "paused"]))
    prompt, note = teller.prompt(), teller.note()
    if state == "prompt":
        return Case(teller.entries, prompt, [], paused=False, note=note)
    teller.ask(prompt, note)
    _steps(teller, draw)
    if state == "paused":
        teller.pause()
    else:
        teller.answer(teller.call())
    return Case(teller.entries, [], prompt, paused=state == "paused", note=note)


def _steps(teller: Teller, draw: st.DrawFn) -> None:
    for step in draw(st.lists(st.sampled_from(["tools", "tools", "pause"]), max_size=3)):
        if step == "pause":
            teller.pause()
        else:
            teller.answer(teller.call())


def results_message(content: list[Block], results: Iterable[Block]) -> dict[str, Any]:
    by_call = {block["tool_use_id"]: block for block in results}
    return {"role": "user", "content": [by_call[block["id"]] for block in content if block["type"] == "tool_use"]}


def answer_unanswered(content: list[Block], why: str) -> list[Block]:
    return [result(block["id"], why, is_error=True) for block in content if block["type"] == "tool_use"]
