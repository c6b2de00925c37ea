"""A support desk with three tools, one of which moves money and waits for a person's yes.

    uv run python examples/support_desk.py

Claude answers when ANTHROPIC_API_KEY is set, else a simulator does. Stop it with Ctrl-C, or kill its worker, whenever
you like: the next run goes on where it was, and no refund is made twice.
"""

import argparse
import json
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from anthropic import Anthropic
from anthropic.lib.tools import ToolError

from overnight.cli.exits import CliError
from overnight.cli.hosting import server
from overnight.cli.local import read_settings
from overnight.tools import Context, tool

FOLDER = Path(__file__).with_name(".support_desk")  # the shop, and all that Overnight keeps
UNFINISHED = FOLDER / "unfinished"  # the session that the next run goes on with

LETTER = (
    'Please find order 1007: its lamp "Heron" came scratched. Check stock for another one; '
    "if there is none, refund 20 euros and I will keep it."
)
SHOP = """
    CREATE TABLE IF NOT EXISTS orders (number INTEGER PRIMARY KEY, article TEXT, euros INTEGER);
    CREATE TABLE IF NOT EXISTS stock (article TEXT PRIMARY KEY, pieces INTEGER);
    CREATE TABLE IF NOT EXISTS refunds (key TEXT PRIMARY KEY, number INTEGER, euros INTEGER);
    INSERT OR IGNORE INTO orders VALUES (1007, 'Heron', 49), (1008, 'Ibis', 35);
    INSERT OR IGNORE INTO stock VALUES ('Heron', 0), ('Ibis', 12);
"""
# Nothing happens when the key has had its refund, or when less than that is left of what was paid.
REFUND = """
    INSERT OR IGNORE INTO refunds SELECT :key, number, :euros FROM orders WHERE number = :order
    AND euros >= :euros + (SELECT coalesce(sum(euros), 0) FROM refunds WHERE number = :order)
"""


# The tools: functions that the workers run.


@tool(on_crash="retry")
def find_order(order: int) -> dict[str, Any]:
    """What was ordered, what was paid for it, and how much of that was refunded."""
    return {
        "paid": one("SELECT article, euros FROM orders WHERE number = ?", order),
        "refunded": one("SELECT coalesce(sum(euros), 0) AS euros FROM refunds WHERE number = ?", order),
    }


@tool(on_crash="retry")
def check_stock(article: str) -> dict[str, Any]:
    """How many pieces of an article could be sent today."""
    return one("SELECT pieces FROM stock WHERE article = ?", article)


@tool(on_crash="retry", timeout=60, permission="always_ask")
def refund(order: int, euros: int, context: Context) -> str:
    """Pay back an order, or part of it.

    Args:
        order: The order's number.
        euros: How much, in whole euros.
    """
    key = context.idempotency_key  # the same when a killed worker's call is repeated
    with shop() as database, database:
        database.execute(REFUND, {"key": key, "order": order, "euros": euros})
        if not database.execute("SELECT 1 FROM refunds WHERE key = ?", [key]).fetchone():
            raise ToolError(f"order {order} does not exist, or less than {euros} euros of it are left to refund")
    context.cancelled.wait(2)  # as slow as a bank: time to kill the worker
    return f"{euros} euros of order {order} are refunded"


@contextmanager
def shop() -> Iterator[sqlite3.Connection]:
    """The shop's database, made on first use."""
    FOLDER.mkdir(exist_ok=True)
    with closing(sqlite3.connect(FOLDER / "shop.db")) as database:
        database.row_factory = sqlite3.Row
        database.executescript(SHOP)
        yield database


def one(query: str, *values: object) -> dict[str, Any]:
    with shop() as database:
        row = database.execute(query, values).fetchone()
    if row is None:
        raise ToolError(f"there is no {values[0]}")
    return dict(row)


# The agent, through the official client.

AGENT: dict[str, Any] = {
    "name": "Support desk",
    "model": "claude-sonnet-5-5",
    "system": "You answer letters to a lamp shop. Look things up before you decide. Be brief and kind.",
    "tools": [{"type": "python", "name": each.name} for each in (find_order, check_stock, refund)],
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Have an agent answer a letter to a lamp shop.")
    parser.add_argument("letter", nargs="?", default=LETTER)
    parser.add_argument("--yes", action="store_true", help="allow every refund without asking")
    chosen = parser.parse_args()
    os.environ["PYTHONPATH"] = str(Path(__file__).parent)  # where workers find this file
    say("Starting Overnight …")
    try:
        with server(read_settings(data_dir=FOLDER, tools=Path(__file__).stem)) as found:  # tools: OVERNIGHT_TOOLS
            if found.simulated:
                say("No ANTHROPIC_API_KEY is set: a SIMULATOR answers instead of Claude.")
            client = Anthropic(base_url=found.address.base_url, api_key=found.address.key)
            follow(client, begin_or_go_on(client, chosen.letter), says_yes=chosen.yes)
    except (KeyboardInterrupt, EOFError):
        sys.exit("\nStopped. Run it again to go on." if UNFINISHED.exists() else "\nStopped.")
    except CliError as error:
        sys.exit(str(error))


def begin_or_go_on(client: Anthropic, letter: str) -> str:
    """The session's id."""
    if UNFINISHED.exists():
        say("Going on with the letter that was begun before.")
        return UNFINISHED.read_text()
    session = client.beta.sessions.create(agent=make_agent(client), environment_id="env_default")
    message: Any = {"type": "user.message", "content": [{"type": "text", "text": letter}]}
    client.beta.sessions.events.send(session.id, events=[message])
    UNFINISHED.write_text(session.id)
    return session.id


def make_agent(client: Anthropic) -> str:
    """Creates it, or brings the one that is there up to date."""
    for agent in client.beta.agents.list():
        if agent.name == AGENT["name"]:
            return client.beta.agents.update(agent.id, version=agent.version, **AGENT).id
    return client.beta.agents.create(**AGENT).id


def follow(client: Anthropic, session_id: str, *, says_yes: bool) -> None:
    """Shows the session from its beginning until its task has ended."""
    with client.beta.sessions.events.stream(session_id, extra_headers={"last-event-id": "0"}) as events:
        for event in events:
            if line := line_for(event):
                say(line)
            if event.type == "session.status_idle" and is_over(client, session_id, event, says_yes=says_yes):
                UNFINISHED.unlink()
                return


def line_for(event: Any) -> str | None:
    match event.type:
        case "user.message":
            return f"\nCustomer: {text_of(event)}"
        case "agent.message":
            return f"\nAgent: {text_of(event)}"
        case "agent.tool_use":
            return f"  {event.name} {json.dumps(event.input)}"
        case "agent.tool_result":
            return f"    = {text_of(event)}"
        case "session.error":
            return f"  {event.error.message}"
    return None


def is_over(client: Anthropic, session_id: str, event: Any, *, says_yes: bool) -> bool:
    """Whether the task has ended; answers what it waits for instead."""
    task: Any = client.get(f"/v1/tasks/{event.task_id}", cast_to=object)
    for call in task["pending"]:
        allowed = says_yes or input(f"  Allow {call['name']} {call['input']}? [y/N] ").strip().lower() == "y"
        answer: Any = {"type": "user.tool_confirmation", "tool_use_id": call["id"]}
        answer["result"] = "allow" if allowed else "deny"
        client.beta.sessions.events.send(session_id, events=[answer])
    if task["finished_at"] is None:
        return False
    cost = "an unknown amount" if task["cost_usd"] is None else f"${task['cost_usd']:.4f}"
    say(f"\nThe task {task['status']} after {task['steps']} requests to the model, for {cost}.")
    refunded = one("SELECT coalesce(sum(euros), 0) AS euros FROM refunds")
    say(f"In all, the shop has refunded {refunded['euros']} euros.")
    return True


def text_of(event: Any) -> str:
    return " ".join(block.text for block in event.content or [] if block.type == "text")


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
