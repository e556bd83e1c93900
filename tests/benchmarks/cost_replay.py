"""A day of the two example tenants: the labelled messages through the whole pipeline, and every model call it took.

Real are the pipeline, PostgreSQL, the prompts, retrieval, guardrails, the gateway and the SDK; the double for Claude
counts tokens. A turn that needs no draft of its own (no reply, a person, an answer given before) is drafted all the
same at the end, beside the pipeline: so much would have been written without these levers.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, Literal, TypeVar
from uuid import uuid4

from pydantic import BaseModel, SecretStr

from agent.answers.cache import AnswerCache
from agent.classify import is_clear
from agent.decide import Resolution
from agent.gather import Gathered, claim_and_gather
from agent.guardrails import build_rules
from agent.guardrails.judge import RememberingJudge
from agent.history import summarise_history
from agent.language import LanguageDetector
from agent.local.classifier import LocalClassifier
from agent.local.encoder import load_encoder
from agent.models.anthropic import message_params
from agent.models.calibration import Calibration, Calibrations, Entry
from agent.models.claude import CLASSIFY, ClaudeModels
from agent.models.gateway import Gateway
from agent.models.local import LocalModels
from agent.models.pricing import ModelPrices
from agent.models.providers import build_providers
from agent.models.request import Completion, Request
from agent.models.summaries import ClaudeSummariser
from agent.ports import AgentDeps
from agent.prompts import Prompts
from agent.retrieve import TenantRetriever
from agent.settings import Settings
from agent.store.db import Database
from agent.store.tenants import TenantCache, save_tenant_file
from agent.tenant.file import TenantFile, load_tenant_file
from agent.tracing.traces import SilentTracer
from agent.turn import deliver, receive, take_turn
from agent.types import Channel, Classification, InboundMessage, ModelTier, Route, Task, Tenant
from jobs.queue import JobQueue
from tests.benchmarks.cost_answers import LabelledAnswers, Row
from tests.conftest import FakeClock
from tests.doubles.claude import API_KEY, THINKING_TOKENS, ClaudeDouble
from tests.doubles.claude_rules import HAIKU, OPUS, SONNET
from tests.doubles.sender import RecordingSender
from tests.processes import REPOSITORY

MIDNIGHT = datetime(2026, 11, 18, tzinfo=UTC)
"""A Wednesday."""
BUSY_HOURS = (1, 0, 0, 0, 0, 1, 2, 4, 6, 8, 9, 9, 8, 7, 7, 8, 9, 9, 9, 8, 8, 7, 5, 3)
"""How many conversations begin in each hour (UTC), relative to another (assumed)."""
MEAN_MESSAGES = 3.0
"""Of a conversation (assumed)."""
MODELS: Mapping[ModelTier, str] = {"fast": HAIKU, "standard": SONNET, "expert": OPUS}
CLEAR = 0.9
"""From this confidence on the cascade leaves a message to the local engine, as the tenant files suggest."""
_COURSE = (
    "greeting", "product_question", "pricing", "scheduling", "objection", "negotiation", "payment", "ready_to_buy",
    "support", "complaint", "human_request", "off_topic", "acknowledgement", "not_interested", "opt_out",
)  # fmt: skip
"""The order in which a prospect says things."""

T = TypeVar("T", bound=BaseModel)
Why = Literal["made", "no draft needed", "answered before"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A model call: made, or what would have been made without the lever that spared it."""

    turn: int
    begun_s: float
    """When the conversation began, in seconds of the day, …"""
    later_s: float
    """… and how much later this was."""
    task: Task
    tier: ModelTier
    body: Mapping[str, Any]
    output: int
    """Tokens of the answer, without those of thinking."""
    why: Why = "made"

    @property
    def is_second_opinion(self) -> bool:
        return self.task == "classify" and self.tier != "fast"


class RecordingGateway(Gateway):
    """The gateway, keeping what it was asked."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.seen: list[tuple[Request[Any], int]] = []

    async def complete(self, request: Request[T], *, timeout_s: float) -> Completion[T]:
        """Get an answer, and note how long it was."""
        completion = await super().complete(request, timeout_s=timeout_s)
        thinking = THINKING_TOKENS if completion.model == OPUS else 0
        self.seen.append((request, completion.calls[-1].usage.output_tokens - thinking))
        return completion


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """A message of the day. `chat` numbers its conversation."""

    at_s: float
    begun_s: float
    chat: int
    slug: str
    row: Row


@dataclass(frozen=True, kw_only=True, slots=True)
class Replayed:
    """What a day took."""

    turns: int
    calls: list[Call]
    outcomes: Mapping[str, int]
    clear: tuple[int, int, int]
    """Of the messages the local engine never saw: how many, how many it decides alone, how many of these rightly."""


# --- the day --------------------------------------------------------------------------------------------------------


def plan(rows: Sequence[Row], random: Random) -> list[Written]:
    """Make conversations of the messages, and a day of these: each with one tenant, on one channel, in one language.

    What was written to other businesses goes to the two in turn.
    """
    groups: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    turns = count()
    for row in rows:
        own = row["business"] if row["business"] in SLUGS else SLUGS[next(turns) % len(SLUGS)]
        groups[own, row["channel"], row["language"]].append(row)
    planned, chats = [], count()
    for (slug, _, _), group in groups.items():
        random.shuffle(group)
        while group:
            size = 1 + int(random.expovariate(1 / (MEAN_MESSAGES - 1)))
            chat, begun_s = next(chats), _begin(random)
            at_s = begun_s
            for row in sorted(group[:size], key=lambda each: _COURSE.index(each["intent"])):
                planned.append(Written(at_s=at_s, begun_s=begun_s, chat=chat, slug=slug, row=row))
                at_s += random.lognormvariate(5.0, 1.0)  # two and a half minutes in the middle, often ten
            del group[:size]
    return sorted(planned, key=lambda each: each.at_s)


SLUGS = ("lumen", "verdesolar")


def _begin(random: Random) -> float:
    (hour,) = random.choices(range(24), BUSY_HOURS)
    return (hour + random.random()) * 3600


# --- the pipeline ---------------------------------------------------------------------------------------------------


@dataclass(kw_only=True, slots=True)
class Replay:
    """The agent of both tenants, and what it has asked so far."""

    deps: AgentDeps
    gateway: RecordingGateway
    clock: FakeClock
    files: Mapping[str, TenantFile]
    calls: list[Call] = field(default_factory=list)
    outcomes: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    local: list[tuple[Row, Classification]] = field(default_factory=list)

    async def take(self, number: int, written: Written) -> None:
        """Receive a message, take its turn, and send what may be sent now."""
        self.clock.now = MIDNIGHT + timedelta(seconds=written.at_s)
        gathered = await self._hear(number, written)
        resolution = await take_turn(gathered, self.deps)
        await summarise_history(gathered.turn, self.deps)
        self._keep(number, written, "made")
        await self._suppose(number, written, gathered, resolution)
        await self._send(gathered.turn.tenant)
        if written.row.get("split") == "validation":
            found = await self.deps.fallback.classify(gathered.turn, resolution.spoken.language or "es")
            self.local.append((written.row, found.classification))

    async def _hear(self, number: int, written: Written) -> Gathered:
        file, row = self.files[written.slug], written.row
        channel: Channel = row["channel"]
        message = InboundMessage(
            provider="simulator",
            channel=channel,
            provider_id=f"SM{number:032x}",
            sender=_address(written.chat, row, written.slug),
            recipient=next(each.address for each in file.channels if each.channel == channel),
            text=row["text"],
        )
        received = await receive(message, self.deps)
        if received.conversation_id is None:
            raise RuntimeError(f"{row['id']} was not stored: {received.outcome}")
        found = await claim_and_gather(file.tenant.id, received.conversation_id, uuid4(), 10, self.deps)
        if not isinstance(found, Gathered):
            raise TypeError(f"{row['id']} has no turn")
        return found

    async def _suppose(self, number: int, written: Written, gathered: Gathered, resolution: Resolution) -> None:
        """Ask what the pipeline was spared: the labels of what it screened out, and a draft."""
        turn, models = gathered.turn, self.deps.models
        outcome, why = _outcome(resolution, drafted=any(c.turn == number and c.task == "draft" for c in self.calls))
        self.outcomes[outcome] += 1
        if why == "made":
            return
        classification = resolution.classification
        if classification is None:
            classification = (await models.classify(turn, turn.tenant.default_language)).classification
        sources = self.deps.retriever.retrieve(turn.tenant, turn.text, turn.context)
        route = resolution.route
        if route is None or route.tier in {"none", "person"}:
            route = Route(tier="standard", reason="as everything else")
        await models.draft(turn, classification, sources, route)
        self._keep(number, written, why)

    def _keep(self, number: int, written: Written, why: Why) -> None:
        for request, output in self.gateway.seen:
            self.calls.append(
                Call(
                    turn=number,
                    begun_s=written.begun_s,
                    later_s=written.at_s - written.begun_s,
                    task=request.task,
                    tier=request.tier,
                    body=message_params(request, MODELS[request.tier]),
                    output=output,
                    why=why,
                )
            )
        self.gateway.seen.clear()

    async def _send(self, tenant: Tenant) -> None:
        async with self.deps.db.tenant(tenant.id) as tx:
            cursor = await tx.execute(
                "select id from messages where state = 'pending' and not_before <= %s", (self.clock(),)
            )
            due = [row["id"] for row in await cursor.fetchall()]
        for message_id in due:
            await deliver(tenant.id, message_id, self.deps)


def _outcome(resolution: Resolution, *, drafted: bool) -> tuple[str, Why]:
    """Return what became of a turn, in words, and why it has no draft."""
    route = resolution.route
    if drafted:
        return f"drafted by {route.tier}" if route else "drafted", "made"
    if route is None:
        return "decided by a keyword", "no draft needed"
    if route.tier == "none":
        return "no reply needed", "no draft needed"
    if route.tier == "person":
        return "handed to a person at once", "no draft needed"
    return "answered as before", "answered before"


def _address(chat: int, row: Row, slug: str) -> str:
    if row["channel"] == "email":
        return f"prospect{chat}@mail.example"
    country = {"pt": "+5511987", "en": "+4477009"}.get(row["language"], "+52155" if slug == "verdesolar" else "+346001")
    return f"{country}{chat:05d}"


# --- putting it together --------------------------------------------------------------------------------------------


def load_files() -> dict[str, TenantFile]:
    """Return the example tenants, who answer at once."""
    files = {slug: load_tenant_file(REPOSITORY / f"agent/example_tenants/{slug}.yaml") for slug in SLUGS}
    return {slug: replace(file, tenant=_at_once(file.tenant)) for slug, file in files.items()}


def _at_once(tenant: Tenant) -> Tenant:
    return replace(tenant, policy=replace(tenant.policy, quiet_s=0, max_wait_s=0))


def _calibrated(prompts: Prompts) -> Calibrations:
    """Return that models are as sure as they say: what their confidence is drawn from is calibrated."""
    exact, version = Calibration(slope=1, offset=0), prompts.version(*CLASSIFY)
    return Calibrations(Entry(model=model, prompt_version=version, calibration=exact) for model in MODELS.values())


def _build_deps(settings: Settings, queue: JobQueue, db: Database, clock: FakeClock, gateway: Gateway) -> AgentDeps:
    prompts, encoder, detector = Prompts.load(), load_encoder(), LanguageDetector.load()
    claude = ClaudeModels(gateway, prompts=prompts, now=clock, timeout_s=30, calibrations=_calibrated(prompts))
    retriever = TenantRetriever(encoder)
    return AgentDeps(
        settings=settings,
        db=db,
        tenants=TenantCache(),
        queue=queue,
        now=clock,
        senders={"simulator": RecordingSender()},
        models=claude,
        fallback=LocalModels(LocalClassifier.load(settings.nightshift_home, encoder), retriever, now=clock),
        retriever=retriever,
        detector=detector,
        rules=build_rules(detector.detect),
        tracer=SilentTracer(),
        judge=RememberingJudge(claude, now=clock),
        health=gateway,
        summariser=ClaudeSummariser(gateway, prompts=prompts, timeout_s=30),
        answers=AnswerCache(db, encoder, prompt_version=claude.reply_version),
    )


async def replay(url: str, home: Path, rows: Sequence[Row], *, seed: int = 1) -> Replayed:
    """Take every message of a day, one after the other, over an empty database."""
    clock, files = FakeClock(MIDNIGHT), load_files()
    with ClaudeDouble() as double:
        double.answers = LabelledAnswers(rows, [file.tenant for file in files.values()])
        settings = Settings(
            _env_file=None,
            nightshift_home=home,
            anthropic_api_key=SecretStr(API_KEY),
            anthropic_base_url=double.base_url,
        )
        providers = build_providers(settings, prices=ModelPrices.load(), now=clock)
        gateway = RecordingGateway(providers, MODELS, now=clock)
        async with Database(url, max_size=4) as db:
            for file in files.values():
                async with db.tenant(file.tenant.id) as tx:
                    await save_tenant_file(tx, file)
            queue = JobQueue(db)
            await queue.open()
            deps = _build_deps(settings, queue, db, clock, gateway)
            day = Replay(deps=deps, gateway=gateway, clock=clock, files=files)
            planned = plan(rows, Random(seed))
            for number, written in enumerate(planned):
                await day.take(number, written)
            await gateway.aclose()
    return Replayed(turns=len(planned), calls=day.calls, outcomes=day.outcomes, clear=_count_clear(day.local))


def _count_clear(local: Sequence[tuple[Row, Classification]]) -> tuple[int, int, int]:
    alone = [(row, found) for row, found in local if is_clear(found, CLEAR)]
    return len(local), len(alone), sum(row["intent"] == found.intent for row, found in alone)
