"""When WhatsApp's window closes under a reply: a person gets a proposal, or a template leaves; not both, not twice."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from agent.errors import Permanent
from agent.language import LanguageDetector
from agent.ports import AgentDeps
from agent.store.db import Database
from agent.turn import deliver, record_status, take_turn
from agent.types import DeliveryStatus, MessageId
from channels.twilio_content import TwilioContent
from channels.twilio_outbound import TwilioSender
from channels.twilio_signature import WebhookSecret
from channels.web import create_app
from channels.webhooks import WebhookKeys
from jobs.templates import sync_templates
from tests.conftest import FakeClock
from tests.doubles.twilio import TwilioDouble
from tests.doubles.twilio_content import StoredContent
from tests.doubles.twilio_webhooks import ACCOUNT_SID, AUTH_TOKEN
from tests.integration.agents import Agent, build_agent
from tests.integration.late_replies import (
    DISCLOSED,
    PRICED,
    TOO_LATE,
    WEEKDAYS,
    decide_late,
    proposal_of,
    publish,
    write_by_mail,
)
from tests.serving import serving
from tests.template_samples import PRICE, PRICE_TEMPLATE, make_template


@pytest.fixture
async def agent(db: Database, clock: FakeClock, detector: LanguageDetector) -> Agent:
    """An agent of a school with two approved templates, which people must send."""
    built = await build_agent(db, clock, detector)
    await publish(built, clock)
    return built


class TestTooLateInTheOutbox:
    async def test_person_gets_the_template_filled_and_priced(self, agent: Agent, clock: FakeClock) -> None:
        await decide_late(agent, clock)
        assert agent.sender.taken == []
        proposal = await proposal_of(agent)
        assert proposal.kind == "template"
        assert proposal.text.startswith(PRICED)
        assert proposal.template is not None
        values = {"1": "amiga o amigo", "2": "Inglés intensivo", "3": "399,00 €", "4": DISCLOSED}
        assert proposal.template.variables == values
        assert await agent.value("select state from messages where direction = 'outbound'") == "superseded"
        assert await agent.value("select data->>'proposal' from events where kind = 'window.closed'") == "template"

    async def test_with_the_policy_on_the_template_leaves_by_itself(self, agent: Agent, clock: FakeClock) -> None:
        await publish(agent, clock, send_templates=True)
        await decide_late(agent, clock)
        await agent.send_all()
        (sent,) = agent.sender.taken
        assert sent.template is not None
        assert (sent.template.sid, sent.text[: len(PRICED)]) == (PRICE_TEMPLATE.sid, PRICED)
        assert await agent.value("select count(*) from escalations") == 0
        verdicts = await agent.value("select verdicts from messages where template is not null")
        assert {each["rule"] for each in verdicts} >= {"consent", "send_window", "reply_window", "pricing", "tone"}

    async def test_template_waits_for_lawful_hours(self, agent: Agent, clock: FakeClock) -> None:
        await publish(agent, clock, send_templates=True)
        await take_turn(await agent.claim(await agent.hear("¿cuánto cuesta el intensivo?")), agent.deps)
        clock.advance(timedelta(hours=32).total_seconds())  # midnight in Madrid
        await agent.send_all()
        await agent.send_all()
        assert agent.sender.taken == []
        clock.advance(timedelta(hours=12).total_seconds())
        await agent.send_all()
        assert len(agent.sender.taken) == 1

    async def test_template_is_withdrawn_when_they_write_again(self, agent: Agent, clock: FakeClock) -> None:
        await publish(agent, clock, send_templates=True)
        await decide_late(agent, clock)
        await agent.answer(await agent.hear("¿y bien? ¿cuánto cuesta?"))
        (sent,) = agent.sender.taken
        assert sent.template is None
        assert "399,00 €" in sent.text

    async def test_price_that_has_changed_since_is_not_sent(self, agent: Agent, clock: FakeClock) -> None:
        await publish(agent, clock, send_templates=True)
        await decide_late(agent, clock)
        await agent.change("update price_rules set amount_minor = 45900 where currency = 'EUR'")
        await agent.change("update tenants set updated_at = clock_timestamp()")
        await agent.send_all()
        assert agent.sender.taken == []
        (row,) = await agent.rows("select draft, verdicts from escalations")
        assert row["draft"].startswith(PRICED)
        assert {each["rule"] for each in row["verdicts"] if each["outcome"] != "pass"} == {"pricing"}

    @pytest.mark.parametrize(
        ("change", "why"),
        [
            ("update templates set approval = 'paused'", "paused"),
            ("update templates set approval = 'rejected', rejection_reason = 'PROMOTIONAL'", "rejected (PROMOTIONAL)"),
            ("delete from templates", "no longer has the template school_price"),
        ],
        ids=["paused", "rejected", "deleted"],
    )
    async def test_template_that_may_no_longer_be_sent_does_not_leave(
        self, agent: Agent, clock: FakeClock, change: str, why: str
    ) -> None:
        await publish(agent, clock, send_templates=True)
        await decide_late(agent, clock)
        await agent.change(change)
        await agent.send_all()
        assert agent.sender.taken == []
        (row,) = await agent.rows("select reason, detail, draft from escalations")
        assert row["reason"] == "The template may not be sent"
        assert why in row["detail"]
        assert row["draft"].startswith(PRICED)

    async def test_template_that_breaks_a_rule_is_not_proposed(self, agent: Agent, clock: FakeClock) -> None:
        promise = PRICE.replace("por el curso completo", "y te garantizamos el aprobado")
        await publish(agent, clock, templates=(replace(PRICE_TEMPLATE, types={"twilio/text": {"body": promise}}),))
        await decide_late(agent, clock)
        proposal = await proposal_of(agent)
        assert proposal.kind == "person"
        assert proposal.passed_over[0].startswith("school_price (es): promises: ")

    async def test_staff_who_took_over_get_the_proposal(self, agent: Agent, clock: FakeClock) -> None:
        await publish(agent, clock, send_templates=True)
        await take_turn(await agent.claim(await agent.hear("¿cuánto cuesta el intensivo?")), agent.deps)
        await agent.change("update conversations set owner = 'staff'")
        await agent.change("update messages set author = 'staff' where direction = 'outbound'")
        clock.advance(TOO_LATE)
        await agent.send_all()
        assert (await proposal_of(agent)).kind == "template"
        assert await agent.value("select count(*) from messages where direction = 'outbound'") == 1

    async def test_second_reply_in_a_row_is_not_followed_by_a_second_template(
        self, agent: Agent, clock: FakeClock
    ) -> None:
        await publish(agent, clock, send_templates=True)
        await decide_late(agent, clock)
        await agent.change(
            "update messages set state = 'pending', attempt = 0, not_before = %s, error = null"
            " where state = 'superseded' and direction = 'outbound'",
            clock(),
        )
        await agent.send_all()
        await agent.send_all()
        assert len(agent.sender.taken) == 1
        (row,) = await agent.rows("select proposal from escalations")
        assert row["proposal"]["reason"] == "A template has already gone out since the contact wrote last"

    async def test_without_a_template_their_mail_is_proposed(self, agent: Agent, clock: FakeClock) -> None:
        await publish(agent, clock, templates=())
        late = await agent.hear("¿cuánto cuesta el intensivo?")
        await take_turn(await agent.claim(late), agent.deps)
        by_mail = await write_by_mail(agent, late)
        clock.advance(TOO_LATE)
        await agent.send_all()
        proposal = await proposal_of(agent)
        assert (proposal.kind, proposal.channel, proposal.conversation_id) == ("channel", "email", by_mail)
        assert proposal.passed_over == (
            "school_price (es): the provider's account has no such template",
            "school_reopen (es): the provider's account has no such template",
        )

    async def test_first_contact_is_not_made_by_a_template_that_does_not_say_who_writes(
        self, agent: Agent, clock: FakeClock
    ) -> None:
        await publish(agent, clock, templates=(make_template(),))
        await decide_late(agent, clock)
        proposal = await proposal_of(agent)
        assert proposal.kind == "person"
        assert "say that you are an automated assistant" in proposal.passed_over[-1]

    async def test_without_any_way_a_person_is_asked(self, agent: Agent, clock: FakeClock) -> None:
        await publish(agent, clock, templates=(make_template(approval="paused"),))
        await decide_late(agent, clock)
        proposal = await proposal_of(agent)
        assert proposal.kind == "person"
        assert "paused" in proposal.passed_over[-1]

    async def test_notice_of_ours_is_not_worth_a_template(self, agent: Agent, clock: FakeClock) -> None:
        await publish(agent, clock, send_templates=True)
        agent.models.texts = ("Cuesta 250 €.",)
        await take_turn(await agent.claim(await agent.hear("¿cuánto cuesta?")), agent.deps)
        clock.advance(TOO_LATE)
        await agent.send_all()
        await agent.send_all()
        assert agent.sender.taken == []
        assert await agent.value("select count(*) from messages where template is not null") == 0


class TestTooLateAtOnce:
    """Written on Friday night by a school that writes on weekdays only."""

    async def hear_on_friday_night(self, agent: Agent, clock: FakeClock, **policy: Any) -> None:
        await publish(agent, clock, send_hours=WEEKDAYS, **policy)
        clock.advance(timedelta(days=3, hours=6).total_seconds())
        await agent.answer(await agent.hear("¿cuánto cuesta el intensivo?"))

    async def test_person_gets_the_template(self, agent: Agent, clock: FakeClock) -> None:
        await self.hear_on_friday_night(agent, clock)
        assert (await proposal_of(agent)).kind == "template"
        assert await agent.value("select count(*) from messages where direction = 'outbound'") == 0

    async def test_with_the_policy_on_it_leaves_on_monday(self, agent: Agent, clock: FakeClock) -> None:
        await self.hear_on_friday_night(agent, clock, send_templates=True)
        assert agent.sender.taken == []
        assert await agent.value("select count(*) from escalations") == 0
        clock.advance(timedelta(days=2, hours=12).total_seconds())
        await agent.send_all()
        (sent,) = agent.sender.taken
        assert sent.template is not None


class TestToldByTheProvider:
    REFUSED = Permanent("window", code="63016", failure="window")

    async def test_refusal_leads_to_the_template(self, agent: Agent, clock: FakeClock) -> None:
        agent.sender.failures.append(self.REFUSED)
        await agent.answer(await agent.hear("¿cuánto cuesta el intensivo?"))
        assert (await proposal_of(agent)).kind == "template"

    async def test_refusal_of_a_template_is_no_reason_for_another(self, agent: Agent, clock: FakeClock) -> None:
        await publish(agent, clock, send_templates=True)
        agent.sender.failures += [self.REFUSED, self.REFUSED]
        await agent.answer(await agent.hear("¿cuánto cuesta el intensivo?"))
        await agent.send_all()
        await agent.send_all()
        assert agent.sender.taken == []
        (row,) = await agent.rows("select reason, proposal, draft from escalations")
        assert (row["reason"], row["proposal"]) == ("The reply window has closed", None)
        assert row["draft"].startswith(PRICED)

    async def test_template_that_whatsapp_turns_out_to_have_paused_is_proposed_no_more(
        self, agent: Agent, clock: FakeClock
    ) -> None:
        await publish(agent, clock, send_templates=True)
        agent.sender.failures += [self.REFUSED, Permanent("paused", code="63041", failure="template")]
        await agent.answer(await agent.hear("¿cuánto cuesta el intensivo?"))
        await agent.send_all()
        assert agent.sender.taken == []
        (row,) = await agent.rows("select reason from escalations")
        assert row["reason"] == "The template may not be sent"
        states = await agent.rows("select approval from templates order by name")
        assert [state["approval"] for state in states] == ["unknown", "approved"]

    async def test_report_leads_to_the_template_once_however_often_it_comes(
        self, agent: Agent, clock: FakeClock
    ) -> None:
        await publish(agent, clock, send_templates=True)
        await agent.answer(await agent.hear("¿cuánto cuesta el intensivo?"))
        message_id = MessageId(await agent.value("select id from messages where direction = 'outbound'"))
        late = DeliveryStatus(
            provider="simulator",
            provider_id=f"SM{message_id.hex}",
            state="failed",
            message_id=message_id,
            error_code="63016",
            failure="window",
        )
        for _ in range(3):
            assert await record_status(agent.tenant_id, late, agent.deps)
        await agent.send_all()
        assert [bool(sent.template) for sent in agent.sender.taken] == [False, True]
        assert await agent.value("select count(*) from escalations") == 0


# --- from end to end, with Twilio's stand-in ------------------------------------------------------------------


@pytest.fixture
async def through_twilio(agent: Agent, clock: FakeClock, twilio: TwilioDouble) -> AsyncIterator[Agent]:
    """The agent on a Twilio number, with the web process that Twilio reports to."""
    await publish(agent, clock, templates=(), provider="twilio", send_templates=True)
    keys = WebhookKeys(twilio=(WebhookSecret(value=AUTH_TOKEN, account_sid=ACCOUNT_SID, provider="twilio"),), email=())
    async with serving(lambda url: create_app(at_address(agent.deps, url), keys)) as url:
        sender = TwilioSender(account_sid=ACCOUNT_SID, auth_token=AUTH_TOKEN, public_url=url, base_url=twilio.base_url)
        agent.deps = replace(agent.deps, senders={"twilio": sender})
        yield agent
        await sender.aclose()


def at_address(deps: AgentDeps, url: str) -> AgentDeps:
    """Return what a web process at `url` has."""
    return replace(deps, settings=deps.settings.model_copy(update={"nightshift_public_url": url}))


async def test_window_that_twilio_found_closed_while_its_answer_was_lost_is_reopened_too(
    through_twilio: Agent, clock: FakeClock, twilio: TwilioDouble
) -> None:
    agent = through_twilio
    await publish(agent, clock, provider="twilio")
    twilio.fail_next(accepted=True, dropped=True)
    conversation_id = await agent.hear("¿cuánto cuesta el intensivo?", provider="twilio")
    await agent.answer(conversation_id)
    (message,) = twilio.messages
    message.status, message.error_code = "failed", 63016  # and nobody has told us
    await agent.lapse_claims()
    await deliver(
        agent.tenant_id,
        MessageId(await agent.value("select id from messages where direction = 'outbound'")),
        agent.deps,
    )
    assert (await proposal_of(agent)).kind == "template"
    assert len(twilio.messages) == 1
    assert await agent.value("select state from messages where direction = 'outbound'") == "failed"


async def test_window_that_twilio_finds_closed_is_reopened_by_a_synced_template(
    through_twilio: Agent, clock: FakeClock, twilio: TwilioDouble
) -> None:
    agent = through_twilio
    samples = {"1": "Name", "2": "Curso", "3": "1 €", "4": "AI"}
    twilio.contents.append(
        StoredContent(friendly_name="school_price", types={"twilio/text": {"body": PRICE}}, variables=samples)
    )
    twilio.contents.append(StoredContent(friendly_name="another_school", types={"twilio/text": {"body": "x"}}))
    twilio.heard = {}  # Twilio has not seen the message that opened the window
    twilio.script = ("sent", "delivered")
    source = TwilioContent(account_sid=ACCOUNT_SID, auth_token=AUTH_TOKEN, base_url=twilio.base_url)
    assert await sync_templates(agent.deps, source) == 1
    await source.aclose()

    await agent.answer(await agent.hear("¿cuánto cuesta el intensivo?", provider="twilio", sender_name="Ana Ruiz"))
    await twilio.wait_until(lambda double: len(double.callbacks) == 1)
    await agent.send_all()
    await twilio.wait_until(lambda double: len(double.callbacks) == 3)

    free, template = twilio.messages
    assert (free.error_code, template.params.get("Body")) == (63016, None)
    assert template.params["ContentSid"] == twilio.contents[0].sid
    assert template.text == PRICED.replace("amiga o amigo", "Ana") + " ¿Quieres que te contemos más?"
    assert [each.http_status for each in twilio.callbacks] == [204, 204, 204]
    states = await agent.rows("select body, state from messages where direction = 'outbound' order by seq")
    assert [row["state"] for row in states] == ["failed", "delivered"]
    assert states[1]["body"] == template.text
    assert await agent.value("select count(*) from templates") == 1
