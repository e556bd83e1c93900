"""The promises of the turn, on a real PostgreSQL: payload in, turn taken, message out, rows as they should be."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from agent.errors import Ambiguous, Fenced, OptedOut, Permanent, Retryable, UnknownRecipient
from agent.gather import Gathered, NotYet, claim_and_gather
from agent.store import conversations
from agent.turn import deliver, record_status, take_turn
from agent.types import DeliveryStatus, MessageId
from jobs.turns import MAX_ATTEMPTS, Turns
from tests.conftest import FakeClock
from tests.doubles.models import ScriptedModels
from tests.factories import make_classification
from tests.integration.agents import ANA, OURS, Agent


class TestReceive:
    async def test_duplicate_webhook_changes_nothing(self, agent: Agent) -> None:
        await agent.hear("hola", provider_id="SM1")
        await agent.hear("hola", provider_id="SM1")
        assert await agent.value("select count(*) from messages") == 1
        assert await agent.value("select count(*) from jobs.procrastinate_jobs") == 1

    async def test_burst_defers_one_turn(self, agent: Agent) -> None:
        for text in ("hola", "una pregunta", "cuánto cuesta?"):
            await agent.hear(text)
        assert await agent.value("select count(*) from jobs.procrastinate_jobs") == 1

    async def test_unknown_number_is_refused_and_leaves_an_event(self, agent: Agent) -> None:
        with pytest.raises(UnknownRecipient, match=r"\+34999"):
            await agent.hear("hola", recipient="+34999")
        assert await agent.value("select count(*) from messages") == 0
        assert await agent.value("select count(*) from contacts") == 0

    async def test_number_of_another_provider_is_unknown(self, agent: Agent) -> None:
        with pytest.raises(UnknownRecipient):
            await agent.hear("hola", provider="twilio")

    async def test_two_spellings_of_a_number_are_one_contact(self, agent: Agent) -> None:
        one = await agent.hear("hola", sender="+5215512345678")
        other = await agent.hear("hola", sender="+525512345678")
        assert one == other

    async def test_whatsapp_and_sms_of_one_phone_are_one_contact_and_two_conversations(self, agent: Agent) -> None:
        await agent.change(
            "insert into channel_accounts (id, tenant_id, channel, address, provider)"
            " values (gen_random_uuid(), %s, 'sms', '+1', 'simulator')",
            agent.tenant_id,
        )
        assert await agent.hear("hola") != await agent.hear("hola", channel="sms", recipient="+1")
        assert await agent.value("select count(*) from contacts") == 1


class TestTakeTurn:
    async def test_answer_carries_the_catalogues_price_and_the_disclosure(self, agent: Agent) -> None:
        await agent.answer(await agent.hear("¿cuánto cuesta el intensivo?"))
        (message,) = agent.sender.taken
        assert message.text == ("Soy la asistente virtual (IA) de Escuela Ejemplo. Son 399,00 € por el curso completo.")
        assert (message.sender, message.recipient) == (OURS, ANA)

    async def test_brazilian_number_gets_its_own_currency_and_language(self, agent: Agent) -> None:
        agent.models.texts = ("O curso completo custa {price:EN-INT}.",)
        await agent.answer(await agent.hear("quanto custa o curso intensivo?", sender="+5511987654321"))
        assert "R$ 2.390,00" in agent.sender.taken[0].text

    async def test_burst_is_answered_once(self, agent: Agent) -> None:
        await agent.hear("hola")
        conversation = await agent.hear("cuánto cuesta el intensivo?")
        await agent.answer(conversation)
        assert agent.models.drafted == ["hola\ncuánto cuesta el intensivo?"]
        assert len(agent.sender.taken) == 1
        assert await agent.value("select count(distinct turn_id) from messages where direction = 'inbound'") == 1

    async def test_disclosure_is_not_repeated(self, agent: Agent) -> None:
        conversation = await agent.hear("¿cuánto cuesta el intensivo?")
        await agent.answer(conversation)
        await agent.hear("¿y el intensivo de tarde?")
        await agent.answer(conversation)
        assert agent.sender.taken[1].text == "Son 399,00 € por el curso completo."

    async def test_invented_price_is_revised_with_the_reason(self, agent: Agent) -> None:
        agent.models.texts = ("Cuesta 250 €.", "Cuesta {price:EN-INT}.")
        await agent.answer(await agent.hear("¿cuánto cuesta?"))
        assert [verdict.rule for verdict in agent.models.objections[1]] == ["pricing"]
        assert "399,00 €" in agent.sender.taken[0].text

    async def test_price_invented_three_times_goes_to_a_person(self, agent: Agent) -> None:
        agent.models.texts = ("Cuesta 250 €.",)
        await agent.answer(await agent.hear("¿cuánto cuesta?"))
        assert len(agent.models.drafted) == 3
        (escalation,) = await agent.rows("select * from escalations")
        assert "250" in escalation["draft"]
        assert "250" not in agent.sender.taken[0].text

    async def test_unknown_reference_is_revised(self, agent: Agent) -> None:
        agent.models.texts = ("Cuesta {price:NOPE}.", "Cuesta {price:EN-INT}.")
        await agent.answer(await agent.hear("¿cuánto cuesta?"))
        assert "399,00 €" in agent.sender.taken[0].text

    async def test_acknowledgement_gets_no_reply(self, agent: Agent) -> None:
        agent.models.classification = make_classification(intent="acknowledgement", confidence=0.95)
        await agent.answer(await agent.hear("ok gracias"))
        assert agent.sender.taken == []
        assert await agent.value("select decision from turns") == "nothing"

    async def test_request_for_a_person_is_escalated_and_said_once(self, agent: Agent) -> None:
        agent.models.classification = make_classification(intent="human_request", confidence=0.95)
        conversation = await agent.hear("quiero hablar con una persona")
        await agent.answer(conversation)
        await agent.hear("por favor, una persona")
        await agent.answer(conversation)
        assert len(agent.sender.taken) == 1
        assert await agent.value("select count(*) from escalations") == 2

    async def test_agent_is_silent_while_staff_own_the_conversation(self, agent: Agent) -> None:
        conversation = await agent.hear("¿cuánto cuesta?")
        await agent.change("update conversations set owner = 'staff'")
        await agent.answer(conversation)
        assert agent.sender.taken == []
        assert agent.models.classified == []

    async def test_low_confidence_draft_goes_to_a_person(self, agent: Agent) -> None:
        agent.models.draft_fields = {"confidence": 0.1}
        await agent.answer(await agent.hear("¿cuánto cuesta?"))
        assert await agent.value("select count(*) from escalations") == 1
        assert "399" not in agent.sender.taken[0].text

    async def test_model_calls_are_accounted_for(self, agent: Agent) -> None:
        await agent.answer(await agent.hear("¿cuánto cuesta?"))
        assert await agent.value("select sum(cost_microusd)::int from model_calls") == 240

    async def test_language_is_kept_when_the_message_does_not_tell(self, agent: Agent) -> None:
        conversation = await agent.hear("quanto custa o curso de inglês? vocês têm aula à noite?")
        await agent.answer(conversation)
        await agent.hear("ok 👍")
        gathered = await agent.claim(conversation)
        assert gathered.turn.conversation.language == "pt"
        await take_turn(gathered, agent.deps)
        assert await agent.value("select language from conversations") == "pt"


class TestOptOut:
    async def test_stop_suppresses_and_is_confirmed_once_without_any_model(self, agent: Agent) -> None:
        conversation = await agent.hear("STOP")
        await agent.answer(conversation)
        await agent.hear("stop")
        await agent.answer(conversation)
        assert len(agent.sender.taken) == 1
        assert agent.models.classified == []
        assert await agent.value("select count(*) from suppressions where lifted_at is null") == 1

    async def test_opt_out_withdraws_what_waits_in_the_outbox(self, agent: Agent) -> None:
        conversation = await agent.hear("¿cuánto cuesta?")
        await take_turn(await agent.claim(conversation), agent.deps)
        await agent.hear("no me escriban más")
        await agent.answer(conversation)
        assert [message.text for message in agent.sender.taken if "399" in message.text] == []

    async def test_nothing_is_sent_after_an_opt_out(self, agent: Agent) -> None:
        conversation = await agent.hear("baja")
        await agent.answer(conversation)
        await agent.hear("¿cuánto cuesta el intensivo?")
        await agent.answer(conversation)
        assert len(agent.sender.taken) == 1
        assert await agent.value("select count(*) from escalations") == 1

    async def test_start_lifts_it(self, agent: Agent) -> None:
        conversation = await agent.hear("STOP")
        await agent.answer(conversation)
        await agent.hear("START")
        await agent.answer(conversation)
        await agent.hear("¿cuánto cuesta el intensivo?")
        await agent.answer(conversation)
        assert "399,00 €" in agent.sender.taken[-1].text

    async def test_provider_that_answered_the_stop_is_not_repeated(self, agent: Agent) -> None:
        await agent.answer(await agent.hear("STOP", provider_handled_opt_out=True))
        assert agent.sender.taken == []
        assert await agent.value("select count(*) from suppressions") == 1

    async def test_classified_opt_out_counts_as_one(self, agent: Agent) -> None:
        agent.models.classification = make_classification(intent="opt_out", confidence=0.95)
        await agent.answer(await agent.hear("ya me cansé de ustedes, borren mi contacto de su agenda"))
        assert await agent.value("select count(*) from suppressions") == 1


class TestOrder:
    async def test_newer_message_supersedes_the_draft_before_it_is_decided(self, agent: Agent) -> None:
        conversation = await agent.hear("¿cuánto cuesta?")
        gathered = await agent.claim(conversation)
        await agent.hear("el intensivo digo")
        await take_turn(gathered, agent.deps)
        assert await agent.value("select count(*) from messages where direction = 'outbound'") == 0
        await agent.answer(conversation)
        assert agent.models.drafted[-1] == "¿cuánto cuesta?\nel intensivo digo"
        assert len(agent.sender.taken) == 1

    async def test_newer_message_supersedes_the_answer_before_it_is_sent(self, agent: Agent) -> None:
        conversation = await agent.hear("¿cuánto cuesta?")
        await take_turn(await agent.claim(conversation), agent.deps)
        await agent.hear("el intensivo digo")
        await agent.send_all()
        assert agent.sender.taken == []
        await agent.answer(conversation)
        assert agent.models.drafted[-1] == "¿cuánto cuesta?\nel intensivo digo"
        assert len(agent.sender.taken) == 1

    async def test_somebody_who_never_stops_writing_is_answered_all_the_same(self, agent: Agent) -> None:
        conversation = await agent.hear("¿cuánto cuesta?")
        for number in range(5):
            gathered = await agent.claim(conversation)
            await agent.hear(f"¿y el curso {number}?")
            await take_turn(gathered, agent.deps)
            await agent.send_all()
        assert agent.sender.taken != []

    async def test_turn_is_not_taken_twice_at_a_time(self, agent: Agent) -> None:
        conversation = await agent.hear("hola")
        await agent.claim(conversation)
        again = await claim_and_gather(agent.tenant_id, conversation, uuid4(), 10, agent.deps)
        assert again == NotYet()

    async def test_late_write_of_a_worker_that_lost_its_lease_is_refused(self, agent: Agent) -> None:
        conversation = await agent.hear("¿cuánto cuesta?")
        paused = await agent.claim(conversation)
        await agent.lapse_claims()
        await agent.answer(conversation)
        with pytest.raises(Fenced):
            await take_turn(paused, agent.deps)
        assert len(agent.sender.taken) == 1

    async def test_debounce_waits_for_quiet_but_not_for_ever(self, agent: Agent) -> None:
        await agent.change("update tenants set quiet_s = 100, max_wait_s = 150")
        conversation = await agent.hear("hola")
        found = await claim_and_gather(agent.tenant_id, conversation, uuid4(), 10, agent.deps)
        assert isinstance(found, NotYet)
        assert found.wake_in_s == pytest.approx(100, abs=5)
        await agent.change("update conversations set first_unread_at = now() - interval '120 s'")
        await agent.hear("sigo aquí")
        found = await claim_and_gather(agent.tenant_id, conversation, uuid4(), 10, agent.deps)
        assert isinstance(found, NotYet)
        assert found.wake_in_s == pytest.approx(30, abs=5)


class TestRetry:
    async def test_retry_resumes_after_the_last_saved_step(self, agent: Agent) -> None:
        conversation = await agent.hear("¿cuánto cuesta?")
        agent.models.failures = []
        gathered = await agent.claim(conversation)
        agent.sender.failures = []
        agent.models.texts = ("Cuesta {price:EN-INT}.",)
        await _crash_after_classification(agent, gathered)
        await agent.lapse_claims()
        await agent.answer(conversation)
        assert len(agent.models.classified) == 1
        assert len(agent.sender.taken) == 1

    async def test_failed_turn_is_retried_with_back_off(self, agent: Agent) -> None:
        conversation = await agent.hear("¿cuánto cuesta?")
        agent.models.failures = [Retryable("try again")]
        await Turns(agent.deps).run(agent.tenant_id, conversation)
        (row,) = await agent.rows("select turn_state, attempt, wake_at > now() as later from conversations")
        assert row == {"turn_state": "queued", "attempt": 1, "later": True}

    async def test_poison_message_ends_with_a_person_and_the_conversation_goes_on(self, agent: Agent) -> None:
        conversation = await agent.hear("¿cuánto cuesta?")
        for _ in range(MAX_ATTEMPTS):
            agent.models.failures = [ValueError("poison"), ValueError("poison"), ValueError("poison")]
            await agent.change("update conversations set wake_at = now() - interval '1 s'")
            await Turns(agent.deps).run(agent.tenant_id, conversation)
        assert await agent.value("select state from turns") == "failed"
        assert await agent.value("select reason from escalations") == "Could not be processed"
        agent.models.failures = []
        await agent.hear("¿hola?")
        await agent.answer(conversation)
        assert "399,00 €" in agent.sender.taken[-1].text

    async def test_turn_that_kills_its_worker_ends_with_a_person(self, agent: Agent) -> None:
        conversation = await agent.hear("¿cuánto cuesta?")
        for _ in range(MAX_ATTEMPTS):
            await agent.claim(conversation)
            await agent.lapse_claims()
        await Turns(agent.deps).run(agent.tenant_id, conversation)
        assert agent.models.classified == []
        assert await agent.value("select count(*) from escalations") == 1

    async def test_drained_turn_is_given_back_without_costing_an_attempt(self, agent: Agent) -> None:
        conversation = await agent.hear("¿cuánto cuesta?")
        gathered = await agent.claim(conversation)
        async with agent.deps.db.tenant(agent.tenant_id) as tx:
            assert await conversations.requeue(tx, gathered.lease, delay_s=0, refund_attempt=True)
        assert (await agent.claim(conversation)).lease.attempt == 1


async def _crash_after_classification(agent: Agent, gathered: Gathered) -> None:
    """Run a turn whose worker dies while it drafts."""

    class WorkerDiedError(BaseException):
        pass

    async def die(*_: object, **__: object) -> None:
        raise WorkerDiedError

    dying = replace(agent.deps, models=_Dying(agent.models, die))  # type: ignore[arg-type]
    with pytest.raises(WorkerDiedError):
        await take_turn(gathered, dying)


class _Dying:
    def __init__(self, models: ScriptedModels, die: Any) -> None:
        self.classify = models.classify
        self.tiers_up = models.tiers_up
        self.draft = die


class TestDeliver:
    async def test_send_window_delays_until_it_opens(self, agent: Agent, clock: FakeClock) -> None:
        await agent.change(
            """update tenants set updated_at = now(), profile = profile
               || '{"hours": [{"days": "mon-sun", "from": "09:00", "to": "12:00"}]}'"""
        )
        await agent.answer(await agent.hear("¿cuánto cuesta?"))  # 16:00 in Madrid
        assert agent.sender.taken == []
        assert await agent.value("select not_before from messages where direction = 'outbound'") == datetime(
            2026, 11, 18, 9, 0, tzinfo=UTC
        ), "open on the mainland and on the Canaries, where the number may be, too"
        clock.advance(18 * 3600)
        await agent.send_all()
        assert len(agent.sender.taken) == 1

    async def test_provider_error_is_retried_and_sent_once(self, agent: Agent, clock: FakeClock) -> None:
        agent.sender.failures = [Retryable("busy")]
        await agent.answer(await agent.hear("¿cuánto cuesta?"))
        assert agent.sender.taken == []
        clock.advance(120)
        await agent.send_all()
        assert len(agent.sender.taken) == 1
        assert await agent.value("select attempt from messages where direction = 'outbound'") == 2

    @pytest.mark.parametrize("arrived", [True, False], ids=["it arrived", "it did not"])
    async def test_unknown_outcome_is_reconciled_before_any_resend(self, agent: Agent, arrived: bool) -> None:
        agent.sender.failures, agent.sender.lost_answer = [Ambiguous("timeout")], arrived
        await agent.answer(await agent.hear("¿cuánto cuesta?"))
        message_id = await agent.value("select id from messages where direction = 'outbound'")
        await deliver(agent.tenant_id, message_id, agent.deps)
        assert agent.sender.asked == 0, "the claim has not lapsed yet"
        await agent.lapse_claims()
        await deliver(agent.tenant_id, message_id, agent.deps)
        await agent.send_all()
        assert agent.sender.asked == 1
        assert len(agent.sender.taken) == 1
        assert await agent.value("select state from messages where direction = 'outbound'") == "queued"

    @pytest.mark.parametrize("arrived", [True, False], ids=["it arrived", "it did not"])
    async def test_unknown_outcome_that_nobody_can_tell_is_left_to_a_person(self, agent: Agent, arrived: bool) -> None:
        agent.sender.failures, agent.sender.lost_answer = [Ambiguous("timeout")], arrived
        agent.sender.answers = False
        await agent.answer(await agent.hear("¿cuánto cuesta?"))
        (sent,) = await agent.rows("select id, body from messages where direction = 'outbound'")
        for _ in range(2):
            await agent.lapse_claims()
            await deliver(agent.tenant_id, sent["id"], agent.deps)
        assert len(agent.sender.taken) == arrived
        assert await agent.value("select state from messages where direction = 'outbound'") == "unknown"
        (asked,) = await agent.rows("select reason, draft, message_id from escalations where state = 'open'")
        assert asked == {"reason": "Delivery outcome unknown", "draft": sent["body"], "message_id": sent["id"]}

    async def test_worker_killed_after_the_provider_took_it_does_not_send_twice(self, agent: Agent) -> None:
        conversation = await agent.hear("¿cuánto cuesta?")
        await take_turn(await agent.claim(conversation), agent.deps)
        message_id = await agent.value("select id from messages where direction = 'outbound'")
        agent.sender.failures = [KeyboardInterrupt()]  # type: ignore[list-item]
        agent.sender.taken = []

        async def took_it(message: Any) -> None:
            agent.sender.taken.append(message)

        agent.sender.before_send = took_it
        with pytest.raises(KeyboardInterrupt):
            await deliver(agent.tenant_id, message_id, agent.deps)
        agent.sender.before_send = None
        await agent.lapse_claims()
        await deliver(agent.tenant_id, message_id, agent.deps)
        assert len(agent.sender.taken) == 1
        assert await agent.value("select state from deliveries order by attempt desc limit 1") == "reconciled"

    async def test_refused_message_goes_to_a_person(self, agent: Agent) -> None:
        agent.sender.failures = [Permanent("not a mobile", code="21614")]
        await agent.answer(await agent.hear("¿cuánto cuesta?"))
        assert await agent.value("select error_code from messages where state = 'failed'") == "21614"
        assert await agent.value("select reason from escalations") == "Could not be delivered"

    async def test_providers_opt_out_suppresses(self, agent: Agent) -> None:
        agent.sender.failures = [OptedOut("unsubscribed", code="21610")]
        await agent.answer(await agent.hear("¿cuánto cuesta?"))
        assert await agent.value("select count(*) from suppressions where lifted_at is null") == 1

    async def test_price_that_changed_meanwhile_is_not_sent(self, agent: Agent) -> None:
        conversation = await agent.hear("¿cuánto cuesta?")
        await take_turn(await agent.claim(conversation), agent.deps)
        await agent.change("update price_rules set amount_minor = 44900 where currency = 'EUR'")
        await agent.change("update tenants set updated_at = clock_timestamp()")
        await agent.send_all()
        assert agent.sender.taken == []
        assert await agent.value("select count(*) from escalations") == 1

    async def test_reply_is_withdrawn_when_staff_take_over(self, agent: Agent) -> None:
        conversation = await agent.hear("¿cuánto cuesta?")
        await take_turn(await agent.claim(conversation), agent.deps)
        await agent.change("update conversations set owner = 'staff'")
        await agent.send_all()
        assert agent.sender.taken == []

    async def test_early_and_doubled_delivery_jobs_send_once(self, agent: Agent) -> None:
        await agent.answer(await agent.hear("¿cuánto cuesta?"))
        message_id = await agent.value("select id from messages where direction = 'outbound'")
        await deliver(agent.tenant_id, message_id, agent.deps)
        await deliver(agent.tenant_id, MessageId(UUID(int=1)), agent.deps)
        assert len(agent.sender.taken) == 1


class TestRecordStatus:
    async def _sent(self, agent: Agent) -> MessageId:
        await agent.answer(await agent.hear("¿cuánto cuesta?"))
        return MessageId(await agent.value("select id from messages where direction = 'outbound'"))

    def _status(self, message_id: MessageId, state: Any) -> DeliveryStatus:
        return DeliveryStatus(
            provider="simulator", provider_id=f"SM{message_id.hex}", state=state, message_id=message_id
        )

    @pytest.mark.parametrize(
        ("reports", "final"),
        [
            (("sent", "delivered", "read"), "read"),
            (("read", "delivered", "sent", "queued"), "read"),
            (("delivered", "delivered", "sent"), "delivered"),
            (("sent", "failed"), "failed"),
            (("delivered", "failed"), "delivered"),
        ],
    )
    async def test_state_only_moves_forward(self, agent: Agent, reports: tuple[str, ...], final: str) -> None:
        message_id = await self._sent(agent)
        for state in reports:
            assert await record_status(agent.tenant_id, self._status(message_id, state), agent.deps)
        assert await agent.value("select state from messages where direction = 'outbound'") == final
        assert await agent.value("select count(*) from delivery_statuses") == len(set(reports))

    async def test_report_on_a_message_that_is_not_ours_changes_nothing(self, agent: Agent) -> None:
        assert not await record_status(agent.tenant_id, self._status(MessageId(uuid4()), "sent"), agent.deps)

    async def test_report_that_overtakes_our_own_record_closes_the_claim(self, agent: Agent) -> None:
        async def report_first(message: Any) -> None:
            await record_status(agent.tenant_id, self._status(message.id, "delivered"), agent.deps)

        agent.sender.before_send = report_first
        await self._sent(agent)
        assert await agent.value("select state from messages where direction = 'outbound'") == "delivered"
