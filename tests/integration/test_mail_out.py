"""Mail out, end to end: our answer leads back into its conversation, and SendGrid's events say what became of it."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from agent.settings import Settings
from agent.turn import deliver
from channels.email_letter import MailRoutes
from channels.email_outbound import SmtpSender, parse_smtp_url
from tests.conftest import FakeClock
from tests.doubles.sendgrid import EventName, SendGridDouble
from tests.doubles.smtp import SmtpDouble
from tests.doubles.twilio import TwilioDouble
from tests.integration.agents import Agent
from tests.integration.desk import MAILBOX, QUESTION, Desk, open_desk

SIGNATURE = {"es": "Escuela Ejemplo\nGran Vía 1, Madrid"}


@pytest.fixture
async def desk(
    twilio: TwilioDouble,
    sendgrid: SendGridDouble,
    agent: Agent,
    settings: Settings,
    clock: FakeClock,
    mail_keypair: tuple[ec.EllipticCurvePrivateKey, str],
) -> AsyncIterator[Desk]:
    async with open_desk(agent, settings, clock, twilio, sendgrid, mail_keypair, mail_signature=SIGNATURE) as opened:
        yield opened


async def our_mail(desk: Desk) -> dict[str, Any]:
    (row,) = await desk.agent.rows("select * from messages where direction = 'outbound'")
    return row


async def deliver_lapsed(desk: Desk) -> None:
    """Let the claim run out and another worker take over."""
    await desk.agent.lapse_claims()
    await deliver(desk.agent.tenant_id, (await our_mail(desk))["id"], desk.agent.deps)


async def test_answers_lead_back_into_their_thread(desk: Desk) -> None:
    first = await desk.say("email", QUESTION, **{"Message-ID": "<1@ruiz.example>", "Subject": "Curso"})
    (mail,) = desk.sendgrid.mails
    back_to = mail.request["reply_to"]["email"]
    assert back_to.startswith("hola+")
    assert (mail.headers["In-Reply-To"], mail.headers["References"]) == ("<1@ruiz.example>", "<1@ruiz.example>")
    assert mail.request["subject"] == "Re: Curso"
    assert desk.sent("email")[0].endswith("\n\n-- \nEscuela Ejemplo\nGran Vía 1, Madrid")
    ours = mail.headers["Message-ID"]

    referring = {"In-Reply-To": ours, "References": f"<1@ruiz.example> {ours}", "Message-ID": "<2@ruiz.example>"}
    assert await desk.say("email", "¿y por la tarde?", Subject="Re: Curso", **referring) == first
    second = desk.sendgrid.mails[-1]
    assert second.headers["References"] == f"<1@ruiz.example> {ours} <2@ruiz.example>"
    assert second.request["reply_to"]["email"] == back_to

    await desk.say("email", "¿y el sábado?", to=back_to, Subject="Otra cosa", **{"Message-ID": "<3@ruiz.example>"})
    assert await desk.agent.value("select count(*) from conversations") == 1
    assert desk.sendgrid.mails[-1].headers["In-Reply-To"] == "<3@ruiz.example>"
    assert await desk.agent.value("select count(*) from messages where direction = 'inbound' and turn_id is null") == 0


async def test_events_in_any_order_move_the_mail_forward_only_and_are_logged_once(desk: Desk) -> None:
    await desk.say("email", QUESTION)
    (mail,) = desk.sendgrid.mails
    events: list[EventName] = ["delivered", "processed", "deferred", "open", "click"]
    for event in events:
        await desk.report(mail, event)
    assert (await our_mail(desk))["state"] == "delivered"
    logged = await desk.agent.rows("select kind from mail_events order by kind")
    assert [row["kind"] for row in logged] == ["accepted", "deferred", "delivered"]


async def test_bounce_fails_the_mail_and_asks_a_person(desk: Desk) -> None:
    await desk.say("email", QUESTION)
    await desk.report(desk.sendgrid.mails[0], "bounce")
    row = await our_mail(desk)
    assert (row["state"], row["error_code"]) == ("failed", "5.1.1")
    reasons = await desk.agent.rows("select reason from escalations")
    assert reasons == [{"reason": "Cannot be reached at this address: use another channel"}]


async def test_event_settles_a_mail_whose_answer_was_lost(desk: Desk) -> None:
    desk.sendgrid.fail_next(dropped=True, accepted=True)
    await desk.say("email", QUESTION)
    assert (await our_mail(desk))["state"] == "sending"
    (mail,) = desk.sendgrid.mails
    await desk.report(mail, "processed")
    await deliver_lapsed(desk)
    assert ((await our_mail(desk))["state"], len(desk.sendgrid.mails)) == ("queued", 1)


async def test_mail_refused_for_now_leaves_later_as_the_same_mail(desk: Desk) -> None:
    desk.sendgrid.fail_next(status=429, accepted=True)  # it says no, and has it all the same
    await desk.say("email", QUESTION)
    desk.clock.advance(600)
    await desk.agent.send_all()
    ids = [mail.headers["Message-ID"] for mail in desk.sendgrid.mails]
    assert ids == [f"<{(await our_mail(desk))['id']}@lumen.example>"] * 2


async def test_smtp_carries_the_same_letter(desk: Desk) -> None:
    async with SmtpDouble() as server:
        sender = SmtpSender(parse_smtp_url(server.url), MailRoutes(), now=desk.clock)
        senders = {**desk.agent.deps.senders, "email": sender}
        desk.agent.deps = replace(desk.agent.deps, senders=senders)
        server.refuse("RCPT", "451 4.7.1 Greylisted, come back")
        await desk.say("email", QUESTION, **{"Message-ID": "<1@ruiz.example>"})
        desk.clock.advance(600)
        await desk.agent.send_all()
        (mail,) = server.mails
    message = mail.message
    assert mail.envelope_from == MAILBOX
    assert message["From"] == f"Escuela Ejemplo <{MAILBOX}>"
    assert (message["In-Reply-To"], message["Auto-Submitted"]) == ("<1@ruiz.example>", "auto-replied")
    assert message["Message-ID"] == f"<{(await our_mail(desk))['id']}@lumen.example>"
    assert message["Reply-To"].startswith("hola+")
    assert "List-Unsubscribe" not in message
    assert (await our_mail(desk))["state"] == "sent"
