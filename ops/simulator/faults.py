"""Which directives hold for one request: those in its prompt, then the faults set from outside."""

import random
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ops.simulator.directives import FAULTS, Bracket, Directives, count, number, read_fields

DIRECTIVES_UNSET = Directives()


@dataclass(slots=True)
class OutsideFault:
    """A fault that hits any request at this rate, until it has hit `count` times or its time is over (None: never)."""

    fields: dict[str, Any]
    rate: float = 1.0
    count: int | None = None
    until: float | None = None
    hits: int = 0
    dice: random.Random = field(default_factory=lambda: random.Random(0))

    def strikes(self) -> bool:
        if self.until is not None and time.monotonic() > self.until:
            return False
        return (self.count is None or self.hits < self.count) and self.dice.random() < self.rate


class Faults:
    """Remembers how often each has been used."""

    def __init__(self) -> None:
        self._used: Counter[tuple[str, int]] = Counter()
        self._outside: list[OutsideFault] = []

    def add(self, given: Mapping[str, Any]) -> None:
        """Set a fault from outside. ValueError names the field that is wrong."""
        wanted = {name: value for name, value in given.items() if value is not None}
        rate, most = wanted.pop("rate", 1.0), wanted.pop("count", wanted.pop("times", None))
        seconds = wanted.pop("seconds", None)
        if "step" in wanted:
            raise ValueError("faults: 'step' counts within one turn; give it in that turn's prompt")
        fields = read_fields(wanted)
        if FAULTS.isdisjoint(fields) and "latency" not in fields:
            raise ValueError(f"faults: nothing to do; give one of {', '.join(sorted(FAULTS))} or latency")
        try:
            until = None if seconds is None else time.monotonic() + number(seconds)
            self._outside.append(OutsideFault(fields, number(rate), None if most is None else count(most), until))
        except (TypeError, ValueError):
            problem = "faults: 'rate' must be a number from 0 to 1, 'count' a whole number, 'seconds' a number"
            raise ValueError(problem) from None

    def clear(self) -> None:
        self._outside.clear()

    def listed(self) -> list[dict[str, Any]]:
        return [
            {**fault.fields, "rate": fault.rate, "count": fault.count, "hits": fault.hits} for fault in self._outside
        ]

    def directives(self, prompt: str, brackets: list[Bracket], messages: int, step: int = 0) -> Directives:
        """What holds for this request, now counted as used: of several that disagree, the first holds.

        `step` is how many replies the turn has so far.
        """
        if not brackets and not self._outside:
            return DIRECTIVES_UNSET
        chosen: dict[str, Any] = {}
        fault_chosen = False
        for n, bracket in enumerate(brackets):
            if bracket.step not in (None, step + 1):
                continue
            if (bracket.is_fault and fault_chosen) or not self._holds(prompt, n, bracket, messages):
                continue
            fault_chosen = fault_chosen or bracket.is_fault
            if bracket.times is not None:
                self._used[prompt, n] += 1
            chosen = {**bracket.fields, **chosen}
        return Directives(**(chosen if fault_chosen else self._struck(messages) | chosen))

    def _holds(self, prompt: str, n: int, bracket: Bracket, messages: int) -> bool:
        if bracket.times is not None and self._used[prompt, n] >= bracket.times:
            return False
        return messages > int(bracket.fields.get("too_long", -1))

    def _struck(self, messages: int) -> dict[str, Any]:
        for fault in self._outside:
            if messages > fault.fields.get("too_long", -1) and fault.strikes():
                fault.hits += 1
                return fault.fields
        return {}
