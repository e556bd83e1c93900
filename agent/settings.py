"""Every setting, typed. Built once by an entry point and passed on; a secret that is absent switches its part off.

Names are those of the environment; any of them may also stand in `.env`. `.env.example` documents each
one, and a test compares the two both ways.
"""

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from agent.errors import Misconfigured

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})


class Settings(BaseSettings):
    """All settings. Field names are the environment's names in lower case."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True)

    # Where things are
    nightshift_home: Path = Path.home() / ".nightshift"
    nightshift_host: str = "127.0.0.1"
    nightshift_port: int = Field(default=8000, ge=1, le=65535)
    nightshift_public_url: str = ""
    nightshift_environment: str = Field(default="production", pattern=r"^[a-z0-9_-]{1,40}$")
    nightshift_log_level: Literal["debug", "info", "warning", "error"] = "info"
    nightshift_simulator: Literal["auto", "on", "off"] = "auto"
    nightshift_worker_concurrency: int = Field(default=20, ge=1, le=200)

    # Database
    database_url: SecretStr | None = None
    database_migration_url: SecretStr | None = None

    # Models
    anthropic_api_key: SecretStr | None = None
    anthropic_base_url: str | None = None
    nightshift_model_fast: str = "claude-haiku-5-5"
    nightshift_model_standard: str = "claude-sonnet-5-5"
    nightshift_model_expert: str = "claude-opus-5-5"
    nightshift_model_timeout_s: float = Field(default=30.0, gt=0, le=300)

    # Twilio
    twilio_account_sid: str | None = None
    twilio_auth_token: SecretStr | None = None
    twilio_previous_auth_tokens: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    twilio_messaging_service_sid: str | None = None
    twilio_base_url: str | None = None

    # E-mail
    smtp_url: SecretStr | None = None
    sendgrid_inbound_public_keys: Annotated[tuple[str, ...], NoDecode] = ()

    # Langfuse
    langfuse_public_key: str | None = None
    langfuse_secret_key: SecretStr | None = None
    langfuse_base_url: str = "https://cloud.langfuse.com"

    @field_validator("twilio_previous_auth_tokens", "sendgrid_inbound_public_keys", mode="before")
    @classmethod
    def _split_list(cls, value: object) -> object:
        """Lists are comma-separated in the environment."""
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("twilio_base_url")
    @classmethod
    def _only_loopback(cls, value: str | None) -> str | None:
        """Credentials travel to this URL, so it may only be this machine: it exists for tests."""
        if value and urlsplit(value).hostname not in LOOPBACK_HOSTS:
            raise ValueError("only a loopback address (127.0.0.1, localhost) is allowed; unset it to use Twilio")
        return value

    @property
    def public_url(self) -> str:
        """Base URL that providers call, without a trailing slash: signatures are computed over it."""
        url = self.nightshift_public_url or f"http://127.0.0.1:{self.nightshift_port}"
        return url.rstrip("/")

    @property
    def has_provider(self) -> bool:
        """Whether a real provider could reach prospects."""
        return bool(self.twilio_account_sid or self.smtp_url or self.sendgrid_inbound_public_keys)

    @property
    def simulator_enabled(self) -> bool:
        """On by itself only while no real provider is configured."""
        return self.nightshift_simulator == "on" or (self.nightshift_simulator == "auto" and not self.has_provider)


def load_settings(**overrides: object) -> Settings:
    """Read the environment and `.env`.

    Raises:
        Misconfigured: a value is malformed; names the variable and what was expected.
    """
    try:
        return Settings(**overrides)  # type: ignore[arg-type]  # names and types are checked by Pydantic itself
    except ValidationError as exc:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in error['loc']).upper()}: {error['msg']}" for error in exc.errors()
        )
        raise Misconfigured(
            f"Bad setting: {problems}.", "Correct it in the environment or in .env (see .env.example)."
        ) from exc
