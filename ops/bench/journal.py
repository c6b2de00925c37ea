"""What Claude's stand-in received and when, from its journal."""

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from ops.bench.work import Turn, Work, turn_of


@dataclass(slots=True)
class Call:
    """One request; times are seconds since 1970."""

    turn: Turn
    messages: int
    received: float
    answered: float | None = None
    outcome: str | None = None


def read_calls(journal: Path, work: Work) -> dict[Turn, list[Call]]:
    """The calls of a work by their turn, in the order of their arrival."""
    by_number: dict[int, Call] = {}
    for line in journal.read_text().splitlines():
        told = json.loads(line)
        if told["event"] == "received":
            turn = turn_of(told["prompt"])
            if turn and turn.session.startswith(f"{work.name}-"):
                by_number[told["n"]] = Call(turn, told["messages"], told["at"])
        elif call := by_number.get(told["n"]):
            call.answered, call.outcome = told["at"], told["outcome"]
    calls: dict[Turn, list[Call]] = defaultdict(list)
    for call in by_number.values():
        calls[call.turn].append(call)
    return calls


def most_in_flight(calls: dict[Turn, list[Call]]) -> int:
    """The largest number of calls that were under way at once."""
    steps = [
        step for same in calls.values() for call in same for step in ((call.received, 1), (call.answered or 0.0, -1))
    ]
    most = now = 0
    for _, step in sorted(steps):
        now += step
        most = max(most, now)
    return most
