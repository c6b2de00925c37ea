"""What docs/tools.md shows of clients is run as it stands there."""

import json
import re
from pathlib import Path
from typing import Any

from anthropic import Anthropic

from tests.cli.support import Shell

GUIDE = Path(__file__).parents[2] / "docs" / "tools.md"
TOOL = {
    "type": "custom",
    "name": "look_up",
    "description": "Looks a word up.",
    "input_schema": {"type": "object", "properties": {"word": {"type": "string"}}},
}


def test_a_client_that_carries_out_its_tools(client: Shell) -> None:
    [code] = [
        block for block in re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.S) if "custom_tool_use" in block
    ]
    blocks = [{"type": "tool_use", "name": "look_up", "input": {"word": word}} for word in ("heron", "ibis")]
    prompt = f'[[sim script={json.dumps(json.dumps([blocks]))} reply="They said: {{results}}"]]'
    address = json.loads((client.data / "client.json").read_text())
    with Anthropic(api_key=address["key"], base_url=address["base_url"], max_retries=0) as sdk:
        tools: Any = [TOOL]
        agent = sdk.beta.agents.create(name="Clerk", model="claude-haiku-4-5", tools=tools)
        session = sdk.beta.sessions.create(agent=agent.id, environment_id="env_default")
        given = {"client": sdk, "session": session, "look_up": lambda word: f"a bird called {word}"}
        exec(code.replace('"Go."', repr(prompt)), given)
        said = [event for event in sdk.beta.sessions.events.list(session.id) if event.type == "agent.message"]
    assert said[-1].content[0].text == "They said: a bird called heron | a bird called ibis"
