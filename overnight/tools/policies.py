"""What a tool's author decides about its calls."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from overnight.tools.context import Context


class OnCrash(StrEnum):
    """What becomes of a call that had begun when its worker died: whether it took effect, nobody knows."""

    RETRY = "retry"  # run again, with the same idempotency key
    ASK = "ask"  # a person decides
    TELL = "tell"  # Claude is told that the outcome is unknown


class Permission(StrEnum):
    """Whether a call waits for a person."""

    ALWAYS_ALLOW = "always_allow"
    ALWAYS_ASK = "always_ask"


#: Decides call by call: True and `always_allow` let it run, False and `always_ask` make it wait for a person.
PermissionRule = Callable[[dict[str, Any], Context], bool | str]
