"""`keys new-encryption|rotate-encryption|forget-encryption`: the keys with which contents are encrypted at rest."""

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from overnight.cli.exits import CliError, Code
from overnight.cli.options import AsJson, DataDir
from overnight.cli.output import note, write, write_json

if TYPE_CHECKING:
    from overnight.settings import Settings
    from overnight.store.database import Database

PASSES, PAUSE = 5, 0.5  # over each table, seconds between them


def add_to(keys: typer.Typer) -> None:
    for command in (new_encryption, rotate_encryption, forget_encryption):
        keys.command()(command)


def new_encryption() -> None:
    """Print a new key for OVERNIGHT_ENCRYPTION_KEYS, which is stored nowhere."""
    from overnight.crypto.masters import MasterKey, new_text

    text = new_text()
    note(f"key {MasterKey.parse(text).id}: put it in front of OVERNIGHT_ENCRYPTION_KEYS, and keep a copy elsewhere;")
    note("what is encrypted with it is lost without it")
    write(text)


def rotate_encryption(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Encrypt with the newest key what is not yet; while all runs, and again from where it was interrupted."""
    from overnight.cli.local import read_settings
    from overnight.errors import Unreadable

    settings = read_settings(data_dir=data_dir)
    if not settings.master_keys:
        raise CliError("OVERNIGHT_ENCRYPTION_KEYS is empty: set it to a key of 'overnight keys new-encryption'")
    try:
        told = _rotate(settings)
    except Unreadable as error:
        raise CliError(error.message, Code.UNREACHABLE) from None
    if as_json:
        write_json(told)
    _conclude(told)


def forget_encryption(
    key_id: Annotated[str, typer.Argument(metavar="KEY_ID", help="As 'overnight doctor' names it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Without this nothing is done.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Give up a lost key: what is encrypted with it stays unreadable for good, and Overnight no longer asks for it."""
    from overnight.cli.local import open_database, read_settings
    from overnight.store import data_keys

    with open_database(read_settings(data_dir=data_dir)) as database, database.write() as connection:
        count = data_keys.count(connection, key_id)
        if not count:
            raise CliError(f"nothing is encrypted with key {key_id}: 'overnight doctor' names those that are missing")
        if not yes:
            raise CliError(f"everything that key {key_id} encrypts will be lost for good; if so, add --yes")
        data_keys.forget(connection, key_id)
    note(f"key {key_id} is forgotten, with {count} data keys; rows that it encrypted stay, and cannot be read")


def _rotate(settings: "Settings") -> dict[str, Any]:
    from overnight.cli.local import open_database
    from overnight.store import data_keys, rewriting

    newest = settings.master_keys[0].id
    told: dict[str, Any] = {"key": newest, "rewritten": 0, "were_plain": 0, "left": 0, "unreadable": 0}
    with open_database(settings, masters=settings.master_keys) as database:
        with database.write() as connection:
            data_keys.retire_others(connection, newest)
        for table in rewriting.tables():
            _rewrite(database, table, told)
        with database.write() as connection:
            data_keys.wrap_anew(connection, database.vault, newest)
        if told["were_plain"] and database.is_sqlite and not database.compact():
            note("SQLite's log may still hold what was plain: stop everything once, and it goes")
        return {**told, "database": "sqlite" if database.is_sqlite else "postgres"}


def _rewrite(database: "Database", table: Any, told: dict[str, Any]) -> None:
    from overnight.store import rewriting

    for again in range(PASSES):
        if again:
            time.sleep(PAUSE)  # for rows that others were writing just then
        rewritten = unreadable = 0
        for batch in rewriting.rewrite(database, table):
            rewritten += batch.rewritten
            unreadable += batch.unreadable
            told["were_plain"] += batch.plain
        told["rewritten"] += rewritten
        if rewritten:
            note(f"{table.name}: {rewritten} values encrypted with key {told['key']}")
        if (left := max(0, rewriting.left(database, table) - unreadable)) == 0:
            break
    told["left"] += left
    told["unreadable"] += unreadable


def _conclude(told: dict[str, Any]) -> None:
    note(f"{told['rewritten']} values rewritten, {told['were_plain']} of them plain before")
    if told["were_plain"] and told["database"] == "postgres":
        note("files of Postgres, its log and backups still hold what was plain: see docs/encryption.md")
    if told["unreadable"]:
        raise CliError(
            f"{told['unreadable']} values could not be read and stay as they are: 'overnight doctor' says why"
        )
    if told["left"]:
        remedy = "restart every process with the same OVERNIGHT_ENCRYPTION_KEYS, then repeat this"
        raise CliError(f"other processes still write with an older key: {remedy}", Code.UNFINISHED)
    note(f"only key {told['key']} is needed from here on")
