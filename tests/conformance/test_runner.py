"""The SDK's own runner of tools, as it is: it attaches to a session and answers what that asks for."""

import asyncio
from typing import Any

from anthropic import AsyncAnthropic, beta_async_tool

from tests.conformance.scenes import LOOK_UP, Scenes, call, conform, of_type, script, text
from tests.process.cluster import KEY, Cluster


@beta_async_tool(name="look_up")
async def look_up(q: str) -> str:
    """Looks up."""
    if q == "nothing":
        raise ValueError("there is nothing")
    return f"{q} was found"


def test_the_tool_runner_answers_custom_tools(scenes: Scenes, overnight: Cluster) -> None:
    replies = [call("look_up", q="x"), call("look_up", q="nothing")], [call("look_up", q="y")], [text("Done.")]
    session = scenes.begin(script(*map(list, replies)), agent=scenes.agent(LOOK_UP))
    dispatched = asyncio.run(run_tools(overnight.api_url, session.id))
    assert len(dispatched) == 3
    record = scenes.idle(session.id, "end_turn")
    conform(record)
    asked = [event["id"] for event in of_type(record, "agent.custom_tool_use")]
    answers = {event["custom_tool_use_id"]: event for event in of_type(record, "user.custom_tool_result")}
    assert set(answers) == set(asked)
    said = [(answers[each]["content"][0]["text"], bool(answers[each]["is_error"])) for each in asked]
    assert said[0] == ("x was found", False)
    assert said[1][1] is True
    assert "there is nothing" in said[1][0]
    assert said[2] == ("y was found", False)


async def run_tools(url: str, session_id: str) -> list[Any]:
    async with AsyncAnthropic(base_url=url, api_key=KEY) as client:
        runner = client.beta.sessions.events.tool_runner(session_id, tools=[look_up], max_idle=1)
        return [done async for done in runner]
