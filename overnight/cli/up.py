"""`up`: everything on one machine, until Ctrl-C."""

from typing import TYPE_CHECKING, Annotated

import typer

from overnight.cli.options import DataDir
from overnight.cli.output import note, warn, write

if TYPE_CHECKING:
    from overnight.settings import Settings
    from overnight.stack.plan import Plan

SIMULATED = "No ANTHROPIC_API_KEY is set: a SIMULATOR answers instead of Claude, and what it says is made up."


def add_to(app: typer.Typer) -> None:
    app.command()(up)


def up(
    port: Annotated[
        int | None, typer.Option(min=0, max=65_535, help="Port of the API; 0: any free one.", show_default="8000")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address of the API.", show_default="127.0.0.1")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 1,
    concurrency: Annotated[
        int | None,
        typer.Option("--concurrency", "-c", min=1, help="Turns at a time in each worker.", show_default="100"),
    ] = None,
    no_flower: Annotated[bool, typer.Option("--no-flower", help="Leave Flower out.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Start everything on this machine: Redis, API, worker, beat, Flower. Ctrl-C drains and stops."""
    from overnight.cli.access import LocalAccess, first_key, with_flower_login
    from overnight.cli.hosting import starting
    from overnight.cli.local import read_settings
    from overnight.stack.plan import Parts
    from overnight.stack.stack import Stack

    settings = read_settings(port=port, host=host, data_dir=data_dir)
    with starting():
        settings = settings if no_flower else with_flower_login(settings)
        stack = Stack(settings, Parts(workers=workers, concurrency=concurrency, flower=not no_flower))
        with LocalAccess(settings) as access, stack:
            access.grant(stack.plan.base_url or "")
            _introduce(settings, stack.plan, first_key(settings))
            stack.wait()
            note("draining…")
    note("stopped; 'overnight up' goes on where this ended")


def _introduce(settings: "Settings", plan: "Plan", new_key: str | None) -> None:
    from rich.console import Console
    from rich.panel import Panel
    from rich.table import Table

    facts = Table.grid(padding=(0, 2))
    for name, value in _facts(settings, plan, new_key):
        facts.add_row(name, value)
    Console(highlight=False, soft_wrap=True).print(Panel.fit(facts, title="Overnight is up", title_align="left"))
    if new_key:
        write(f"API key, shown this once: {new_key}")
    if plan.simulated:
        warn(SIMULATED)
    write("Try: overnight submit 'Say hello.' --wait 60      Ctrl-C drains and stops.")


def _facts(settings: "Settings", plan: "Plan", new_key: str | None) -> list[tuple[str, str]]:
    return [
        ("API", plan.base_url or "-"),
        ("docs", f"{plan.base_url}/docs"),
        *(_flower_facts(settings, plan.flower_url) if plan.flower_url else []),
        ("data", str(settings.data_dir.resolve())),
        ("key", _key_fact(settings, new_key)),
    ]


def _flower_facts(settings: "Settings", url: str) -> list[tuple[str, str]]:
    login = settings.flower_basic_auth.get_secret_value() if settings.flower_basic_auth else ""
    user, _, password = login.partition(":")
    return [("Flower", url), ("", f"user {user}, password {password}")]


def _key_fact(settings: "Settings", new_key: str | None) -> str:
    if new_key:
        return "below, this once; more with 'overnight keys create'"
    return "the one in OVERNIGHT_API_KEY" if settings.api_key else "as made before; more with 'overnight keys create'"
