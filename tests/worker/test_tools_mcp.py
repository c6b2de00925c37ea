"""Real MCP servers, as a program and over HTTP: their tools, their failures, and coming back."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from overnight.tools import Context, OnCrash, Permission
from overnight.tools.errors import BadTools
from tests.servers import free_port
from tests.worker.loops import Loop, perform
from worker.tools.errors import ToolsUnavailable
from worker.tools.mcp_servers import McpServers
from worker.tools.mcp_tools import _name
from worker.tools.results import Result
from worker.tools.running import Bounds

PROGRAM = str(Path(__file__).with_name("mcp_server.py"))
STDIO = {"type": "stdio", "name": "tiny", "command": sys.executable, "args": [PROGRAM, "stdio"]}


@pytest.fixture
def mcp(loop: Loop) -> Iterator[McpServers]:
    servers = McpServers(allow_commands=True)
    yield servers
    loop.run(servers.close())


@contextmanager
def over_http(port: int, *token: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, PROGRAM, "http", str(port), *token])
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield process
    finally:
        process.kill()
        process.wait()


def call(loop: Loop, mcp: McpServers, server: dict[str, Any], name: str, timeout: float = 60, **given: Any) -> Result:
    tools = loop.run(mcp.tools(server))
    return perform(tools[name], given, Context(folder=Path("/nowhere")), loop, Bounds(timeout))


def url(port: int) -> dict[str, Any]:
    return {"type": "url", "name": "tiny", "url": f"http://127.0.0.1:{port}/mcp"}


def test_a_program_serves_its_tools(loop: Loop, mcp: McpServers) -> None:
    tools = loop.run(mcp.tools(STDIO))
    assert list(tools) == sorted(tools)
    assert tools["add"].name == "tiny__add"
    assert tools["add"].definition["name"] == "tiny__add"
    assert tools["add"].definition["input_schema"]["required"] == ["a", "b"]
    assert (tools["add"].on_crash, tools["pid"].on_crash) == (OnCrash.TELL, OnCrash.RETRY)
    assert tools["add"].permission is Permission.ALWAYS_ASK
    assert call(loop, mcp, STDIO, "add", a=2, b=3) == Result("5")
    assert call(loop, mcp, STDIO, "silent") == Result("(no output)")


def test_what_the_server_refuses_is_an_error_for_claude(loop: Loop, mcp: McpServers) -> None:
    result = call(loop, mcp, STDIO, "add", a="x", b=3)
    assert result.is_error
    assert "a" in result.content


def test_a_name_that_claude_cannot_call_is_made_valid(loop: Loop, mcp: McpServers) -> None:
    tool = loop.run(mcp.tools(STDIO))["with.dot"]
    assert tool.name.startswith("tiny__with_dot_")
    assert tool.definition["name"] == tool.name
    assert call(loop, mcp, STDIO, "with.dot") == Result("dotted")


def test_changed_names_stay_apart() -> None:
    assert _name("s", "a.b", set()) != _name("s", "a b", set())
    long = _name("s", "x" * 300, set())
    assert len(long) == 128
    assert long != _name("s", "x" * 301, set())
    assert _name("s", "a", {"s__a"}) != "s__a"


def test_one_process_serves_all_calls(loop: Loop, mcp: McpServers) -> None:
    first = call(loop, mcp, STDIO, "pid")
    assert call(loop, mcp, STDIO, "pid") == first


def test_a_program_that_dies_in_a_call_says_so_and_comes_back(loop: Loop, mcp: McpServers) -> None:
    before = call(loop, mcp, STDIO, "pid")
    result = call(loop, mcp, STDIO, "die")
    assert result.is_error
    assert "whether it took effect is unknown" in str(result.content)
    after = call(loop, mcp, STDIO, "pid")
    assert not after.is_error
    assert after != before


def test_a_program_that_died_between_calls_is_started_again_unnoticed(loop: Loop, mcp: McpServers) -> None:
    before = int(str(call(loop, mcp, STDIO, "pid").content))
    os.kill(before, signal.SIGKILL)
    after = call(loop, mcp, STDIO, "pid")
    assert not after.is_error
    assert int(str(after.content)) != before


def test_a_program_gets_its_own_environment_and_none_of_ours(
    loop: Loop, mcp: McpServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OVERNIGHT_DATABASE_URL", "secret")
    server = {**STDIO, "env": {"GIVEN": "yes"}}
    assert call(loop, mcp, server, "environment", variable="GIVEN") == Result("yes")
    assert call(loop, mcp, server, "environment", variable="OVERNIGHT_DATABASE_URL") == Result("unset")


def test_a_call_that_takes_too_long_ends_and_leaves_the_server_usable(loop: Loop, mcp: McpServers) -> None:
    result = call(loop, mcp, STDIO, "slow", timeout=0.3)
    assert result.is_error
    assert "time limit of 0.3 seconds" in str(result.content)
    assert call(loop, mcp, STDIO, "add", a=1, b=1) == Result("2")


def test_programs_are_started_only_where_that_is_switched_on(loop: Loop) -> None:
    with pytest.raises(ToolsUnavailable, match=r"tiny.*OVERNIGHT_ALLOW_MCP_COMMANDS"):
        loop.run(McpServers(allow_commands=False).tools(STDIO))


@pytest.mark.parametrize("command", ["/nonexistent", "/bin/false"])
def test_a_program_that_cannot_serve_is_unavailable_by_name(loop: Loop, mcp: McpServers, command: str) -> None:
    with pytest.raises(ToolsUnavailable, match="tiny is not available") as caught:
        loop.run(mcp.tools({**STDIO, "command": command, "args": []}))
    assert caught.value.server == "tiny"


def test_a_server_over_http_may_be_away_and_comes_back(loop: Loop, mcp: McpServers) -> None:
    port = free_port()
    with pytest.raises(ToolsUnavailable, match="tiny is not available"):
        loop.run(mcp.tools(url(port)))
    with over_http(port):
        assert call(loop, mcp, url(port), "add", a=2, b=3) == Result("5")
    lost = call(loop, mcp, url(port), "add", a=2, b=3)
    assert lost.is_error
    assert "MCP server tiny" in str(lost.content)
    with over_http(port):
        assert call(loop, mcp, url(port), "add", a=2, b=3) == Result("5")


def test_a_token_is_sent(loop: Loop, mcp: McpServers) -> None:
    port = free_port()
    with over_http(port, "s3cret"):
        with pytest.raises(ToolsUnavailable) as caught:
            loop.run(mcp.tools(url(port)))
        assert "s3cret" not in str(caught.value)
        given = {**url(port), "authorization_token": "s3cret"}
        assert call(loop, mcp, given, "add", a=2, b=3) == Result("5")


def test_closing_ends_the_program(loop: Loop) -> None:
    servers = McpServers(allow_commands=True)
    process = int(str(call(loop, servers, STDIO, "pid").content))
    loop.run(servers.close())
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_a_connection_that_nobody_uses_is_closed(loop: Loop) -> None:
    servers = McpServers(allow_commands=True, idle=0)
    tools = loop.run(servers.tools(STDIO))
    context = Context(folder=Path("/nowhere"))
    process = int(str(perform(tools["pid"], {}, context, loop).content))
    other = {**STDIO, "name": "other"}
    loop.run(servers.tools(other))
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
    assert not perform(tools["pid"], {}, context, loop).is_error  # whoever still holds its tools can use them
    loop.run(servers.close())


def test_the_library_is_loaded_when_a_server_is_named() -> None:
    program = "import sys, worker.tools.toolbox; print('mcp' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_another_kind_of_server_is_refused(loop: Loop, mcp: McpServers) -> None:
    with pytest.raises(BadTools, match="'url' or 'stdio', not 'sse'"):
        loop.run(mcp.tools({"type": "sse", "name": "x"}))
