"""What holds for every query, whatever its route."""

from collections import Counter

from starlette.requests import Request

from overnight.errors import InvalidRequest


async def given_once(request: Request) -> None:
    """Lists have `[]` in their names; of anything else nobody knows which value is meant. Raises `InvalidRequest`."""
    for name, times in Counter(name for name, _ in request.query_params.multi_items()).items():
        if times > 1 and not name.endswith("[]"):
            raise InvalidRequest(f"{name}: is given {times} times; give it once", field=name)
