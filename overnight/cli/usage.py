"""`usage`: what was spent, drawn as bars."""

import sys
from typing import Annotated, Any

import typer

from overnight.cli.options import AsJson, DataDir, Key, Url
from overnight.cli.output import harmless, is_terminal, money, note, write_json

Json = dict[str, Any]
BAR, LEAST = 24, 4  # columns
NUMBERS = 54  # columns of the rest
WIDE = 120  # where nobody looks
#: Names on the command line, as the server calls them.
GROUPS = {
    "day": "day",
    "model": "model",
    "agent": "agent_id",
    "user": "user_id",
    "session": "session_id",
    "task": "task_id",
    "purpose": "purpose",
}
#: Groups that are shown: the costliest, or the newest days.
MOST = 40


def add_to(app: typer.Typer) -> None:
    app.command()(usage)


def usage(
    by: Annotated[str, typer.Option(metavar="|".join(GROUPS), help="What each line stands for.")] = "day",
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="From then on; else 30 days.", show_default=False)
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Until then; else now.", show_default=False)] = None,
    model: Annotated[str | None, typer.Option(help="Only this model.", show_default=False)] = None,
    agent: Annotated[str | None, typer.Option(help="Only this agent.", show_default=False)] = None,
    user: Annotated[str | None, typer.Option(help="Only this user.", show_default=False)] = None,
    session: Annotated[str | None, typer.Option(help="Only this session.", show_default=False)] = None,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show what Claude has cost, in tokens and dollars."""
    from overnight.cli.client import connect
    from overnight.cli.exits import CliError
    from overnight.cli.prompts import moment_of

    if by not in GROUPS:
        raise CliError(f"--by: '{by}' is none of {', '.join(GROUPS)}")
    wished = {
        "created_at[gte]": moment_of(since, "--since"),
        "created_at[lte]": moment_of(until, "--until"),
        "model": model,
        "agent_id": agent,
        "user_id": user,
        "session_id": session,
    }
    filters = {name: value for name, value in wished.items() if value is not None}
    with connect(url, key, data_dir) as client:
        groups = client.usage({**filters, "group_by[]": GROUPS[by]})
        (total,) = client.usage(filters)
    if as_json:
        return write_json({"data": groups, "total": total})
    return _draw(by, groups, total) if groups else note("nothing was spent in this time")


def _draw(by: str, groups: list[Json], total: Json) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=sys.stdout, highlight=False, width=None if is_terminal(sys.stdout) else WIDE)
    rows = _shown(by, groups)
    names = [harmless(str(row[GROUPS[by]] or "-")) for row in rows]
    room = console.width - max(map(len, names)) - NUMBERS
    bar, most = min(room, BAR), max(_weight(row) for row in rows)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(by, overflow="fold")
    table.add_column("", width=max(bar, 1))
    for column in ("cost", "requests", "in", "cached", "out"):
        table.add_column(column, justify="right", no_wrap=True, min_width=len(column))
    for name, row in zip(names, rows, strict=True):
        table.add_row(Text(name), Text(_bar(_weight(row), most, bar), style="cyan"), *_numbers(row))
    table.add_section()
    table.add_row(Text("total", style="bold"), "", *_numbers(total))
    console.print(table)
    if len(groups) > MOST:
        note(f"and {len(groups) - MOST} more: --json shows all")
    if total["unpriced_requests"]:
        note(f"{total['unpriced_requests']:,} of them to models without a listed price, which the cost is without")


def _shown(by: str, groups: list[Json]) -> list[Json]:
    """Days in their order, all else by cost."""
    if by == "day":
        return groups[-MOST:]
    return sorted(groups, key=_weight, reverse=True)[:MOST]


def _weight(row: Json) -> tuple[float, int]:
    """Tokens decide where no price is known."""
    return row["cost_usd"], _sent(row) + row["usage"]["output_tokens"]


def _bar(weight: tuple[float, int], most: tuple[float, int], width: int) -> str:
    """Empty where there is no room for one."""
    place = 0 if most[0] else 1
    share = weight[place] / most[place] if most[place] else 0.0
    return ("█" * round(share * width) or "▏") if width >= LEAST else ""


def _numbers(row: Json) -> tuple[str, ...]:
    sent = _sent(row)
    cached = f"{row['usage']['cache_read_input_tokens'] / sent:.0%}" if sent else "-"
    return money(row["cost_usd"]), f"{row['requests']:,}", f"{sent:,}", cached, f"{row['usage']['output_tokens']:,}"


def _sent(row: Json) -> int:
    used = row["usage"]
    return int(used["input_tokens"] + used["cache_creation_input_tokens"] + used["cache_read_input_tokens"])
