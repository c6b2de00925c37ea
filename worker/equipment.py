"""What a session's owner works with for the length of a slice: its agent, and the tools of that agent."""

from dataclasses import replace
from pathlib import Path

from overnight.history.policy import Policy
from overnight.models import DEFAULT_ENVIRONMENT, ToolCall
from overnight.store.leases import Lease
from overnight.tools import CancelFlag, Context, Tool
from overnight.tools.context import Report
from overnight.tools.workspaces import workspace_of
from worker.decide import RetryRules
from worker.process import Process
from worker.tools.toolbox import Toolbox, equip

NO_TOOLS = Toolbox([])


class Equipment:
    """Found when it is first asked for: most sessions have no tools, and most slices one agent."""

    def __init__(self, process: Process, lease: Lease) -> None:
        self.agent = process.agents.of(lease)
        self._process = process
        self._lease = lease
        self._toolbox: Toolbox | None = None

    @property
    def policy(self) -> Policy:
        """How much of a conversation its agent has sent."""
        return Policy.of(self.agent.history)

    @property
    def retry_rules(self) -> RetryRules:
        """The process's, for as long as its agent wants."""
        return replace(self._process.retry_rules, max_age=self.agent.max_retry_age)

    @property
    def toolbox(self) -> Toolbox:
        """Raises `ToolsUnavailable` and `BadTools`."""
        if self._toolbox is None:
            self._toolbox = self._equip() if self.agent.tools else NO_TOOLS
        return self._toolbox

    def context(self, task_id: str, call_id: str, report: Report | None = None) -> Context:
        """What a call knows about itself; its event's id is the same whenever it is tried again."""
        session_id = self._lease.session_id
        folder = workspace_of(Path(self._process.settings.data_dir), session_id)
        return Context(session_id, task_id, call_id, folder=folder, cancelled=CancelFlag(), report=report)

    def tool(self, call: ToolCall) -> Tool | None:
        return self.toolbox.find(call.name)

    def close(self) -> None:
        """Ends what a slice must not leave running."""
        if self._toolbox is not None and self._toolbox.has_shell:
            self._process.submit(self._toolbox.close()).result()

    def _equip(self) -> Toolbox:
        process, settings = self._process, self._process.settings
        wanted = equip(
            self.agent.tools,
            self.agent.mcp_servers,
            process.registry.tools,
            process.mcp,
            allow_bash=settings.allow_bash,
            elsewhere=self._lease.environment_id != DEFAULT_ENVIRONMENT,
        )
        toolbox: Toolbox = process.submit(wanted).result()
        return toolbox
