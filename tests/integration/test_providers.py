"""Providers from the settings: who is asked where, with which key and under which name, or what is missing."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from agent.errors import Misconfigured
from agent.models.providers import build_gateway
from agent.settings import CompatibleApi, Settings
from tests.doubles.claude import API_KEY, ClaudeDouble
from tests.factories import NOW
from tests.integration.gateways import Said, ask, bedrock_settings, settings_for, vertex_settings


@pytest.fixture
def double() -> Iterator[ClaudeDouble]:
    with ClaudeDouble() as double:
        yield double


async def seen(settings: Settings, double: ClaudeDouble, tier: Any = "fast") -> tuple[str, str, dict[str, str]]:
    """Ask once; return the provider that answered, the path it was asked at, and the headers."""
    gateway = build_gateway(settings, now=lambda: NOW)
    try:
        completion = await ask(gateway, tier=tier)
    finally:
        await gateway.aclose()
    assert isinstance(completion.value, Said)
    (call,) = completion.calls
    assert call.usage.cache_write_tokens > 500
    assert call.cost_microusd > 0
    return call.provider, double.requests[-1].path, dict(double.requests[-1].headers)


async def test_anthropic_is_asked_by_its_own_protocol(double: ClaudeDouble) -> None:
    provider, path, headers = await seen(settings_for(double), double)
    assert (provider, path) == ("anthropic", "/v1/messages")
    assert headers["authorization"] == f"Bearer {API_KEY}"
    assert "traceparent" not in headers


@pytest.mark.parametrize("tier", ["fast", "standard", "expert"])
async def test_bedrock_is_asked_in_one_piece_by_its_own_names(double: ClaudeDouble, tier: str) -> None:
    provider, path, _ = await seen(bedrock_settings(double), double, tier)
    model = {"fast": "haiku", "standard": "sonnet", "expert": "opus"}[tier]
    assert (provider, path) == ("bedrock", f"/model/anthropic.claude-{model}-5-5/invoke")
    assert not double.requests[-1].body["stream"]


@pytest.mark.parametrize("tier", ["fast", "standard", "expert"])
async def test_vertex_is_asked_for_a_stream_in_its_project(double: ClaudeDouble, tier: str) -> None:
    provider, path, _ = await seen(vertex_settings(double), double, tier)
    model = {"fast": "haiku", "standard": "sonnet", "expert": "opus"}[tier]
    assert provider == "vertex"
    assert path.startswith("/projects/night/locations/europe-west1/publishers/anthropic/models/")
    assert path.endswith(f"/claude-{model}-5-5:streamRawPredict")


async def test_compatible_provider_is_asked_with_its_own_key(double: ClaudeDouble) -> None:
    double.api_key = "another"
    settings = Settings(
        _env_file=None,
        nightshift_model_providers=("mirror",),
        nightshift_model_endpoints={"mirror": CompatibleApi(base_url=double.base_url, api_key=SecretStr("another"))},
    )
    assert settings.has_models
    provider, _, headers = await seen(settings, double, "standard")
    assert (provider, headers["authorization"]) == ("mirror", "Bearer another")


async def test_model_is_asked_for_by_the_name_the_provider_has_for_it(double: ClaudeDouble) -> None:
    ids = {"bedrock": {"claude-haiku-5-5": "eu.anthropic.claude-haiku-5-5"}}
    _, path, _ = await seen(bedrock_settings(double, nightshift_model_ids=ids), double)
    assert path == "/model/eu.anthropic.claude-haiku-5-5/invoke"


@pytest.mark.parametrize(
    ("overrides", "missing"),
    [
        pytest.param({}, "ANTHROPIC_API_KEY", id="no-key"),
        pytest.param({"nightshift_model_providers": ("bedrock", "anthropic")}, "AWS_REGION", id="no-region"),
        pytest.param({"nightshift_model_providers": ("vertex",)}, "CLOUD_ML_REGION", id="no-location"),
        pytest.param(
            {"nightshift_model_providers": ("vertex",), "cloud_ml_region": "global"},
            "ANTHROPIC_VERTEX_PROJECT_ID",
            id="no-project",
        ),
        pytest.param(
            {"nightshift_model_providers": ("bedrock",), "aws_region": "eu-west-1"},
            r"nightshift\[bedrock\]",
            id="extra",
        ),
        pytest.param(
            {
                "nightshift_model_providers": ("vertex",),
                "cloud_ml_region": "global",
                "anthropic_vertex_project_id": "night",
            },
            r"nightshift\[vertex\]",
            id="other-extra",
        ),
        pytest.param(
            {"anthropic_api_key": SecretStr("x"), "nightshift_model_fast": "gpt-9"}, "NIGHTSHIFT_MODEL_FAST", id="model"
        ),
    ],
)
def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, overrides: dict[str, Any], missing: str) -> None:
    monkeypatch.setattr("agent.models.providers.find_spec", lambda name: None)
    with pytest.raises(Misconfigured, match=missing):
        build_gateway(Settings(_env_file=None, **overrides), now=lambda: NOW)


async def test_bedrock_without_credentials_refuses_and_tells_the_operator(
    double: ClaudeDouble, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    pytest.importorskip("boto3", reason="needs the extra nightshift[bedrock]")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    gateway = build_gateway(bedrock_settings(double, aws_bearer_token_bedrock=None), now=lambda: NOW)
    with pytest.raises(Misconfigured, match="AWS_BEARER_TOKEN_BEDROCK"):
        await ask(gateway)
    await gateway.aclose()


async def test_vertex_without_credentials_refuses_and_tells_the_operator(
    double: ClaudeDouble, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    pytest.importorskip("google.auth", reason="needs the extra nightshift[vertex]")
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    gateway = build_gateway(vertex_settings(double, anthropic_vertex_access_token=None), now=lambda: NOW)
    with pytest.raises(Misconfigured, match="application default credentials"):
        await ask(gateway)
    await gateway.aclose()
