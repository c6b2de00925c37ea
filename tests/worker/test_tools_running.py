"""Calls of real functions on a real loop: results, bad input, errors, time limits, and being halted."""

import asyncio
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from anthropic import beta_tool
from anthropic.lib.tools import ToolError
from pydantic import BaseModel

from overnight.tools import Cancelled, Context, Tool, tool
from tests.worker.loops import Loop, perform
from worker.tools.results import NOTHING, Result
from worker.tools.running import Bounds, begin

PATIENCE = 20.0


def run(loop: Loop, made: Tool, context: Context, bounds: Bounds = Bounds(), **given: Any) -> Result:  # noqa: B008
    return perform(made, given, context, loop, bounds)


class Model(BaseModel):
    size: int


IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
SHAPES: list[tuple[Any, Any]] = [
    ("text", "text"),
    ("", NOTHING),
    (" \n", NOTHING),
    (None, NOTHING),
    (5, "5"),
    (True, "true"),
    ({"a": "ä", "b": [1, None]}, '{"a":"ä","b":[1,null]}'),
    (Model(size=3), '{"size":3}'),
    ([], "[]"),
    ([{"a": 1}], '[{"a":1}]'),
    ([{"type": "other"}], '[{"type":"other"}]'),
    ([{"type": "text", "text": "a"}], "a"),
    ([{"type": "text", "text": ""}], NOTHING),
    ([{"type": "text", "text": ""}, IMAGE], [IMAGE]),
    ([{**IMAGE, "cache_control": {"type": "ephemeral"}}], [IMAGE]),
    ("\ud800", "?"),
]


@pytest.mark.parametrize(("value", "content"), SHAPES, ids=[repr(value)[:30] for value, _ in SHAPES])
def test_whatever_comes_back_is_content(loop: Loop, context: Context, value: Any, content: Any) -> None:
    @tool
    def give() -> Any:
        return value

    assert run(loop, give, context) == Result(content)


def test_blocks_may_come_one_by_one(loop: Loop, context: Context) -> None:
    @tool
    def give() -> Any:
        yield {"type": "text", "text": "a"}
        yield IMAGE

    assert run(loop, give, context) == Result([{"type": "text", "text": "a"}, IMAGE])


def test_what_cannot_be_sent_is_an_error(loop: Loop, context: Context) -> None:
    @tool
    def give() -> Any:
        return object()

    result = run(loop, give, context)
    assert result.is_error
    assert "returned object" in str(result.content)


def test_a_long_text_is_cut_in_the_middle(loop: Loop, context: Context) -> None:
    @tool
    def give() -> str:
        return "a" * 5_000 + "ä" * 5_000 + "z" * 5_000

    content = str(run(loop, give, context, Bounds(text_bytes=2_000)).content)
    assert content.startswith("a" * 1_000 + "\n[… 18000 of 20000 bytes left out …]\n")
    assert content.endswith("z" * 1_000)


def test_all_texts_together_are_cut(loop: Loop, context: Context) -> None:
    @tool
    def give() -> Any:
        document = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "d" * 900}}
        return [{"type": "text", "text": "a" * 900}, document, *[{"type": "text", "text": "b" * 900}] * 20]

    content = run(loop, give, context, Bounds(text_bytes=1_000)).content
    assert isinstance(content, list)
    assert content[0]["text"] == "a" * 900
    assert "left out" in content[1]["source"]["data"]
    assert content[-1]["text"].strip() == "[… 900 of 900 bytes left out …]"


def test_an_image_that_the_api_refuses_is_an_error(loop: Loop, context: Context) -> None:
    @tool
    def give() -> Any:
        return [{"type": "image", "source": {**IMAGE["source"], "data": "A" * 6_000_000}}]  # type: ignore[dict-item]

    result = run(loop, give, context)
    assert result.is_error
    assert "image of 6000000 bytes" in str(result.content)


def add(context: Context, a: int, b: int = 1) -> int:
    """Add."""
    return a + b


@tool
async def add_later(a: int, context: Context, b: int = 1) -> int:
    """Add."""
    return a + b


@pytest.mark.parametrize("made", [tool(add), add_later], ids=lambda made: made.name)
@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({}, "a: Missing required argument"),
        ({"a": "x"}, "a: Input should be a valid integer"),
        ({"a": 1, "c": 2}, "c: Unexpected keyword argument"),
        ({"a": 1, "context": {}}, "context: Unexpected keyword argument"),
        ("text", "input: must be a JSON object"),
    ],
)
def test_bad_input_is_named(loop: Loop, context: Context, made: Tool, given: Any, named: str) -> None:
    result = perform(made, given, context, loop)
    assert result.is_error
    assert str(result.content).startswith(f"invalid input for {made.name}: ")
    assert named in str(result.content)
    assert perform(made, {"a": 2}, context, loop) == Result("3")


def fail(context: Context, how: str) -> str:
    """Fail."""
    if how == "validation":
        Model(size="large")  # type: ignore[arg-type]
    raise {
        "plain": ValueError("no luck"),
        "empty": RuntimeError(),
        "path": FileNotFoundError(2, "No such file", str(context.workspace / "x")),
        "exit": SystemExit(3),
        "interrupt": KeyboardInterrupt(),
        "cancelled": Cancelled(),
        "task": asyncio.CancelledError(),
        "blocks": ToolError([{"type": "text", "text": "see"}, IMAGE]),  # type: ignore[list-item]
        "text": ToolError("said so"),
        "nothing": ToolError(""),
        "mute": Mute(),
        "stop": StopIteration(1),
    }[how]


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError


@tool
async def fail_later(context: Context, how: str) -> str:
    """Fail."""
    return fail(context, how)


@pytest.mark.parametrize("made", [tool(fail), fail_later], ids=lambda made: made.name)
@pytest.mark.parametrize(
    ("how", "content"),
    [
        ("plain", "ValueError: no luck"),
        ("empty", "RuntimeError"),
        ("path", "FileNotFoundError: [Errno 2] No such file: 'workspace/x'"),
        ("exit", "SystemExit: 3"),
        ("interrupt", "KeyboardInterrupt"),
        ("cancelled", "Cancelled"),
        ("task", "CancelledError"),
        ("blocks", [{"type": "text", "text": "see"}, IMAGE]),
        ("text", "said so"),
        ("nothing", NOTHING),
        ("mute", "Mute"),
    ],
)
def test_what_a_tool_raises_is_told(loop: Loop, context: Context, made: Tool, how: str, content: Any) -> None:
    assert run(loop, made, context, how=how) == Result(content, is_error=True)
    assert run(loop, tool(add), context, a=1) == Result("2")  # the loop has survived it


@pytest.mark.parametrize("made", [tool(fail), fail_later], ids=lambda made: made.name)
def test_a_validation_error_from_inside_is_not_bad_input(loop: Loop, context: Context, made: Tool) -> None:
    content = str(run(loop, made, context, how="validation").content)
    assert content.startswith("ValidationError: ")
    assert "size" in content


def test_no_traceback_is_told(loop: Loop, context: Context) -> None:
    result = run(loop, tool(fail), context, how="plain")
    assert "Traceback" not in str(result.content)
    assert __file__ not in str(result.content)


def test_a_function_that_never_ends_is_left_behind(loop: Loop, context: Context) -> None:
    released = threading.Event()

    @tool(timeout=0.2)
    def hang() -> None:
        released.wait(PATIENCE)

    result = run(loop, hang, context)
    released.set()
    assert result.is_error
    assert "exceeded its time limit of 0.2 seconds" in str(result.content)
    assert "may still be running" in str(result.content)
    assert context.cancelled.is_set()


def test_a_function_that_looks_at_its_flag_stops(loop: Loop, context: Context) -> None:
    @tool
    def watch(context: Context) -> str:
        while True:
            context.cancelled.wait(0.01)
            context.cancelled.raise_if_set()

    result = run(loop, watch, context, Bounds(timeout=0.2))
    assert result == Result("watch was stopped after its time limit of 0.2 seconds", is_error=True)


def test_a_coroutine_is_cancelled_when_its_time_is_over(loop: Loop, context: Context) -> None:
    cleaned = []

    @tool(timeout=0.2)
    async def hang() -> None:
        try:
            await asyncio.sleep(PATIENCE)
        finally:
            cleaned.append(True)

    result = run(loop, hang, context)
    assert result == Result("hang was stopped after its time limit of 0.2 seconds", is_error=True)
    assert cleaned == [True]


def test_calls_run_side_by_side(loop: Loop, tmp_path: Path) -> None:
    meeting = threading.Barrier(20)

    @tool
    def meet() -> int:
        return meeting.wait(PATIENCE)

    calls = [begin(meet, {}, Context(folder=tmp_path), loop.loop) for _ in range(20)]
    assert sorted(int(str(call.result(PATIENCE).content)) for call in calls) == list(range(20))


def test_the_context_tells_who_and_where(loop: Loop, tmp_path: Path) -> None:
    reported: list[Any] = []

    @tool
    @beta_tool
    def look(context: Context, asked: str) -> str:
        """Look around."""
        context.progress("looking", 0.5)
        (context.workspace / "seen").write_text(asked)
        return f"{context.session_id} {context.task_id} {context.idempotency_key}"

    context = Context(
        "sesn_1", "task_1", "key_1", folder=tmp_path / "a" / "b", report=lambda *told: reported.append(told)
    )
    assert not (tmp_path / "a").exists()
    assert run(loop, look, context, asked="x") == Result("sesn_1 task_1 key_1")
    assert (tmp_path / "a" / "b" / "seen").read_text() == "x"
    assert reported == [("looking", 0.5)]
    with pytest.raises(ValueError, match="from 0 to 1"):
        context.progress("too far", 1.1)


def test_a_process_can_exit_while_a_function_hangs() -> None:
    program = """
import asyncio, threading, time
from pathlib import Path
from overnight.tools import tool, Context
from worker.tools.running import begin
loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, daemon=True).start()
@tool(timeout=0.1)
def hang():
    time.sleep(600)
print(begin(hang, {}, Context(folder=Path(".")), loop).result().is_error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.endswith("True\n")
