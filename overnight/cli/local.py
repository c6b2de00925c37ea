"""Settings and database of this machine, for the commands that work without a server."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError

from overnight.cli.exits import CliError, Code
from overnight.crypto.masters import MasterKey
from overnight.settings import Settings
from overnight.stack.environment import variable
from overnight.store.database import Database, is_down

MIGRATE = "run 'overnight migrate' (or 'overnight up', which does)"


def read_settings(**given: Any) -> Settings:
    """From the environment and `.env`; what was given on the command line goes before. Raises CliError by name."""
    chosen = {name: value for name, value in given.items() if value is not None}
    try:
        return Settings(**chosen)
    except ValidationError as error:
        raise CliError(f"{_first(error)}; correct it in the environment or in .env") from None


@contextmanager
def open_database(
    settings: Settings, *, may_be_new: bool = False, masters: Sequence[MasterKey] | None = None
) -> Iterator[Database]:
    """The database, whose errors become one line with a remedy. Only `may_be_new` makes a file where there is none.

    `masters`: for commands that read or write contents.
    """
    if not may_be_new and is_missing(settings):
        raise _without_schema(settings)
    database = _database(settings, masters)
    try:
        yield database
    except DatabaseError as error:
        raise _explained(settings, error) from error
    finally:
        database.close()


def shown_url(url: str) -> str:
    """An address without its password."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return "the configured address"


def reason(error: BaseException) -> str:
    """What a driver says, on one line and without SQLAlchemy's additions."""
    told = str(getattr(error, "orig", None) or error)
    return " ".join(told.split()) or type(error).__name__


def _database(settings: Settings, masters: Sequence[MasterKey] | None) -> Database:
    try:
        return Database(settings.sql_url, 2, masters)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        remedy = "set OVERNIGHT_DATABASE_URL to postgresql://… or sqlite:///…, or leave it out"
        raise CliError(f"cannot use the database address ({reason(error)}): {remedy}") from None
    except OSError as error:
        raise CliError(f"cannot use {error.filename}: {error.strerror}; set OVERNIGHT_DATA_DIR to another") from None


def is_missing(settings: Settings) -> bool:
    """Whether it is a file that nobody has made yet."""
    path = settings.sql_url.removeprefix("sqlite:///")
    return path != settings.sql_url and path not in {"", ":memory:"} and not Path(path).exists()


def _without_schema(settings: Settings) -> CliError:
    return CliError(f"the database {shown_url(settings.sql_url)} has no schema yet: {MIGRATE}", Code.UNREACHABLE)


def _explained(settings: Settings, error: DatabaseError) -> CliError:
    told, where = reason(error), shown_url(settings.sql_url)
    if "no such table" in told or ("does not exist" in told and "relation" in told):
        return _without_schema(settings)
    if is_down(error):
        return CliError(f"cannot reach the database {where} ({told}): check OVERNIGHT_DATABASE_URL", Code.UNREACHABLE)
    return CliError(f"the database {where} refuses ({told})", Code.UNREACHABLE)


def _first(error: ValidationError) -> str:
    problem = error.errors()[0]
    field = str(problem["loc"][0]) if problem["loc"] else "settings"
    name = variable(field) if field in Settings.model_fields else field
    return f"{name}: {problem['msg']}"
