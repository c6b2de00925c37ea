"""`budgets list|set|delete`: what the workspace and its users may spend."""

from typing import Annotated, Any

import typer

from overnight.cli.exits import CliError
from overnight.cli.options import AsJson, DataDir, Key, Url
from overnight.cli.output import local_time, money, note, write_json, write_table

Json = dict[str, Any]
User = Annotated[str | None, typer.Option(help="Of this user; else of the workspace.", show_default=False)]

budgets = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Limit what the workspace and its users spend.")


def add_to(app: typer.Typer) -> None:
    app.add_typer(budgets, name="budgets")


@budgets.command(name="list")
def list_budgets(
    user: User = None, url: Url = None, key: Key = None, data_dir: DataDir = None, as_json: AsJson = False
) -> None:
    """List budgets, and what of them is spent."""
    from overnight.cli.client import connect

    with connect(url, key, data_dir) as client:
        found = client.budgets(user)
    if as_json:
        return write_json({"data": found})
    rows = [
        (each["id"], each["user_id"] or "(workspace)", each["period"], *_spent(each), local_time(each["renews_at"]))
        for each in found
    ]
    columns = ("budget", "of", "period", "dollars", "tokens", "renewed")
    return write_table(columns, rows, nothing="no budgets: 'overnight budgets set --usd 10 --period month'")


@budgets.command(name="set")
def set_budget(
    usd: Annotated[float | None, typer.Option(help="Dollars.", show_default=False)] = None,
    tokens: Annotated[int | None, typer.Option(help="Tokens, in and out.", show_default=False)] = None,
    user: User = None,
    period: Annotated[str, typer.Option(metavar="total|day|month", help="In UTC.")] = "total",
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Set a budget, or raise it: whatever waits for it goes on."""
    from overnight.cli.client import connect

    given = {"max_usd": usd, "max_tokens": tokens}
    limits = {name: value for name, value in given.items() if value is not None}
    if not limits:
        raise CliError("give --usd, --tokens or both")
    with connect(url, key, data_dir) as client:
        known = [one for one in client.budgets(user) if (one["user_id"], one["period"]) == (user, period)]
        if known:
            done = client.change_budget(known[0]["id"], limits)
        else:
            whose = {"user_id": user} if user else {}
            done = client.create_budget({**limits, **whose, "period": period})
    return write_json(done) if as_json else note(f"{done['id']}: {' · '.join(_spent(done))}")


@budgets.command()
def delete(
    budget: Annotated[str, typer.Argument(metavar="BUDGET", help="Its id.")],
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Remove a budget: whatever waits for it goes on."""
    from overnight.cli.client import connect

    with connect(url, key, data_dir) as client:
        deleted = client.delete_budget(budget)
    return write_json(deleted) if as_json else note(f"{budget} is deleted")


def _spent(budget: Json) -> tuple[str, str]:
    dollars = "-" if budget["max_usd"] is None else f"{money(budget['spent_usd'])} of {money(budget['max_usd'])}"
    tokens = "-" if budget["max_tokens"] is None else f"{budget['spent_tokens']:,} of {budget['max_tokens']:,}"
    return dollars, tokens
