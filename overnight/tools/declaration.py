"""A tool as the workers know it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from overnight.tools.context import Context
from overnight.tools.policies import OnCrash, Permission, PermissionRule


@dataclass(frozen=True, slots=True)
class Tool:
    """What Claude is told about it, and what happens when Claude calls it. Made by `@tool`."""

    name: str
    definition: dict[str, Any]  # as the Messages API takes it
    #: Validates the input and runs; a coroutine if `is_async`. Raises `BadInput`, or whatever the function raises.
    call: Callable[[dict[str, Any], Context], Any]
    is_async: bool = False
    on_crash: OnCrash = OnCrash.TELL
    timeout: float | None = None  # seconds; None: the setting OVERNIGHT_TOOL_TIMEOUT
    permission: Permission | PermissionRule = Permission.ALWAYS_ALLOW
    origin: str = ""  # the module it comes from
    function: Callable[..., Any] | None = None  # as its author wrote it

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """The function itself, as if it were not decorated: for tests, and for calls from other code."""
        if self.function is None:
            raise TypeError(f"{self.name} is no Python function")
        return self.function(*arguments, **named)

    def asks(self, given: dict[str, Any], context: Context) -> bool:
        """Whether this call waits for a person; a rule that fails, or answers something else, makes it wait."""
        if isinstance(self.permission, Permission):
            return self.permission is Permission.ALWAYS_ASK
        try:
            answer = self.permission(given, context)
        except Exception:
            return True
        return answer is not True and answer != Permission.ALWAYS_ALLOW
