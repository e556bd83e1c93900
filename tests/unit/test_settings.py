"""Settings: documented one by one, read from the environment, refused with the variable's name."""

import re
from pathlib import Path

import pytest

from agent.errors import Misconfigured
from agent.settings import Settings, load_settings

EXAMPLE = Path(__file__).parents[2] / ".env.example"


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """This machine's .env does not count."""
    monkeypatch.chdir(tmp_path)


def documented() -> dict[str, str]:
    """Return every variable of .env.example with its value there."""
    return dict(re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=(.*)$", EXAMPLE.read_text("utf-8"), re.MULTILINE))


def test_the_example_names_every_setting_and_no_other() -> None:
    assert {name.lower() for name in documented()} == set(Settings.model_fields)


def test_each_setting_has_a_comment_above_it_or_above_its_group() -> None:
    paragraphs = EXAMPLE.read_text("utf-8").split("\n\n")
    bare = [text for text in paragraphs if re.match(r"[A-Z]", text) and "TWILIO_ACCOUNT_SID" not in text]
    assert bare == []


def test_the_example_as_it_is_means_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in documented().items():
        monkeypatch.setenv(name, value)
    assert load_settings() == Settings(_env_file=None)


def test_a_variable_of_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("NIGHTSHIFT_PORT=8001\nNIGHTSHIFT_HOST=0.0.0.0\nUNKNOWN=1\n", encoding="utf-8")
    monkeypatch.setenv("NIGHTSHIFT_PORT", "8002")
    settings = load_settings()
    assert (settings.nightshift_port, settings.nightshift_host) == (8002, "0.0.0.0")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("NIGHTSHIFT_PORT", "eighty", "valid integer"),
        ("NIGHTSHIFT_PORT", "0", "greater than or equal to 1"),
        ("NIGHTSHIFT_PORT", "65536", "less than or equal to 65535"),
        ("NIGHTSHIFT_LOG_LEVEL", "loud", "'debug', 'info', 'warning' or 'error'"),
        ("NIGHTSHIFT_SIMULATOR", "yes", "'auto', 'on' or 'off'"),
        ("NIGHTSHIFT_ENVIRONMENT", "My Company", "pattern"),
        ("NIGHTSHIFT_WORKER_CONCURRENCY", "0", "greater than or equal to 1"),
        ("NIGHTSHIFT_MODEL_TIMEOUT_S", "0", "greater than 0"),
        ("NIGHTSHIFT_MODEL_STALL_S", "0", "greater than 0"),
        ("NIGHTSHIFT_MODEL_PROVIDERS", "anthropic,azure", "anthropic, bedrock, vertex"),
        ("NIGHTSHIFT_MODEL_PROVIDERS", "bedrock,bedrock", "each once"),
        ("NIGHTSHIFT_MODEL_ENDPOINTS", "{backup}", "not JSON"),
        ("NIGHTSHIFT_MODEL_ENDPOINTS", '{"backup": {"base_url": "https://a.example"}}', "Field required"),
        ("NIGHTSHIFT_MODEL_ENDPOINTS", '{"backup": {"base_url": "file:///x", "api_key": "k"}}', "pattern"),
        ("NIGHTSHIFT_MODEL_ENDPOINTS", '{"vertex": {"base_url": "https://a.example", "api_key": "k"}}', "taken"),
        ("NIGHTSHIFT_MODEL_IDS", '{"bedrock": []}', "valid dictionary"),
        ("TWILIO_BASE_URL", "https://api.example", "only a loopback address"),
    ],
)
def test_malformed_value_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(Misconfigured) as refusal:
        load_settings()
    assert name in refusal.value.problem
    assert expected in refusal.value.problem
    assert ".env.example" in refusal.value.fix


def test_every_problem_is_reported_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTSHIFT_PORT", "x")
    monkeypatch.setenv("NIGHTSHIFT_LOG_LEVEL", "x")
    with pytest.raises(Misconfigured, match=r"NIGHTSHIFT_PORT.*NIGHTSHIFT_LOG_LEVEL"):
        load_settings()


@pytest.mark.parametrize("url", ["http://127.0.0.1:9000", "http://localhost:9000/x", "http://[::1]:9000"])
def test_twilio_may_be_replaced_by_a_stand_in_on_this_machine(url: str) -> None:
    assert load_settings(twilio_base_url=url).twilio_base_url == url


@pytest.mark.parametrize(
    "url",
    [
        "https://api.twilio.com",
        "http://127.0.0.1.evil.example",
        "http://localhost@evil.example",
        "http://evil.example#127.0.0.1",
        "http://127.0.0.1\\.evil.example",
        "//evil.example",
        "127.0.0.1:9000",
        "http://0x7f000001",
        "http://[::ffff:1.2.3.4]",
        "http://169.254.169.254",
    ],
)
def test_credentials_never_travel_anywhere_else(url: str) -> None:
    with pytest.raises(Misconfigured, match=r"TWILIO_BASE_URL.*loopback"):
        load_settings(twilio_base_url=url)


def test_lists_are_comma_separated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_PREVIOUS_AUTH_TOKENS", " one, two,,")
    monkeypatch.setenv("SENDGRID_INBOUND_PUBLIC_KEYS", "key")
    settings = load_settings()
    assert [token.get_secret_value() for token in settings.twilio_previous_auth_tokens] == ["one", "two"]
    assert settings.sendgrid_inbound_public_keys == ("key",)


def test_model_providers_are_a_list_and_their_particulars_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTSHIFT_MODEL_PROVIDERS", " anthropic, backup,bedrock ")
    monkeypatch.setenv(
        "NIGHTSHIFT_MODEL_ENDPOINTS", '{"backup": {"base_url": "https://a.example", "api_key": "hunter2"}}'
    )
    monkeypatch.setenv("NIGHTSHIFT_MODEL_IDS", '{"bedrock": {"claude-haiku-5-5": "eu.anthropic.claude-haiku-5-5"}}')
    settings = load_settings()
    assert settings.nightshift_model_providers == ("anthropic", "backup", "bedrock")
    assert settings.nightshift_model_endpoints["backup"].api_key.get_secret_value() == "hunter2"
    assert settings.nightshift_model_ids["bedrock"]["claude-haiku-5-5"].startswith("eu.")
    assert "hunter2" not in settings.model_dump_json() + repr(settings)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, False),
        ({"anthropic_api_key": "key"}, True),
        ({"nightshift_model_providers": "bedrock"}, True),
    ],
)
def test_models_are_on_with_a_key_or_another_provider(settings: dict[str, object], expected: bool) -> None:
    assert load_settings(**settings).has_models is expected


SECRETS = (
    "aws_bearer_token_bedrock",
    "anthropic_vertex_access_token",
    "database_url",
    "anthropic_api_key",
    "twilio_auth_token",
    "smtp_url",
    "langfuse_secret_key",
)


def test_secrets_are_shown_nowhere() -> None:
    settings = load_settings(**dict.fromkeys(SECRETS, "hunter2"), twilio_previous_auth_tokens="hunter2")
    for shown in (repr(settings), str(settings), settings.model_dump_json()):
        assert "hunter2" not in shown


def test_secrets_are_shown_in_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_BASE_URL", "https://user:hunter2@api.example")
    with pytest.raises(Misconfigured) as refusal:
        load_settings()
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize(
    ("chosen", "provider", "expected"),
    [
        ("auto", {}, True),
        ("auto", {"twilio_account_sid": "AC1"}, False),
        ("auto", {"smtp_url": "smtp://mail.example"}, False),
        ("auto", {"sendgrid_inbound_public_keys": ("key",)}, False),
        ("on", {"twilio_account_sid": "AC1"}, True),
        ("off", {}, False),
    ],
)
def test_simulator_is_on_by_itself_only_without_a_provider(
    chosen: str, provider: dict[str, object], expected: bool
) -> None:
    assert load_settings(nightshift_simulator=chosen, **provider).simulator_enabled is expected


def test_public_url_has_no_slash_at_its_end_and_falls_back_to_this_machine() -> None:
    assert load_settings(nightshift_public_url="https://agent.example/").public_url == "https://agent.example"
    assert load_settings(nightshift_port=8001).public_url == "http://127.0.0.1:8001"
