"""Models unplugged in the middle of conversations: nobody is forgotten, told twice or answered twice (P6)."""

from datetime import UTC, datetime

import pytest

from agent.errors import Ambiguous, ModelRefused, ModelUnavailable
from agent.turn import deliver, take_turn
from tests.conftest import FakeClock
from tests.factories import make_classification
from tests.integration.agents import Agent
from tests.integration.outages import Outages, build_outages

CLOSED_NOW = '{"hours": [{"days": "mon-sun", "from": "09:00", "to": "12:00"}]}'
"""Send hours that are over at the time of the tests, 16:00 in Madrid."""


@pytest.fixture
def outages(agent: Agent, clock: FakeClock) -> Outages:
    """An agent whose models can be unplugged."""
    return build_outages(agent, clock)


class TestHoldingLine:
    async def test_turn_waits_and_the_prospect_is_told_once(self, outages: Outages) -> None:
        outages.unplug()
        conversation = await outages.ask()
        assert await outages.states() == ["waiting"]
        await outages.let_lines_leave()
        for _ in range(3):
            await outages.agent.change("update conversations set turn_state = 'queued', wake_at = now()")
            await outages.take(conversation)
            await outages.let_lines_leave()
        assert len(outages.lines()) == 1
        assert await outages.agent.value("select attempt from conversations") == 0

    async def test_next_message_in_the_outage_brings_no_second_line(self, outages: Outages) -> None:
        outages.unplug()
        await outages.ask()
        await outages.let_lines_leave()
        await outages.ask("¿hola?")
        await outages.let_lines_leave()
        assert len(outages.lines()) == 1
        assert await outages.states() == ["waiting"]

    async def test_line_comes_in_the_prospects_language_and_says_who_writes(self, outages: Outages) -> None:
        outages.unplug()
        await outages.ask("oi, quanto custa o curso de inglês? vocês têm aula à noite?", sender="+5511987654321")
        await outages.let_lines_leave()
        (line,) = outages.agent.sender.taken
        assert "problema técnico" in line.text
        assert "responder como deve ser" in line.text
        assert line.text.startswith("Sou a assistente virtual")

    async def test_tenants_own_words_are_said(self, outages: Outages) -> None:
        await outages.agent.change(
            """update tenants set updated_at = now(),
                   profile = profile || '{"holding": {"es": "Tenemos una avería; te escribimos luego."}}'"""
        )
        outages.unplug()
        await outages.ask()
        await outages.let_lines_leave()
        assert outages.agent.sender.taken[0].text.endswith("Tenemos una avería; te escribimos luego.")

    async def test_answer_that_comes_first_leaves_the_line_unsaid(self, outages: Outages) -> None:
        outages.unplug()
        await outages.ask()
        outages.plug_in()
        await outages.recover()
        await outages.let_lines_leave()
        assert (len(outages.lines()), len(outages.answers())) == (0, 1)

    async def test_line_waits_while_its_turn_is_being_tried(self, outages: Outages) -> None:
        outages.unplug()
        await outages.ask()
        outages.plug_in()
        (conversation,) = await outages.resume()
        await outages.let_lines_leave()
        assert outages.lines() == []
        outages.unplug()
        await outages.take(conversation)
        await outages.let_lines_leave()
        assert len(outages.lines()) == 1

    async def test_line_outside_the_send_window_waits_for_it_and_goes_unsaid_if_the_answer_is_there(
        self, outages: Outages
    ) -> None:
        await outages.agent.change(f"update tenants set updated_at = now(), profile = profile || '{CLOSED_NOW}'")
        outages.unplug()
        await outages.ask()
        await outages.let_lines_leave()
        assert outages.agent.sender.taken == []
        assert await outages.agent.value("select not_before from messages where direction = 'outbound'") == datetime(
            2026, 11, 18, 9, 0, tzinfo=UTC
        )
        outages.plug_in()
        await outages.recover()
        outages.clock.now = datetime(2026, 11, 18, 10, 0, tzinfo=UTC)
        await outages.agent.send_all()
        assert (len(outages.lines()), len(outages.answers())) == (0, 1)

    async def test_window_that_closes_before_the_line_leaves_holds_it_back(self, outages: Outages) -> None:
        outages.unplug()
        await outages.ask()
        await outages.agent.change(f"update tenants set updated_at = now(), profile = profile || '{CLOSED_NOW}'")
        await outages.let_lines_leave()
        assert outages.agent.sender.taken == []

    async def test_conversation_that_staff_take_over_gets_no_line_and_no_answer(self, outages: Outages) -> None:
        outages.unplug()
        await outages.ask()
        await outages.agent.change("update conversations set owner = 'staff'")
        await outages.let_lines_leave()
        outages.plug_in()
        await outages.recover()
        await outages.let_lines_leave()
        assert outages.agent.sender.taken == []
        assert await outages.states() == ["idle"]

    async def test_conversation_of_staff_does_not_wait(self, outages: Outages) -> None:
        conversation = await outages.agent.hear("¿cuánto cuesta?")
        await outages.agent.change("update conversations set owner = 'staff'")
        outages.unplug()
        await outages.take(conversation)
        assert await outages.states() == ["idle"]
        assert await outages.agent.value("select count(*) from messages where direction = 'outbound'") == 0

    async def test_automatic_mail_gets_no_line(self, outages: Outages) -> None:
        outages.unplug()
        await outages.ask("Estoy fuera de la oficina hasta el lunes.", automatic=True)
        await outages.let_lines_leave()
        assert outages.agent.sender.taken == []
        assert await outages.states() == ["idle"]

    async def test_line_of_which_nobody_knows_whether_it_left_is_asked_for_and_not_said_twice(
        self, outages: Outages
    ) -> None:
        outages.unplug()
        await outages.ask()
        outages.agent.sender.failures = [Ambiguous("no answer")]
        await outages.let_lines_leave()
        outages.plug_in()
        await outages.recover()
        await outages.agent.lapse_claims()
        for row in await outages.agent.rows(
            "select id from messages where state in ('sending', 'pending') order by seq"
        ):
            await deliver(outages.agent.tenant_id, row["id"], outages.agent.deps)
        await outages.agent.send_all()
        assert (len(outages.lines()), len(outages.answers())) == (1, 1)


class TestHandledLocally:
    async def test_opt_out_needs_no_model_and_ends_the_wait(self, outages: Outages) -> None:
        outages.unplug()
        await outages.ask()
        await outages.ask("STOP")
        await outages.let_lines_leave()
        assert await outages.states() == ["idle"]
        assert await outages.agent.value("select count(*) from suppressions") == 1
        assert [message.text for message in outages.agent.sender.taken] == [
            "Listo: ya no te enviaremos mensajes. Si quieres volver a recibirlos, responde START. Escuela Ejemplo"
        ]

    @pytest.mark.parametrize("intent", ["human_request", "complaint"])
    async def test_what_a_person_answers_goes_to_one_at_once(self, outages: Outages, intent: str) -> None:
        outages.unplug()
        await outages.ask()
        outages.local.classification = make_classification(intent=intent, confidence=0.9)
        await outages.ask("esto es un desastre, quiero hablar con alguien")
        assert await outages.states() == ["idle"]
        assert await outages.agent.value("select count(*) from escalations") == 1

    async def test_opt_out_in_other_words_is_heard_by_the_local_classifier(self, outages: Outages) -> None:
        outages.unplug()
        outages.local.classification = make_classification(intent="opt_out", confidence=0.9)
        await outages.ask("ya me cansé de ustedes, borren mi contacto de su agenda")
        assert await outages.agent.value("select count(*) from suppressions") == 1

    async def test_message_that_comes_while_the_turn_is_tried_is_looked_at_at_once(self, outages: Outages) -> None:
        conversation = await outages.agent.hear("¿cuánto cuesta?")
        outages.unplug()
        gathered = await outages.agent.claim(conversation)
        await outages.agent.hear("STOP")
        await take_turn(gathered, outages.agent.deps)
        assert await outages.states() == ["queued"]
        await outages.take(conversation)
        assert await outages.states() == ["idle"]
        assert await outages.agent.value("select count(*) from suppressions") == 1

    async def test_thanks_need_no_answer_and_no_line(self, outages: Outages) -> None:
        outages.unplug()
        outages.local.classification = make_classification(intent="acknowledgement", confidence=0.9)
        await outages.ask("ok gracias")
        assert await outages.states() == ["idle"]


class TestAnswer:
    async def test_answer_rests_on_the_facts_of_its_day(self, outages: Outages) -> None:
        outages.unplug()
        await outages.ask()
        await outages.agent.change("update price_rules set amount_minor = 44900 where currency = 'EUR'")
        await outages.agent.change("update tenants set updated_at = now()")
        outages.plug_in()
        await outages.recover()
        await outages.agent.send_all()
        assert "449,00 €" in outages.agent.sender.taken[-1].text

    async def test_what_was_asked_is_kept_and_what_was_drafted_is_not(self, outages: Outages) -> None:
        models = outages.agent.models
        models.texts = ("Cuesta 250 €.", "Son {price:EN-INT}.")
        conversation = await outages.agent.hear("¿cuánto cuesta?")
        gathered = await outages.agent.claim(conversation)
        models.failures = [None, None, ModelUnavailable("every provider is down")]
        await take_turn(gathered, outages.agent.deps)
        assert list(await outages.agent.value("select steps from turns")) == ["classify"]
        outages.plug_in()
        await outages.recover()
        assert len(models.classified) == 1
        assert await outages.agent.value("select state from turns") == "done"

    async def test_turn_that_waited_too_long_goes_to_a_person(self, outages: Outages) -> None:
        outages.unplug()
        conversation = await outages.ask()
        await outages.agent.change("update conversations set wait_until = now()")
        assert await outages.resume() == []
        await outages.take(conversation)
        assert await outages.agent.value("select reason from escalations") == "The models were down for too long"
        assert await outages.states() == ["idle"]

    async def test_turn_that_waited_too_long_is_answered_if_a_model_is_back(self, outages: Outages) -> None:
        outages.unplug()
        conversation = await outages.ask()
        await outages.agent.change("update conversations set wait_until = now()")
        outages.plug_in()
        await outages.resume()
        await outages.take(conversation)
        await outages.agent.send_all()
        assert len(outages.answers()) == 1

    async def test_refusal_of_a_model_is_no_outage(self, outages: Outages) -> None:
        outages.agent.models.failures = [ModelRefused("no"), ModelRefused("no")]
        await outages.ask()
        assert await outages.states() == ["idle"]
        assert await outages.agent.value("select count(*) from escalations") == 1
        assert await outages.agent.value("select count(*) from outages") == 0


class TestSpendCap:
    async def test_local_engine_answers_and_operators_are_alerted_once(self, outages: Outages) -> None:
        outages.unplug(ModelUnavailable("limit reached", spend_cap=True))
        for number in range(3):
            await outages.ask(sender=f"+3460000000{number}")
        await outages.agent.send_all()
        assert len(outages.answers()) == 3
        assert await outages.agent.value("select count(*) from outages") == 0
        assert await outages.agent.value("select count(*) from events where kind = 'models.spend_cap'") == 3
        assert await outages.agent.value("select count(*) from ticks where key like 'models.spend_cap:%%'") == 1

    async def test_what_the_local_engine_cannot_answer_goes_to_a_person(self, outages: Outages) -> None:
        outages.unplug(ModelUnavailable("limit reached", spend_cap=True))
        outages.local.draft_fields = {"source": "local", "needs_human": True, "human_reason": "not published"}
        await outages.ask()
        assert await outages.states() == ["idle"]
        assert await outages.agent.value("select count(*) from escalations") == 1
