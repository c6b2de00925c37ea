"""What Claude's headers say about limits."""

from collections.abc import Mapping
from dataclasses import dataclass

#: The dimensions that are limited, in the order in which amounts are given everywhere here.
DIMENSIONS = ("requests", "input-tokens", "output-tokens")

Amounts = tuple[float, float, float]
Maybe = tuple[float | None, float | None, float | None]


@dataclass(frozen=True, slots=True)
class Seen:
    """Limits a minute and what is left of them, by dimension; None where nothing was said."""

    limits: Maybe = (None, None, None)
    left: Maybe = (None, None, None)


NOTHING = Seen()


def read(headers: Mapping[str, str]) -> Seen:
    """What is not a number is taken for not said."""
    limits = [_number(headers.get(f"anthropic-ratelimit-{name}-limit")) for name in DIMENSIONS]
    left = [_number(headers.get(f"anthropic-ratelimit-{name}-remaining")) for name in DIMENSIONS]
    return Seen((limits[0] or None, limits[1] or None, limits[2] or None), (left[0], left[1], left[2]))


def _number(value: str | None) -> float | None:
    return float(value) if value is not None and value.isdecimal() else None
