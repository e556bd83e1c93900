"""Opt-out end to end on every channel: through the real webhooks, effective at once, with its proof, until START."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from agent.settings import Settings
from agent.store.contacts import find_contact, get_contact_card
from agent.store.merges import merge_contacts
from agent.turn import deliver
from agent.types import Channel
from tests.conftest import FakeClock
from tests.doubles.sendgrid import SendGridDouble, TakenMail
from tests.doubles.twilio import TwilioDouble
from tests.doubles.twilio_webhooks import ACCOUNT_SID, post_signed
from tests.integration.agents import ANA, Agent
from tests.integration.desk import ANA_BY_MAIL, KINDS, QUESTION, Desk, open_desk, way_out
from tests.integration.follow_ups import FOLLOW_UP, queue_follow_up

WITHDRAWN = {"state": "superseded", "error": "the contact opted out"}
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def desk(
    twilio: TwilioDouble,
    sendgrid: SendGridDouble,
    agent: Agent,
    settings: Settings,
    clock: FakeClock,
    mail_keypair: tuple[ec.EllipticCurvePrivateKey, str],
) -> AsyncIterator[Desk]:
    async with open_desk(agent, settings, clock, twilio, sendgrid, mail_keypair) as opened:
        yield opened


async def outbox_row(desk: Desk, message_id: object) -> dict[str, Any]:
    (row,) = await desk.agent.rows("select state, error from messages where id = %s", message_id)
    return row


async def approached(desk: Desk) -> TakenMail:
    """Let Ana ask by mail and, unasked, write to her once more."""
    conversation = await desk.say("email", QUESTION)
    await queue_follow_up(desk.agent, conversation, desk.clock, channel="email", after=timedelta(0))
    await desk.agent.send_all()
    return desk.sendgrid.mails[-1]


# --- by their own words ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("channel", "elsewhere"), [("whatsapp", "sms"), ("sms", "whatsapp"), ("email", "email")])
async def test_stop_withdraws_what_waits_and_start_lets_us_answer_again(
    desk: Desk, channel: Channel, elsewhere: Channel
) -> None:
    conversation = await desk.say(elsewhere, QUESTION)
    follow_up = await queue_follow_up(desk.agent, conversation, desk.clock, channel=elsewhere)
    await desk.say(channel, "No me escriban más")
    said_at = desk.clock()
    assert (await outbox_row(desk, follow_up))["state"] == "superseded"
    (proof,) = await desk.suppressions()
    heard = await desk.agent.value(
        "select provider_id from messages where direction = 'inbound' order by seq desc limit 1"
    )
    assert (proof["said"], proof["evidence"]) == ("No me escriban más", heard)
    assert (proof["normalised"], proof["created_at"]) == (ANA_BY_MAIL if channel == "email" else ANA, said_at)
    assert "START" in desk.sent(channel)[-1]

    desk.clock.advance(timedelta(days=1).total_seconds())
    sent = {kind: desk.sent(kind) for kind in KINDS}
    await deliver(desk.agent.tenant_id, follow_up, desk.agent.deps)
    await desk.say(channel, QUESTION)
    assert {kind: desk.sent(kind) for kind in KINDS} == sent, "nothing since the confirmation"

    await desk.say(channel, "START")
    assert await desk.suppressions() == []
    assert [each["said"] for each in await desk.suppressions("lifted")] == ["No me escriban más"]
    await desk.say(channel, "¿y ahora, cuánto cuesta?")
    assert "399,00 €" in desk.sent(channel)[-1]
    kinds = await desk.agent.rows("select kind, message_id from events where kind like 'consent.%%' order by at")
    assert [row["kind"] for row in kinds] == ["consent.opt_out", "consent.opt_in"]
    assert all(row["message_id"] for row in kinds)


async def test_stop_by_mail_silences_the_phone_that_staff_joined_to_it(desk: Desk) -> None:
    phone = await desk.say("whatsapp", QUESTION)
    follow_up = await queue_follow_up(desk.agent, phone, desk.clock)
    mail = await desk.hear("email", "BAJA")
    whose = "select contact_id from conversations where id = %s"
    kept, merged = [await desk.agent.value(whose, each) for each in (phone, mail)]
    async with desk.agent.deps.db.tenant(desk.agent.tenant_id) as tx:
        await merge_contacts(tx, kept, merged, actor="staff")
    await desk.agent.answer(mail)
    assert await outbox_row(desk, follow_up) == WITHDRAWN
    assert [each["kind"] for each in await desk.suppressions()] == ["email", "phone"]


async def test_nothing_leaves_while_an_opt_out_of_another_channel_is_unread(desk: Desk) -> None:
    conversation = await desk.say("whatsapp", QUESTION)
    follow_up = await queue_follow_up(desk.agent, conversation, desk.clock, after=timedelta(0))
    stop = await desk.hear("sms", "STOP")
    await desk.agent.send_all()
    assert (await outbox_row(desk, follow_up))["state"] == "pending"
    await desk.agent.answer(stop)
    assert await outbox_row(desk, follow_up) == WITHDRAWN
    assert FOLLOW_UP not in desk.sent("whatsapp")


# --- as Twilio handles them -----------------------------------------------------------------------------------------


async def test_keywords_that_twilio_answered_are_heeded_and_not_answered_twice(desk: Desk) -> None:
    follow_up = await queue_follow_up(desk.agent, await desk.say("whatsapp", QUESTION), desk.clock)
    for said, keyword in (("AYUDA POR FAVOR", "HELP"), ("BORRAR", "STOP")):
        await desk.say("sms", said, OptOutType=keyword)
    assert await outbox_row(desk, follow_up) == WITHDRAWN
    (proof,) = await desk.suppressions()
    assert (proof["said"], proof["reason"]) == ("BORRAR", "The provider stopped this contact.")
    await desk.say("sms", "VOLVER", OptOutType="START")
    assert await desk.suppressions() == []
    assert desk.sent("sms") == [], "it was Twilio's to say"
    await desk.say("sms", "¿y ahora, cuánto cuesta?")
    assert len(desk.sent("sms")) == 1


async def test_refusal_21610_is_an_opt_out_until_start(desk: Desk) -> None:
    conversation = await desk.say("whatsapp", QUESTION)
    follow_up = await queue_follow_up(desk.agent, conversation, desk.clock)
    desk.twilio.opted_out.add(ANA)
    await desk.say("sms", QUESTION)
    (proof,) = await desk.suppressions()
    assert "21610" in proof["reason"]
    assert (proof["proof"], "399,00 €" in proof["said"]) == ({"code": "21610"}, True), (
        "the refused message is the proof"
    )
    assert await outbox_row(desk, follow_up) == WITHDRAWN
    assert await desk.agent.value("select count(*) from escalations") == 1, "a question went unanswered"
    desk.twilio.opted_out.clear()  # as Twilio does at START
    await desk.say("sms", "START", OptOutType="START")
    assert await desk.suppressions() == []
    await desk.say("sms", "¿y ahora, cuánto cuesta?")
    assert len(desk.sent("sms")) == 1


async def test_report_21610_about_a_message_that_was_taken_is_an_opt_out(desk: Desk) -> None:
    follow_up = await queue_follow_up(desk.agent, await desk.say("whatsapp", QUESTION), desk.clock)
    await desk.say("sms", QUESTION)
    message = replace(desk.twilio.messages[-1], status="failed", error_code=21610)
    for _ in range(2):
        params = message.callback_params(ACCOUNT_SID)
        assert (await post_signed(desk.web, message.status_callback, params)).status_code == 204
    assert await outbox_row(desk, follow_up) == WITHDRAWN
    assert [each["proof"] for each in await desk.suppressions()] == [{"code": "21610"}]


# --- by the way out of a mail ---------------------------------------------------------------------------------------


async def test_one_click_stops_us_and_looking_does_not(desk: Desk) -> None:
    mail = await approached(desk)
    assert mail.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    conversation = await desk.agent.value("select id from conversations")
    follow_up = await queue_follow_up(desk.agent, conversation, desk.clock, channel="email")
    page, _ = way_out(mail)
    seen = await desk.web.get(page)
    assert (seen.status_code, "Dejar de recibir" in seen.text) == (200, True)
    assert await desk.suppressions() == []

    urlencoded, multipart = {"data": ONE_CLICK}, {"files": {name: (None, value) for name, value in ONE_CLICK.items()}}
    clicks: list[dict[str, Any]] = [multipart, urlencoded, multipart]
    for click in clicks:
        clicked = await desk.web.post(page, **click)
        assert (clicked.status_code, clicked.cookies, clicked.history) == (200, httpx.Cookies(), [])
    (proof,) = await desk.suppressions()
    assert proof["reason"] == "one click in a mail program (RFC 8058)"
    assert (proof["proof"]["by"], proof["created_at"]) == ("one_click", desk.clock())
    assert await outbox_row(desk, follow_up) == WITHDRAWN
    assert await desk.agent.value("select count(*) from events where kind = 'consent.opt_out'") == 1, "clicked thrice"
    await desk.say("email", "START")
    assert await desk.suppressions() == []
    async with desk.agent.deps.db.tenant(desk.agent.tenant_id) as tx:
        contact = await find_contact(tx, ANA_BY_MAIL)
        assert contact
        (kept,) = (await get_contact_card(tx, contact)).suppressions
    assert (kept.lifted_at, kept.evidence, kept.proof["by"]) == (desk.clock(), None, "one_click")


async def test_page_is_a_way_out_and_a_way_back(desk: Desk) -> None:
    page, _ = way_out(await approached(desk))
    stopped = await desk.web.post(page, data={"act": "stop"})
    assert "Volver a recibir" in stopped.text
    assert [each["proof"]["by"] for each in await desk.suppressions()] == ["stop"]
    back = await desk.web.post(page, data={"act": "return"})
    assert "Dejar de recibir" in back.text
    assert await desk.suppressions() == []


async def test_post_that_asks_for_nothing_known_and_link_that_nobody_was_given_change_nothing(desk: Desk) -> None:
    mail = await approached(desk)
    page, _ = way_out(mail)
    for body in (b"", b"List-Unsubscribe=No", b"act=everything", b"\xff=\xfe"):
        assert (await desk.web.post(page, content=body, headers=FORM)).status_code == 400
    assert (await desk.web.post(page, content=b"x" * 20_000, headers=FORM)).status_code == 413
    of_replies = mail.request["reply_to"]["email"].partition("+")[2].partition("@")[0]
    for token in ("a" * 26, "x", "../inbox", "%00", "é" * 26, of_replies):
        answers = [
            await desk.web.get(f"/unsubscribe/{token}"),
            await desk.web.post(f"/unsubscribe/{token}", data={"act": "stop"}),
        ]
        assert {answer.status_code for answer in answers} == {404}
    assert await desk.suppressions() == []


async def test_mail_to_the_way_out_stops_us_whatever_it_says_and_whoever_sends_it(desk: Desk) -> None:
    mail = await approached(desk)
    _, address = way_out(mail)
    await desk.hear("email", "", to=address, From="robot@mail.example", **{"Auto-Submitted": "auto-generated"})
    (proof,) = await desk.suppressions()
    assert proof["reason"] == "wrote to the address that ends our mails"
    assert proof["evidence"]
    assert await desk.agent.value("select count(*) from contacts") == 1


# --- as SendGrid tells ----------------------------------------------------------------------------------------------


async def test_event_that_is_a_complaint_stops_us(desk: Desk) -> None:
    mail = await approached(desk)
    conversation = await desk.agent.value("select id from conversations")
    follow_up = await queue_follow_up(desk.agent, conversation, desk.clock, channel="email")
    await desk.report(mail, "spamreport")
    (proof,) = await desk.suppressions()
    assert (proof["proof"]["told_by"], proof["said"]) == ("email", FOLLOW_UP)
    assert proof["proof"]["event"]
    assert await outbox_row(desk, follow_up) == WITHDRAWN
    assert await desk.agent.value("select count(*) from events where kind = 'consent.opt_out'") == 1, "told twice"
    await desk.say("email", "START")
    assert await desk.suppressions() == []


async def test_bounce_closes_the_address_until_somebody_writes_from_it(desk: Desk) -> None:
    mail = await approached(desk)
    conversation = await desk.agent.value("select id from conversations")
    await desk.report(mail, "bounce")
    follow_up = await queue_follow_up(desk.agent, conversation, desk.clock, channel="email", after=timedelta(0))
    await desk.agent.send_all()
    assert (await outbox_row(desk, follow_up))["error"] == "the address cannot be reached"
    assert desk.sendgrid.mails[-1] is mail
    assert await desk.suppressions() == [], "a dead address is no wish of the person's"
    await desk.say("email", QUESTION)
    assert desk.sendgrid.mails[-1] is not mail


async def test_events_with_a_wrong_signature_or_of_another_tenants_mail_change_nothing(desk: Desk) -> None:
    mail = await approached(desk)
    forged = mail.event("spamreport", desk.clock())
    assert (await desk.web.post("/webhooks/sendgrid/events", json=[forged])).status_code == 403
    await desk.report(mail, "spamreport", nightshift_tenant="01932c8e-0000-7000-8000-000000000001")
    assert await desk.suppressions() == []
