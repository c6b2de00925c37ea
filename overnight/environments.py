"""The environment that is always there: its sessions have their tools run by Overnight's own workers."""

from overnight.agents import WRITTEN
from overnight.environment_models import Environment
from overnight.models import DEFAULT_ENVIRONMENT, DEFAULT_WORKSPACE

NAME = "default"


def built_in() -> Environment:
    """`env_default`: every workspace has it, none as a row."""
    return Environment.model_construct(
        id=DEFAULT_ENVIRONMENT,
        workspace_id=DEFAULT_WORKSPACE,
        name=NAME,
        description=None,
        labels={},
        created_at=WRITTEN,
        updated_at=WRITTEN,
        archived_at=None,
    )
