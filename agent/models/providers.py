"""The providers of Claude in the order in which they are asked, built from the settings.

Bedrock and Vertex take a bearer token as they are; to find credentials by themselves they need the extras
`nightshift[bedrock]` and `nightshift[vertex]`, which are looked for only when such a provider is named.
"""

import asyncio
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import anthropic
import httpx2
from pydantic import SecretStr

from agent.errors import Misconfigured
from agent.models.anthropic import ClaudeApi, Connection
from agent.models.capabilities import CAPABILITIES, get_capabilities
from agent.models.gateway import Gateway, OnCap
from agent.models.pricing import ModelPrices
from agent.models.retrying import Sleep
from agent.ports import Clock
from agent.settings import CompatibleApi, Settings
from agent.types import ModelTier

CONNECT_S = 3.0


def build_gateway(
    settings: Settings, *, now: Clock, on_cap: OnCap | None = None, sleep: Sleep = asyncio.sleep
) -> Gateway:
    """Return the gateway to all configured providers. Nothing is called.

    Raises:
        Misconfigured: as `build_providers`; or a model is named whose price or abilities are unknown.
    """
    prices = ModelPrices.load()
    models: dict[ModelTier, str] = {
        "fast": settings.nightshift_model_fast,
        "standard": settings.nightshift_model_standard,
        "expert": settings.nightshift_model_expert,
    }
    for model in models.values():
        get_capabilities(model)
        prices.get_price(model, prompt_tokens=0, on=now().date())
    return Gateway(
        build_providers(settings, prices=prices, now=now),
        models,
        now=now,
        hedging=settings.nightshift_model_hedging,
        on_cap=on_cap,
        sleep=sleep,
    )


def build_providers(settings: Settings, *, prices: ModelPrices, now: Clock) -> tuple[ClaudeApi, ...]:
    """Return the providers that NIGHTSHIFT_MODEL_PROVIDERS names, in its order. Nothing is called.

    Raises:
        Misconfigured: one of them lacks a key, a region, a project or its extra.
    """
    own: dict[str, Callable[[Settings], Connection]] = {
        "anthropic": _anthropic,
        "bedrock": _bedrock,
        "vertex": _vertex,
    }
    connections = [
        own[name](settings) if name in own else _compatible(name, settings.nightshift_model_endpoints[name], settings)
        for name in settings.nightshift_model_providers
    ]
    stall_s = settings.nightshift_model_stall_s
    return tuple(ClaudeApi(connection, prices=prices, now=now, stall_s=stall_s) for connection in connections)


def _anthropic(settings: Settings) -> Connection:
    if settings.anthropic_api_key is None:
        raise Misconfigured("There is no key for the Claude API.", "Set ANTHROPIC_API_KEY.")
    return Connection(
        name="anthropic",
        sdk=anthropic.AsyncAnthropic(
            api_key=settings.anthropic_api_key.get_secret_value(),
            base_url=settings.anthropic_base_url,
            **_usual(settings),
        ),
        credentials="ANTHROPIC_API_KEY",
        address="ANTHROPIC_BASE_URL",
        model_ids=_ids("anthropic", settings),
    )


def _bedrock(settings: Settings) -> Connection:
    if not settings.aws_region:
        raise Misconfigured("The provider bedrock has no region.", "Set AWS_REGION, for example to eu-west-1.")
    token = _secret(settings.aws_bearer_token_bedrock)
    if token is None:
        _require_extra("bedrock", "boto3")
    return Connection(
        name="bedrock",
        sdk=anthropic.AsyncAnthropicBedrock(
            api_key=token,
            aws_region=settings.aws_region,
            base_url=settings.anthropic_bedrock_base_url,
            **_usual(settings),
        ),
        credentials="AWS_BEARER_TOKEN_BEDROCK, or AWS's own variables or profile,",
        address="AWS_REGION",
        model_ids={model: f"anthropic.{model}" for model in CAPABILITIES} | _ids("bedrock", settings),
        # Its streams are in a format of AWS, which only the extra can read.
        streams=False,
        credential_errors=() if token else (RuntimeError, import_module("botocore.exceptions").BotoCoreError),
    )


def _vertex(settings: Settings) -> Connection:
    if not settings.cloud_ml_region or not settings.anthropic_vertex_project_id:
        raise Misconfigured(
            "The provider vertex has no region or no project.",
            "Set CLOUD_ML_REGION (for example to global) and ANTHROPIC_VERTEX_PROJECT_ID.",
        )
    token = _secret(settings.anthropic_vertex_access_token)
    if token is None:
        _require_extra("vertex", "google.auth")
    return Connection(
        name="vertex",
        sdk=anthropic.AsyncAnthropicVertex(
            region=settings.cloud_ml_region,
            project_id=settings.anthropic_vertex_project_id,
            access_token=token,
            base_url=settings.anthropic_vertex_base_url,
            **_usual(settings),
        ),
        credentials="Google's application default credentials",
        address="CLOUD_ML_REGION",
        model_ids=_ids("vertex", settings),
        credential_errors=() if token else (RuntimeError, import_module("google.auth.exceptions").GoogleAuthError),
    )


def _compatible(name: str, api: CompatibleApi, settings: Settings) -> Connection:
    return Connection(
        name=name,
        sdk=anthropic.AsyncAnthropic(api_key=api.api_key.get_secret_value(), base_url=api.base_url, **_usual(settings)),
        credentials=f"the api_key of {name} in NIGHTSHIFT_MODEL_ENDPOINTS",
        address=f"the base_url of {name} in NIGHTSHIFT_MODEL_ENDPOINTS",
        model_ids=_ids(name, settings),
    )


def _usual(settings: Settings) -> dict[str, Any]:
    """Return what every client is built with: retrying and tracing are ours."""
    return {
        "max_retries": 0,
        "timeout": httpx2.Timeout(settings.nightshift_model_timeout_s, connect=CONNECT_S),
        "open_telemetry": False,
    }


def _ids(name: str, settings: Settings) -> dict[str, str]:
    return settings.nightshift_model_ids.get(name, {})


def _secret(value: SecretStr | None) -> str | None:
    return value.get_secret_value() if value else None


def _require_extra(extra: str, module: str) -> None:
    parent, _, child = module.rpartition(".")
    if find_spec(parent or child) is None or find_spec(module) is None:
        raise Misconfigured(
            f"The provider {extra} has no token, and the package that finds credentials is not installed.",
            f"Run `pip install 'nightshift[{extra}]'`, or give it a token (see .env.example).",
        )
