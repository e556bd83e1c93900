"""The SendGrid sender against a stand-in that answers as documented; the stand-in against SendGrid's own SDK."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest
from python_http_client.exceptions import HTTPError
from sendgrid import SendGridAPIClient
from sendgrid.helpers.mail import Mail

from agent.delivery.failures import Failure
from agent.errors import Ambiguous, CannotAsk, Permanent, Retryable
from agent.settings import Settings
from agent.types import Letterhead, MessageId, OutboundMessage, Receipt, TenantId
from channels.email_letter import MailRoutes
from channels.email_outbound import SmtpSender
from channels.sendgrid_outbound import SendGridSender
from jobs.agent_wiring import build_mail_sender
from tests.doubles.sendgrid import API_KEY, SendGridDouble, serve_sendgrid

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
ID = MessageId(UUID("01932c8e-0000-7000-8000-000000000001"))
TENANT = TenantId(UUID(int=1))
TOKEN = "abcdefghijklmnopqrstuvwxyz"
MESSAGE = OutboundMessage(
    id=ID,
    tenant_id=TENANT,
    provider="email",
    channel="email",
    sender="hola@lumen.example",
    recipient="ana@ruiz.example",
    text="El **B2** empieza el lunes.",
    subject="Curso",
    in_reply_to="<b@ruiz.example>",
    references=("<a@lumen.example>", "<b@ruiz.example>"),
    letterhead=Letterhead(sender_name="Lumen", language="es", reply_token=TOKEN),
)
RESET = str(int(NOW.timestamp()) + 42)
TAKEN = Receipt(provider_id=f"<{ID}@lumen.example>", state="queued")


@pytest.fixture(scope="module")
async def sendgrid() -> AsyncIterator[SendGridDouble]:
    async with serve_sendgrid() as double:
        yield double


@pytest.fixture
async def double(sendgrid: SendGridDouble) -> SendGridDouble:
    sendgrid.mails.clear()
    sendgrid.faults.clear()
    return sendgrid


@pytest.fixture
async def sender(double: SendGridDouble) -> AsyncIterator[SendGridSender]:
    opened = SendGridSender(API_KEY, MailRoutes(), now=lambda: NOW, base_url=double.base_url)
    yield opened
    await opened.aclose()


async def test_mail_is_asked_for_as_written(double: SendGridDouble, sender: SendGridSender) -> None:
    assert await sender.send(MESSAGE) == TAKEN
    (mail,) = double.mails
    assert mail.request == {
        "personalizations": [{"to": [{"email": "ana@ruiz.example"}]}],
        "from": {"email": "hola@lumen.example", "name": "Lumen"},
        "reply_to": {"email": f"hola+{TOKEN}@lumen.example"},
        "subject": "Re: Curso",
        "content": [
            {"type": "text/plain", "value": "El B2 empieza el lunes."},
            {
                "type": "text/html",
                "value": "<!doctype html>\n<html><body>\n<p>El <strong>B2</strong> empieza el lunes.</p>\n"
                "</body></html>\n",
            },
        ],
        "headers": {
            "Message-ID": f"<{ID}@lumen.example>",
            "In-Reply-To": "<b@ruiz.example>",
            "References": "<a@lumen.example> <b@ruiz.example>",
            "Auto-Submitted": "auto-replied",
            "X-Auto-Response-Suppress": "All",
        },
        "custom_args": {"nightshift_tenant": str(TENANT), "nightshift_message": str(ID)},
        "tracking_settings": {
            "click_tracking": {"enable": False, "enable_text": False},
            "open_tracking": {"enable": False},
            "subscription_tracking": {"enable": False},
        },
    }


async def test_mail_without_a_subject_is_taken(double: SendGridDouble, sender: SendGridSender) -> None:
    bare = replace(MESSAGE, subject=None, in_reply_to=None, letterhead=Letterhead())
    assert await sender.send(bare) == TAKEN
    assert double.mails[0].request["subject"] == "—"


@pytest.mark.parametrize(
    ("fault", "error", "code", "failure", "retry_after_s"),
    [
        ({"status": 400, "about": "personalizations.0.to.0.email"}, Permanent, "400 personalizations.0.to.0.email",
         "bad_address", None),
        ({"status": 400, "about": "content.0.value"}, Permanent, "400 content.0.value", "content", None),
        ({"status": 400}, Permanent, "400", "unknown", None),
        ({"status": 413}, Permanent, "413", "content", None),
        ({"status": 401}, Retryable, "401", "config", 300),
        ({"status": 403, "about": "from"}, Retryable, "403", "config", 300),
        ({"status": 429, "headers": {"X-RateLimit-Reset": RESET}}, Retryable, "429", "rate", 42),
        ({"status": 429, "headers": {"Retry-After": "7"}}, Retryable, "429", "rate", 7),
        ({"status": 429, "headers": {"X-RateLimit-Reset": "1"}}, Retryable, "429", "rate", 1),
        ({"status": 429, "headers": {"Retry-After": "soon"}}, Retryable, "429", "rate", None),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)  # fmt: skip
async def test_refusal_says_who_acts(
    double: SendGridDouble,
    sender: SendGridSender,
    fault: dict[str, Any],
    error: type[Permanent | Retryable],
    code: str,
    failure: Failure,
    retry_after_s: float | None,
) -> None:
    double.fail_next(**fault)
    with pytest.raises(error, match=f"SendGrid answered {fault['status']} .*scripted") as raised:
        await sender.send(MESSAGE)
    refusal = raised.value
    assert isinstance(refusal, Permanent | Retryable)
    assert (refusal.code, refusal.failure) == (code, failure)
    assert getattr(refusal, "retry_after_s", None) == retry_after_s
    assert API_KEY not in str(refusal)
    assert await sender.send(MESSAGE) == TAKEN, "it works again by itself"


@pytest.mark.parametrize(
    "fault", [{"status": 500}, {"status": 503, "body": "<html>upstream</html>"}, {"dropped": True}], ids=str
)
@pytest.mark.parametrize("taken", [True, False])
async def test_unknown_outcome_is_ambiguous_and_another_attempt_has_the_same_id(
    double: SendGridDouble, sender: SendGridSender, fault: dict[str, Any], taken: bool
) -> None:
    double.fail_next(**fault, accepted=taken)
    with pytest.raises(Ambiguous):
        await sender.send(MESSAGE)
    with pytest.raises(CannotAsk, match="may have left"):
        await sender.find_sent(MESSAGE, NOW)
    assert await sender.send(MESSAGE) == TAKEN
    assert [mail.headers["Message-ID"] for mail in double.mails] == [TAKEN.provider_id] * (1 + taken)


async def test_wrong_key_and_nobody_listening_are_retryable(double: SendGridDouble) -> None:
    for key, url in (("SG.wrong", double.base_url), (API_KEY, "http://127.0.0.1:9")):
        sender = SendGridSender(key, MailRoutes(), now=lambda: NOW, base_url=url)
        with pytest.raises(Retryable):
            await sender.send(MESSAGE)
        await sender.aclose()
    assert double.mails == []


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({"sendgrid_api_key": "SG.x"}, SendGridSender),
        ({"smtp_url": "smtp://mail.example"}, SmtpSender),
        ({"smtp_url": "smtp://mail.example", "sendgrid_api_key": "SG.x"}, SmtpSender),
    ],
    ids=["SendGrid", "SMTP", "SMTP wins"],
)
async def test_settings_choose_who_carries_mail(settings: dict[str, str], kind: type) -> None:
    sender = build_mail_sender(Settings(_env_file=None, **settings))  # type: ignore[arg-type]  # names checked by Pydantic
    assert isinstance(sender, kind)
    await sender.aclose()


# --- the stand-in -----------------------------------------------------------------------------------------------


def sdk_answers(base_url: str) -> list[int]:
    """What SendGrid's own client is told: for a good mail, and for one with each thing missing."""
    heard = []
    for changes in ({}, {"api_key": "SG.wrong"}, {"subject": ""}, {"from_email": "x"}):
        values = {"from_email": "a@b.example", "to_emails": "c@d.example", "subject": "Hi", **changes}
        client = SendGridAPIClient(values.pop("api_key", API_KEY), host=base_url)
        try:
            heard.append(client.send(Mail(**values, plain_text_content="x", html_content="<p>x</p>")).status_code)
        except HTTPError as exc:
            heard.append(exc.status_code if exc.to_dict["errors"][0]["message"] else 0)
    return heard


async def test_stand_in_answers_sendgrids_own_client(double: SendGridDouble) -> None:
    assert await asyncio.to_thread(sdk_answers, double.base_url) == [202, 401, 400, 400]
    assert [mail.recipient for mail in double.mails] == ["c@d.example"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"headers": {"Reply-To": "x@y.example"}}, "headers.Reply-To"),
        ({"content": [{"type": "text/html", "value": "x"}, {"type": "text/plain", "value": "x"}]}, "content"),
        ({"content": [{"type": "text/plain", "value": ""}]}, "content.0.value"),
        ({"custom_args": {"n": 1}}, "custom_args"),
        ({"personalizations": []}, "personalizations"),
    ],
)
async def test_stand_in_refuses_what_sendgrid_documents_as_wrong(
    double: SendGridDouble, changes: dict[str, Any], field: str
) -> None:
    asked = {
        "personalizations": [{"to": [{"email": "c@d.example"}]}],
        "from": {"email": "a@b.example"},
        "subject": "Hi",
        "content": [{"type": "text/plain", "value": "x"}],
        **changes,
    }
    async with httpx.AsyncClient(base_url=double.base_url, trust_env=False) as client:
        answer = await client.post("/v3/mail/send", json=asked, headers={"Authorization": f"Bearer {API_KEY}"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
