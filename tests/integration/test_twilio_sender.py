"""Sending through Twilio's API over real HTTP: what is posted, and what each outcome means for the queue."""

import json
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.errors import Ambiguous, Misconfigured, NightshiftError, OptedOut, Permanent, Retryable
from agent.settings import Settings
from agent.templates.types import FilledTemplate
from agent.types import Channel, Purpose
from channels.twilio_inbound import callback_tenant, parse_status
from channels.twilio_outbound import MAX_TYPING, VALIDITY_S, TwilioSender
from channels.twilio_signature import read_form
from tests.doubles.twilio import TwilioDouble
from tests.doubles.twilio_content import StoredContent
from tests.doubles.twilio_webhooks import ACCOUNT_SID, AUTH_TOKEN
from tests.integration.twilio_senders import MESSAGE, PUBLIC_URL, SHORT, SINCE, TENANT, outbound, sender_for

API = json.loads((Path(__file__).parents[1] / "unit" / "data" / "twilio_messages_api.json").read_text())
WITH_BUTTONS = {"twilio/quick-reply": {"body": "Hola {{1}}, de {{2}}.", "actions": [{"title": "Sí"}, {"title": "No"}]}}


@pytest.fixture
def double(twilio_server: TwilioDouble) -> TwilioDouble:
    twilio_server.reset()
    twilio_server.now = lambda: SINCE
    return twilio_server


@pytest.fixture
async def sender(double: TwilioDouble) -> AsyncIterator[TwilioSender]:
    running = sender_for(double.base_url, timeout=SHORT)
    yield running
    await running.aclose()


async def test_whatsapp_message_is_taken_with_our_ids_in_its_callback(
    double: TwilioDouble, sender: TwilioSender
) -> None:
    receipt = await sender.send(outbound())
    assert (receipt.provider_id, receipt.state) == (double.messages[0].sid, "queued")
    assert double.messages[0].params == {
        "To": "whatsapp:+34600000001",
        "From": "whatsapp:+14155550199",
        "Body": "¡Hola! ¿Qué curso?",
        "StatusCallback": f"{PUBLIC_URL}/webhooks/twilio/status?t={TENANT}&m={MESSAGE}",
        "ValidityPeriod": "900",
    }


@pytest.mark.parametrize(
    ("channel", "recipient", "to"),
    [
        ("sms", "+34600000001", "+34600000001"),
        ("whatsapp", "+34600000001", "whatsapp:+34600000001"),
        ("whatsapp", "ES.1349120865530274", "whatsapp:ES.1349120865530274"),
    ],
)
async def test_recipient_is_addressed_as_its_channel_wants(
    double: TwilioDouble, sender: TwilioSender, channel: Channel, recipient: str, to: str
) -> None:
    await sender.send(outbound(channel=channel, recipient=recipient))
    assert double.messages[0].params["To"] == to


async def test_messaging_service_is_named_beside_the_sender(double: TwilioDouble) -> None:
    sender = sender_for(double.base_url, messaging_service_sid="MG" + "2" * 32)
    receipt = await sender.send(outbound(channel="sms"))
    await sender.aclose()
    assert receipt.state == "queued"
    assert double.messages[0].params["MessagingServiceSid"] == "MG" + "2" * 32
    assert double.messages[0].params["From"] == "+14155550199"


async def test_requests_use_only_parameters_of_the_api(double: TwilioDouble) -> None:
    sender = sender_for(double.base_url, messaging_service_sid="MG" + "2" * 32)
    await sender.send(outbound())
    await sender.find_sent(outbound(), SINCE)
    await sender.aclose()
    created, listed = double.requests
    assert {name for name, _ in created.params} <= set(API["create"])
    assert {name for name, _ in listed.params} <= set(API["list"])
    assert created.headers["content-type"] == "application/x-www-form-urlencoded"
    assert created.headers["user-agent"].startswith("twilio-python/")


TEMPLATE = FilledTemplate(
    sid="HX" + "1" * 32,
    name="reopen",
    language="es",
    category="utility",
    purpose="reopen",
    variables={"1": "Ana", "2": 'O\'Neill & "Cía"'},
)


async def test_template_is_sent_by_its_sid_and_values_without_a_text(
    double: TwilioDouble, sender: TwilioSender
) -> None:
    double.contents.append(StoredContent(friendly_name="reopen", types=WITH_BUTTONS, sid=TEMPLATE.sid))
    message = replace(outbound('Hola Ana, de O\'Neill & "Cía".\nSí\nNo'), template=TEMPLATE)
    receipt = await sender.send(message)
    params = double.messages[0].params
    assert "Body" not in params
    assert (params["ContentSid"], json.loads(params["ContentVariables"])) == (TEMPLATE.sid, TEMPLATE.variables)
    found = await sender.find_sent(message, SINCE)
    assert found == receipt


async def test_template_is_found_again_while_the_messaging_service_has_not_sent_it(double: TwilioDouble) -> None:
    double.contents.append(StoredContent(friendly_name="reopen", types=WITH_BUTTONS, sid=TEMPLATE.sid))
    sender = sender_for(double.base_url, messaging_service_sid="MG" + "2" * 32)
    message = replace(outbound('Hola Ana, de O\'Neill & "Cía".\nSí\nNo'), template=TEMPLATE)
    double.fail_next(accepted=True, dropped=True)
    with pytest.raises(Ambiguous):
        await sender.send(message)
    found = await sender.find_sent(message, SINCE)
    assert found is not None
    assert await sender.find_sent(message, SINCE, known={found.provider_id}) is None
    assert await sender.find_sent(outbound(), SINCE) is None
    await sender.aclose()


async def test_file_goes_with_its_text(double: TwilioDouble, sender: TwilioSender) -> None:
    message = replace(outbound(), media_urls=("https://x.example/a.pdf",))
    receipt = await sender.send(message)
    (stored_message,) = double.messages
    assert (stored_message.params["Body"], list(stored_message.media_urls)) == (message.text, list(message.media_urls))
    assert await sender.find_sent(message, SINCE) == receipt


@pytest.mark.parametrize(
    "urls",
    [("https://x.example/1.png", "https://x.example/2.png"), ("http://x.example/1.png",), ("file:///etc/passwd",)],
    ids=["too many", "in clear", "a file of ours"],
)
async def test_files_that_the_channel_does_not_carry_are_refused_before_anything_is_sent(
    double: TwilioDouble, sender: TwilioSender, urls: tuple[str, ...]
) -> None:
    with pytest.raises(Permanent) as caught:
        await sender.send(replace(outbound(), media_urls=urls))
    assert (caught.value.failure, double.requests) == ("content", [])


@pytest.mark.parametrize(("purpose", "seconds"), VALIDITY_S.items())
async def test_message_dies_as_soon_as_its_purpose_is_stale(
    double: TwilioDouble, sender: TwilioSender, purpose: Purpose, seconds: int
) -> None:
    await sender.send(replace(outbound(), purpose=purpose))
    assert double.messages[0].params["ValidityPeriod"] == str(seconds)


async def test_service_is_named_beside_its_sender_and_the_message_is_found_before_one_is_chosen(
    double: TwilioDouble,
) -> None:
    service = f"MG{'2' * 32}"
    sender = sender_for(double.base_url, messaging_service_sid=service)
    receipt = await sender.send(outbound())
    params = double.messages[0].params
    assert (params["MessagingServiceSid"], params["From"]) == (service, "whatsapp:+14155550199")
    double.messages[0].params = {**params, "From": ""}
    assert await sender.find_sent(outbound(), SINCE) == receipt
    await sender.aclose()


async def test_typing_indicators_use_few_connections_and_end_with_the_sender(double: TwilioDouble) -> None:
    sender = sender_for(double.base_url)
    double.fail_next(on="typing", times=10, delay_s=0.05)
    for number in range(10):
        sender.show_typing(f"SM{number:032x}")
    await double.wait_until(lambda twilio: len(twilio.typing) == MAX_TYPING)
    await sender.aclose()
    assert len(double.requests) == MAX_TYPING


async def test_email_is_refused_before_anything_is_sent(double: TwilioDouble, sender: TwilioSender) -> None:
    with pytest.raises(Permanent, match="email"):
        await sender.send(outbound(channel="email"))
    assert double.requests == []


FAULTS: dict[str, tuple[dict[str, Any], type[NightshiftError]]] = {
    "opted out": ({"status": 400, "code": 21610}, OptedOut),
    "bad address": ({"status": 400, "code": 21211}, Permanent),
    "bad address as problem details": ({"status": 400, "code": 21211, "problem": True}, Permanent),
    "no permission": ({"status": 401, "code": 20003}, Permanent),
    "unknown refusal": ({"status": 400, "code": 99999}, Permanent),
    "redirected": ({"status": 307, "headers": {"Location": "/"}}, Permanent),
    "queue full": ({"status": 400, "code": 21611}, Retryable),
    "too many requests": ({"status": 429, "code": 20429}, Retryable),
    "server error": ({"status": 500, "code": 20500}, Ambiguous),
    "server error that took it": ({"status": 503, "code": 20503, "accepted": True}, Ambiguous),
    "server error without JSON": ({"status": 502, "body": "<html>"}, Ambiguous),
    "success without JSON": ({"status": 201, "body": "<html>", "accepted": True}, Ambiguous),
    "success without a body": ({"status": 201, "body": "", "accepted": True}, Ambiguous),
    "success of another shape": ({"status": 201, "body": "[]", "accepted": True}, Ambiguous),
    "success without a name": ({"status": 201, "body": "{}", "accepted": True}, Ambiguous),
    "dropped": ({"dropped": True}, Ambiguous),
    "taken, then dropped": ({"dropped": True, "accepted": True}, Ambiguous),
    "taken, too slow": ({"delay_s": 3.0}, Ambiguous),
}


@pytest.mark.parametrize(("fault", "kind"), FAULTS.values(), ids=FAULTS.keys())
async def test_outcome_becomes_its_error_and_is_posted_once(
    double: TwilioDouble, sender: TwilioSender, fault: dict[str, Any], kind: type[NightshiftError]
) -> None:
    double.fail_next(**fault)
    with pytest.raises(kind) as caught:
        await sender.send(outbound("secret words"))
    assert type(caught.value) is kind
    assert "secret words" not in str(caught.value)
    assert len(double.requests) == 1
    if isinstance(caught.value, Permanent):
        assert caught.value.code == str(fault.get("code") or fault["status"])


@pytest.mark.parametrize(
    ("headers", "retry_after_s"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "999999"}, 3600.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-1"}, None),
        (
            {"Retry-After": "Sat, 21 Nov 2026 12:00:30 GMT", "Date": "Sat, 21 Nov 2026 12:00:00 GMT"},
            30.0,
        ),
    ],
    ids=["absent", "seconds", "bounded", "words", "negative", "date"],
)
async def test_too_many_requests_say_when_to_come_back(
    double: TwilioDouble, sender: TwilioSender, headers: dict[str, str], retry_after_s: float | None
) -> None:
    double.fail_next(status=429, code=20429, headers=headers)
    with pytest.raises(Retryable) as caught:
        await sender.send(outbound())
    assert caught.value.retry_after_s == retry_after_s


async def test_nobody_listening_is_safe_to_retry() -> None:
    with socket.socket() as taken:  # so that nobody else comes to listen there
        taken.bind(("127.0.0.1", 0))
        sender = sender_for(f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(Retryable, match="cannot be reached"):
            await sender.send(outbound())
        await sender.aclose()


async def test_callback_of_a_lost_answer_ties_twilios_id_to_our_message(
    double: TwilioDouble, sender: TwilioSender
) -> None:
    double.fail_next(accepted=True, dropped=True)
    with pytest.raises(Ambiguous):
        await sender.send(outbound())
    taken = double.messages[0]
    query = read_form(httpx.URL(taken.status_callback).query)
    status = parse_status(list(taken.callback_params(ACCOUNT_SID).items()), query)
    assert (status.message_id, status.provider_id, callback_tenant(query)) == (MESSAGE, taken.sid, TENANT)


def test_settings_without_credentials_say_what_to_set() -> None:
    with pytest.raises(Misconfigured, match="TWILIO_AUTH_TOKEN"):
        TwilioSender.from_settings(Settings(_env_file=None, twilio_account_sid=ACCOUNT_SID))


async def test_sender_from_settings_sends(double: TwilioDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", ACCOUNT_SID)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", AUTH_TOKEN)
    monkeypatch.setenv("TWILIO_BASE_URL", double.base_url)
    monkeypatch.setenv("TWILIO_REGION", "ie1")  # the SDK reads it by itself; the stand-in must still be asked
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    sender = TwilioSender.from_settings(Settings(_env_file=None))
    receipt = await sender.send(outbound())
    await sender.aclose()
    assert receipt.provider_id == double.messages[0].sid


def test_limits_leave_five_minutes_of_the_reply_window() -> None:
    assert TwilioSender.limits["whatsapp"].reply_window_s == 24 * 3600 - 300
    assert {limits.max_chars for limits in TwilioSender.limits.values()} == {1600}
