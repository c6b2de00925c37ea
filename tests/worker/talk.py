"""Short ways to say something to Claude."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import anthropic

MODEL = "claude-opus-5-5"
GONE_SECONDS = 10.0


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


async def ask(client: anthropic.AsyncAnthropic, prompt: Any, **more: Any) -> Any:
    """One streamed answer to a prompt, or to a whole conversation."""
    messages = prompt if isinstance(prompt, list) else [user(prompt)]
    async with client.messages.stream(model=MODEL, max_tokens=2000, messages=messages, **more) as stream:
        return await stream.get_final_message()


def tool(name: str, **properties: Any) -> dict[str, Any]:
    """A tool whose input has these properties, all of them required."""
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {"name": name, "description": f"{name}.", "input_schema": schema}


def reply_of(message: Any) -> dict[str, Any]:
    """The message as it goes back to Claude."""
    return {"role": "assistant", "content": message.to_dict(mode="json")["content"]}


def results_of(message: Any, said: str = "ok") -> dict[str, Any]:
    """The user's message that answers every call with `said` and its number."""
    calls = [block for block in message.content if block.type == "tool_use"]
    return user(
        [{"type": "tool_result", "tool_use_id": call.id, "content": f"{said} {n}"} for n, call in enumerate(calls, 1)]
    )


def text_of(message: Any) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


async def until(seen: Callable[[], bool]) -> None:
    deadline = time.monotonic() + GONE_SECONDS
    while not seen():
        assert time.monotonic() < deadline, "the simulator never saw it"
        await asyncio.sleep(0.02)
