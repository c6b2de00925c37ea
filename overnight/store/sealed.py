"""Columns that hold contents: sealed on their way in where a key is set, opened on their way out."""

import json
from typing import Any

from sqlalchemy import Text
from sqlalchemy.types import TypeDecorator

#: The attribute of a `Database`'s dialect: all that a type is told of where its value goes.
VAULT = "vault"


class SealedText(TypeDecorator[Any]):
    """A string in a TEXT column; `place` is its table and column, beyond which a sealed value opens nowhere.

    The vault is the dialect's, that is the `Database`'s.
    """

    impl = Text
    cache_ok = True

    def __init__(self, place: str) -> None:
        super().__init__()
        self.place = place

    def process_bind_param(self, value: Any, dialect: Any) -> str | None:
        return None if value is None else dialect.vault.seal(self.written(value), self.place)

    def process_result_value(self, value: str | None, dialect: Any) -> Any:
        return None if value is None else self.read(dialect.vault.open(value, self.place))

    def written(self, value: Any) -> str:
        return str(value)

    def read(self, text: str) -> Any:
        return text


class SealedJson(SealedText):
    """Any JSON value, written as `JsonText` writes it."""

    cache_ok = True

    def written(self, value: Any) -> str:
        return json.dumps(value, separators=(",", ":"))

    def read(self, text: str) -> Any:
        return json.loads(text)
