"""`@tool`: above the SDK's `@beta_tool` or `@beta_async_tool`, or alone, where it applies them itself."""

import inspect
import math
import typing
from collections.abc import Callable
from typing import Any, TypeVar, overload

from overnight.tools.calling import caller
from overnight.tools.context import Context
from overnight.tools.declaration import Tool
from overnight.tools.errors import BadTool
from overnight.tools.names import REMEDY, VALID
from overnight.tools.policies import OnCrash, Permission, PermissionRule

Choice = TypeVar("Choice", OnCrash, Permission)


@overload
def tool(function: Any, /) -> Tool: ...


@overload
def tool(
    *,
    on_crash: OnCrash | str = OnCrash.TELL,
    timeout: float | None = None,
    permission: Permission | str | PermissionRule = Permission.ALWAYS_ALLOW,
) -> Callable[[Any], Tool]: ...


def tool(
    function: Any = None,
    /,
    *,
    on_crash: OnCrash | str = OnCrash.TELL,
    timeout: float | None = None,
    permission: Permission | str | PermissionRule = Permission.ALWAYS_ALLOW,
) -> Tool | Callable[[Any], Tool]:
    """Makes a function a tool of Overnight. `timeout` is in seconds; raises `BadTool` for what cannot be one."""

    def declare(given: Any) -> Tool:
        sdk = _of_the_sdk(given)
        parameter = _context_parameter(sdk)
        return Tool(
            name=sdk.name,
            definition=_definition(sdk, parameter),
            call=caller(sdk, parameter),
            is_async=inspect.iscoroutinefunction(sdk.func),
            on_crash=_one_of(OnCrash, on_crash, sdk.name, "on_crash"),
            timeout=_seconds(timeout, sdk.name),
            permission=_permission(permission, sdk.name),
            origin=sdk.func.__module__,
            function=sdk.func,
        )

    return declare if function is None else declare(function)


def _of_the_sdk(given: Any) -> Any:
    """A `BetaFunctionTool` or `BetaAsyncFunctionTool`."""
    from anthropic.lib.tools import BetaAsyncFunctionTool, BetaFunctionTool

    if isinstance(given, BetaFunctionTool | BetaAsyncFunctionTool):
        made = given
    elif inspect.isroutine(given):
        made = _made(given)
    else:
        raise BadTool(f"@tool takes a function, or what @beta_tool made of one, not {type(given).__name__}")
    if not VALID.fullmatch(made.name):
        raise BadTool(f"tool {made.name!r}: its name must be 1 to 128 letters, digits, '_' or '-': {REMEDY}")
    if isinstance(made, BetaFunctionTool) and inspect.iscoroutinefunction(made.func):
        raise BadTool(f"tool {made.name}: it is 'async def': use @beta_async_tool in the place of @beta_tool")
    return made


def _made(function: Callable[..., Any]) -> Any:
    from anthropic import beta_async_tool, beta_tool

    make: Any = beta_async_tool if inspect.iscoroutinefunction(function) else beta_tool
    try:
        return make(function)
    except Exception as error:
        told = " ".join(str(error).split())
        raise BadTool(f"tool {function.__name__}: no input schema can be made of its parameters: {told}") from error


def _context_parameter(sdk: Any) -> str | None:
    """The name of the parameter that is annotated `Context`, or `Context | None`."""
    signature = inspect.signature(sdk.func)
    if any(parameter.kind is parameter.POSITIONAL_ONLY for parameter in signature.parameters.values()):
        raise BadTool(f"tool {sdk.name}: Claude gives arguments by name: take the '/' out of its parameters")
    try:
        hints = typing.get_type_hints(sdk.func)
    except NameError as error:
        raise BadTool(f"tool {sdk.name}: {error}: import what its annotations name at the top of its module") from None
    found = [name for name in signature.parameters if Context in (hint := hints.get(name), *typing.get_args(hint))]
    if len(found) > 1:
        raise BadTool(f"tool {sdk.name}: {' and '.join(found)} are both annotated Context: keep one")
    return found[0] if found else None


def _definition(sdk: Any, parameter: str | None) -> dict[str, Any]:
    """As the SDK makes it, without the parameter that is not for Claude."""
    definition = {key: value for key, value in sdk.to_dict().items() if value != ""}
    schema = dict(definition["input_schema"])
    schema["properties"] = {key: value for key, value in (schema.get("properties") or {}).items() if key != parameter}
    if parameter in schema.get("required", []):
        schema["required"] = [name for name in schema["required"] if name != parameter]
    return {**definition, "input_schema": schema}


def _one_of(choices: type[Choice], given: str, name: str, option: str) -> Choice:
    try:
        return choices(given)
    except ValueError:
        allowed = ", ".join(repr(choice.value) for choice in choices)
        raise BadTool(f"tool {name}: {option} must be one of {allowed}, not {given!r}") from None


def _seconds(given: object, name: str) -> float | None:
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given < math.inf:
        raise BadTool(f"tool {name}: timeout must be a number of seconds above 0, not {given!r}")
    return float(given)


def _permission(given: Any, name: str) -> Permission | PermissionRule:
    if isinstance(given, str):
        return _one_of(Permission, given, name, "permission")
    if not callable(given):
        raise BadTool(f"tool {name}: permission must be 'always_allow', 'always_ask' or a function, not {given!r}")
    if inspect.iscoroutinefunction(given):
        raise BadTool(f"tool {name}: permission must be an ordinary function, not 'async def'")
    rule: PermissionRule = given
    return rule
