"""One run: what was said and thought, a time line of all that happened, and what today's version would do."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from starlette.responses import Response

from agent.errors import BadRequest
from agent.replay import Difference, compare
from agent.runs import cancel_run, retry_run
from agent.spending.budgets import format_usd
from agent.store import replays as replay_store
from agent.store import run_details
from agent.store.db import Tx
from agent.store.replays import ReplayRow
from agent.store.run_details import RunDetail
from agent.store.timeline import Thought
from agent.types import TurnId
from channels.inbox.navigation import N_
from channels.inbox.pages import Page
from channels.inbox.reasoning import Reasoning, explain
from channels.inbox.runs_page import LABELS, ask_for_replay
from channels.inbox.visit import Visit

STEP_LABELS: Mapping[str, str] = {
    "received": N_("Message received"),
    "turn": N_("Turn"),
    "call": N_("Model call"),
    "request": N_("A person is asked"),
    "written": N_("Text written"),
    "hand_over": N_("Handed to the provider"),
    "report": N_("Provider's report"),
}
COMPARED: Mapping[str, str] = {
    "decision": N_("Decision"),
    "reason": N_("Reason"),
    "intent": N_("Intent"),
    "confidence": N_("How sure"),
    "language": N_("Language"),
    "route": N_("Route"),
    "text": N_("Text"),
    "objections": N_("Checks that objected"),
    "understood_by": N_("Understood by"),
    "written_by": N_("Written by"),
    "prompts": N_("Prompts"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """Something that happened, with its place on the time line. `kind` is one of `STEP_LABELS`."""

    kind: str
    name: str
    began_at: datetime
    took_s: float | None
    """None: it is a moment."""
    detail: str = ""
    is_bad: bool = False
    x: float = 0.0
    """Where it begins on the line, of 1000."""
    width: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """A replay, value by value."""

    replay: ReplayRow
    differences: Sequence[Difference]
    cost: str

    @property
    def changed(self) -> int:
        """How many values are not the same."""
        return sum(each.differs for each in self.differences)


@dataclass(frozen=True, kw_only=True, slots=True)
class RunView:
    """One run."""

    detail: RunDetail
    spans: Sequence[Span]
    reasoning: Reasoning
    replays: Sequence[Compared]
    state: str

    @property
    def cost(self) -> str:
        """In dollars."""
        return format_usd(self.detail.cost_microusd)

    @property
    def can_retry(self) -> bool:
        """Whether it may be taken again, as far as its own state goes."""
        return self.state in ("failed", "cancelled")

    @property
    def can_cancel(self) -> bool:
        """Whether it waits and nobody has it."""
        return self.state == "waiting"


async def show(visit: Visit) -> Response:
    """Show one run."""
    async with visit.tx() as tx:
        view = await _load(tx, visit)
    return _page(visit, view)


async def show_replays(visit: Visit) -> Response:
    """Show the replays of a run: the part that follows what happens."""
    async with visit.tx() as tx:
        view = await _load(tx, visit)
    return visit.page("_run_replays.html", view=view, compared=COMPARED)


async def replay(visit: Visit) -> Response:
    """Have today's version think about the turn, sending nothing."""
    async with visit.tx() as tx:
        detail = await _find(tx, visit)
        await ask_for_replay(tx, visit, detail.run.id)
    return visit.go(f"/inbox/runs/{detail.run.id}#replays")


async def retry(visit: Visit) -> Response:
    """Have the turn's messages answered anew."""
    async with visit.tx() as tx:
        detail = await _find(tx, visit)
        refusal = await retry_run(tx, detail.run.id, visit.member.actor, visit.deps, member_id=visit.member.id)
        view = await _load(tx, visit) if refusal else None
    return _page(visit, view, refusal) if view else visit.go(f"/inbox/runs/{detail.run.id}")


async def cancel(visit: Visit) -> Response:
    """Let nobody answer what waits in the turn's conversation."""
    async with visit.tx() as tx:
        detail = await _find(tx, visit)
        refusal = await cancel_run(tx, detail.run.conversation_id, visit.member.actor)
        view = await _load(tx, visit) if refusal else None
    return _page(visit, view, refusal) if view else visit.go(f"/inbox/runs/{detail.run.id}")


def _page(visit: Visit, view: RunView, refusal: str = "") -> Response:
    return visit.page(
        "run.html",
        status=409 if refusal else 200,
        view=view,
        refusal=refusal,
        labels=LABELS,
        steps=STEP_LABELS,
        compared=COMPARED,
    )


async def _find(tx: Tx, visit: Visit) -> RunDetail:
    detail = await run_details.find_run(tx, TurnId(visit.path_id("run")))
    if detail is None:
        raise BadRequest("There is no such run here.", status=404)
    return detail


async def _load(tx: Tx, visit: Visit) -> RunView:
    detail = await _find(tx, visit)
    run, settings = detail.run, visit.deps.settings
    thought = Thought(
        id=run.id,
        last_seq=run.last_seq,
        attempts=run.attempts,
        trace_id=run.trace_id,
        steps=run.steps,
        state=run.state,
        decision=run.decision,
        reason=run.reason,
        created_at=run.created_at,
        finished_at=run.finished_at,
        calls=len(detail.calls),
        cost_microusd=detail.cost_microusd,
    )
    rows = await replay_store.list_replays(tx, run.id)
    return RunView(
        detail=detail,
        spans=place_spans(list(list_spans(detail))),
        reasoning=explain(thought, langfuse=settings.langfuse_base_url if settings.langfuse_public_key else ""),
        replays=[_compared(each) for each in rows],
        state="waiting" if run.state == "running" and run.turn_state == "waiting" else run.state,
    )


def _compared(row: ReplayRow) -> Compared:
    result = row.result or {}
    after = result.get("after", {})
    return Compared(
        replay=row,
        differences=compare(result.get("before", {}), after),
        cost=format_usd(int(after.get("cost_microusd", 0))),
    )


def list_spans(detail: RunDetail) -> Iterator[Span]:
    """Yield all that happened, in the order in which it began."""
    yield from sorted(_spans(detail), key=lambda span: span.began_at)


def _spans(detail: RunDetail) -> Iterator[Span]:
    run = detail.run
    for said in detail.said:
        yield Span(kind="received", name="", began_at=said.created_at, took_s=None)
    took = (run.finished_at - run.created_at).total_seconds() if run.finished_at else None
    yield Span(
        kind="turn", name="", began_at=run.created_at, took_s=took, detail=run.error or "", is_bad=bool(run.error)
    )
    for call in detail.calls:
        began = call.created_at - timedelta(milliseconds=call.latency_ms)
        yield Span(
            kind="call",
            name=f"{call.task} · {call.model}",
            began_at=began,
            took_s=call.latency_ms / 1000,
            detail=call.error
            or f"{call.input_tokens} → {call.output_tokens} tokens · ${format_usd(call.cost_microusd)}",
            is_bad=call.outcome != "ok",
        )
    for asked in detail.requests:
        yield Span(kind="request", name="", began_at=asked.created_at, took_s=None, detail=asked.reason)
    for sent in detail.sent:
        detail_of = f"{sent.author} · {sent.state}" + (f" · {sent.error}" if sent.error else "")
        is_bad = sent.state in ("failed", "unknown")
        yield Span(kind="written", name="", began_at=sent.created_at, took_s=None, detail=detail_of, is_bad=is_bad)
    for over in detail.hand_overs:
        ended = (over.finished_at - over.claimed_at).total_seconds() if over.finished_at else None
        told = " · ".join(each for each in (over.state, over.error_code, over.error) if each)
        is_bad = over.state in ("failed", "ambiguous")
        yield Span(kind="hand_over", name="", began_at=over.claimed_at, took_s=ended, detail=told, is_bad=is_bad)
    for report in detail.reports:
        told = " ".join(each for each in (report.state, report.error_code) if each)
        is_bad = bool(report.error_code)
        yield Span(kind="report", name="", began_at=report.received_at, took_s=None, detail=told, is_bad=is_bad)


LINE, LEAST = 1000.0, 6.0
"""Length of the time line, and of the shortest thing on it."""
PAUSE_S = 30.0
"""A longer pause between two things is drawn this long: an hour's wait must not flatten the seconds around it."""


def place_spans(spans: Sequence[Span]) -> list[Span]:
    """Return spans with their places on the line. Long pauses are shortened."""
    ends = [span.began_at + timedelta(seconds=span.took_s or 0) for span in spans]
    if not spans:
        return []
    starts = [0.0]
    reached = ends[0]
    for (before, after), end in zip(pairwise(spans), ends[1:], strict=True):
        idle = (after.began_at - max(reached, before.began_at)).total_seconds()
        gap = (after.began_at - before.began_at).total_seconds()
        starts.append(starts[-1] + gap - max(0.0, idle - PAUSE_S))
        reached = max(reached, end)
    length = max(start + (span.took_s or 0) for start, span in zip(starts, spans, strict=True)) or 1.0
    return [
        replace(
            span,
            x=round(min(LINE * start / length, LINE - LEAST), 1),
            width=round(max(LINE * (span.took_s or 0) / length, LEAST), 1),
        )
        for span, start in zip(spans, starts, strict=True)
    ]


PAGES = (
    Page(method="GET", path="/inbox/runs/{run}", answer=show),
    Page(method="GET", path="/inbox/runs/{run}/replays", answer=show_replays),
    Page(method="POST", path="/inbox/runs/{run}/replay", answer=replay, role="reviewer"),
    Page(method="POST", path="/inbox/runs/{run}/retry", answer=retry, role="reviewer"),
    Page(method="POST", path="/inbox/runs/{run}/cancel", answer=cancel, role="reviewer"),
)
"""Its addresses."""
