"""What came out of one work done once by one contender, and the figures that it makes. Times are seconds."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import quantiles
from typing import Any

from ops.bench.contender import Ledgers, Line
from ops.bench.journal import most_in_flight
from ops.bench.meter import Usage
from ops.bench.submission import Handover
from ops.bench.verify import Calls
from ops.bench.work import Turn, Work, turn_of


@dataclass(frozen=True, slots=True)
class Percentiles:
    p50: float
    p99: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Percentiles":
        known = sorted(values)
        if len(known) < 2:
            return cls(*(known or [float("nan")]) * 2)
        cuts = quantiles(known, n=100, method="inclusive")
        return cls(cuts[49], cuts[98])


@dataclass(frozen=True, slots=True)
class Measured:
    work: Work
    contender: str
    wall: float  # from the first submission to the last reply that was stored
    submitting: float
    ideal: float
    accept: Percentiles  # submit → accepted
    wake: Percentiles  # submit → its request has arrived at Claude
    turn: Percentiles  # submit → its reply was stored
    in_flight: int
    usage: Usage
    violations: Counter[str]

    @property
    def throughput(self) -> float:
        return self.work.total / self.wall

    @property
    def efficiency(self) -> float:
        return self.ideal / self.wall

    def cpu_ms(self, kind: str | None = None) -> float | None:
        """CPU a turn in milliseconds, of all processes or of one kind; None where there is no such."""
        spent = sum(self.usage.cpu.values()) if kind is None else self.usage.cpu.get(kind)
        return None if spent is None else 1000 * spent / self.work.total

    def as_json(self) -> dict[str, Any]:
        derived = {"throughput": self.throughput, "efficiency": self.efficiency, "cpu_ms_a_turn": self.cpu_ms()}
        return {**asdict(self), **derived}


@dataclass(frozen=True, slots=True)
class Observed:
    """What was seen of a work, from all sides."""

    handovers: dict[Turn, Handover]
    calls: Calls
    ledgers: Ledgers
    usage: Usage


def summarise(work: Work, contender: str, observed: Observed, ideal: float, violations: Counter[str]) -> Measured:
    sent = {turn: handover.sent for turn, handover in observed.handovers.items()}
    stored = _stored(observed.ledgers.values())
    began = min(sent.values())
    return Measured(
        work=work,
        contender=contender,
        wall=max((stored[turn] for turn in sent if turn in stored), default=float("nan")) - began,
        submitting=max(handover.accepted for handover in observed.handovers.values()) - began,
        ideal=ideal,
        accept=Percentiles.of(each.accepted - each.sent for each in observed.handovers.values()),
        wake=Percentiles.of(observed.calls[turn][0].received - sent[turn] for turn in sent if turn in observed.calls),
        turn=Percentiles.of(stored[turn] - sent[turn] for turn in sent if turn in stored),
        in_flight=most_in_flight(observed.calls),
        usage=observed.usage,
        violations=violations,
    )


def _stored(ledgers: Iterable[Sequence[Line]]) -> dict[Turn, float]:
    """When the reply to a turn was written."""
    pairs = ((ledger[place], ledger[place + 1]) for ledger in ledgers for place in range(0, len(ledger) - 1, 2))
    found = ((turn_of(prompt.text), reply.at) for prompt, reply in pairs)
    return {turn: at for turn, at in found if turn}
