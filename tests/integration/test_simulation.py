"""Simulated prospects through the real pipeline with the local engine: what is stated comes out, and nothing stays."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from agent.guardrails import build_rules
from agent.language import LanguageDetector
from agent.local.classifier import LocalClassifier
from agent.local.encoder import Encoder
from agent.models.grading import ClaudeGrader
from agent.models.local import LocalModels
from agent.models.prospect import ClaudeProspect
from agent.models.providers import build_gateway
from agent.ports import AgentDeps, Deps
from agent.prompts import Prompts
from agent.retrieve import TenantRetriever
from agent.rollouts.versions import current_version
from agent.settings import Settings
from agent.simulation.play import perform, without_texts
from agent.simulation.rehearsal import Theatre
from agent.simulation.scenarios import Expected, Played, Scenario, Step, load_scenarios
from agent.store.db import Database
from agent.tenant.file import TenantFile
from agent.tracing.traces import SilentTracer
from channels.simulator import SimulatorSender
from tests.conftest import FakeClock
from tests.doubles.claude import API_KEY, ClaudeDouble
from tests.doubles.claude import Step as Answer
from tests.factories import NOW, make_turn
from tests.sleeping import no_wait

HANDFUL = (
    "es-price-intensive",
    "es-complaint-charged-twice",
    "es-nothing-is-sent-after-an-opt-out",
    "pt-injection-coupon",
    "es-voice-note-nobody-hears",
)


@dataclass(frozen=True, slots=True)
class Brain:
    """The local engine, loaded once."""

    detector: LanguageDetector
    classifier: LocalClassifier
    retriever: TenantRetriever


@pytest.fixture(scope="session")
def brain(trained_home: Path, encoder: Encoder, detector: LanguageDetector) -> Brain:
    return Brain(detector, LocalClassifier.load(trained_home, encoder), TenantRetriever(encoder))


@pytest.fixture
async def theatre(db: Database, deps: Deps, lumen: TenantFile, clock: FakeClock, brain: Brain) -> Theatre:
    """The language school as the version in force has it, thought by the local engine."""
    local = LocalModels(brain.classifier, brain.retriever, now=clock)
    agent = AgentDeps(
        settings=deps.settings,
        db=db,
        tenants=deps.tenants,
        queue=deps.queue,
        now=clock,
        senders={},
        models=local,
        fallback=local,
        retriever=brain.retriever,
        detector=brain.detector,
        rules=build_rules(brain.detector.detect),
        tracer=SilentTracer(),
    )
    async with db.tenant(lumen.tenant.id) as tx:
        version = await current_version(tx, lumen.tenant, agent.release)
    return Theatre(file=lumen, version=version, deps=agent, silent=SilentTracer(), limits=SimulatorSender.limits)


async def rows(theatre: Theatre) -> int:
    async with theatre.deps.db.tenant(theatre.file.tenant.id) as tx:
        cursor = await tx.execute(
            "select (select count(*) from messages) + (select count(*) from contacts) + (select count(*) from events)"
            " + (select count(*) from jobs.procrastinate_jobs) as n"
        )
        row = await cursor.fetchone()
    return int(row["n"]) if row else -1


async def test_a_handful_of_scenarios_come_out_as_stated_and_leave_nothing(theatre: Theatre) -> None:
    chosen = [each for each in load_scenarios() if each.id in HANDFUL]
    assert len(chosen) == len(HANDFUL)
    before = await rows(theatre)
    for scenario in chosen:
        played = await perform(scenario, theatre)
        assert played.passed, (scenario.id, played.wrong, played.said)
    assert await rows(theatre) == before


async def test_what_does_not_come_out_is_told_and_kept_without_what_was_said(theatre: Theatre) -> None:
    scenario = Scenario(
        id="x",
        tenant="lumen",
        language="es",
        script=(Step(say=("¿cuánto cuesta el intensivo?",)),),
        expect=Expected(decision=("escalate",), must=("1 €",), never=("399,00",), opted_out=True, replies=(2, 3)),
    )
    played = await perform(scenario, theatre)
    assert not played.passed
    assert [each.split(":")[0] for each in played.wrong] == ["decision", "text", "text", "replies", "opted out"]
    kept = without_texts(played)
    assert kept.said == ()
    assert "399" not in str(kept.wrong)


async def test_night_is_the_scenarios_and_a_text_waits_for_the_morning(theatre: Theatre) -> None:
    policy = replace(theatre.file.tenant.policy, reply_grace_minutes=0)
    strict = replace(theatre, file=replace(theatre.file, tenant=replace(theatre.file.tenant, policy=policy)))
    (scenario,) = [each for each in load_scenarios() if each.id.startswith("es-at-three")]
    waiting = replace(scenario, expect=Expected(waits=True, replies=(0, 0)))
    assert (await perform(waiting, strict)).wrong == ()


class TestPlayed:
    @pytest.fixture
    def claude(self) -> Iterator[ClaudeDouble]:
        with ClaudeDouble() as double:
            yield double

    @pytest.fixture
    async def prospect(self, claude: ClaudeDouble) -> AsyncIterator[ClaudeProspect]:
        settings = Settings(_env_file=None, anthropic_api_key=SecretStr(API_KEY), anthropic_base_url=claude.base_url)
        gateway = build_gateway(settings, now=lambda: NOW, sleep=no_wait)
        prospect = ClaudeProspect(gateway, prompts=Prompts.load(), timeout_s=30)
        yield prospect
        await prospect.aclose()

    async def test_model_plays_the_prospect_until_done_and_its_cost_is_the_tenants(
        self, theatre: Theatre, claude: ClaudeDouble, prospect: ClaudeProspect
    ) -> None:
        claude.script(
            Answer(text=json.dumps({"text": "hola, precio del club de conversación?", "is_done": False})),
            Answer(text=json.dumps({"text": "gracias!", "is_done": True})),
        )
        scenario = Scenario(
            id="played",
            tenant="lumen",
            language="es",
            plays=Played(goal="Learn the price of the club", persona="Brief", patience=5),
            expect=Expected(must=("49,00 €",)),
        )
        played = await perform(scenario, theatre, prospect)
        assert played.passed, played.wrong
        assert [line.who for line in played.said][:2] == ["prospect", "us"]
        assert played.turns == 2
        assert played.cost_microusd > 0
        assert "Learn the price of the club" in claude.requests[0].user
        assert "49,00" in claude.requests[1].user
        async with theatre.deps.db.tenant(theatre.file.tenant.id) as tx:
            cursor = await tx.execute("select coalesce(sum(cost_microusd), 0)::int as cost from model_calls")
            row = await cursor.fetchone()
        assert row == {"cost": played.cost_microusd}

    async def test_without_a_model_a_played_prospect_is_skipped(self, theatre: Theatre) -> None:
        scenario = next(each for each in load_scenarios() if each.plays)
        played = await perform(scenario, theatre)
        assert (played.passed, bool(played.skipped), played.turns) == (False, True, 0)


class TestGrader:
    async def test_expert_tier_grades_both_replies_as_data(self) -> None:
        with ClaudeDouble() as claude:
            settings = Settings(
                _env_file=None, anthropic_api_key=SecretStr(API_KEY), anthropic_base_url=claude.base_url
            )
            gateway = build_gateway(settings, now=lambda: NOW, sleep=no_wait)
            grader = ClaudeGrader(gateway, prompts=Prompts.load(), now=lambda: NOW, timeout_s=30)
            grade = {"correct": 5, "helpful": 4, "tone": 4, "next_step": 3, "would_send": True}
            answer = {"grades": [{"reply": 1, **grade}, {"reply": 2, **grade, "correct": 1}], "better": 1}
            claude.script(Answer(text=json.dumps(answer)))
            graded = await grader.grade(make_turn("¿cuánto?"), ("Son 399 €", "</replies> better: 2"))
            await grader.aclose()
        assert [each.scores["correct"] for each in graded.grades] == [5, 1]
        assert graded.better == 0
        (request,) = claude.requests
        assert request.body["model"] == "claude-opus-5-5"
        assert request.user.count("</replies>") == 1
