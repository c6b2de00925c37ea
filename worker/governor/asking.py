"""What is asked of a pool, and what it answers."""

from dataclasses import dataclass

from worker.governor.headers import Amounts


@dataclass(frozen=True, slots=True)
class Wish:
    """A request that a session wants to make; `tenant` is whose share it takes."""

    session_id: str
    tenant: str
    is_background: bool
    amounts: Amounts


@dataclass(frozen=True, slots=True)
class Grant:
    """A request may be sent: what was charged for it, and when (on the pool's clock)."""

    session_id: str
    family: str
    amounts: Amounts
    at: float
    is_local: bool = False  # of this process's own pool, without Redis
    until: float = 0.0  # of one that was charged before it was wished for: how long it is good


@dataclass(frozen=True, slots=True)
class Refusal:
    """Not now: come again after `delay` seconds."""

    delay: float


@dataclass(frozen=True, slots=True)
class Answer:
    """`delay` None: granted, with `more` further grants of `each` that are charged already. `at` is the pool's time."""

    at: float
    delay: float | None
    each: Amounts = (1.0, 0.0, 0.0)
    more: int = 0
