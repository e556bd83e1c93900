"""Turns of every kind, each by the real code on a real database, and the proof that Langfuse knows them all."""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields, replace
from itertools import count
from typing import Any
from uuid import UUID

from agent.answers.cache import AnswerCache
from agent.errors import ModelUnavailable
from agent.language import LanguageDetector
from agent.local.encoder import Encoder
from agent.outcomes import ReportedOutcome, record_outcome
from agent.ports import Deps, StaffDeps
from agent.staff.members import Member
from agent.staff.reviewing import reject_draft
from agent.staff.sending import Sent, StaffText, send_as_staff
from agent.store.db import Database
from agent.store.members import find_member, insert_member
from agent.tracing.traces import LangfuseTracer
from agent.turn import deliver, record_status
from agent.types import ConversationId, DeliveryStatus
from jobs.langfuse import LangfuseWork
from jobs.worker import sweep_turns
from tests.conftest import FakeClock
from tests.doubles.langfuse import FakeLangfuse, SeenSpan
from tests.doubles.metered import MeteredModels
from tests.integration.agents import Agent, build_agent
from tests.integration.outages import Outages, build_outages
from tests.killed_turn import POINTS, Victim, kill

NAME = "Zenobia Quiroga"
EMAIL = "zenobia.quiroga@correo.example"
CARD = "4111 1111 1111 1111"
HELD = "Te garantizamos que apruebas."
CACHEABLE = "Hola, ¿cuánto cuesta el curso intensivo?"
PROMPTS = "prompts-1"
DAYS_S = 7 * 24 * 3600
ARRIVES_S = 60.0
"""Longest wait for what was sent to arrive."""
QUIET_S = 2.5
"""When nothing more has arrived for so long, nothing is under way: spans leave every second."""


@dataclass(kw_only=True)
class World:
    """The agent, its staff, Langfuse, and what was done so far."""

    agent: Agent
    outages: Outages
    work: LangfuseWork
    langfuse: FakeLangfuse
    clock: FakeClock
    staff: StaffDeps
    member: Member
    answers: AnswerCache
    rejects: bool = False
    """Whether staff rejected the last draft."""
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    secrets: set[str] = field(default_factory=lambda: {NAME, "Zenobia", "Quiroga", EMAIL, CARD})
    late: list[str] = field(default_factory=list)
    """Provider's ids of messages that are to be delivered days later."""
    buyers: list[str] = field(default_factory=list)
    """Who is to buy days later."""

    def person(self) -> str:
        """The number of somebody new."""
        number = f"+34611{next(self.numbers):06d}"
        self.secrets |= {number, number[1:], number[3:]}
        return number

    async def ask(self, sender: str, text: str = "") -> ConversationId:
        """Let somebody ask something that only they could, and say who they are."""
        about_me = f"Soy {NAME}, mi correo es {EMAIL}, mi teléfono {sender} y mi tarjeta {CARD}."
        said = text or f"{about_me} ¿Cuánto cuesta el intensivo?"
        return await self.agent.hear(said, sender=sender, sender_name=NAME)

    async def answered(self) -> None:
        await self.agent.answer(await self.ask(self.person()))

    async def cached(self) -> None:
        cached = replace(self.agent, deps=replace(self.agent.deps, answers=self.answers))
        await cached.answer(await self.ask(self.person(), CACHEABLE))

    async def escalated(self) -> None:
        """Have a draft held, and staff say what they think of it: one is rejected, the next one edited."""
        texts, self.agent.models.texts = self.agent.models.texts, (HELD,)
        conversation_id = await self.ask(self.person())
        await self.agent.answer(conversation_id)
        self.agent.models.texts = texts
        (request,) = await self.agent.rows(
            "select id from escalations where state = 'open' and conversation_id = %s", conversation_id
        )
        self.rejects = not self.rejects
        if self.rejects:
            assert await reject_draft(request["id"], "wrong_facts", self.member, self.staff, comment=f"ask {NAME}")
            return
        seq = await self.agent.value("select max(seq) from messages where conversation_id = %s", conversation_id)
        wanted = StaffText(conversation_id=conversation_id, text="¿Qué horario prefieres?", seen_seq=seq, draft=HELD)
        assert isinstance(await send_as_staff(wanted, self.member, self.staff), Sent)

    async def opted_out(self) -> None:
        sender = self.person()
        await self.agent.answer(await self.ask(sender))
        await self.agent.answer(await self.ask(sender, "STOP"))

    async def outage(self) -> None:
        self.outages.unplug(ModelUnavailable("every provider is down"))
        await self.outages.take(await self.ask(self.person()))
        self.outages.plug_in()
        await self.outages.recover()
        await self.agent.send_all()

    async def killed(self) -> None:
        """Kill the process that takes the turn, at one point after the other; another process goes on."""
        number = next(self.numbers)
        conversation_id = await self.ask(self.person())
        victim = Victim(
            database_url=self.agent.deps.db.url,
            public_key=self.langfuse.public_key,
            secret_key=self.langfuse.secret_key,
            base_url=self.langfuse.url,
            conversation_id=conversation_id,
            point=POINTS[number % len(POINTS)],
            now=self.clock(),
            has_sent=number // len(POINTS) % 4 == 0,
        )
        await asyncio.to_thread(kill, victim)
        await self.agent.lapse_claims()
        await sweep_turns(self.agent.deps)
        await self.outages.take(conversation_id)
        await self.agent.send_all()
        for row in await self.agent.rows("select id from messages where state = 'sending'"):
            await self.agent.change("update messages set claimed_until = now() where id = %s", row["id"])
        await self.resend()

    async def resend(self) -> None:
        """Have deliveries taken again whose process died; the provider is asked first."""
        for _ in range(2):  # asked for, then sent
            for row in await self.agent.rows("select id from messages where state in ('sending', 'pending')"):
                await deliver(self.agent.tenant_id, row["id"], self.agent.deps)

    async def delivered_late(self) -> None:
        await self.answered()
        self.late.append(
            await self.agent.value(
                "select provider_id from messages where direction = 'outbound' order by seq desc limit 1"
            )
        )

    async def converted(self) -> None:
        sender = self.person()
        await self.agent.answer(await self.ask(sender))
        self.buyers.append(sender)

    async def days_later(self) -> None:
        """Report what came of it: messages were delivered and read, people booked and bought."""
        self.clock.advance(DAYS_S)
        for provider_id in self.late:
            for state in ("delivered", "read"):
                status = DeliveryStatus(provider="simulator", provider_id=provider_id, state=state, message_id=None)
                assert await record_status(self.agent.tenant_id, status, self.agent.deps)
        for place, buyer in enumerate(self.buyers):
            for kind, amount in (("booked", None), ("won", 39_900)):
                reported = ReportedOutcome.model_validate(
                    {
                        "id": f"{place}-{kind}",
                        "contact": buyer,
                        "kind": kind,
                        "amount_minor": amount,
                        "currency": "EUR" if amount else None,
                    }
                )
                async with self.agent.deps.db.tenant(self.agent.tenant_id) as tx:
                    await record_outcome(tx, self.agent.tenant_id, reported, "webhook", now=self.clock())

    async def arrive(self) -> None:
        """Wait until all that was sent has arrived, tell again what never did, and send the scores."""
        await self._until_quiet()
        while await self.untold():
            await self.work.retell_lost()
            await self._until_quiet()
        while await self.agent.value("select count(*) from scores where due_at is not null"):
            await self.agent.change("update scores set due_at = now() where due_at is not null")
            await self.work.send_scores()

    async def untold(self) -> int:
        await self.work.settle_traces()
        return int(await self.agent.value("select count(*) from turns where trace is distinct from 'sent'"))

    async def _until_quiet(self) -> None:
        deadline, seen, since = time.monotonic() + ARRIVES_S, -1, time.monotonic()
        while time.monotonic() < deadline and time.monotonic() - since < QUIET_S:
            if len(self.langfuse.spans) != seen:
                seen, since = len(self.langfuse.spans), time.monotonic()
            await asyncio.sleep(0.1)

    @property
    def kinds(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """Every kind of turn, by name."""
        return {
            "answered": self.answered,
            "cached": self.cached,
            "escalated": self.escalated,
            "opted out": self.opted_out,
            "outage": self.outage,
            "killed": self.killed,
            "delivered late": self.delivered_late,
            "converted": self.converted,
        }


@asynccontextmanager
async def open_world(
    db: Database, clock: FakeClock, detector: LanguageDetector, encoder: Encoder, langfuse: FakeLangfuse
) -> AsyncIterator[World]:
    """Build a world in an empty database."""
    agent = await build_agent(db, clock, detector)
    models = MeteredModels(classification=agent.models.classification, draft_fields={"prompt_version": PROMPTS})
    tracer = LangfuseTracer(langfuse.project, environment="test", release="1.2.3")
    project = langfuse.project
    settings = agent.deps.settings.model_copy(
        update={
            "langfuse_public_key": project.public_key,
            "langfuse_secret_key": project.secret_key,
            "langfuse_base_url": project.base_url,
            "nightshift_environment": "test",
        }
    )
    agent = replace(agent, models=models, deps=replace(agent.deps, models=models, tracer=tracer, settings=settings))
    outages = build_outages(agent, clock)
    shared = {each.name: getattr(agent.deps, each.name) for each in fields(Deps)}
    staff = StaffDeps(**shared, rules=agent.deps.rules)
    work = LangfuseWork(deps=agent.deps, retry_score_s=0, untold_after_s=0)
    answers = AnswerCache(db, encoder, prompt_version=PROMPTS)
    async with db.tenant(agent.tenant_id) as tx:
        member_id = await insert_member(tx, agent.tenant_id, email="ana@x.example", name="Ana", role="reviewer")
        member = await find_member(tx, member_id)
    assert member
    yield World(
        agent=agent,
        outages=outages,
        work=work,
        langfuse=langfuse,
        clock=clock,
        staff=staff,
        member=member,
        answers=answers,
    )
    await work.aclose()
    await asyncio.to_thread(tracer.shutdown)


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What Langfuse knows, held against what the database knows. Empty collections: all is well."""

    turns: int
    spans: int
    scores: int
    cost_microusd: int
    without_trace: set[str]
    strange_traces: set[str]
    roots: dict[str, int]
    """Traces with another number of roots than one."""
    orphans: list[str]
    costs: dict[str, tuple[int, int]]
    """Turns whose cost differs: there, here."""
    leaks: set[str]
    missing_scores: set[UUID]
    strange_scores: set[str]
    wrong_scores: set[UUID]

    @property
    def problems(self) -> dict[str, Any]:
        """What is wrong, by what should be empty."""
        checked = (
            *("without_trace", "strange_traces", "roots", "orphans", "costs", "leaks"),
            *("missing_scores", "strange_scores", "wrong_scores"),
        )
        return {name: getattr(self, name) for name in checked if getattr(self, name)}


async def prove(world: World) -> Proof:
    """Compare Langfuse, as it keeps spans (by id: the last replaces) and scores (likewise), with the database."""
    agent, langfuse = world.agent, world.langfuse
    turns = {str(row["trace_id"]): row["id"] for row in await agent.rows("select id, trace_id from turns")}
    paid = await agent.rows("select turn_id, sum(cost_microusd)::bigint as cost from model_calls group by 1")
    costs = {row["turn_id"]: row["cost"] for row in paid}
    kept = {(span.trace_id, span.span_id): span for span in langfuse.spans}
    traces: dict[str, list[SeenSpan]] = defaultdict(list)
    for span in kept.values():
        traces[span.trace_id].append(span)
    seen = {trace_id: sum(map(_cost, spans)) for trace_id, spans in traces.items()}
    scores = {row["id"]: row for row in await _scores(agent)}
    told = {UUID(each["id"]): each for each in langfuse.scores}
    ids = {trace_id: {span.span_id for span in spans} for trace_id, spans in traces.items()}
    roots = {trace_id: sum(not span.parent_id for span in spans) for trace_id, spans in traces.items()}
    return Proof(
        turns=len(turns),
        spans=len(kept),
        scores=len(told),
        cost_microusd=sum(seen.values()),
        without_trace=turns.keys() - traces.keys(),
        strange_traces=traces.keys() - turns.keys(),
        roots={trace_id: number for trace_id, number in roots.items() if number != 1},
        orphans=[s.name for s in kept.values() if s.parent_id and s.parent_id not in ids[s.trace_id]],
        costs={
            trace_id: (seen.get(trace_id, 0), costs.get(turn_id, 0))
            for trace_id, turn_id in turns.items()
            if seen.get(trace_id, 0) != costs.get(turn_id, 0)
        },
        leaks={secret for secret in world.secrets if secret in langfuse.everything},
        missing_scores=scores.keys() - told.keys(),
        strange_scores={str(each) for each in told.keys() - scores.keys()},
        wrong_scores={each for each in scores.keys() & told.keys() if _differs(scores[each], told[each])},
    )


def _cost(span: SeenSpan) -> int:
    return round(span.json("cost_details")["total"] * 1_000_000) if span.kind == "generation" else 0


async def _scores(agent: Agent) -> list[dict[str, Any]]:
    return await agent.rows(
        """select s.id, s.name, t.trace_id, coalesce(to_jsonb(s.word), to_jsonb(s.number)) as value
           from scores s join turns t on t.id = s.turn_id"""
    )


def _differs(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    return any(ours[a] != theirs[b] for a, b in (("name", "name"), ("trace_id", "traceId"), ("value", "value")))


def kinds_of_scores(langfuse: FakeLangfuse) -> Counter[str]:
    """How many scores there are of each name, by id."""
    return Counter({each["id"]: each["name"] for each in langfuse.scores}.values())
