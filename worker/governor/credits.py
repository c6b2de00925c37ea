"""Grants that were charged ahead and wait in this process's memory for the next requests."""

from collections import deque
from dataclasses import dataclass

from worker.governor.headers import Amounts

#: After so many seconds they are given back.
KEPT = 10.0
#: A request with so many times the input that was charged asks for itself, unless it is small.
TOO_LARGE, SMALL = 4.0, 2_000.0


@dataclass(frozen=True, slots=True)
class Credit:
    family: str
    each: Amounts
    until: float


class Credits:
    """By family, oldest first. Called under its owner's lock."""

    def __init__(self) -> None:
        self._held: dict[str, deque[Credit]] = {}

    def add(self, family: str, each: Amounts, count: int, now: float) -> None:
        self._held.setdefault(family, deque()).extend(Credit(family, each, now + KEPT) for _ in range(count))

    def take(self, family: str, amounts: Amounts, now: float) -> Credit | None:
        """None where there is none that is still good for so much."""
        held = self._held.get(family)
        if not held or held[-1].until <= now:
            return None
        return held.pop() if amounts[1] <= max(TOO_LARGE * held[-1].each[1], SMALL) else None

    def put_back(self, credit: Credit) -> None:
        self._held.setdefault(credit.family, deque()).append(credit)

    def drop(self, family: str | None = None, now: float | None = None) -> list[Credit]:
        """Those of `family` (None: of all) that are over at `now` (None: all of them), to be given back."""
        dropped: list[Credit] = []
        for name in list(self._held) if family is None else [family]:
            held = self._held.get(name, deque())
            while held and (now is None or held[0].until <= now):
                dropped.append(held.popleft())
        return dropped
