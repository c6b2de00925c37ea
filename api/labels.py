"""What a caller sends to change the `metadata` of something."""

from collections.abc import Mapping

from api.text import MOST_LABELS
from overnight.errors import InvalidRequest


def patched(labels: Mapping[str, str], patch: Mapping[str, str | None], of: str) -> dict[str, str]:
    """The pairs as they are from now on: null takes one away. Raises `InvalidRequest` for too many of an `of`."""
    merged = {name: value for name, value in {**labels, **patch}.items() if value is not None}
    if len(merged) > MOST_LABELS:
        raise InvalidRequest(
            f"metadata: the {of} would have {len(merged)} pairs, of {MOST_LABELS} at most; take some away with null",
            field="metadata",
        )
    return merged
