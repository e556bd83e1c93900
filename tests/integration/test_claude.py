"""Claude behind the Models port, over HTTP to a stand-in for the API, through the official SDK."""

import asyncio
import time
import traceback
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import SecretStr

from agent.errors import Misconfigured, ModelRefused, ModelUnavailable
from agent.models.calibration import CONSERVATIVE
from agent.models.claude import ClaudeModels
from agent.models.providers import build_gateway
from agent.ports import Models
from agent.prompts import Prompts
from agent.settings import Settings
from agent.types import Claim, Media, ModelTier, Route, Sources, Verdict
from tests.doubles.claude import (
    API_KEY,
    CUT_OFF,
    HANG,
    OVERLOADED,
    REFUSAL,
    ClaudeDouble,
    Step,
)
from tests.factories import NOW, make_classification, make_draft, make_message, make_turn
from tests.sleeping import no_wait

HAIKU, SONNET, OPUS = "claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5"
STANDARD = Route(tier="standard", reason="test")
EXPERT = Route(tier="expert", reason="test")


def make_models(double: ClaudeDouble, **overrides: Any) -> ClaudeModels:
    """Return the engine pointed at a double."""
    values: dict[str, Any] = {"anthropic_api_key": SecretStr(API_KEY), "anthropic_base_url": double.base_url}
    settings = Settings(_env_file=None, **(values | overrides))
    return ClaudeModels(
        build_gateway(settings, now=lambda: NOW, sleep=no_wait),
        prompts=Prompts.load(),
        now=lambda: NOW,
        timeout_s=settings.nightshift_model_timeout_s,
    )


@pytest.fixture
def double() -> Iterator[ClaudeDouble]:
    with ClaudeDouble() as double:
        yield double


@asynccontextmanager
async def open_models(double: ClaudeDouble, **overrides: Any) -> AsyncIterator[ClaudeModels]:
    models = make_models(double, **overrides)
    try:
        yield models
    finally:
        await models.aclose()


@pytest.fixture
async def models(double: ClaudeDouble) -> AsyncIterator[ClaudeModels]:
    async with open_models(double) as models:
        yield models


async def draft(models: Models, text: str = "¿Cuánto cuesta el inglés intensivo?", **given: Any) -> Any:
    route = given.pop("route", STANDARD)
    return await models.draft(make_turn(text), make_classification(), Sources(), route, **given)


# --- what it answers -------------------------------------------------------------------------------------------


async def test_turn_is_classified_by_the_fast_model(double: ClaudeDouble, models: ClaudeModels) -> None:
    classified = await models.classify(make_turn("¿Cuánto cuesta el curso?"), "es")
    found = classified.classification
    assert (found.intent, found.language, found.source, found.model) == ("pricing", "es", "claude", HAIKU)
    assert found.intent not in found.secondary
    sent = double.requests[0].body
    assert sent["model"] == HAIKU
    assert sent["thinking"] == {"type": "disabled"}
    assert sent["output_config"]["effort"] == "low"
    assert sent["metadata"] == {"user_id": str(make_turn().conversation.contact.id)}


async def test_language_the_tenant_does_not_speak_falls_back_to_the_detected_one(
    double: ClaudeDouble, models: ClaudeModels
) -> None:
    double.when("bonjour", language="fr", intent="greeting")
    assert (await models.classify(make_turn("bonjour"), "en")).classification.language == "en"
    assert (await models.classify_text("bonjour")).classification.language == "fr"


async def test_text_without_a_tenant_is_classified_in_its_context(double: ClaudeDouble, models: ClaudeModels) -> None:
    double.when(
        "2", intent="opt_out", needs_human=False, entities={"product": "", "quantity": "2\0", "budget": "", "date": ""}
    )
    classified = await models.classify_text("2", context="Responde 2 para salir", channel="sms")
    assert classified.classification.intent == "opt_out"
    assert classified.classification.entities == {"quantity": "2"}
    assert "Responde 2 para salir" in double.requests[0].user


async def test_message_without_words_is_classified_by_its_attachments(
    double: ClaudeDouble, models: ClaudeModels
) -> None:
    media = (Media(url="https://x.example/1", content_type="image/jpeg"),)
    turn = make_turn(inbound=(make_message("", media=media),))
    await models.classify(turn, "es")
    assert "image/jpeg" in double.requests[0].user


async def test_draft_refers_to_prices_and_names_its_sources(double: ClaudeDouble, models: ClaudeModels) -> None:
    drafted = await draft(models)
    assert "{price:EN-INT}" in drafted.draft.text
    assert drafted.draft.claims == (
        Claim(text="El precio de Inglés intensivo es {price:EN-INT}", source="item:EN-INT"),
    )
    assert (drafted.draft.source, drafted.draft.model, drafted.draft.language) == ("claude", SONNET, "es")
    assert double.requests[0].body["thinking"] == {"type": "between_tools"}


@pytest.mark.parametrize(
    ("language", "text"), [("pt", "Quanto custa o inglês?"), ("en", "How much is the intensive course?")]
)
async def test_draft_is_asked_for_in_the_language_of_the_classification(
    models: ClaudeModels, language: str, text: str
) -> None:
    labels = (await models.classify(make_turn(text), language)).classification
    drafted = await models.draft(make_turn(text), labels, Sources(), STANDARD)
    assert drafted.draft.language == language
    assert "{price:EN-INT}" in drafted.draft.text


async def test_expert_route_goes_to_the_expert_model_and_skips_its_thinking(
    double: ClaudeDouble, models: ClaudeModels
) -> None:
    drafted = await draft(models, route=EXPERT)
    assert drafted.draft.model == OPUS
    assert drafted.draft.text.startswith("El precio")
    assert "thinking" not in double.requests[0].body


async def test_revision_shows_the_refused_draft_and_the_objections(double: ClaudeDouble, models: ClaudeModels) -> None:
    objection = Verdict(rule="price", outcome="revise", reason="It types an amount.", evidence="399 €")
    first = await draft(models)
    revised = await draft(models, previous=make_draft("Cuesta 399 €."), objections=[objection])
    sent = double.requests[-1].user
    assert '"Cuesta 399 €."' in sent
    assert '{"rule": "price", "reason": "It types an amount.", "evidence": "399 €"}' in sent
    assert revised.calls[0].task == "revise"
    assert revised.draft.prompt_version != first.draft.prompt_version


async def test_lone_surrogates_from_a_prospect_do_not_break_the_request(
    double: ClaudeDouble, models: ClaudeModels
) -> None:
    await models.classify_text("hola \ud83d")
    assert '"hola ?"' in double.requests[0].user


async def test_draft_may_lack_a_text_only_if_a_person_is_wanted(double: ClaudeDouble, models: ClaudeModels) -> None:
    double.script(Step(answer={"text": " "}))
    assert len((await draft(models)).calls) == 2
    double.script(Step(answer={"text": "", "needs_human": True, "human_reason": "refund"}))
    drafted = await draft(models)
    assert (drafted.draft.text, drafted.draft.human_reason, len(drafted.calls)) == ("", "refund", 1)


@pytest.mark.parametrize(("tier", "model"), [("fast", HAIKU), ("standard", SONNET), ("expert", OPUS)])
async def test_second_opinion_and_draft_come_from_the_tier_that_is_asked(
    models: ClaudeModels, tier: ModelTier, model: str
) -> None:
    classified = await models.classify(make_turn("¿Cuánto cuesta?"), "es", tier=tier)
    drafted = await draft(models, route=Route(tier=tier, reason="test"))
    assert (classified.classification.model, drafted.draft.model) == (model, model)
    assert [call.tier for call in (*classified.calls, *drafted.calls)] == [tier, tier]


async def test_confidence_is_calibrated_and_the_models_own_word_is_kept(
    double: ClaudeDouble, models: ClaudeModels
) -> None:
    double.when("hola", confidence=0.95, stage="exploring", complexity="medium")
    found = (await models.classify_text("hola")).classification
    assert (found.score, found.confidence) == (0.95, CONSERVATIVE.chance(0.95))
    assert (found.stage, found.complexity) == ("exploring", "medium")


async def test_entity_is_bounded_whatever_the_message_says(double: ClaudeDouble, models: ClaudeModels) -> None:
    entities = {"product": "x" * 5000, "quantity": "", "budget": "", "date": ""}
    double.when("hola", entities=entities)
    assert len((await models.classify_text("hola")).classification.entities["product"]) == 200


async def test_tier_with_no_circuit_that_lets_calls_through_is_not_up(
    double: ClaudeDouble, models: ClaudeModels
) -> None:
    assert models.tiers_up() == {"fast", "standard", "expert"}
    double.always = OVERLOADED
    for _ in range(5):
        with pytest.raises(ModelUnavailable):
            await models.classify_text("hola")
    assert models.tiers_up() == {"standard", "expert"}


# --- what it costs ---------------------------------------------------------------------------------------------


async def test_second_call_reads_what_the_first_wrote_to_the_cache(models: ClaudeModels) -> None:
    (first,) = (await models.classify_text("hola")).calls
    (second,) = (await models.classify_text("gracias")).calls
    assert first.usage.cache_write_tokens == second.usage.cache_read_tokens > 1000
    assert first.usage.cache_read_tokens == second.usage.cache_write_tokens == 0
    nano = second.usage.input_tokens * 100 + second.usage.output_tokens * 500 + second.usage.cache_read_tokens * 10
    assert second.cost_microusd == -(-nano // 1000)
    assert second.cost_microusd < first.cost_microusd / 3
    assert (second.task, second.provider, second.outcome) == ("classify", "anthropic", "ok")


@pytest.mark.parametrize("step", [REFUSAL, CUT_OFF, Step(text="not JSON"), Step(answer={"confidence": 95})])
async def test_unusable_answer_is_repaired_once_and_both_calls_are_kept(
    double: ClaudeDouble, models: ClaudeModels, step: Step
) -> None:
    double.script(step)
    drafted = await draft(models)
    assert drafted.draft.text.startswith("El precio")
    assert [call.outcome == "ok" for call in drafted.calls] == [False, True]
    assert all(call.usage.output_tokens and call.cost_microusd for call in drafted.calls)
    assert "could not be used" in double.requests[1].user
    assert double.requests[1].body["max_tokens"] == 2 * double.requests[0].body["max_tokens"]


@pytest.mark.parametrize(
    ("step", "outcome"),
    [(REFUSAL, "refused"), (CUT_OFF, "cut_off"), (Step(text='{"text": "secret words"}'), "invalid")],
)
async def test_second_unusable_answer_is_left_to_the_next_tier_with_usage_kept(
    double: ClaudeDouble, models: ClaudeModels, step: Step, outcome: str
) -> None:
    double.script(step, step)
    drafted = await draft(models)
    assert [(call.model, call.outcome, call.attempt) for call in drafted.calls] == [
        (SONNET, outcome, 1),
        (SONNET, outcome, 2),
        (OPUS, "ok", 3),
    ]
    assert all(call.cost_microusd > 0 for call in drafted.calls)
    assert (drafted.draft.model, drafted.draft.text.startswith("El precio")) == (OPUS, True)
    assert double.requests[2].user == double.requests[0].user


@pytest.mark.parametrize(
    ("step", "outcome"),
    [(REFUSAL, "refused"), (CUT_OFF, "cut_off"), (Step(text='{"text": "secret words"}'), "invalid")],
)
async def test_third_unusable_answer_goes_to_a_person_with_usage_kept(
    double: ClaudeDouble, models: ClaudeModels, step: Step, outcome: str
) -> None:
    double.script(step, step, step)
    with pytest.raises(ModelRefused) as caught:
        await draft(models)
    assert [call.outcome for call in caught.value.calls] == [outcome] * 3
    assert all(call.cost_microusd > 0 for call in caught.value.calls)
    assert "secret words" not in str(caught.value)
    assert len(double.requests) == 3


async def test_nobody_stands_above_the_expert(double: ClaudeDouble, models: ClaudeModels) -> None:
    double.script(REFUSAL, REFUSAL)
    with pytest.raises(ModelRefused) as caught:
        await draft(models, route=EXPERT)
    assert [call.model for call in caught.value.calls] == [OPUS, OPUS]


async def test_next_tier_that_is_down_leaves_the_turn_to_a_person(double: ClaudeDouble, models: ClaudeModels) -> None:
    double.script(REFUSAL, REFUSAL)
    double.always = OVERLOADED
    with pytest.raises(ModelRefused) as caught:
        await draft(models)
    assert [call.outcome for call in caught.value.calls][:3] == ["refused", "refused", "error"]
    assert [call.attempt for call in caught.value.calls] == list(range(1, len(caught.value.calls) + 1))


async def test_failure_of_the_repair_keeps_the_first_call(double: ClaudeDouble, models: ClaudeModels) -> None:
    double.script(CUT_OFF)
    double.always = OVERLOADED
    with pytest.raises(ModelUnavailable) as caught:
        await draft(models)
    assert [call.outcome for call in caught.value.calls] == ["cut_off", "error", "error", "error"]
    assert caught.value.calls[0].usage.cache_write_tokens > 0


# --- what fails ------------------------------------------------------------------------------------------------


async def test_wrong_key_never_shows_in_the_error(double: ClaudeDouble) -> None:
    said, key = "private words", "sk-ant-very-secret"
    async with open_models(double, anthropic_api_key=SecretStr(key)) as models:
        with pytest.raises(Misconfigured, match="ANTHROPIC_API_KEY") as caught:
            await draft(models, said)
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value.calls)
    assert key not in shown
    assert said not in shown


async def test_deadline_ends_a_hanging_request(double: ClaudeDouble) -> None:
    double.script(HANG)
    started = time.monotonic()
    async with open_models(double, nightshift_model_timeout_s=1) as models:
        with pytest.raises(ModelUnavailable, match="timeout") as caught:
            await models.classify_text("hola")
    assert time.monotonic() - started < 10
    assert caught.value.calls[0].latency_ms >= 500  # what went before the request counts too


async def test_deadline_covers_the_repair_too(double: ClaudeDouble) -> None:
    double.script(CUT_OFF, HANG)
    started = time.monotonic()
    async with open_models(double, nightshift_model_timeout_s=1.5) as models:
        with pytest.raises(ModelUnavailable) as caught:
            await models.classify_text("hola")
    assert time.monotonic() - started < 10
    assert [call.outcome for call in caught.value.calls] == ["cut_off", "error"]


async def test_cancelled_turn_stays_cancelled(double: ClaudeDouble, models: ClaudeModels) -> None:
    double.script(HANG)
    task = asyncio.create_task(models.classify_text("hola"))
    while not double.requests:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    "overrides", [{"anthropic_api_key": None}, {"nightshift_model_fast": "gpt-9"}, {"nightshift_model_expert": "x"}]
)
def test_wrong_settings_are_refused_at_the_start(double: ClaudeDouble, overrides: dict[str, Any]) -> None:
    with pytest.raises(Misconfigured):
        make_models(double, **overrides)
