"""JSON kept as text: what Claude sent is read back value for value, in its order, on every database."""

import json
from typing import Any

from sqlalchemy import Text
from sqlalchemy.types import TypeDecorator


class JsonText(TypeDecorator[Any]):
    """Any JSON value in a TEXT column. Escaped to ASCII, so that NUL and lone surrogates survive Postgres."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> str | None:
        return None if value is None else json.dumps(value, separators=(",", ":"))

    def process_result_value(self, value: str | None, dialect: Any) -> Any:
        return None if value is None else json.loads(value)
