"""JSON from outside that is handed on as it is: what cannot be stored or sent on is refused."""

import math
from typing import Annotated, Any

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from api.text import storable

DEEPEST = 64


def sound(value: Any) -> Any:
    """Refuses NUL, lone surrogates, NaN, infinities, and what is nested beyond reason."""
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return value
    raise PydanticCustomError("too_deep", "is nested too deeply; at most {deepest} levels", {"deepest": DEEPEST})


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    if isinstance(value, list):
        return value
    if isinstance(value, str):
        storable(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise PydanticCustomError("not_finite", "must not contain NaN or infinities, which JSON does not know")
    return []


Sound = Annotated[Any, AfterValidator(sound)]
