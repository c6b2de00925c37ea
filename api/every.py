"""Something that is to be done once in a while by a loop that looks more often."""

import time
from dataclasses import dataclass


@dataclass(slots=True)
class Every:
    """Due at first, and then once in so many seconds."""

    seconds: float
    at: float = 0.0

    def is_due(self) -> bool:
        now = time.monotonic()
        if now < self.at:
            return False
        self.at = now + self.seconds
        return True

    @property
    def remaining(self) -> float:
        return self.at - time.monotonic()
