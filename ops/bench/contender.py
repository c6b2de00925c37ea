"""What is measured: something that takes turns, asks Claude, and keeps ledgers in Postgres."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from ops.bench.work import turn_of

Ledgers = dict[str, list["Line"]]


@dataclass(frozen=True, slots=True)
class Line:
    """One message of a ledger, and when it was written (seconds since 1970)."""

    role: str
    text: str
    at: float


class Contender(Protocol):
    name: str
    door: dict[str, Any]  # how turns are handed to it: for `ops.bench.doors`
    processes: dict[str, list[int]]  # by what they are; their children count with them

    def settled(self) -> int:
        """How many turns have come to an end, whichever."""

    def ledgers(self) -> Ledgers:
        """By the session's name."""


def by_session(told: Iterable[tuple[str, Line]]) -> Ledgers:
    """Lines with the key of their ledger, in order; a session is known by its first prompt."""
    ledgers: dict[str, list[Line]] = defaultdict(list)
    for key, line in told:
        ledgers[key].append(line)
    named: Ledgers = {}
    for key, ledger in ledgers.items():
        first = turn_of(ledger[0].text)
        named.setdefault(first.session if first else key, []).extend(ledger)
    return named
