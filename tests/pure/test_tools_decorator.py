"""What `@tool` makes of a function, and what it says about one that cannot be a tool."""

import asyncio
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from anthropic import beta_async_tool, beta_tool
from anthropic.lib.tools import ToolError

from overnight.tools import BadInput, BadTool, CancelFlag, Cancelled, Context, OnCrash, Permission, Tool, tool
from overnight.tools.workspaces import workspace_of


def bare(city: str, context: Context, days: int = 1) -> str:
    """Tell the weather.

    Args:
        city: Where.
    """
    return f"{city} {days} {context.idempotency_key}"


def first(context: Context, city: str, days: int = 1) -> str:
    """Tell the weather.

    Args:
        city: Where.
    """
    return bare(city, context, days)


def keyword(city: str, days: int = 1, *, context: Context) -> str:
    """Tell the weather.

    Args:
        city: Where.
    """
    return bare(city, context, days)


def optional(city: str, days: int = 1, context: Context | None = None) -> str:
    """Tell the weather.

    Args:
        city: Where.
    """
    assert context
    return bare(city, context, days)


async def later(city: str, context: "Context", days: int = 1) -> str:
    """Tell the weather.

    Args:
        city: Where.
    """
    return bare(city, context, days)


WAYS: dict[str, Tool] = {
    "bare": tool(bare),
    "called": tool()(bare),
    "above beta_tool": tool(beta_tool(bare)),
    "context first": tool(first),
    "context by keyword": tool(keyword),
    "context optional": tool(optional),
    "async": tool(later),
    "above beta_async_tool": tool(beta_async_tool(later)),
}


def outcome(made: Tool, given: dict[str, Any], context: Context) -> Any:
    value = made.call(given, context)
    return asyncio.run(value) if inspect.iscoroutine(value) else value


@pytest.mark.parametrize("made", WAYS.values(), ids=WAYS)
def test_claude_sees_all_but_the_context(made: Tool, tmp_path: Path) -> None:
    assert made.definition["description"] == "Tell the weather."
    schema = made.definition["input_schema"]
    assert schema["properties"]["city"] == {"title": "City", "type": "string", "description": "Where."}
    assert set(schema["properties"]) == {"city", "days"}
    assert schema["required"] == ["city"]
    assert made.name == made.definition["name"]


@pytest.mark.parametrize("made", WAYS.values(), ids=WAYS)
def test_a_call_gets_the_context(made: Tool, tmp_path: Path) -> None:
    context = Context(idempotency_key="key_7", folder=tmp_path)
    assert outcome(made, {"city": "Bern", "days": "2"}, context) == "Bern 2 key_7"
    assert made.is_async is inspect.iscoroutinefunction(made.function)
    with pytest.raises(BadInput, match="days: Input should be a valid integer"):
        outcome(made, {"city": "Bern", "days": "two"}, context)
    with pytest.raises(BadInput, match=r"^context: Unexpected keyword argument$"):
        outcome(made, {"city": "Bern", "context": {}}, context)


def test_the_function_can_still_be_called(tmp_path: Path) -> None:
    assert WAYS["bare"]("Bern", Context(folder=tmp_path)) == "Bern 1 key_test"


def test_options_are_kept() -> None:
    made = tool(on_crash="retry", timeout=60, permission="always_ask")(bare)
    assert (made.on_crash, made.timeout, made.permission) == (OnCrash.RETRY, 60.0, Permission.ALWAYS_ASK)
    assert (WAYS["bare"].on_crash, WAYS["bare"].timeout) == (OnCrash.TELL, None)
    assert WAYS["bare"].permission is Permission.ALWAYS_ALLOW


def test_what_the_sdk_was_told_is_kept() -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    made = tool(beta_tool(bare, name="weather", description="Told.", input_schema=schema, strict=True))
    assert made.definition == {"name": "weather", "description": "Told.", "input_schema": schema, "strict": True}


def _exact(a: int, /) -> None: ...
def _two(one: Context, other: Context) -> None: ...
def _strange(socket: object, lock: "asyncio.Lock") -> None: ...


WRONG: dict[str, tuple[Callable[[], object], str]] = {
    "on_crash": (lambda: tool(on_crash="repeat")(bare), "on_crash must be one of 'retry', 'ask', 'tell', not 'repeat'"),
    "timeout": (lambda: tool(timeout=0)(bare), "timeout must be a number of seconds above 0, not 0"),
    "timeout text": (lambda: tool(timeout="5")(bare), "timeout must be a number"),  # type: ignore[arg-type]
    "timeout true": (lambda: tool(timeout=True)(bare), "timeout must be a number"),
    "permission": (lambda: tool(permission="maybe")(bare), "'always_allow', 'always_ask', not 'maybe'"),
    "permission number": (lambda: tool(permission=3)(bare), "or a function, not 3"),  # type: ignore[arg-type]
    "permission async": (lambda: tool(permission=later)(bare), "not 'async def'"),  # type: ignore[arg-type]
    "no function": (lambda: tool(5), "takes a function, .* not int"),
    "twice": (lambda: tool(tool(bare)), "takes a function, .* not Tool"),
    "name": (lambda: tool(beta_tool(bare, name="a b")), "tool 'a b': its name must be"),
    "async as sync": (lambda: tool(beta_tool(later)), "use @beta_async_tool"),  # type: ignore[type-var]
    "by position": (lambda: tool(_exact), "take the '/' out"),
    "two contexts": (lambda: tool(_two), "one and other are both annotated Context"),
    "no schema": (lambda: tool(_strange), "tool _strange: no input schema can be made"),
}


@pytest.mark.parametrize(("make", "told"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_a_tool_is_said(make: Callable[[], object], told: str) -> None:
    with pytest.raises(BadTool, match=told):
        make()


def _raise(given: dict[str, Any], context: Context) -> bool:
    raise RuntimeError


@pytest.mark.parametrize(
    ("permission", "asks"),
    [
        ("always_allow", False),
        ("always_ask", True),
        (lambda given, context: given["amount"] < 100, False),
        (lambda given, context: given["amount"] > 100, True),
        (lambda given, context: "always_allow", False),
        (lambda given, context: "always_ask", True),
        (lambda given, context: None, True),
        (lambda given, context: "yes", True),
        (_raise, True),
    ],
)
def test_a_rule_decides_and_a_doubt_asks(permission: Any, asks: bool, tmp_path: Path) -> None:
    made = tool(permission=permission)(bare)
    assert made.asks({"amount": 5}, Context(folder=tmp_path)) is asks


def test_a_flag_wakes_stops_and_tells() -> None:
    flag, told = CancelFlag(), []
    flag.raise_if_set()
    with flag.telling(lambda: told.append("first")):
        assert not flag.wait(0)
        flag.set()
        flag.set()
    assert told[:1] == ["first"]
    assert flag.wait(5)
    with pytest.raises(Cancelled):
        flag.raise_if_set()
    with flag.telling(lambda: told.append("late")):
        assert told[-1] == "late"
    assert not issubclass(Cancelled, Exception)


def test_a_workspace_is_below_the_data(tmp_path: Path) -> None:
    assert workspace_of(tmp_path, "sesn_1") == tmp_path / "workspaces" / "sesn_1"
    for bad in ("", "..", "a/b", "a\n", "."):
        with pytest.raises(ValueError, match="not a session's id"):
            workspace_of(tmp_path, bad)


def test_the_sdks_error_passes_through(tmp_path: Path) -> None:
    @tool
    def refuse() -> str:
        raise ToolError("no")

    with pytest.raises(ToolError, match="no"):
        refuse.call({}, Context(folder=tmp_path))
