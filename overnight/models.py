"""The tables. Every row belongs to a workspace; ids are random and prefixed; text from outside is JSON text."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Index, UniqueConstraint, false, text
from sqlmodel import Field, SQLModel

from overnight.states import (
    FINAL,
    UNFINISHED,
    ArchiveReason,
    AskedBecause,
    CallStatus,
    Life,
    Priority,
    StopRequest,
    TaskStatus,
    WaitReason,
    one_of,
)
from overnight.store.json_text import JsonText
from overnight.store.sealed import SealedJson, SealedText

DEFAULT_WORKSPACE = "wrkspc_default"
DEFAULT_AGENT = "agent_default"  # built in: it has no rows
DEFAULT_VERSION = 1
DEFAULT_ENVIRONMENT = "env_default"  # built in: it has no row, and Overnight's workers run its tools
OPEN = one_of("life", [Life.ACTIVE, Life.PAUSED])


def count() -> Any:
    """A number that only grows."""
    return Field(default=0, sa_type=BigInteger)


def no() -> Any:
    return Field(default=False, sa_column_kwargs={"server_default": false()})


def counted() -> Any:
    return Field(default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": text("0")})


def partial_index(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    return Index(name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where))


def json_text(default: Any = None) -> Any:
    """Labels and numbers: what SQL may look into, and what stays readable."""
    return Field(default=default, sa_type=JsonText)


def sealed(place: str, **more: Any) -> Any:
    """Contents, encrypted where a key is set; `place` is table and column."""
    return Field(sa_type=SealedJson(place), **{"default": None, **more})


class Workspace(SQLModel, table=True):
    __tablename__ = "workspaces"

    id: str = Field(primary_key=True)
    name: str
    created_at: datetime


class ApiKey(SQLModel, table=True):
    """A key, of which only the hash is kept; `hint` is its last four characters."""

    __tablename__ = "api_keys"

    id: str = Field(primary_key=True)
    workspace_id: str
    name: str
    hash: str = Field(unique=True)
    hint: str
    created_at: datetime
    revoked_at: datetime | None = None


class Usage(SQLModel):
    """Tokens and money; one nano-dollar is a billionth of a dollar, so that sums are exact."""

    input_tokens: int = count()
    output_tokens: int = count()
    cache_write_tokens: int = count()
    cache_read_tokens: int = count()
    cost_nanousd: int | None = count()  # null: a model without a listed price was used


class Agent(SQLModel, table=True):
    """A configuration by name; what it says is in its versions, of which `version` is the current one."""

    __tablename__ = "agents"
    __table_args__ = (Index("agent_listing", "workspace_id", "created_at", "id"),)

    id: str = Field(primary_key=True)
    workspace_id: str
    version: int
    name: str
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None = None


class AgentVersion(SQLModel, table=True):
    """What an agent was from a moment on: written once, never changed."""

    __tablename__ = "agent_versions"

    agent_id: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    workspace_id: str
    name: str
    description: str | None = None
    model: str
    system: str | None = sealed("agent_versions.system")
    tools: list[dict[str, Any]] = sealed("agent_versions.tools")
    mcp_servers: list[dict[str, Any]] = sealed("agent_versions.mcp_servers")
    labels: dict[str, str] = json_text()  # "metadata" on the wire
    # limits: of one task, of one reply, and of the time for which a failing step is tried again (seconds)
    max_steps: int
    max_tokens: int
    max_retry_age: float
    history: dict[str, Any] = json_text()
    expiry: dict[str, Any] | None = json_text()
    created_at: datetime


class Session(Usage, table=True):
    __tablename__ = "sessions"
    __table_args__ = (
        CheckConstraint(one_of("life", Life), name="session_life"),
        CheckConstraint(f"archive_reason IS NULL OR {one_of('archive_reason', ArchiveReason)}", name="session_reason"),
        CheckConstraint("(lease_owner IS NULL) = (lease_expires_at IS NULL)", name="session_lease"),
        CheckConstraint("life <> 'archived' OR archived_at IS NOT NULL", name="session_archived"),
        CheckConstraint("life <> 'paused' OR paused_at IS NOT NULL", name="session_paused"),
        CheckConstraint("(forked_from IS NULL) = (forked_at IS NULL)", name="session_forked"),
        partial_index("session_due", "wake_at", where="wake_at IS NOT NULL AND idle_since IS NULL"),
        partial_index("session_ends", "wake_at", where="wake_at IS NOT NULL AND idle_since IS NOT NULL"),
        partial_index("session_leases", "lease_owner", where="lease_owner IS NOT NULL"),
        partial_index(
            "session_context",
            "workspace_id",
            "context_key",
            "agent_id",
            where=f"context_key IS NOT NULL AND {OPEN}",
            unique=True,
        ),
        Index("session_listing", "workspace_id", "created_at", "id"),
        partial_index("session_user", "workspace_id", "user_id", "created_at", "id", where="user_id IS NOT NULL"),
        partial_index("session_paused", "workspace_id", "created_at", "id", where="life = 'paused'"),
        partial_index("session_forks", "forked_from", where="forked_from IS NOT NULL"),
        partial_index("session_environment", "environment_id", where=f"environment_id <> '{DEFAULT_ENVIRONMENT}'"),
        partial_index("session_purge", "life", "archived_at", where="archived_at IS NOT NULL"),
        partial_index("session_kept", "workspace_id", "life", "archived_at", where="archived_at IS NOT NULL"),
        partial_index("session_idle", "workspace_id", "idle_since", where="idle_since IS NOT NULL AND life = 'active'"),
    )

    id: str = Field(primary_key=True)
    workspace_id: str
    life: str = Life.ACTIVE.value
    archive_reason: str | None = None
    title: str | None = None
    notes: str | None = sealed("sessions.notes")
    labels: dict[str, str] = json_text()  # "metadata" on the wire: the name is taken by SQLModel
    context_key: str | None = None
    user_id: str | None = None
    # the agent it started with, and what of it is replaced for this session alone
    agent_id: str = Field(default=DEFAULT_AGENT, sa_column_kwargs={"server_default": DEFAULT_AGENT})
    agent_version: int = Field(default=DEFAULT_VERSION, sa_column_kwargs={"server_default": text(str(DEFAULT_VERSION))})
    overrides: dict[str, Any] | None = sealed("sessions.overrides")  # of tools and mcp_servers
    environment_id: str = Field(
        default=DEFAULT_ENVIRONMENT, sa_column_kwargs={"server_default": DEFAULT_ENVIRONMENT}
    )  # where its agent toolset runs, for good
    model: str
    system: str | None = sealed("sessions.system")
    max_tokens: int
    budget_nanousd: int | None = Field(default=None, sa_type=BigInteger)
    budget_tokens: int | None = Field(default=None, sa_type=BigInteger)
    budget_warned: bool = no()
    # the right to work
    lease_owner: str | None = None
    lease_token: int = count()
    lease_expires_at: datetime | None = None
    # attention: `inbox` counts submissions, `wakes` the wake-ups sent since the last owner came
    inbox: int = count()
    wake_at: datetime | None = None
    wakes: int = 0
    # the ends of its two records, and from where on the ledger is sent to Claude
    event_seq: int = count()
    ledger_seq: int = count()
    context_from: int = count()
    context_cut: int = count()
    context: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": text("0")})
    context_tokens: int = Field(  # of the last request and its reply; 0: not known
        default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": text("0")}
    )
    # expiry
    idle_since: datetime | None = None
    notified_at: datetime | None = None
    summary_attempts: int = 0
    summary: str | None = sealed("sessions.summary")
    expiry: dict[str, Any] | None = json_text()  # what it says of it itself: see `overnight.expiry`
    ends_at: datetime | None = None  # by its age; null: as the settings say
    kept_until: datetime | None = None  # whatever its limits say
    archiving_since: datetime | None = None  # whom its user wants summarised and archived
    # whom it goes on for, and who goes on for it
    continues: str | None = None
    continued_by: str | None = None
    # the session that it was forked from, and the last message of that one's ledger which it shares
    forked_from: str | None = None
    forked_at: int | None = Field(default=None, sa_type=BigInteger)
    created_at: datetime
    updated_at: datetime
    paused_at: datetime | None = None
    archived_at: datetime | None = None


class Task(Usage, table=True):
    __tablename__ = "tasks"
    __table_args__ = (
        CheckConstraint(one_of("status", TaskStatus), name="task_status"),
        CheckConstraint(f"wait_reason IS NULL OR {one_of('wait_reason', WaitReason)}", name="task_reason"),
        CheckConstraint(f"stop_request IS NULL OR {one_of('stop_request', StopRequest)}", name="task_stop"),
        CheckConstraint(one_of("priority", Priority), name="task_priority"),
        CheckConstraint("(status = 'waiting') = (wait_reason IS NOT NULL)", name="task_waiting"),
        CheckConstraint(f"({one_of('status', sorted(FINAL))}) = (finished_at IS NOT NULL)", name="task_final"),
        UniqueConstraint("session_id", "seq", name="task_order"),
        partial_index("task_unfinished", "session_id", "seq", where=one_of("status", sorted(UNFINISHED))),
        partial_index("task_stops", "id", where="stop_request IS NOT NULL AND status = 'running'"),
        Index("task_listing", "workspace_id", "created_at", "id"),
        partial_index("task_held", "held_by", where="wait_reason = 'budget'"),
        partial_index("task_user", "workspace_id", "user_id", where="user_id IS NOT NULL"),
        partial_index("task_reserved", "workspace_id", where="reserved_at IS NOT NULL AND status = 'running'"),
    )

    id: str = Field(primary_key=True)
    workspace_id: str
    session_id: str
    seq: int = Field(sa_type=BigInteger)  # the session's inbox when it was accepted: the order of work
    status: str = TaskStatus.QUEUED.value
    wait_reason: str | None = None
    due_at: datetime | None = None
    stop_request: str | None = None
    content: list[dict[str, Any]] = sealed("tasks.content")
    note: list[dict[str, Any]] | None = sealed("tasks.note")  # the system message that goes with it
    # and the one that goes with the results that are awaited
    result_note: list[dict[str, Any]] | None = sealed("tasks.result_note")
    labels: dict[str, str] = json_text()
    user_id: str | None = None
    # whose turn it is; None: the session's own agent's
    agent_id: str | None = None
    agent_version: int | None = None
    output: str | None = sealed("tasks.output")
    error: dict[str, Any] | None = sealed("tasks.error")
    stop_reason: str | None = None
    attempts: int = 0  # failed tries of the step at hand
    retry_since: datetime | None = None
    steps: int = 0
    max_steps: int | None = None  # None: the agent's
    deadline: datetime | None = None
    priority: str = Field(
        default=Priority.INTERACTIVE.value, sa_column_kwargs={"server_default": Priority.INTERACTIVE.value}
    )
    # what it may cost, and where it waits because a budget is reached: which (an id, `session` or `task`)
    budget_nanousd: int | None = Field(default=None, sa_type=BigInteger)
    budget_tokens: int | None = Field(default=None, sa_type=BigInteger)
    budget_warned: bool = no()
    held_by: str | None = None
    # what its request under way will probably cost, where budgets of others count on it
    reserved_nanousd: int | None = Field(default=None, sa_type=BigInteger)
    reserved_tokens: int | None = Field(default=None, sa_type=BigInteger)
    reserved_at: datetime | None = None
    progress: dict[str, Any] | None = sealed("tasks.progress")  # {note, fraction}, as its agent last reported
    # where its last message stands in the ledger, and how many tool calls of that message have no result there yet
    ledger_end: int | None = Field(default=None, sa_type=BigInteger)
    open_calls: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    updated_at: datetime


class ToolCall(SQLModel, table=True):
    """One tool call that Claude asked for; its id is that of the event which tells of it, and its idempotency key."""

    __tablename__ = "tool_calls"
    __table_args__ = (
        CheckConstraint(one_of("status", CallStatus), name="call_status"),
        CheckConstraint(f"asked_because IS NULL OR {one_of('asked_because', AskedBecause)}", name="call_asked"),
        CheckConstraint("(status = 'done') = (finished_at IS NOT NULL)", name="call_done"),
        UniqueConstraint("session_id", "message_seq", "place", name="call_place"),
        Index("call_task", "task_id", "message_seq"),
    )

    id: str = Field(primary_key=True)
    workspace_id: str
    session_id: str
    task_id: str
    message_seq: int = Field(sa_type=BigInteger)  # the message of the ledger that asks for it
    place: int  # among the calls of that message
    tool_use_id: str  # Claude's
    name: str
    kind: str  # who answers: see `overnight.tools.kinds`
    input: dict[str, Any] = sealed("tool_calls.input")
    status: str = CallStatus.REQUESTED.value
    asked_because: str | None = None
    attempts: int = 0  # how often its intent was committed
    due_at: datetime | None = None  # of a wait
    content: Any = sealed("tool_calls.content", nullable=True)  # of the result: text or blocks
    is_error: bool = False
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None


class Message(SQLModel, table=True):
    """One row of a session's ledger: a message verbatim as sent to or received from Claude."""

    __tablename__ = "messages"
    __table_args__ = (CheckConstraint("role IN ('user', 'system', 'assistant')", name="message_role"),)

    session_id: str = Field(primary_key=True)
    seq: int = Field(primary_key=True, sa_type=BigInteger)
    workspace_id: str
    task_id: str
    role: str
    content: list[dict[str, Any]] = sealed("messages.content")
    model: str | None = None
    message_id: str | None = None
    stop_reason: str | None = None
    context: int | None = Field(default=None, sa_type=BigInteger)  # of a reply: the context that it was asked with
    # in whose turn it was said; None: the session's own agent's
    agent_id: str | None = None
    agent_version: int | None = None
    created_at: datetime


class Event(SQLModel, table=True):
    """One row of a session's outward record; `payload` is what its type adds to id, type and time."""

    __tablename__ = "events"

    session_id: str = Field(primary_key=True)
    seq: int = Field(primary_key=True, sa_type=BigInteger)
    id: str
    workspace_id: str
    task_id: str | None = None
    type: str
    payload: dict[str, Any] = sealed("events.payload")
    created_at: datetime


class ModelCall(Usage, table=True):
    """One request to Claude that was paid for, whether or not its reply was kept. It stays when its session goes."""

    __tablename__ = "model_calls"
    __table_args__ = (
        Index("call_session", "session_id", "created_at"),
        Index("call_time", "workspace_id", "created_at"),
        partial_index("call_user", "workspace_id", "user_id", "created_at", where="user_id IS NOT NULL"),
    )

    id: str = Field(primary_key=True)
    workspace_id: str
    session_id: str
    task_id: str | None = None
    agent_id: str = Field(default=DEFAULT_AGENT, sa_column_kwargs={"server_default": DEFAULT_AGENT})
    user_id: str | None = None  # the task's, else the session's
    purpose: str  # step | summary
    outcome: str  # kept | discarded
    model: str
    message_id: str | None = None
    cache_write_1h_tokens: int = counted()  # of the cache writes
    web_searches: int = counted()
    duration_ms: int
    created_at: datetime


class Idempotency(SQLModel, table=True):
    """What a POST with this key answered; `fingerprint` is the hash of its path and body."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (Index("idempotency_age", "created_at"),)

    workspace_id: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    # sealed like the body: who has a guess of what was sent could prove it with the hash
    fingerprint: str = Field(sa_type=SealedText("idempotency_keys.fingerprint"))
    status: int
    body: dict[str, Any] = sealed("idempotency_keys.body")
    created_at: datetime
