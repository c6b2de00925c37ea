"""Statements of the hot path, compiled once and run by the driver: SQLAlchemy's execution costs as much again."""

from collections import namedtuple
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TypeEngine

Convert = Callable[[Any], Any]


class Prepared:
    """A SELECT, or an INSERT or UPDATE with or without RETURNING; `values` are its bound parameters by name.

    No `in_` with values: it is spelled out anew at each execution; `states.one_of` says it in words.

    Runs inside a connection's transaction and raises what SQLAlchemy raises.
    """

    def __init__(self, statement: Any) -> None:
        self._statement = statement

    def first(self, connection: Connection, values: Mapping[str, Any]) -> Any | None:
        """The first row, as a named tuple."""
        form = self._form(connection.dialect)
        with _Cursor(connection, form, values) as cursor:
            row = cursor.fetchone()
        return None if row is None else form.read(row)

    def every(self, connection: Connection, values: Mapping[str, Any]) -> list[Any]:
        form = self._form(connection.dialect)
        with _Cursor(connection, form, values) as cursor:
            return [form.read(row) for row in cursor.fetchall()]

    def run(self, connection: Connection, values: Mapping[str, Any]) -> int:
        """How many rows it wrote."""
        with _Cursor(connection, self._form(connection.dialect), values) as cursor:
            written: int = cursor.rowcount
        return written

    def _form(self, dialect: Dialect) -> "_Form":
        # The dialect keeps it, because the vault that seals values is the dialect's.
        forms: dict[Prepared, _Form] = dialect.__dict__.setdefault("prepared", {})
        form = forms.get(self)
        if form is None:
            form = forms[self] = _Form(self._statement, dialect)
        return form


class _Form:
    """The statement in one database's words, and how its values go in and come out."""

    def __init__(self, statement: Any, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self.sql = str(compiled)
        self._fixed: dict[str, Any] = dict(compiled.params)
        self._order: list[str] | None = compiled.positiontup
        bound = {name: binder(parameter.type, dialect) for name, parameter in compiled.binds.items()}
        self._binders = {name: bind for name, bind in bound.items() if bind and name in self._fixed}
        columns = getattr(statement, "exported_columns", None) or []
        self._make_row = namedtuple("Row", [column.key for column in columns])._make  # type: ignore[attr-defined]
        self._readers = [
            (place, read) for place, column in enumerate(columns) if (read := _reader(column.type, dialect))
        ]
        for name, bind in self._binders.items():
            self._fixed[name] = bind(self._fixed[name])

    def arguments(self, values: Mapping[str, Any]) -> Any:
        given = {**self._fixed, **values}
        for name in self._binders.keys() & values.keys():
            given[name] = self._binders[name](given[name])
        return given if self._order is None else [given[name] for name in self._order]

    def read(self, row: Any) -> Any:
        if self._readers:
            row = list(row)
            for place, convert in self._readers:
                row[place] = convert(row[place])
        return self._make_row(row)


class _Cursor:
    def __init__(self, connection: Connection, form: _Form, values: Mapping[str, Any]) -> None:
        self._connection = connection
        self._form = form
        self._values = values

    def __enter__(self) -> Any:
        self._cursor = self._connection.connection.cursor()
        arguments = self._form.arguments(self._values)
        try:
            self._cursor.execute(self._form.sql, arguments)
        except Exception as error:
            self._cursor.close()
            raise translated(self._connection, self._form.sql, error) from error
        return self._cursor

    def __exit__(self, *_: object) -> None:
        self._cursor.close()


def translated(connection: Connection, sql: str, error: Exception) -> Any:
    """What SQLAlchemy would raise for what the driver raised."""
    dialect = connection.dialect
    driver_error: Any = dialect.loaded_dbapi.Error
    if not isinstance(error, driver_error):
        return error
    lost = dialect.is_disconnect(error, connection.connection.dbapi_connection, None)
    if lost:
        connection.invalidate(error)
        connection.engine.dispose()  # the others were cut with it
    return DBAPIError.instance(
        sql, None, error, driver_error, hide_parameters=True, connection_invalidated=lost, dialect=dialect
    )


def binder(kind: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    """What makes of a value what the driver is given; None: it takes it as it is."""
    return kind.dialect_impl(dialect).bind_processor(dialect)


def _reader(kind: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    return kind.dialect_impl(dialect).result_processor(dialect, None)
