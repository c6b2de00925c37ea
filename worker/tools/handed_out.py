"""The agent toolset as the SDK's own workers carry it out, in environments of their own: what Claude is told of it."""

from functools import cache
from typing import Any

from anthropic.lib.tools.agent_toolset import AgentToolContext, beta_agent_toolset_20260401


@cache
def handed_out() -> dict[str, dict[str, Any]]:
    """Name → definition, in the SDK's order. Nothing is run from here, so the folder is of no matter."""
    tools = beta_agent_toolset_20260401(AgentToolContext(workdir="/"))
    return {tool.name: dict(tool.to_dict()) for tool in tools}
