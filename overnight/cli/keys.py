"""`keys create|list|revoke`: API keys, made and revoked directly in the database."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from overnight.cli import encryption
from overnight.cli.exits import CliError
from overnight.cli.options import AsJson, DataDir
from overnight.cli.output import note, write, write_json, write_table

if TYPE_CHECKING:
    from overnight.models import ApiKey

keys = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="API keys, and keys for encryption at rest.")


def add_to(app: typer.Typer) -> None:
    encryption.add_to(keys)
    app.add_typer(keys, name="keys")


@keys.command()
def create(
    name: Annotated[str, typer.Argument(help="What the key is for.")], data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """Make a key and print it, this once: only its hash is kept."""
    from overnight.cli.local import open_database, read_settings
    from overnight.store import keys as store

    if not name.strip():
        raise CliError("the key's name is empty: say what the key is for")
    secret = store.new_secret()
    with open_database(read_settings(data_dir=data_dir)) as database, database.write() as connection:
        key_id = store.add(connection, name.strip(), secret)
    if as_json:
        return write_json({"id": key_id, "name": name.strip(), "key": secret})
    note(f"{key_id} ({name.strip()}): this is the only time that the key is shown")
    return write(secret)


@keys.command(name="list")
def list_keys(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the keys, with the last four characters of each."""
    from overnight.cli.local import open_database, read_settings
    from overnight.store.keys import every_key

    with open_database(read_settings(data_dir=data_dir)) as database, database.read() as connection:
        found = [_shown(key) for key in every_key(connection)]
    if as_json:
        return write_json({"data": found})
    rows = [(key["id"], key["name"], f"…{key['hint']}", key["created_at"], key["revoked_at"]) for key in found]
    return write_table(
        ("id", "name", "key", "created", "revoked"), rows, nothing="no keys: 'overnight keys create NAME'"
    )


@keys.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="KEY_ID", help="As 'keys list' shows it.")], data_dir: DataDir = None
) -> None:
    """Revoke a key: servers refuse it within seconds."""
    from overnight.cli.local import open_database, read_settings
    from overnight.errors import NotFound
    from overnight.store import keys as store

    try:
        with open_database(read_settings(data_dir=data_dir)) as database, database.write() as connection:
            store.revoke(connection, key_id)
    except NotFound:
        raise CliError(f"there is no key {key_id}: 'overnight keys list' shows those there are") from None
    note(f"{key_id} is revoked")


def _shown(key: "ApiKey") -> dict[str, Any]:
    times = {"created_at": key.created_at, "revoked_at": key.revoked_at}
    return {
        "id": key.id,
        "name": key.name,
        "hint": key.hint,
        **{name: at.isoformat(timespec="seconds") if at else None for name, at in times.items()},
    }
