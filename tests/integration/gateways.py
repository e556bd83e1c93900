"""Settings that point at stand-ins for model providers, and a request to ask them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pydantic import BaseModel, SecretStr

from agent.models.gateway import Gateway
from agent.models.request import Completion, Request
from agent.settings import CompatibleApi, Settings
from agent.types import ModelTier, TenantId
from tests.doubles.claude import API_KEY, ClaudeDouble

SYSTEM = "You answer prospects of a language school. " * 100
"""Long enough to be cached."""


class Said(BaseModel):
    """An answer with a single field."""

    text: str


def settings_for(double: ClaudeDouble, backup: ClaudeDouble | None = None, **overrides: Any) -> Settings:
    """Return settings with the double as `anthropic`, and another as the provider `backup` after it."""
    values: dict[str, Any] = {"anthropic_api_key": SecretStr(API_KEY), "anthropic_base_url": double.base_url}
    if backup is not None:
        values["nightshift_model_providers"] = ("anthropic", "backup")
        values["nightshift_model_endpoints"] = {
            "backup": CompatibleApi(base_url=backup.base_url, api_key=SecretStr(API_KEY))
        }
    return Settings(_env_file=None, **(values | overrides))


def bedrock_settings(double: ClaudeDouble, **overrides: Any) -> Settings:
    """Return settings with the double as Bedrock, whose answers come in one piece."""
    values: dict[str, Any] = {
        "nightshift_model_providers": ("bedrock",),
        "aws_region": "eu-west-1",
        "aws_bearer_token_bedrock": SecretStr(API_KEY),
        "anthropic_bedrock_base_url": double.base_url,
    }
    return Settings(_env_file=None, **(values | overrides))


def vertex_settings(double: ClaudeDouble, **overrides: Any) -> Settings:
    """Return settings with the double as Vertex."""
    values: dict[str, Any] = {
        "nightshift_model_providers": ("vertex",),
        "cloud_ml_region": "europe-west1",
        "anthropic_vertex_project_id": "night",
        "anthropic_vertex_access_token": SecretStr(API_KEY),
        "anthropic_vertex_base_url": double.base_url,
    }
    return Settings(_env_file=None, **(values | overrides))


async def ask(
    gateway: Gateway, *, tier: ModelTier = "fast", tenant_id: TenantId | None = None, timeout_s: float = 30
) -> Completion[Said]:
    """Ask for a `Said`."""
    request = Request(
        task="classify",
        tier=tier,
        system=SYSTEM,
        user="hola",
        output=Said,
        effort="low",
        max_tokens=100,
        prompt_version="test",
        tenant_id=tenant_id,
    )
    return await gateway.complete(request, timeout_s=timeout_s)


@asynccontextmanager
async def opened(gateway: Gateway) -> AsyncIterator[Gateway]:
    """Close the gateway in the end."""
    try:
        yield gateway
    finally:
        await gateway.aclose()
