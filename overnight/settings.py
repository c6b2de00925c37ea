"""Settings, read once from the environment or `.env`, then passed in. Times are seconds where no unit is named."""

from pathlib import Path

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from overnight import price_list
from overnight.crypto import masters
from overnight.crypto.masters import MasterKey

ANTHROPIC_URL = "https://api.anthropic.com"


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="OVERNIGHT_",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        populate_by_name=True,
        hide_input_in_errors=True,
    )

    # Where things are. Empty means the embedded one in the data directory.
    data_dir: Path = Path(".overnight")
    database_url: str = ""
    redis_url: str = ""
    encryption_keys: SecretStr | None = None  # of contents at rest: newest first, separated by commas

    # Claude. Without a key the simulator answers, and everything says so.
    anthropic_api_key: SecretStr | None = Field(default=None, validation_alias="ANTHROPIC_API_KEY")
    anthropic_base_url: str = ""
    simulated: bool = False  # said by a stack to its processes, whose address is the simulator's
    model: str = "claude-sonnet-5-5"
    summary_model: str = ""  # empty: claude-haiku-5-5 where a session is archived, its own model where it goes on
    max_tokens: int = Field(default=16_000, ge=1)
    max_steps: int = Field(default=200, ge=1)  # of one task, for agents that do not say
    prices: Path | None = None  # a file that replaces prices of ours
    read_timeout: float = 120.0  # between two bytes of a stream: Claude sends pings meanwhile

    # The API
    host: str = "127.0.0.1"
    port: int = 8000
    api_key: SecretStr | None = None
    max_body_bytes: int = 4_194_304
    max_import_bytes: int = 268_435_456
    key_cache: float = 5.0  # a revoked key works at most this long
    keep_alive: float = 15.0
    poll_interval: float = 1.0  # how often streams and waits look into SQL when Redis is silent

    # The worker
    concurrency: int = 100
    lease_ttl: float = 30.0
    slice_seconds: float = 60.0
    drain_seconds: float = 5.0
    retry_base: float = 1.0
    retry_cap: float = 300.0
    retry_after_cap: float = 900.0
    max_retry_age: float = 86_400.0
    shutdown_grace: float = 10.0

    # Environments
    work_ttl: int = Field(default=60, ge=1, le=3_600)  # of silence, after which a worker has lost its session

    # Tools
    tools: str = ""  # modules, separated by commas
    tool_timeout: float = Field(default=300.0, gt=0)
    tool_result_bytes: int = Field(default=102_400, ge=1_024)
    allow_bash: bool = False
    allow_mcp_commands: bool = False  # agents name commands that workers run: whoever has a key runs programs there

    # Sessions. Zero switches a limit off.
    idle_ttl: float = 7 * 86_400.0
    max_age: float = 0.0
    expiry_notice: float = 3_600.0
    summary_attempts: int = 3

    # Retention: days for which things are kept, unless their workspace says otherwise. Zero is for ever, but of what
    # is deleted: until the next sweep.
    retention_days: float = Field(default=0.0, ge=0)  # archived sessions
    retention_deleted_days: float = Field(default=0.0, ge=0)
    retention_transcript_days: float = Field(default=0.0, ge=0)  # of the Agent SDK, since the last line

    # Flower
    flower_port: int = 5555
    flower_basic_auth: SecretStr | None = None

    log_level: str = "INFO"

    @field_validator("database_url")
    @classmethod
    def name_the_driver(cls, url: str) -> str:
        """`postgres://` and `postgresql://` mean psycopg, the one driver that is installed."""
        scheme, separator, rest = url.partition("://")
        return f"postgresql+psycopg://{rest}" if separator and scheme in {"postgres", "postgresql"} else url

    @field_validator("encryption_keys")
    @classmethod
    def check_encryption_keys(cls, keys: SecretStr | None) -> SecretStr | None:
        if keys is not None:
            masters.read(keys.get_secret_value())
        return keys

    @field_validator("prices")
    @classmethod
    def check_prices(cls, file: Path | None) -> Path | None:
        """What is wrong with them is told before anything starts."""
        if file is not None:
            price_list.read(file)
        return file

    @property
    def sql_url(self) -> str:
        return self.database_url or f"sqlite:///{self.data_dir.resolve() / 'overnight.db'}"

    @property
    def master_keys(self) -> tuple[MasterKey, ...]:
        """Newest first; none: contents are stored as they are."""
        return masters.read(self.encryption_keys.get_secret_value()) if self.encryption_keys else ()

    @property
    def is_simulated(self) -> bool:
        """Whether a stand-in for Claude answers: no key and no address of one's own, or a stack that says so."""
        return self.simulated or (self.anthropic_api_key is None and not self.anthropic_base_url)
