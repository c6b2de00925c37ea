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


def text_of(message: Any) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


async def until(seen: Callable[[], bool]) -> None:
    deadline = time.monotonic() + GONE_SECONDS
    while not seen():
        assert time.monotonic() < deadline, "the simulator never saw it"
        await asyncio.sleep(0.02)
