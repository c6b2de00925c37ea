"""`migrate`: brings the database's schema up to date."""

import typer

from overnight.cli.options import AsJson, DataDir
from overnight.cli.output import write, write_json


def add_to(app: typer.Typer) -> None:
    app.command()(migrate)


def migrate(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Bring the database's schema up to date (safe to run twice, or in two places at once)."""
    from overnight.cli.local import open_database, read_settings, shown_url
    from overnight.store import schema

    settings = read_settings(data_dir=data_dir)
    with open_database(settings, may_be_new=True) as database:
        version = schema.migrate(database)
    if as_json:
        return write_json({"version": version, "database": shown_url(settings.sql_url)})
    return write(f"{shown_url(settings.sql_url)} is at schema version {version}")
