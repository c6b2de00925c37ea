"""`overnight tools` on real modules in a folder: what it lists, and what it says is wrong."""

import pytest

from tests.cli.support import Shell

GOOD = '''
from anthropic import beta_tool
from overnight.tools import Context, tool

@tool(on_crash="retry", timeout=60, permission="always_ask")
@beta_tool
def refund(order: str, context: Context) -> str:
    """Give money back."""
    return context.idempotency_key

@tool(permission=lambda given, context: given["amount"] < 100)
async def charge(amount: int) -> str:
    """Take money."""
    return "done"

@beta_tool
def look(order: str) -> str:
    """Look an order up."""
    return order

some = [look]
'''
SAME = GOOD.replace("@tool(permission", "@tool(timeout=1, permission")


@pytest.fixture
def team(shell: Shell) -> Shell:
    package = shell.folder / "team"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "shop.py").write_text(GOOD)
    (package / "same.py").write_text(SAME)
    (package / "broken.py").write_text("import nowhere_to_be_found\n")
    (package / "ends.py").write_text("raise SystemExit(0)\n")
    (package / "empty.py").write_text("tools = 5\n")
    (package / "again.py").write_text("from team.shop import *\n")
    (package / "reserved.py").write_text(GOOD.replace("look", "wait"))
    (package / "wrong.py").write_text(GOOD.replace('"retry"', '"repeat"'))
    return shell


def test_tools_are_listed(team: Shell) -> None:
    said = team.with_settings(OVERNIGHT_TOOLS="team.shop").run("tools").expect(0)
    assert [line.split() for line in said.out.splitlines()] == [
        ["NAME", "FROM", "ON_CRASH", "TIMEOUT", "PERMISSION"],
        ["refund", "team.shop", "retry", "60", "s", "always_ask"],
        ["charge", "team.shop", "tell", "300", "s", "rule"],
        ["look", "team.shop", "tell", "300", "s", "always_allow"],
    ]
    assert said.err == ""


def test_a_part_of_a_module_can_be_named(team: Shell) -> None:
    shown = team.with_settings(OVERNIGHT_TOOLS="team.shop:refund, team.shop:some").run("tools", "--json").expect(0).json
    assert [row["name"] for row in shown["tools"]] == ["refund", "look"]
    assert shown["tools"][0]["description"] == "Give money back."
    assert shown["problems"] == []


def test_the_same_tool_may_be_found_twice(team: Shell) -> None:
    shown = team.with_settings(OVERNIGHT_TOOLS="team.shop,team.again").run("tools", "--json").expect(0).json
    assert len(shown["tools"]) == 3


def test_an_entry_point_is_found(team: Shell) -> None:
    info = team.folder / "shop-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shop\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[overnight.tools]\nshop = team.shop\n")
    with team.with_settings(PYTHONPATH=str(team.folder)).start("tools", "--json") as command:
        shown = command.end().expect(0).json
    assert [row["name"] for row in shown["tools"]] == ["refund", "charge", "look"]


def test_without_tools_it_says_how_to_get_some(shell: Shell) -> None:
    said = shell.run("tools").expect(0)
    assert "OVERNIGHT_TOOLS" in said.err


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ("team.nothing", "OVERNIGHT_TOOLS: team.nothing cannot be imported (ModuleNotFoundError"),
        ("team.broken", "No module named 'nowhere_to_be_found'"),
        ("team.ends", "team.ends cannot be imported (SystemExit"),
        ("team.empty", "team.empty: no tools there: put @tool above a function"),
        ("team.shop:nothing", "team.shop has no nothing"),
        ("team.shop,team.same", "two tools are called refund, in team.shop and in team.same"),
        ("team.reserved", "tool wait: one of Overnight's own tools has this name"),
        ("team.wrong", "on_crash must be one of 'retry', 'ask', 'tell', not 'repeat'"),
        ("/etc/passwd", "/etc/passwd cannot be imported"),
        ("..", "cannot be imported"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(team: Shell, named: str, told: str) -> None:
    said = team.with_settings(OVERNIGHT_TOOLS=named).run("tools").expect(2)
    assert said.err.count("\n") == 1, said.err
    assert told in said.err
    shown = team.with_settings(OVERNIGHT_TOOLS=named).run("tools", "--json").expect(2).json
    assert told in shown["problems"][0]


def test_all_that_is_wrong_is_said_beside_what_is_right(team: Shell) -> None:
    said = team.with_settings(OVERNIGHT_TOOLS="team.broken,team.shop,team.empty").run("tools").expect(2)
    assert len(said.err.splitlines()) == 2
    assert "refund" in said.out
