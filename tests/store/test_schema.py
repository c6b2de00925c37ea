from overnight.store import schema
from overnight.store.database import Database


def test_migrations_make_the_models(database: Database) -> None:
    with database.read() as connection:
        assert schema.differences(connection) == []
        assert schema.version(connection) == schema.newest()


def test_migrating_again_changes_nothing(database: Database) -> None:
    assert schema.migrate(database) == schema.newest()
