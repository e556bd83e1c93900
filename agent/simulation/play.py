"""Plays a scenario through the real pipeline and judges what came of it.

Every message is received as a webhook would, its turn claimed, taken and committed, and what may leave is delivered to
the stand-in channel with all that a delivery checks. Besides what a scenario states, one thing always holds: nothing
we sent breaks a rule about content (no invented price, no promise, no leak).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from time import perf_counter
from uuid import uuid4

from agent.errors import ModelRefused, ModelUnavailable, NightshiftError, calls_of
from agent.gather import Gathered, claim_and_gather
from agent.guardrails import check_all
from agent.history import summarise_history
from agent.message_details import Details
from agent.simulation.judging import judge
from agent.simulation.prospect import Line, Prospect
from agent.simulation.rehearsal import Stage, Theatre, rehearse
from agent.simulation.scenarios import MOST_TURNS, Expected, Scenario, Step
from agent.spending.accounting import Occasion, record_calls
from agent.store import rehearsals
from agent.turn import deliver, receive, take_turn
from agent.types import (
    CONTENT_RULES,
    Candidate,
    ConversationId,
    InboundMessage,
    Media,
    ModelCall,
    OutboundMessage,
    Turn,
)

LEASE_S = 600.0
"""Longer than any turn takes: nobody else is on the stage."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Performance:
    """What came of a scenario."""

    id: str
    passed: bool
    wrong: tuple[str, ...] = ()
    """What was not as stated."""
    said: tuple[Line, ...] = ()
    turns: int = 0
    took_ms: int = 0
    cost_microusd: int = 0
    skipped: str = ""
    """Why it was not played at all."""


@dataclass(slots=True, kw_only=True)
class _Play:
    """A scenario under way."""

    scenario: Scenario
    stage: Stage
    conversation_id: ConversationId | None = None
    said: list[Line] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    judged: int = 0
    """Texts of ours that an expectation has read."""
    turns: int = 0
    calls: list[ModelCall] = field(default_factory=list)
    """What playing the prospect has cost."""


async def perform(scenario: Scenario, theatre: Theatre, prospect: Prospect | None = None) -> Performance:
    """Play a scenario and undo it, but for what it has cost, which is the tenant's.

    Raises:
        Misconfigured: the version names a model whose price or abilities are unknown.
    """
    if scenario.plays is not None and prospect is None:
        return Performance(id=scenario.id, passed=False, skipped="a model plays this prospect, and none is configured")
    started = perf_counter()
    async with rehearse(theatre, at=scenario.at) as stage:
        play = _Play(scenario=scenario, stage=stage)
        try:
            await _play(play, theatre, prospect)
            await _expect(play, scenario.expect, everything=True)
        except (ModelUnavailable, ModelRefused) as exc:
            play.calls += calls_of(exc)
            play.wrong.append(f"it could not be played: {exc}")
        async with stage.deps.db.tenant(stage.tenant_id) as tx:
            play.calls += await rehearsals.list_model_calls(tx, stage.tenant_id)
    await _pay(play.calls, theatre)
    return Performance(
        id=scenario.id,
        passed=not play.wrong,
        wrong=tuple(play.wrong),
        said=tuple(play.said),
        turns=play.turns,
        took_ms=round((perf_counter() - started) * 1000),
        cost_microusd=sum(call.cost_microusd for call in play.calls),
    )


async def _pay(calls: Sequence[ModelCall], theatre: Theatre) -> None:
    if calls:
        async with theatre.deps.db.tenant(theatre.file.tenant.id) as tx:
            await record_calls(tx, Occasion(tenant=theatre.file.tenant), calls, theatre.deps.now())


async def _play(play: _Play, theatre: Theatre, prospect: Prospect | None) -> None:
    for step in play.scenario.script:
        await _take_step(play, step)
        if step.expect:
            await _expect(play, step.expect)
    plays = play.scenario.plays
    if plays is None or prospect is None:
        return
    for _ in range(min(plays.patience, MOST_TURNS)):
        line = await prospect.next_line(play.scenario, play.said, theatre.file.tenant)
        play.calls += line.calls
        if line.text:
            await _take_step(play, Step(say=(line.text,)))
        if line.is_done or not line.text:
            return


async def _take_step(play: _Play, step: Step) -> None:
    """Let the prospect write, and everything follow that follows."""
    clock = play.stage.clock
    clock.now += timedelta(seconds=step.after_s)
    texts = step.say or ("",)
    for place, text in enumerate(texts):
        media = step.media if place == len(texts) - 1 else ""
        await _hear(play, text, media)
    await _answer(play)


async def _hear(play: _Play, text: str, media: str) -> None:
    scenario, stage = play.scenario, play.stage
    message = InboundMessage(
        provider="simulator",
        channel=scenario.channel,
        provider_id=f"rehearsed-{uuid4().hex}",
        sender=scenario.sender,
        recipient=stage.addresses[scenario.channel],
        text=text,
        subject="Consulta" if scenario.channel == "email" else None,
        media=(Media(url="https://media.invalid/file", content_type=media),) if media else (),
        details=Details(wordless=bool(media) and not text),
    )
    received = await receive(message, stage.deps)
    play.conversation_id = received.conversation_id
    play.said.append(Line(who="prospect", text=text or f"[{media}]"))


async def _answer(play: _Play) -> None:
    """Take the turn that is due, and deliver what may leave now."""
    stage, conversation_id = play.stage, play.conversation_id
    if conversation_id is None:
        raise NightshiftError(f"Scenario {play.scenario.id}: its message reached no conversation.")
    gathered = await claim_and_gather(stage.tenant_id, conversation_id, uuid4(), LEASE_S, stage.deps)
    if not isinstance(gathered, Gathered):
        raise NightshiftError(f"Scenario {play.scenario.id}: no turn was due after a message.")
    play.turns += 1
    await take_turn(gathered, stage.deps)
    await summarise_history(gathered.turn, stage.deps.thinking_by(gathered.version))
    async with stage.deps.db.tenant(stage.tenant_id) as tx:
        pending = await rehearsals.list_pending(tx, conversation_id)
    for each in pending:
        if each.not_before is None or each.not_before <= stage.clock.now:
            await deliver(stage.tenant_id, each.id, stage.deps)
    known = sum(line.who == "us" for line in play.said)
    for message in stage.channel.taken[known:]:
        play.said.append(Line(who="us", text=message.text))
        await _check(play, gathered.turn, message)


async def _check(play: _Play, turn: Turn, message: OutboundMessage) -> None:
    """Read a text that has left as an inspector would: by the rules about content, once more."""
    stage = play.stage
    async with stage.deps.db.tenant(stage.tenant_id) as tx:
        standing = await rehearsals.read_standing(tx, turn.conversation.id)
    candidate = Candidate(
        text=message.text, language=standing.language, channel=message.channel, purpose=message.purpose
    )
    rules = [rule for rule in stage.deps.rules if rule.name in CONTENT_RULES and rule.name != "language"]
    for verdict in check_all(rules, candidate, turn, turn.tenant, stage.clock.now):
        if verdict.outcome != "pass":
            play.wrong.append(f"what we sent breaks {verdict.rule}: {verdict.reason} ({verdict.evidence})")


async def _expect(play: _Play, expected: Expected, *, everything: bool = False) -> None:
    """Compare how things stand with what was stated. `everything`: of all we have sent, not only of late."""
    stage, conversation_id = play.stage, play.conversation_id
    if conversation_id is None:
        raise NightshiftError(f"Scenario {play.scenario.id}: nobody wrote anything.")
    async with stage.deps.db.tenant(stage.tenant_id) as tx:
        standing = await rehearsals.read_standing(tx, conversation_id)
        waiting = await rehearsals.list_pending(tx, conversation_id)
    ours = [line.text for line in play.said if line.who == "us"]
    read = ours if everything else ours[play.judged :]
    play.judged = len(ours)
    play.wrong += judge(expected, standing, read, waits=bool(waiting), detector=stage.deps.detector)


def without_texts(performance: Performance) -> Performance:
    """Return a performance as it is kept: nothing that was said, and of what was wrong only what kind."""
    return replace(performance, said=(), wrong=tuple(each.split(":", maxsplit=1)[0][:80] for each in performance.wrong))
