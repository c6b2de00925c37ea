"""`agents`, `agents create|show`: what sessions can start with."""

from typing import Annotated, Any

import typer

from overnight.cli.options import AsJson, DataDir, Key, Url
from overnight.cli.output import local_time, note, write, write_fields, write_json, write_table

Json = dict[str, Any]

NOTHING = "no agents of your own: 'overnight agents create FILE.json'; tasks that name none have agent_default"

agents = typer.Typer(rich_markup_mode=None)


def add_to(app: typer.Typer) -> None:
    app.add_typer(agents, name="agents")


@agents.callback(invoke_without_command=True)
def list_agents(
    context: typer.Context,
    archived: Annotated[bool, typer.Option("--archived", help="With those that are archived.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100, help="So many of the newest.")] = 20,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """List agents, the newest first; create and show them."""
    if context.invoked_subcommand is not None:
        return None
    from overnight.cli.client import connect

    with connect(url, key, data_dir) as client:
        found = client.agents(include_archived=archived or None, limit=limit)
    if as_json:
        return write_json({"data": found})
    rows = [
        (each["id"], each["version"], each["name"], each["model"]["id"], local_time(each["updated_at"]))
        for each in found
    ]
    return write_table(("agent", "version", "name", "model", "changed"), rows, nothing=NOTHING)


@agents.command()
def create(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Its definition in JSON; - is standard input.")],
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make an agent of a JSON file and print its id."""
    from overnight.cli.client import connect
    from overnight.cli.documents import object_in

    definition = object_in(file)
    with connect(url, key, data_dir) as client:
        made = client.create_agent(definition)
    if as_json:
        return write_json(made)
    note(f"{made['name']}, version {made['version']}")
    return write(made["id"])


@agents.command()
def show(
    agent: Annotated[str, typer.Argument(metavar="AGENT", help="Its id.")],
    version: Annotated[int | None, typer.Option(min=1, help="As it was then.", show_default=False)] = None,
    url: Url = None,
    key: Key = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show an agent."""
    from overnight.cli.client import connect

    with connect(url, key, data_dir) as client:
        found = client.agent(agent, version)
    return write_json(found) if as_json else write_fields(_fields(found))


def _fields(agent: Json) -> list[tuple[str, object]]:
    limits = agent["limits"]
    return [
        ("agent", agent["id"]),
        ("version", agent["version"]),
        ("name", agent["name"]),
        ("description", agent["description"]),
        ("model", agent["model"]["id"]),
        ("system", agent["system"]),
        ("tools", ", ".join(_tool(tool) for tool in agent["tools"])),
        ("mcp servers", ", ".join(server["name"] for server in agent["mcp_servers"])),
        ("max steps", limits["max_steps"]),
        ("max tokens", limits["max_tokens"]),
        ("max retry age", f"{limits['max_retry_age']:g} s"),
        ("history", agent["history"]["type"]),
        ("metadata", agent["metadata"]),
        ("created", local_time(agent["created_at"])),
        ("changed", local_time(agent["updated_at"])),
        ("archived", local_time(agent["archived_at"]) if agent["archived_at"] else None),
    ]


def _tool(tool: Json) -> str:
    name = tool.get("name") or tool.get("mcp_server_name")
    return f"{name} ({tool['type']})" if name else str(tool["type"])
