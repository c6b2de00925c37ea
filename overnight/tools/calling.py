"""The SDK's own validation and call, with the context put in."""

from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from inspect import iscoroutinefunction
from typing import Any

from pydantic import ValidationError

from overnight.tools.context import Context
from overnight.tools.errors import BadInput, fields_of


def caller(sdk: Any, parameter: str | None) -> Callable[[dict[str, Any], Context], Any]:
    """For `Tool.call`: what the SDK's tool answers to Claude's input. `parameter` is the one that takes the context."""
    if iscoroutinefunction(sdk.func):

        async def call_async(given: dict[str, Any], context: Context) -> Any:
            with _naming_fields(sdk.func):
                pending: Coroutine[Any, Any, Any] = sdk.call(_completed(given, parameter, context))
                return await pending

        return call_async

    def call(given: dict[str, Any], context: Context) -> Any:
        with _naming_fields(sdk.func):
            return sdk.call(_completed(given, parameter, context))

    return call


def _completed(given: dict[str, Any], parameter: str | None, context: Context) -> dict[str, Any]:
    if parameter is None:
        return given
    if parameter in given:
        raise BadInput(f"{parameter}: Unexpected keyword argument")
    return {**given, parameter: context}


@contextmanager
def _naming_fields(function: Callable[..., Any]) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        cause = error.__cause__
        # The SDK reports every validation error as one of the arguments, also those from inside the function.
        if isinstance(cause, ValidationError) and str(error).startswith("Invalid arguments for function "):
            raise (BadInput(fields_of(cause)) if cause.title == function.__name__ else cause) from None
        raise
