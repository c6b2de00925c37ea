"""A clerk with two custom tools, and a third that asks first, in three turns, by the official client alone.

    export ANTHROPIC_BASE_URL=http://127.0.0.1:8000 ANTHROPIC_API_KEY=sk-overnight-…   # of a running Overnight
    uv run python examples/managed_agents.py

It runs unchanged against the hosted Managed Agents: leave the address out, and give a key of Anthropic's.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from anthropic import Anthropic

ORDERS = {"1007": {"article": "Heron", "euros": 49}, "1008": {"article": "Ibis", "euros": 35}}
STOCK = {"Heron": 0, "Ibis": 12}
TURNS = [
    'A customer asks about order "1007". Look at it with find_order.',
    'Is "Heron" in stock? Ask check_stock.',
    'Use write to keep the text "Heron is sold out" in "1007.md".',
]


def custom(name: str, description: str, parameter: str) -> Any:
    schema = {"type": "object", "properties": {parameter: {"type": "string"}}, "required": [parameter]}
    return {"type": "custom", "name": name, "description": description, "input_schema": schema}


TOOLS: Any = [
    custom("find_order", "What was ordered, and what was paid for it.", "order"),
    custom("check_stock", "How many pieces of an article could be sent today.", "article"),
    {
        "type": "agent_toolset_20260401",
        "default_config": {"enabled": False},
        "configs": [{"name": "write", "enabled": True, "permission_policy": {"type": "always_ask"}}],
    },
]


class Clerk:
    """One session. The tools are carried out here: the environment is self-hosted, and this program is its host."""

    def __init__(self, client: Anthropic, folder: Path, *, says_yes: bool) -> None:
        self.events = client.beta.sessions.events
        self.folder = folder
        self.says_yes = says_yes
        agent = client.beta.agents.create(name="Clerk", model="claude-sonnet-5-5", system="Be brief.", tools=TOOLS)
        environment = client.beta.environments.create(name="Desk", config={"type": "self_hosted"})
        self.session_id = client.beta.sessions.create(agent=agent.id, environment_id=environment.id).id
        self.asked: dict[str, Any] = {}

    def turn(self, words: str) -> None:
        """Says `words`, answers what the agent asks for, and returns when it has ended its turn."""
        print(f"> {words}")
        with self.events.stream(self.session_id) as stream:
            self.send({"type": "user.message", "content": [{"type": "text", "text": words}]})
            for event in stream:
                if self.is_over(event):
                    return

    def is_over(self, event: Any) -> bool:
        match event.type:
            case "agent.message":
                print("".join(block.text for block in event.content))
            case "agent.custom_tool_use" | "agent.tool_use":
                self.asked[event.id] = event
            case "user.tool_confirmation" if event.result == "allow":
                self.send(
                    {"type": "user.tool_result", "tool_use_id": event.tool_use_id, **self.done(event.tool_use_id)}
                )
            case "session.error":
                print(f"({event.error.type}, {event.error.retry_status.type})")
            case "session.status_terminated":
                raise SystemExit("the session was ended")
            case "session.status_idle":
                if event.stop_reason.type != "requires_action":
                    return True
                for event_id in event.stop_reason.event_ids:
                    self.answer(self.asked[event_id])
        return False

    def answer(self, use: Any) -> None:
        if use.type == "agent.custom_tool_use":
            self.send({"type": "user.custom_tool_result", "custom_tool_use_id": use.id, **self.done(use.id)})
        elif self.says_yes or input(f"Allow {use.name} {use.input}? [y/N] ").lower() == "y":
            self.send({"type": "user.tool_confirmation", "tool_use_id": use.id, "result": "allow"})
        else:
            self.send({"type": "user.tool_confirmation", "tool_use_id": use.id, "result": "deny"})

    def done(self, event_id: str) -> dict[str, Any]:
        """Carries a call out; gives the content of its result."""
        use = self.asked[event_id]
        said = getattr(self, use.name)(**use.input)
        print(f"= {use.name} {json.dumps(use.input)}: {said}")
        return {"content": [{"type": "text", "text": said}]}

    def find_order(self, order: str) -> str:
        return json.dumps(ORDERS.get(order, "there is none"))

    def check_stock(self, article: str) -> str:
        return f"{STOCK.get(article, 0)} pieces"

    def write(self, file_path: str, content: str) -> str:
        self.folder.mkdir(exist_ok=True)
        (self.folder / Path(file_path).name).write_text(content)
        return f"wrote {len(content)} characters"

    def send(self, event: Any) -> None:
        self.events.send(self.session_id, events=[event])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--yes", action="store_true", help="allow what is asked for")
    parser.add_argument("--folder", type=Path, default=Path("desk"), help="where notes go")
    given = parser.parse_args()
    with Anthropic() as client:
        clerk = Clerk(client, given.folder, says_yes=given.yes)
        print(clerk.session_id)
        for words in TURNS:
            clerk.turn(words)


if __name__ == "__main__":
    main()
