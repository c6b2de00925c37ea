"""A stretch of time in which sessions end while turns come and go, and how that is shown."""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field

HEADER = f"{'phase':<16}{'seconds':>8}{'turns':>7}{'median':>10}{'19 of 20':>10}{'ended':>7}  ended a second, by fifths"
FIFTHS = 5


@dataclass(frozen=True, slots=True)
class Phase:
    """What turns took, in seconds, and how many sessions had ended so many seconds after its beginning."""

    name: str
    seconds: float
    turns: list[float]
    ended: list[tuple[float, int]] = field(default_factory=list)

    def __str__(self) -> str:
        most = statistics.quantiles(self.turns, n=20)[-1]
        turns = f"{len(self.turns):>7}{statistics.median(self.turns):>8.2f} s{most:>8.2f} s"
        return f"{self.name:<16}{self.seconds:>8.0f}{turns}{self.gained:>7}  {', '.join(self._rates())}"

    @property
    def gained(self) -> int:
        return self.ended[-1][1] - self.ended[0][1]

    def _rates(self) -> Iterator[str]:
        for fifth in range(FIFTHS if self.gained else 0):
            begin, end = (self.seconds * part / FIFTHS for part in (fifth, fifth + 1))
            yield f"{(self._by(end) - self._by(begin)) / (end - begin):.0f}"

    def _by(self, second: float) -> int:
        return max((count for at, count in self.ended if at <= second), default=self.ended[0][1])
