"""What Claude says of its models, asked once a process for each."""

import threading
import time
from dataclasses import dataclass
from typing import Any

import structlog
from anthropic import AsyncAnthropic

from overnight.history.policy import SMALLEST_WINDOW
from overnight.history.request import COMPACTION

log = structlog.get_logger(__name__)

#: Seconds for the question, and until it is asked again where there was no answer.
PATIENCE, ASK_AGAIN = 10.0, 300.0


@dataclass(frozen=True, slots=True)
class Known:
    """`window`: how many tokens a prompt may have; `compacts`: whether it summarises a conversation on demand."""

    window: int = SMALLEST_WINDOW
    compacts: bool = False
    until: float = float("inf")


class KnownModels:
    def __init__(self) -> None:
        self._known: dict[str, Known] = {}
        self._lock = threading.Lock()

    def recall(self, model: str) -> Known | None:
        with self._lock:
            known = self._known.get(model)
        return known if known is not None and known.until > time.monotonic() else None

    async def ask(self, anthropic: AsyncAnthropic, model: str) -> Known:
        """What is not known is taken for the least there is, for a while."""
        try:
            known = _read(await anthropic.beta.models.retrieve(model, betas=[COMPACTION], timeout=PATIENCE))
        except Exception as error:
            log.warning("model_not_known", model=model, error=type(error).__name__)
            known = Known(until=time.monotonic() + ASK_AGAIN)
        with self._lock:
            self._known[model] = known
        return known


def _read(told: Any) -> Known:
    capability = told.capabilities and told.capabilities.compaction
    return Known(told.max_input_tokens or SMALLEST_WINDOW, bool(capability and capability.summarize.supported))
