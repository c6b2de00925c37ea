"""The workloads, and the words they consist of: a prompt says which turn of which session it is."""

import re
from dataclasses import dataclass, replace
from typing import NamedTuple

from overnight.settings import Settings

MODEL: str = Settings.model_fields["model"].default
MAX_TOKENS = 1_000
PROMPT = re.compile(r"(\S+) turn (\d+):")


class Turn(NamedTuple):
    session: str
    number: int  # from 1

    @property
    def prompt(self) -> str:
        return f"{self.mark} what did I say in the turn before this one, and in which turn are we?"

    @property
    def mark(self) -> str:
        """How its prompt begins; a reply to it quotes this."""
        return f"{self.session} turn {self.number}:"


def turn_of(prompt: str) -> Turn | None:
    """The turn whose prompt this is."""
    match = PROMPT.match(prompt)
    return Turn(match[1], int(match[2])) if match else None


@dataclass(frozen=True, slots=True)
class Work:
    """Sessions of some turns each, submitted as fast as they are taken, or one at a time with a pause between."""

    name: str
    sessions: int
    turns: int
    latency: float = 0.0  # seconds that the model takes
    pause: float = 0.0  # mean seconds between two submissions

    @property
    def total(self) -> int:
        return self.sessions * self.turns

    @property
    def session_names(self) -> list[str]:
        return [f"{self.name}-{number:04d}" for number in range(self.sessions)]

    def ideal(self, slots: int) -> float:
        """Seconds it takes when nothing but the model takes time."""
        return self.latency * self.turns * max(1.0, self.sessions / slots)

    def scaled(self, factor: float) -> "Work":
        return replace(self, sessions=max(1, round(self.sessions * factor)))


W1 = Work("w1", sessions=400, turns=5, latency=1.0)
W2 = Work("w2", sessions=200, turns=5)
W3 = Work("w3", sessions=14, turns=5, pause=0.15)
WORKS = {work.name: work for work in (W1, W2, W3)}

#: Before anything counts: processes that have run for a day have met every statement and every code path.
WARM_UP = Work("warm", sessions=40, turns=2)
