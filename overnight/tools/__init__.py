"""What a team writes its tools with: `from overnight.tools import tool, Context`. See docs/tools.md."""

from overnight.tools.context import CancelFlag, Cancelled, Context
from overnight.tools.declaration import Tool
from overnight.tools.decorator import tool
from overnight.tools.errors import BadInput, BadTool
from overnight.tools.policies import OnCrash, Permission

__all__ = ["BadInput", "BadTool", "CancelFlag", "Cancelled", "Context", "OnCrash", "Permission", "Tool", "tool"]
