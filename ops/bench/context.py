"""`overnight bench --context`: what conversations cost under each policy, against sending all of them uncached.

No server and no waiting: the requests are those that workers build, counted as the simulator's cache counts them,
by a clock of its own.
"""

import argparse
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ops.simulator.cache import PromptCache, Usage
from overnight.history import policy, sizes
from overnight.history.context import Entry, entries, recalled
from overnight.history.policy import Policy
from overnight.history.request import Request, Setting, compaction_request, next_request
from overnight.pricing import Tokens, cost_nanousd

MODEL = "claude-sonnet-5-5"
WINDOW = 1_000_000
CHARACTERS = 4  # a token, as the simulator counts
SYSTEM, PASTE, PASTE_AT, SUMMARY = 2_000, 5_000, 5, 800
PROMPTS, REPLIES = (40, 250), (150, 650)  # tokens, from and to
#: Seconds between turns, as a person works: mostly a minute or two, and a longer break now and then.
PACE, BREAK, EVERY = 90.0, 1_500.0, 25
FAR_APART = 1_200.0
START = datetime(2026, 11, 21, 8, tzinfo=UTC)

POLICIES = {
    "`full`": Policy("full"),
    "`compact` (default)": Policy("compact"),
    "`compact`, `max_tokens` 40,000": Policy("compact", max_tokens=40_000),
    "`window`, `max_tokens` 40,000": Policy("window", max_tokens=40_000),
    "`window`, `max_messages` 60": Policy("window", max_messages=60),
}
LENGTHS = (50, 200)


@dataclass
class Conversation:
    """One session under one policy, told turn by turn."""

    limits: Policy
    model: str = MODEL
    cost: int = 0
    uncached: int = 0
    cuts: int = 0
    sent: int = 0  # tokens of the largest request
    now: float = 0.0
    _filled: int = 0
    _said: int = SYSTEM  # tokens of all there is
    _summary: list[dict[str, Any]] | None = None
    _first: list[int] = field(default_factory=list)
    _ledger: list[Entry] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._cache = PromptCache(lambda: self.now)
        self._dice = random.Random(1)
        self._setting = Setting(self.model, 16_000, words(self._dice, SYSTEM))

    def run(self, turns: int, pause: float = PACE, longer: float = BREAK) -> "Conversation":
        for turn in range(turns):
            self.now += longer if turn % EVERY == EVERY - 1 else pause
            prompt = words(self._dice, PASTE if turn == PASTE_AT else self._dice.randint(*PROMPTS))
            self._turn([{"type": "text", "text": prompt}], self._dice.randint(*REPLIES))
        return self

    def _turn(self, prompt: list[dict[str, Any]], reply: int) -> None:
        self._fit(prompt)
        request = next_request(self._setting, self.history, prompt)
        tokens = self._pay(request, reply)
        everything = Tokens(input_tokens=self._said + len(prompt[0]["text"]) // CHARACTERS, output_tokens=reply)
        self.uncached += _price(self.model, everything)
        self._said = everything.prompt + reply
        self.sent = max(self.sent, tokens.prompt)
        self._filled = tokens.prompt + reply
        said = [("user", prompt), ("assistant", [{"type": "text", "text": words(self._dice, reply)}])]
        at = START + timedelta(seconds=self.now)
        self._ledger += entries(len(self._ledger) + 2, said, at)

    def _fit(self, prompt: list[dict[str, Any]]) -> None:
        """As `worker.fitting` does before each request."""
        room = self.limits.room(WINDOW)
        history, begin = self.history, self._setting.begin_after
        tail = [entry for entry in history if entry.seq > begin]
        if room is None:
            return
        if not self.limits.is_too_many(tail) and self._filled + sizes.of_content(prompt) < room:
            return
        chosen = policy.where_to_cut(self.limits, room, history, begin, under_way=False, tokens=self._filled)
        if chosen is None:
            return
        if self.limits.type == "compact":
            older = [entry for entry in history if entry.seq <= chosen]
            self._pay(compaction_request(self._setting, older), SUMMARY)
            self._summary = [{"type": "compaction", "content": words(self._dice, SUMMARY), "signature": "s"}]
        else:
            self._first = self._first or policy.first_exchange(tail, chosen, room)
        self._setting = replace(self._setting, begin_after=chosen, cut=len(self._ledger))
        self.cuts += 1

    @property
    def history(self) -> list[Entry]:
        """What is sent before the next prompt."""
        begin = self._setting.begin_after
        kept = [entry for entry in self._ledger[:begin] if entry.seq in self._first]
        return recalled(self._summary, kept, self._ledger[begin:])

    def _pay(self, request: Request, output: int) -> Tokens:
        sent = request.parameters()
        used: Usage = self._cache.account(sent, "key")
        hour = used.written_for_an_hour
        tokens = Tokens(used.fresh, output, used.written - hour, hour, used.cached)
        self.cost += _price(self.model, tokens)
        return tokens

    @property
    def share(self) -> float:
        """Of what it would cost to send all of it each time, uncached."""
        return self.cost / self.uncached


def _price(model: str, tokens: Tokens) -> int:
    cost = cost_nanousd(model, tokens)
    assert cost is not None, "the model has a listed price"
    return cost


def words(dice: random.Random, tokens: int) -> str:
    """Text of so many tokens, none like another."""
    return "".join(f"{dice.randrange(1_000):03} " for _ in range(tokens)) if tokens else ""


def row(name: str, model: str = MODEL) -> list[str]:
    """What 50 and 200 turns cost under the policy, and 200 of them that are twenty minutes apart."""
    limits = POLICIES[name]
    short, long = (Conversation(limits, model).run(turns) for turns in LENGTHS)
    far = Conversation(limits, model).run(LENGTHS[1], FAR_APART, FAR_APART)
    return [name, *(f"{run.share:.1%}" for run in (short, long, far)), f"{long.cuts}", f"{long.sent:,}"]


HEADINGS = ("policy", "50 turns", "200 turns", "200 turns, 20 minutes apart", "cuts in 200", "largest request")


def table(model: str = MODEL) -> str:
    """In Markdown, as it stands in the documentation."""
    lines = [HEADINGS, ["---"] * len(HEADINGS), *(row(name, model) for name in POLICIES)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser("overnight bench --context", description=__doc__)
    parser.add_argument("--model", default=MODEL, help=f"whose prices count (default: {MODEL})")
    print(table(parser.parse_args(arguments).model))
    return 0
