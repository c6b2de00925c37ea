"""The schema's version: brought up to date by `overnight migrate`, checked by everything else at start."""

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, func, insert, select
from sqlmodel import SQLModel, col

from overnight import (  # noqa: F401 (the metadata's tables)
    archive_models,
    budget_models,
    context_models,
    environment_models,
    keeping_models,
    key_models,
    node_models,
    session_models,
)
from overnight.models import DEFAULT_WORKSPACE, Workspace
from overnight.store.clock import now
from overnight.store.database import Database

ADVISORY_LOCK = 0x0EE12161  # two deploys at once migrate one after the other
LOCATION = "ops:migrations"


def migrate(database: Database) -> str:
    """Brings the schema to its newest version, and makes the default workspace; gives the version."""
    with database.write() as connection:
        if not database.is_sqlite:
            connection.execute(select(func.pg_advisory_xact_lock(ADVISORY_LOCK)))
        command.upgrade(_config(connection), "head")
        known = connection.execute(select(col(Workspace.id)).where(col(Workspace.id) == DEFAULT_WORKSPACE)).first()
        if known is None:
            connection.execute(insert(Workspace).values(id=DEFAULT_WORKSPACE, name="default", created_at=now()))
    return newest()


def version(connection: Connection) -> str | None:
    """The version that the database has; None for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


def newest() -> str:
    """The version that this code wants."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None
    return head


def differences(connection: Connection) -> list[object]:
    """Where the database departs from the models: empty when the migrations are complete."""
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, SQLModel.metadata))


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", LOCATION)
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
