"""The official SDKs repeat a POST whose answer was lost, and send no idempotency key: told by content and time."""

import hashlib
from dataclasses import dataclass
from typing import Self

from starlette.requests import Request

from api.auth import secret_of

#: The longest the SDK pauses before its next try, and the way here, seconds.
PAUSE = 15.0
#: Where SDKs tell it; Python's says NOT_GIVEN in the second when it is the client's own.
TIMEOUTS = ("x-stainless-read-timeout", "x-stainless-timeout")
#: What the SDK waits for an answer unless told otherwise, seconds.
USUAL_TIMEOUT = 600.0


@dataclass(frozen=True, slots=True)
class Attempt:
    """`number` tries went before this one; each gives up after `timeout` seconds."""

    number: int
    timeout: float

    @classmethod
    def of(cls, request: Request) -> Self | None:
        """None for callers that do not count their tries as the SDKs do."""
        count = request.headers.get("x-stainless-retry-count", "")
        if not (count.isascii() and count.isdecimal() and len(count) < 3):
            return None
        told = (_seconds(request.headers.get(name, "")) for name in TIMEOUTS)
        return cls(int(count), next(filter(None, told), USUAL_TIMEOUT))

    def repeats(self, age: float) -> bool:
        """Whether what was answered `age` seconds ago can have been this request: its answer lost on the way, or waited
        for in vain. The same words said again on purpose are a first try."""
        waits = range(self.number + 1) if self.number else ()
        return any(0 <= age - lost * self.timeout <= self.number * PAUSE for lost in waits)


def _seconds(told: str) -> float | None:
    try:
        seconds = float(told)
    except ValueError:
        return None
    return seconds if 0 < seconds < 86_400 else None


def key_of(request: Request, fingerprint: str) -> str:
    """One for all tries of a caller's request; no caller can send it, as it is not ASCII."""
    digest = hashlib.sha256(f"{secret_of(request.headers)} {fingerprint}".encode()).hexdigest()
    return f"→{digest}"
