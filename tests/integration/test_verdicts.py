"""What guardrails said is kept in the database and traced: at drafting, for drafts not taken, and again at sending."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from agent.guardrails import UNCHECKED
from agent.guardrails.rule import Rule
from agent.ports import Judged, Judgement
from agent.turn import take_turn
from agent.types import Candidate, Tenant, Turn, Verdict
from tests.conftest import FakeClock
from tests.doubles.langfuse import FakeLangfuse, SeenSpan
from tests.integration.agents import Agent

FIRST_REPLY = "Soy la asistente virtual (IA) de Escuela Ejemplo. Cuesta 250 €."
PRICE_AT = (FIRST_REPLY.index("250"), len(FIRST_REPLY) - 1)
MON_TO_FRI = '{"hours": [{"days": "mon-fri", "from": "09:00", "to": "17:00"}]}'
FRIDAY_NIGHT = timedelta(days=3, hours=5)
"""From the tests' clock, a Tuesday afternoon."""


async def guardrails_seen(agent: Agent, langfuse: FakeLangfuse) -> list[SeenSpan]:
    """Return the observations of guardrails, in order."""
    await asyncio.to_thread(agent.deps.tracer.shutdown)
    return [span for span in langfuse.spans if span.kind == "guardrail"]


async def verdicts_of(agent: Agent, query: str) -> list[dict[str, Any]]:
    found = await agent.value(query)
    assert isinstance(found, list)
    return found


def failing(candidate: Candidate, turn: Turn, tenant: Tenant, now: datetime) -> Verdict:
    raise ZeroDivisionError


# --- stored ------------------------------------------------------------------------------------------------


async def test_turn_and_message_keep_every_verdict_with_its_version(agent: Agent) -> None:
    await take_turn(await agent.claim(await agent.hear("¿cuánto cuesta?")), agent.deps)
    versions = [(rule.name, rule.version, "pass") for rule in agent.deps.rules]
    for query in ("select steps->'verdicts' from turns", "select verdicts from messages where direction = 'outbound'"):
        assert [(v["rule"], v["version"], v["outcome"]) for v in await verdicts_of(agent, query)] == versions


async def test_draft_that_was_not_taken_keeps_what_was_wrong_with_it(agent: Agent) -> None:
    agent.models.texts = ("Cuesta 250 €.", "Cuesta {price:EN-INT}.")
    await agent.answer(await agent.hear("¿cuánto cuesta?"))
    kept = await verdicts_of(agent, "select steps->'verdicts_draft' from turns")
    (wrong,) = (verdict for verdict in kept if verdict["outcome"] != "pass")
    assert (wrong["rule"], wrong["outcome"], wrong["evidence"]) == ("pricing", "revise", "250 €")
    assert tuple(wrong["span"]) == PRICE_AT
    assert {v["outcome"] for v in await verdicts_of(agent, "select steps->'verdicts' from turns")} == {"pass"}


async def test_escalation_keeps_the_verdicts_that_led_to_it(agent: Agent) -> None:
    agent.models.texts = ("Cuesta 250 €.",)
    await agent.answer(await agent.hear("¿cuánto cuesta?"))
    kept = await verdicts_of(agent, "select verdicts from escalations")
    assert [v["evidence"] for v in kept if v["rule"] == "pricing"] == ["250 €"]
    notice = await verdicts_of(agent, "select verdicts from messages where direction = 'outbound'")
    assert {v["outcome"] for v in notice} == {"pass"}, "the notice has verdicts of its own"


async def test_message_refused_at_sending_keeps_the_verdicts_of_then(agent: Agent) -> None:
    await take_turn(await agent.claim(await agent.hear("¿cuánto cuesta?")), agent.deps)
    await agent.change("update price_rules set amount_minor = 44900 where currency = 'EUR'")
    await agent.change("update tenants set updated_at = clock_timestamp()")
    await agent.send_all()
    for query in ("select verdicts from escalations", "select verdicts from messages where direction = 'outbound'"):
        kept = {v["rule"]: v["outcome"] for v in await verdicts_of(agent, query)}
        assert kept["pricing"] == "revise"
        assert kept["consent"] == "pass"
    drafted = await verdicts_of(agent, "select steps->'verdicts' from turns")
    assert {v["outcome"] for v in drafted} == {"pass"}


async def test_confidence_is_asked_again_at_sending(agent: Agent) -> None:
    await take_turn(await agent.claim(await agent.hear("¿cuánto cuesta?")), agent.deps)
    await agent.change(
        """update tenants set profile = jsonb_set(profile, '{settings,min_confidence}', '0.99'),
                              updated_at = clock_timestamp()"""
    )
    await agent.send_all()
    assert agent.sender.taken == []
    assert "95% sure" in await agent.value("select reason from escalations")


# --- fails closed ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", ["drafting", "sending"])
async def test_rule_that_fails_keeps_the_message_back(agent: Agent, moment: str) -> None:
    sound = agent.deps
    broken = replace(sound, rules=tuple(replace(r, check=failing) if r.name == "tone" else r for r in sound.rules))
    agent.deps = broken if moment == "drafting" else sound
    await take_turn(await agent.claim(await agent.hear("¿cuánto cuesta?")), agent.deps)
    agent.deps = broken
    await agent.send_all()
    assert agent.sender.taken == []
    (kept,) = (v for v in await verdicts_of(agent, "select verdicts from escalations") if v["rule"] == "tone")
    assert (kept["outcome"], kept["evidence"]) == ("hold", f"{UNCHECKED}ZeroDivisionError")


# --- traced ------------------------------------------------------------------------------------------------


async def test_each_rule_is_one_observation_at_drafting_and_one_at_sending(
    traced: Agent, langfuse: FakeLangfuse
) -> None:
    await traced.answer(await traced.hear("¿cuánto cuesta?"))
    seen = await guardrails_seen(traced, langfuse)
    names = [rule.name for rule in traced.deps.rules]
    assert [span.name for span in seen] == [*names, *names]
    root, again = langfuse.named("turn"), langfuse.named("recheck")
    assert [span.parent_id for span in seen] == [root.span_id] * len(names) + [again.span_id] * len(names)
    assert again.parent_id == root.span_id
    assert {span.trace_id for span in seen} == {root.trace_id}
    assert {span.attributes["langfuse.observation.level"] for span in seen} == {"DEFAULT"}


async def test_objection_is_a_warning_with_version_evidence_and_span(traced: Agent, langfuse: FakeLangfuse) -> None:
    traced.models.texts = ("Cuesta 250 €.", "Cuesta {price:EN-INT}.")
    await take_turn(await traced.claim(await traced.hear("¿cuánto cuesta?")), traced.deps)
    first, second = (s for s in await guardrails_seen(traced, langfuse) if s.name == "pricing")
    version = next(rule.version for rule in traced.deps.rules if rule.name == "pricing")
    assert first.attributes["langfuse.observation.level"] == "WARNING"
    assert first.attributes["langfuse.observation.output"] == "revise"
    assert first.json("metadata.evidence") == "250 €"
    assert first.json("metadata.version") == version
    assert first.json("metadata.span") == list(PRICE_AT)
    assert first.attributes["langfuse.observation.status_message"]
    assert second.attributes["langfuse.observation.level"] == "DEFAULT"


async def test_reference_to_nothing_published_is_traced_as_pricing(traced: Agent, langfuse: FakeLangfuse) -> None:
    traced.models.texts = ("Cuesta {price:NOPE}.", "Cuesta {price:EN-INT}.")
    await take_turn(await traced.claim(await traced.hear("¿cuánto cuesta?")), traced.deps)
    first, *_ = (span for span in await guardrails_seen(traced, langfuse) if span.name == "pricing")
    assert first.attributes["langfuse.observation.level"] == "WARNING"


async def test_rule_that_fails_is_an_error(traced: Agent, langfuse: FakeLangfuse) -> None:
    traced.deps = replace(traced.deps, rules=(*traced.deps.rules, Rule(name="odd", version=1, check=failing)))
    await take_turn(await traced.claim(await traced.hear("¿cuánto cuesta?")), traced.deps)
    odd = [span for span in await guardrails_seen(traced, langfuse) if span.name == "odd"]
    assert {span.attributes["langfuse.observation.level"] for span in odd} == {"ERROR"}


async def test_what_the_judge_found_is_traced_like_a_rule(traced: Agent, langfuse: FakeLangfuse) -> None:
    class Refusing:
        async def judge(self, claims: Any, turn: Turn) -> Judged:
            return Judged(judgements=tuple(Judgement(claim=claim, finding="unsupported") for claim in claims))

    traced.deps = replace(traced.deps, judge=Refusing())
    traced.models.texts = ("Nuestros profesores son pacientes y corrigen con cariño.", "Cuesta {price:EN-INT}.")
    await take_turn(await traced.claim(await traced.hear("¿cómo son los profesores?")), traced.deps)
    code, judge, *_ = (span for span in await guardrails_seen(traced, langfuse) if span.name == "grounding")
    assert [s.attributes["langfuse.observation.output"] for s in (code, judge)] == ["pass", "revise"]


# --- waiting beyond the reply window -----------------------------------------------------------------------


async def open_only(agent: Agent, hours: str) -> None:
    await agent.change("update tenants set updated_at = now(), profile = profile || %s::jsonb", hours)


async def test_reply_that_would_leave_after_whatsapps_window_goes_to_a_person_at_once(
    agent: Agent, clock: FakeClock
) -> None:
    await open_only(agent, MON_TO_FRI)
    clock.advance(FRIDAY_NIGHT.total_seconds())
    await agent.answer(await agent.hear("¿cuánto cuesta?"))
    assert await agent.value("select count(*) from messages where direction = 'outbound'") == 0
    (row,) = await agent.rows("select reason, draft, verdicts from escalations")
    assert "24 hours" in row["reason"]
    assert "399,00 €" in row["draft"]
    kept = {v["rule"]: v["outcome"] for v in row["verdicts"]}
    assert (kept["send_window"], kept["reply_window"]) == ("delay", "hold")


async def test_reply_that_leaves_the_next_morning_waits_and_is_checked_again(agent: Agent, clock: FakeClock) -> None:
    await open_only(agent, MON_TO_FRI)
    clock.advance(timedelta(hours=5).total_seconds())  # Tuesday, 21:00 in Madrid
    await agent.answer(await agent.hear("¿cuánto cuesta?"))
    assert agent.sender.taken == []
    assert await agent.value("select count(*) from escalations") == 0
    clock.advance(timedelta(hours=13).total_seconds())  # Wednesday, 10:00
    await agent.send_all()
    assert len(agent.sender.taken) == 1


async def test_reply_that_comes_too_late_all_the_same_is_not_sent(agent: Agent, clock: FakeClock) -> None:
    await take_turn(await agent.claim(await agent.hear("¿cuánto cuesta?")), agent.deps)
    clock.advance(timedelta(hours=24).total_seconds())  # the workers were away
    await agent.send_all()
    assert agent.sender.taken == []
    assert await agent.value("select reason from escalations") == "The reply window has closed"


async def test_reply_whose_hours_change_while_it_waits_is_not_put_off_beyond_the_window(
    agent: Agent, clock: FakeClock
) -> None:
    await open_only(agent, MON_TO_FRI)
    clock.advance(timedelta(days=2, hours=5).total_seconds())  # Thursday, 21:00: due on Friday at 09:00
    await agent.answer(await agent.hear("¿cuánto cuesta?"))
    await open_only(agent, MON_TO_FRI.replace("mon-fri", "mon-thu"))
    clock.advance(timedelta(hours=13).total_seconds())
    await agent.send_all()
    assert agent.sender.taken == []
    assert await agent.value("select state from messages where direction = 'outbound'") == "superseded"
    assert await agent.value("select reason from escalations") == "The reply window has closed"
