"""An agent's tools as a worker has them: definitions, kinds, permissions, and what is missing."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from anthropic.lib.tools.agent_toolset import AgentToolContext, beta_agent_toolset_20260401

from overnight.tools import Context, Permission, Tool, tool
from overnight.tools.errors import BadTools
from overnight.tools.own import ASK_HUMAN, WAIT
from tests.worker.loops import Loop, perform
from worker.tools.errors import ToolsUnavailable
from worker.tools.mcp_servers import McpServers
from worker.tools.results import Result
from worker.tools.toolbox import Kind, Toolbox, equip

TOOLSET = {"type": "agent_toolset_20260401"}
FILES = ["read", "write", "edit", "glob", "grep"]
ALLOW, ASK = {"type": "always_allow"}, {"type": "always_ask"}
SEARCH = {"type": "web_search_20260318", "name": "web_search", "max_uses": 3}
CUSTOM = {"type": "custom", "name": "shown", "description": "Show.", "input_schema": {"type": "object"}}
TINY = {
    "type": "stdio",
    "name": "tiny",
    "command": sys.executable,
    "args": [str(Path(__file__).with_name("mcp_server.py")), "stdio"],
}
OF_TINY = {"type": "mcp_toolset", "mcp_server_name": "tiny"}


@tool(permission="always_ask")
def refund(order: str) -> str:
    """Give money back."""
    return f"refunded {order}"


@pytest.fixture(scope="module")
def mcp(loop: Loop) -> Iterator[McpServers]:
    servers = McpServers(allow_commands=True)
    yield servers
    loop.run(servers.close())


class Equip:
    def __init__(self, loop: Loop, mcp: McpServers) -> None:
        self._loop = loop
        self._mcp = mcp

    def __call__(self, *wanted: dict[str, Any], servers: tuple[Any, ...] = (TINY,), **more: Any) -> Toolbox:
        return self._loop.run(equip(list(wanted), list(servers), {"refund": refund}, self._mcp, **more))  # type: ignore[no-any-return]


@pytest.fixture
def equipped(loop: Loop, mcp: McpServers) -> Equip:
    return Equip(loop, mcp)


def python(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "python", "name": name, **more}


def names(toolbox: Toolbox) -> list[str]:
    return [definition["name"] for definition in toolbox.definitions]


def found(toolbox: Toolbox, name: str) -> Tool:
    tool = toolbox.find(name)
    assert tool is not None
    return tool


def test_every_kind_in_the_agents_order(equipped: Equip) -> None:
    toolbox = equipped(SEARCH, python("wait"), CUSTOM, OF_TINY, python("refund"), TOOLSET)
    kinds = {name: toolbox.kind(name) for name in names(toolbox)}
    mcp = [name for name, kind in kinds.items() if kind is Kind.MCP]
    assert list(kinds) == ["web_search", "wait", "shown", *mcp, "refund", *FILES]
    assert "tiny__add" in mcp
    assert [kinds[name] for name in ("web_search", "wait", "shown", "refund", "read")] == [
        Kind.SERVER,
        Kind.OVERNIGHT,
        Kind.CUSTOM,
        Kind.PYTHON,
        Kind.BUILTIN,
    ]
    assert toolbox.definitions[:3] == [
        SEARCH,
        WAIT,
        {"name": "shown", "description": "Show.", "input_schema": {"type": "object"}},
    ]
    assert found(toolbox, "refund").definition == refund.definition
    assert [toolbox.find(name) for name in ("web_search", "wait", "shown", "invented")] == [None] * 4
    assert toolbox.kind("invented") is Kind.UNKNOWN
    assert toolbox.missing == []


def test_the_request_is_the_same_byte_for_byte(equipped: Equip, loop: Loop) -> None:
    wanted = (python("refund"), TOOLSET, OF_TINY, python("ask_human"))
    first = json.dumps(equipped(*wanted).definitions)
    assert json.dumps(equipped(*wanted).definitions) == first
    elsewhere = McpServers(allow_commands=True)
    other = loop.run(equip(list(wanted), [TINY], {"refund": refund}, elsewhere))
    loop.run(elsewhere.close())
    assert json.dumps(other.definitions) == first


def test_what_this_worker_lacks_is_missing(equipped: Equip) -> None:
    toolbox = equipped(python("unknown"), python("refund"))
    assert toolbox.missing == ["unknown"]
    assert names(toolbox) == ["refund"]
    assert toolbox.find("unknown") is None
    assert toolbox.kind("unknown") is Kind.PYTHON


def test_elsewhere_claude_is_told_what_the_sdks_workers_have(equipped: Equip, tmp_path: Path) -> None:
    told = [tool.to_dict() for tool in beta_agent_toolset_20260401(AgentToolContext(workdir=tmp_path))]
    asking = {"permission_policy": {"type": "always_ask"}}
    configs = [{"name": "grep", "enabled": False}, {"name": "write", **asking}]
    toolbox = equipped(python("refund"), {**TOOLSET, "configs": configs}, elsewhere=True)
    assert toolbox.definitions[1:] == [definition for definition in told if definition["name"] != "grep"]
    assert names(toolbox)[1] == "bash"  # whatever this worker may run
    assert (toolbox.find("bash"), toolbox.kind("bash"), toolbox.missing) == (None, Kind.ENVIRONMENT, [])
    assert [toolbox.always_asks(name) for name in ("bash", "write", "grep")] == [False, True, False]
    assert found(toolbox, "refund").definition == refund.definition


def test_bash_is_there_only_when_it_is_switched_on(equipped: Equip, loop: Loop, tmp_path: Path) -> None:
    assert names(equipped(TOOLSET)) == FILES
    named = {**TOOLSET, "configs": [{"name": "bash", "enabled": True}]}
    assert equipped(named).missing == ["bash"]
    toolbox = equipped(named, allow_bash=True)
    assert (toolbox.missing, names(toolbox)) == ([], ["bash", *FILES])
    context = Context(folder=tmp_path)
    assert perform(found(toolbox, "bash"), {"command": "echo hello"}, context, loop) == Result("hello")
    loop.run(toolbox.close())


@pytest.mark.parametrize(
    ("config", "left"),
    [
        ({"default_config": None, "configs": None}, FILES),
        ({"default_config": {"enabled": False}}, []),
        ({"default_config": {"enabled": False}, "configs": [{"name": "read", "enabled": True}]}, ["read"]),
        ({"configs": [{"name": "write", "enabled": False}]}, ["read", "edit", "glob", "grep"]),
        ({"default_config": {"enabled": False}, "configs": [{"name": "read", "enabled": None}]}, []),
    ],
)
def test_a_toolset_may_be_switched_off_in_part(equipped: Equip, config: dict[str, Any], left: list[str]) -> None:
    assert names(equipped({**TOOLSET, **config})) == left


def test_a_servers_tools_are_chosen_by_its_own_names(equipped: Equip) -> None:
    configs = [{"name": "with.dot", "enabled": True, "permission_policy": ALLOW}, {"name": "add", "enabled": True}]
    toolbox = equipped({**OF_TINY, "default_config": {"enabled": False}, "configs": configs})
    add, dotted = sorted(names(toolbox))
    assert (add, dotted[:15]) == ("tiny__add", "tiny__with_dot_")
    assert found(toolbox, add).permission is Permission.ALWAYS_ASK
    assert found(toolbox, dotted).permission is Permission.ALWAYS_ALLOW


@pytest.mark.parametrize(
    ("policy", "permission"),
    [
        (None, Permission.ALWAYS_ASK),
        (ALLOW, Permission.ALWAYS_ALLOW),
        (ASK, Permission.ALWAYS_ASK),
        ({"type": "auto"}, Permission.ALWAYS_ASK),
    ],
)
def test_the_agents_policy_goes_before_the_tools(equipped: Equip, policy: Any, permission: Permission) -> None:
    toolbox = equipped(python("refund", permission_policy=policy))
    assert found(toolbox, "refund").permission is permission
    assert refund.permission is Permission.ALWAYS_ASK


def test_policies_of_a_toolset(equipped: Equip) -> None:
    configs = [{"name": "read", "permission_policy": ALLOW}, {"name": "glob"}]
    toolbox = equipped({**TOOLSET, "default_config": {"permission_policy": ASK}, "configs": configs})
    asking = [name for name in FILES if found(toolbox, name).permission is Permission.ALWAYS_ASK]
    assert asking == ["write", "edit", "glob", "grep"]
    assert {found(equipped(TOOLSET), name).permission for name in FILES} == {Permission.ALWAYS_ALLOW}


def test_our_own_tools_may_ask(equipped: Equip) -> None:
    toolbox = equipped(python("wait", permission_policy=ASK), python("ask_human"))
    assert toolbox.definitions == [WAIT, ASK_HUMAN]
    assert [toolbox.always_asks(name) for name in ("wait", "ask_human", "invented")] == [True, False, False]


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ([python("refund"), python("refund")], "refund is there more than once"),
        ([python("wait"), {**CUSTOM, "name": "wait"}], "wait is there more than once"),
        ([{"type": "bash_20250124", "name": "bash"}], "type 'bash_20250124' is unknown"),
        ([{**OF_TINY, "mcp_server_name": "other"}], "mcp_server_name other is not in mcp_servers"),
    ],
)
def test_what_no_worker_can_serve_is_said(equipped: Equip, wanted: list[dict[str, Any]], told: str) -> None:
    with pytest.raises(BadTools, match=told):
        equipped(*wanted)


def test_a_server_that_is_down_is_named(equipped: Equip) -> None:
    with pytest.raises(ToolsUnavailable, match="MCP server tiny is not available"):
        equipped(OF_TINY, servers=({**TINY, "command": "/nonexistent"},))
