"""Every setting, typed. Built once by an entry point and passed on; a secret that is absent switches its part off.

Names are those of the environment; any of them may also stand in `.env`. `.env.example` documents each
one, and a test compares the two both ways.
"""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from agent.errors import Misconfigured

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
OWN_MODEL_PROVIDERS = ("anthropic", "bedrock", "vertex")


class CompatibleApi(BaseModel, frozen=True, extra="forbid"):
    """A model provider that speaks Anthropic's protocol at its own address."""

    base_url: str = Field(pattern=r"^https?://[^\s/]+")
    api_key: SecretStr


class LangfuseProject(BaseModel, frozen=True, extra="forbid"):
    """A Langfuse project: one for all tenants, or a tenant's own."""

    public_key: str
    secret_key: SecretStr
    base_url: str = Field(default="https://cloud.langfuse.com", pattern=r"^https?://[^\s/]+")


class OtlpEndpoint(BaseModel, frozen=True, extra="forbid"):
    """Where spans go besides Langfuse: the whole URL, and headers such as those that authorise."""

    url: str = Field(pattern=r"^https?://[^\s/]+")
    headers: dict[str, SecretStr] = {}


class Settings(BaseSettings):
    """All settings. Field names are the environment's names in lower case."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True)

    # Where things are
    nightshift_home: Path = Path.home() / ".nightshift"
    nightshift_host: str = "127.0.0.1"
    nightshift_port: int = Field(default=8000, ge=1, le=65535)
    nightshift_public_url: str = ""
    nightshift_environment: str = Field(default="production", pattern=r"^[a-z0-9_-]{1,40}$")
    nightshift_fault: str = ""
    nightshift_log_level: Literal["debug", "info", "warning", "error"] = "info"
    nightshift_simulator: Literal["auto", "on", "off"] = "auto"
    nightshift_trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ()
    nightshift_worker_concurrency: int = Field(default=20, ge=1, le=200)
    nightshift_spool: Path | None = None
    nightshift_spool_max_mb: int = Field(default=1024, ge=1)
    nightshift_spool_max_files: int = Field(default=50_000, ge=1)
    nightshift_events_keep_days: int = Field(default=1095, ge=0)

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
    nightshift_model_stall_s: float = Field(default=15.0, gt=0, le=300)
    nightshift_model_hedging: bool = False
    nightshift_evaluation_percent: int = Field(default=10, ge=0, le=100)
    nightshift_model_providers: Annotated[tuple[str, ...], NoDecode] = ("anthropic",)
    nightshift_model_endpoints: Annotated[dict[str, CompatibleApi], NoDecode] = {}
    nightshift_model_ids: Annotated[dict[str, dict[str, str]], NoDecode] = {}
    aws_region: str | None = None
    aws_bearer_token_bedrock: SecretStr | None = None
    anthropic_bedrock_base_url: str | None = None
    cloud_ml_region: str | None = None
    anthropic_vertex_project_id: str | None = None
    anthropic_vertex_access_token: SecretStr | None = None
    anthropic_vertex_base_url: str | None = None

    # Twilio
    twilio_account_sid: str | None = None
    twilio_auth_token: SecretStr | None = None
    twilio_previous_auth_tokens: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    twilio_messaging_service_sid: str | None = None
    twilio_base_url: str | None = None
    nightshift_templates_sync_min: int = Field(default=15, ge=1, le=1440)
    nightshift_sweep_min: int = Field(default=5, ge=1, le=1440)

    # E-mail
    smtp_url: SecretStr | None = None
    sendgrid_api_key: SecretStr | None = None
    sendgrid_base_url: str | None = None
    sendgrid_event_public_keys: Annotated[tuple[str, ...], NoDecode] = ()
    mail_reply_to: str = Field(default="plus", pattern=r"^(plus|plain|(?:[a-z0-9-]{1,63}\.)+[a-z]{2,63})$")
    imap_url: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    imap_authserv_ids: Annotated[tuple[str, ...], NoDecode] = ()
    sendgrid_inbound_public_keys: Annotated[tuple[str, ...], NoDecode] = ()

    # Files that come with messages
    supabase_url: str | None = Field(default=None, pattern=r"^https?://[^\s/]+")
    supabase_secret_key: SecretStr | None = None
    supabase_publishable_key: str | None = None
    nightshift_media_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    nightshift_transcriber_url: str | None = Field(default=None, pattern=r"^https?://[^\s/]+")
    nightshift_transcriber_api_key: SecretStr | None = None
    nightshift_transcriber_model: str = "whisper-1"

    # Langfuse
    langfuse_public_key: str | None = None
    langfuse_secret_key: SecretStr | None = None
    langfuse_base_url: str = "https://cloud.langfuse.com"
    langfuse_sample_rate: float = Field(default=1.0, ge=0, le=1)
    langfuse_projects: Annotated[dict[str, LangfuseProject], NoDecode] = {}
    nightshift_otlp: Annotated[OtlpEndpoint | None, NoDecode] = None
    nightshift_release: str = Field(default="", max_length=100)

    @field_validator(
        "twilio_previous_auth_tokens",
        "sendgrid_inbound_public_keys",
        "sendgrid_event_public_keys",
        "nightshift_model_providers",
        "nightshift_media_hosts",
        "nightshift_trusted_proxies",
        "imap_url",
        "imap_authserv_ids",
        mode="before",
    )
    @classmethod
    def _split_list(cls, value: object) -> object:
        """Lists are comma-separated in the environment."""
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator(
        "nightshift_model_endpoints", "nightshift_model_ids", "langfuse_projects", "nightshift_otlp", mode="before"
    )
    @classmethod
    def _read_json(cls, value: object) -> object:
        """Tables are JSON in the environment."""
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError as exc:
            raise ValueError("it is not JSON") from exc

    @model_validator(mode="after")
    def _know_model_providers(self) -> Self:
        """Each provider is known, and asked once."""
        named, other = self.nightshift_model_providers, self.nightshift_model_endpoints
        if taken := other.keys() & {*OWN_MODEL_PROVIDERS}:
            raise ValueError(f"NIGHTSHIFT_MODEL_ENDPOINTS: give {', '.join(taken)} another name, that one is taken")
        known = (*OWN_MODEL_PROVIDERS, *other)
        if not named or len(set(named)) < len(named) or not set(named) <= set(known):
            raise ValueError(
                f"NIGHTSHIFT_MODEL_PROVIDERS must name one or more of {', '.join(known)}, each once; "
                "any other needs an entry in NIGHTSHIFT_MODEL_ENDPOINTS"
            )
        return self

    @field_validator("twilio_base_url", "sendgrid_base_url")
    @classmethod
    def _only_loopback(cls, value: str | None) -> str | None:
        """Credentials travel to this URL, so it may only be this machine: it exists for tests."""
        if value and urlsplit(value).hostname not in LOOPBACK_HOSTS:
            raise ValueError("only a loopback address (127.0.0.1, localhost) is allowed; unset it to call the provider")
        return value

    @property
    def public_url(self) -> str:
        """Base URL that providers call, without a trailing slash: signatures are computed over it."""
        url = self.nightshift_public_url or f"http://127.0.0.1:{self.nightshift_port}"
        return url.rstrip("/")

    @property
    def spool_directory(self) -> Path:
        """Where webhooks are kept that the database could not take."""
        return self.nightshift_spool or self.nightshift_home / "spool"

    @property
    def has_models(self) -> bool:
        """Whether a model provider is configured; without one, the local engine answers."""
        return self.anthropic_api_key is not None or self.nightshift_model_providers != ("anthropic",)

    @property
    def has_staff_accounts(self) -> bool:
        """Whether staff sign in through Supabase Auth; without it, by one-time links of the command line only."""
        return bool(self.supabase_url and self.supabase_publishable_key)

    @property
    def has_provider(self) -> bool:
        """Whether a real provider could reach prospects."""
        mail = self.sends_mail or self.sendgrid_inbound_public_keys or self.imap_url
        return bool(self.twilio_account_sid or mail)

    @property
    def langfuse_project(self) -> LangfuseProject | None:
        """The project of tenants that have none of their own; None while a key is missing."""
        if not (self.langfuse_public_key and self.langfuse_secret_key):
            return None
        return LangfuseProject(
            public_key=self.langfuse_public_key, secret_key=self.langfuse_secret_key, base_url=self.langfuse_base_url
        )

    @property
    def has_traces(self) -> bool:
        """Whether traces go anywhere."""
        return bool(self.langfuse_project or self.langfuse_projects or self.nightshift_otlp)

    def langfuse_project_of(self, slug: str) -> LangfuseProject | None:
        """Return where a tenant's traces, scores and prompts go; None: to no Langfuse project."""
        return self.langfuse_projects.get(slug, self.langfuse_project)

    def traces(self, slug: str) -> bool:
        """Whether a tenant's traces go anywhere."""
        return bool(self.langfuse_project_of(slug) or self.nightshift_otlp)

    @property
    def release(self) -> str:
        """What runs here: NIGHTSHIFT_RELEASE, such as a commit, else the package's version."""
        return self.nightshift_release or version("nightshift")

    @property
    def sends_mail(self) -> bool:
        """Whether mail can leave: over SMTP or, without SMTP_URL, through SendGrid."""
        return bool(self.smtp_url or self.sendgrid_api_key)

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
