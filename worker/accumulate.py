"""Claude's streamed events folded into the message they make, value for value: no model class in between."""

import json
from typing import Any

#: What may come first; anything else counts only once the message has begun.
FIRST = {"message_start", "error"}


class StreamError(Exception):
    """An `error` event inside a stream that had begun with status 200."""

    def __init__(self, error: dict[str, Any]) -> None:
        self.error = error
        super().__init__(f"{error.get('type')}: {error.get('message')}")


class Accumulator:
    """Feed it events in order. `message` is whole once `done`; a text under way is in `text()`."""

    def __init__(self) -> None:
        self.message: dict[str, Any] | None = None
        self.done = False
        self._parts: list[str] = []
        self._growing = ""  # the field that the parts make

    @property
    def usage(self) -> dict[str, Any]:
        return self.message["usage"] if self.message else {}

    def feed(self, event: dict[str, Any]) -> str:
        """Takes one event; gives the text it adds, mostly. Raises `StreamError`."""
        if self.message is None and event["type"] not in FIRST:
            return ""
        match event["type"]:
            case "content_block_delta":
                return self._add(event["index"], event["delta"])
            case "content_block_start":
                self._content.append(dict(event["content_block"]))
                self._parts = []
            case "content_block_stop":
                self._close(self._content[event["index"]])
            case "message_start":
                self.message = {**event["message"], "content": list(event["message"]["content"])}
            case "message_delta":
                self._end(event)
            case "message_stop":
                self.done = True
            case "error":
                raise StreamError(event["error"])
        return ""

    def text(self) -> str:
        """The text said so far, of all blocks."""
        if self.message is None:
            return ""
        closed = [block["text"] for block in self._content if block["type"] == "text"]
        return "".join([*closed, *self._parts]) if self._speaking else "".join(closed)

    @property
    def _content(self) -> list[dict[str, Any]]:
        assert self.message is not None
        content: list[dict[str, Any]] = self.message["content"]
        return content

    @property
    def _speaking(self) -> bool:
        return bool(self._parts) and self._content[-1]["type"] == "text"

    def _add(self, index: int, delta: dict[str, Any]) -> str:
        block = self._content[index]
        match delta["type"]:
            case "text_delta":
                return self._grow("text", delta["text"])
            case "thinking_delta":
                self._grow("thinking", delta["thinking"])
            case "input_json_delta":
                self._grow("input", delta["partial_json"])
            case "signature_delta":
                block["signature"] = delta["signature"]
            case "citations_delta":
                block["citations"] = [*(block.get("citations") or []), delta["citation"]]
            case "compaction_delta":
                block |= {name: value for name, value in delta.items() if name != "type"}
        return ""

    def _grow(self, field: str, piece: str) -> str:
        self._growing = field
        self._parts.append(piece)
        return piece

    def _close(self, block: dict[str, Any]) -> None:
        whole, self._parts = "".join(self._parts), []
        if whole:
            grown = json.loads(whole) if self._growing == "input" else block.get(self._growing, "") + whole
            block[self._growing] = grown

    def _end(self, event: dict[str, Any]) -> None:
        assert self.message is not None
        if self._parts and self._growing != "input":  # cut by max_tokens: its block is not always closed
            self._close(self._content[-1])
        self.message |= event["delta"]
        self.message["usage"] |= {
            name: count for name, count in (event.get("usage") or {}).items() if count is not None
        }
        rest = {name: value for name, value in event.items() if name not in {"type", "delta", "usage"}}
        self.message |= rest
