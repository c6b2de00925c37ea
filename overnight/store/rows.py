"""Rows read back as the models they were written from."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Executable
from sqlmodel import SQLModel

M = TypeVar("M", bound=SQLModel)


def first(
    connection: Connection, model: type[M], statement: Executable, values: Mapping[str, Any] | None = None
) -> M | None:
    row = connection.execute(statement, values or {}).first()
    return cast(M, model.model_construct(**row._mapping)) if row else None


def every(
    connection: Connection, model: type[M], statement: Executable, values: Mapping[str, Any] | None = None
) -> Sequence[M]:
    return [cast(M, model.model_construct(**row._mapping)) for row in connection.execute(statement, values or {})]
