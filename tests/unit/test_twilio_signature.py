"""Signatures of webhooks: Twilio's own vectors, and everything that must not pass."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from agent.errors import BadRequest
from agent.settings import Settings
from channels.twilio_signature import (
    MAX_PARAMETERS,
    Params,
    WebhookSecret,
    read_form,
    sign,
    signed_url,
    twilio_secrets,
    verify,
)
from tests.doubles.twilio_webhooks import signature

VECTORS = json.loads((Path(__file__).parent / "data" / "twilio_signatures.json").read_text())
ACCOUNT = "AC00000000000000000000000000000001"
URL = "https://agent.example/webhooks/twilio/messages"
FORM: list[tuple[str, str]] = [
    ("Body", "Olá"),
    ("From", "+14155550101"),
    ("Digits", "2"),
    ("Digits", "1"),
    ("Empty", ""),
]
TOKEN = WebhookSecret(value="token", account_sid=ACCOUNT)
OLD_TOKEN = WebhookSecret(value="old", account_sid=ACCOUNT)
SHARED = WebhookSecret(value="shared", account_sid=ACCOUNT, algorithm="HMAC_SHA256", key_id="key_1")


def signed(value: str, **more: str) -> dict[str, str]:
    return {"x-twilio-signature": value, **more}


def settings_header(text: str) -> dict[str, str]:
    return {"X-Twilio-Webhooks-Signature-Settings": text}


@pytest.mark.parametrize("vector", [v for v in VECTORS["vectors"] if v["kind"] == "compute"], ids=lambda v: v["name"])
def test_sign_agrees_with_twilios_vector(vector: dict[str, Any]) -> None:
    secret = WebhookSecret(value=vector["token"], account_sid=ACCOUNT, algorithm=vector["algorithm"])
    params = [(name, value) for name, value in vector["params"]]
    assert sign(vector["url"], params, secret) == vector["expected_signature"]


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda v: v["name"])
def test_verify_agrees_with_twilios_vector(vector: dict[str, Any]) -> None:
    secret = WebhookSecret(value=vector["token"], account_sid=ACCOUNT, algorithm=vector["algorithm"])
    params = None if vector["params"] is None else [(name, value) for name, value in vector["params"]]
    body = vector.get("body", "form" if params else "").encode()
    headers = signed(vector["expected_signature"])
    assert verify(vector["url"], params, body, headers, [secret]) is secret


@pytest.mark.parametrize(
    ("url", "signed_as"),
    [
        (URL, URL),
        (f"{URL}?t=1&m=2", f"{URL}?t=1&m=2"),
        (f"{URL}?q=%C3%A9%2F+x", f"{URL}?q=%C3%A9%2F+x"),
        (URL, "https://agent.example:443/webhooks/twilio/messages"),
        ("https://agent.example:8443/x", "https://agent.example/x"),
        ("https://agent.example:8443/x", "https://agent.example:8443/x"),
        ("http://[::1]:8000/x", "http://[::1]:8000/x"),
        ("http://[::1]:8000/x", "http://[::1]/x"),
        ("http://[::1]/x", "http://[::1]:80/x"),
        ("https://user:pass@agent.example:8443/x", "https://user:pass@agent.example/x"),
        (f"{URL}#rc=2&rp=ct", URL),
        (f"{URL}#rc=2&rp=ct", f"{URL}#rc=2&rp=ct"),
        (f"{URL}?", f"{URL}?"),
    ],
)
def test_url_as_twilio_may_write_it_passes(url: str, signed_as: str) -> None:
    assert verify(url, FORM, b"form", signed(signature(signed_as, FORM, "token")), [TOKEN]) is TOKEN


def test_rotation_accepts_the_previous_token_and_says_which_matched() -> None:
    headers = signed(signature(URL, FORM, "old"))
    assert verify(URL, FORM, b"form", headers, [TOKEN, OLD_TOKEN]) is OLD_TOKEN


def test_simulator_secret_is_told_apart() -> None:
    simulator = WebhookSecret(value="simulated", account_sid=ACCOUNT, provider="simulator")
    headers = signed(signature(URL, FORM, "simulated"))
    found = verify(URL, FORM, b"form", headers, [TOKEN, simulator])
    assert found is not None
    assert found.provider == "simulator"


def test_shared_key_is_chosen_by_its_id() -> None:
    headers = signed(sign(URL, FORM, SHARED), **settings_header("key=key_1,algorithm=HMAC_SHA256"))
    other = WebhookSecret(value="shared", account_sid=ACCOUNT, algorithm="HMAC_SHA256", key_id="key_2")
    assert verify(URL, FORM, b"form", headers, [TOKEN, other, SHARED]) is SHARED


def test_json_body_passes_with_the_hash_in_the_url() -> None:
    body = VECTORS["body_hash_vectors"][0]
    url = f"{URL}?bodySHA256={body['sha256_hex']}"
    headers = signed(signature(url, [], "token"))
    assert verify(url, None, body["body"].encode(), headers, [TOKEN]) is TOKEN


GOOD = signature(URL, FORM, "token")
HASHED = f"{URL}?bodySHA256={VECTORS['body_hash_vectors'][0]['sha256_hex']}"


@pytest.mark.parametrize(
    ("url", "params", "body", "headers", "secrets"),
    [
        pytest.param(URL, FORM, b"f", {}, [TOKEN], id="no header"),
        pytest.param(URL, FORM, b"f", signed(""), [TOKEN], id="empty header"),
        pytest.param(URL, FORM, b"f", signed(GOOD[:-1]), [TOKEN], id="cut"),
        pytest.param(URL, FORM, b"f", signed("é€\ud800"), [TOKEN], id="not ASCII"),
        pytest.param(URL, FORM, b"f", signed(GOOD, **{"X-Twilio-Signature": GOOD}), [TOKEN], id="sent twice"),
        pytest.param(URL, FORM, b"f", signed(GOOD), [], id="no secrets"),
        pytest.param(URL, FORM, b"f", signed(GOOD), [OLD_TOKEN], id="other token"),
        pytest.param(f"{URL}/", FORM, b"f", signed(GOOD), [TOKEN], id="trailing slash"),
        pytest.param("http" + URL[5:], FORM, b"f", signed(GOOD), [TOKEN], id="other scheme"),
        pytest.param(f"{URL}?x=1", FORM, b"f", signed(GOOD), [TOKEN], id="query added"),
        pytest.param(URL, [*FORM, ("X", "1")], b"f", signed(GOOD), [TOKEN], id="parameter added"),
        pytest.param(URL, [*FORM, ("Body", "2")], b"f", signed(GOOD), [TOKEN], id="value added"),
        pytest.param(URL, FORM[1:], b"f", signed(GOOD), [TOKEN], id="parameter removed"),
        pytest.param(URL, FORM[:2] + FORM[3:], b"f", signed(GOOD), [TOKEN], id="repeated value removed"),
        pytest.param(URL, [("Body", "\ud800")], b"f", signed(GOOD), [TOKEN], id="lone surrogate"),
        pytest.param("http://[::1/x", FORM, b"f", signed(GOOD), [TOKEN], id="impossible host"),
        pytest.param("http://[::1/x", None, b"{}", signed(GOOD), [TOKEN], id="impossible host, JSON"),
        pytest.param(URL, None, b"{}", signed(signature(URL, [], "token")), [TOKEN], id="JSON not covered"),
        pytest.param(URL, [], b"{}", signed(signature(URL, [], "token")), [TOKEN], id="no form, not covered"),
        pytest.param(HASHED, None, b"{}", signed(signature(HASHED, [], "token")), [TOKEN], id="JSON changed"),
        pytest.param(URL, FORM, b"f", signed(sign(URL, FORM, SHARED)), [SHARED], id="shared key, no id"),
        pytest.param(
            URL,
            FORM,
            b"f",
            signed(signature(URL, FORM, "shared"), **settings_header("key=key_1,algorithm=HMAC_SHA1")),
            [SHARED],
            id="algorithm downgraded",
        ),
        pytest.param(URL, FORM, b"f", signed(GOOD, **settings_header("key=key_9")), [TOKEN, SHARED], id="unknown key"),
    ],
)
def test_what_twilio_did_not_sign_is_refused(
    url: str, params: Params | None, body: bytes, headers: dict[str, str], secrets: list[WebhookSecret]
) -> None:
    assert verify(url, params, body, headers, secrets) is None


@given(
    url=st.text(max_size=60),
    params=st.none() | st.lists(st.tuples(st.text(), st.text()), max_size=5),
    body=st.binary(max_size=50),
    value=st.text(max_size=40),
)
def test_any_input_is_refused_without_an_error(url: str, params: Params | None, body: bytes, value: str) -> None:
    assert verify(url, params, body, signed(value), [TOKEN, SHARED]) is None


@given(st.lists(st.tuples(st.text(min_size=1, max_size=8), st.text(max_size=20)), min_size=1, max_size=8))
def test_form_as_sent_is_read_and_verified(pairs: list[tuple[str, str]]) -> None:
    try:
        body = urlencode(pairs).encode()
    except UnicodeEncodeError:  # a lone surrogate cannot be sent
        return
    assert read_form(body) == pairs
    assert verify(URL, read_form(body), body, signed(signature(URL, pairs, "token")), [TOKEN]) is TOKEN


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"Body=caf\xe9", "UTF-8"),
        (b"Body=caf%E9", "UTF-8"),
        (b"Body=%ED%A0%80", "UTF-8"),
        (b"a=1&" * (MAX_PARAMETERS + 1), str(MAX_PARAMETERS)),
    ],
    ids=["Latin-1", "Latin-1 escaped", "surrogate", "too many"],
)
def test_unreadable_form_is_refused_with_its_reason(body: bytes, reason: str) -> None:
    with pytest.raises(BadRequest, match=reason):
        read_form(body)


def test_form_keeps_blanks_spaces_and_repeats() -> None:
    assert read_form(b"a=&b=+x+&a=1&c") == [("a", ""), ("b", " x "), ("a", "1"), ("c", "")]


def test_signed_url_keeps_path_and_query_as_they_came() -> None:
    url = signed_url("https://agent.example/base", b"/web%20hooks/", b"q=%c3%A9&z")
    assert url == "https://agent.example/base/web%20hooks/?q=%c3%A9&z"
    assert signed_url("https://agent.example", b"/x", b"") == "https://agent.example/x"


def test_secret_is_neither_empty_nor_shown() -> None:
    with pytest.raises(ValueError, match="empty"):
        WebhookSecret(value="", account_sid=ACCOUNT)
    assert "token" not in repr(TOKEN)


def test_settings_give_the_token_and_its_predecessors() -> None:
    settings = Settings(
        _env_file=None,
        twilio_account_sid=ACCOUNT,
        twilio_auth_token=SecretStr("token"),
        twilio_previous_auth_tokens=(SecretStr("old"),),
    )
    assert twilio_secrets(settings) == (TOKEN, OLD_TOKEN)


def test_settings_without_twilio_give_no_secrets() -> None:
    assert twilio_secrets(Settings(_env_file=None, twilio_account_sid=ACCOUNT)) == ()
