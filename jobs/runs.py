"""The commands about runs: listing, showing, replaying, retrying and cancelling turns."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from uuid import UUID, uuid4

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from agent.errors import NightshiftError
from agent.replay import compare, replay_turn
from agent.runs import cancel_run, retry_run
from agent.settings import Settings
from agent.spending.budgets import format_usd
from agent.store.run_details import RunDetail, find_run
from agent.store.runs import RUN_DECISIONS, RUN_STATES, WORK_STATES, Run, RunFilter, RunPage, Work, list_runs, list_work
from agent.types import ConversationId, TurnId
from jobs.wiring import open_tenant, require_tenant

ACTOR = "operator (command line)"


async def run_list(
    settings: Settings, slug: str, wanted: RunFilter, out: Console, *, limit: int, as_json: bool
) -> None:
    """List a tenant's runs.

    Raises:
        NightshiftError: there is no such tenant, state or decision.
    """
    _require(wanted.state, RUN_STATES, "state")
    _require(wanted.decision, RUN_DECISIONS, "decision")
    async with open_tenant(settings, slug) as opened:
        ended_only = wanted.decision or wanted.error or wanted.state not in ("", *WORK_STATES)
        work = [] if ended_only else await list_work(opened.tx, wanted, limit=limit)
        page = RunPage(runs=[], next_place=None)
        if wanted.state not in WORK_STATES:
            page = await list_runs(opened.tx, wanted, limit=limit)
    if as_json:
        rows = {"work": [asdict(each) for each in work], "runs": [asdict(each) for each in page.runs]}
        out.print_json(json.dumps(rows, default=str))
        return
    for each in work:
        out.print(_work_line(each), markup=False)
    if page.runs:
        out.print(_table(page.runs))
    elif not work:
        older = "None of the last 5,000 fits; there are older ones." if page.next_place else "No run fits."
        out.print(older)


def _require(value: str, known: tuple[str, ...], what: str) -> None:
    if value and value not in known:
        raise NightshiftError(f"{value!r} is no {what}; there are {', '.join(known)}.")


def _work_line(work: Work) -> str:
    return f"{work.state:<8} since {work.since:%Y-%m-%d %H:%M:%S} UTC, conversation {work.conversation_id}"


def _table(runs: Sequence[Run]) -> Table:
    table = Table("run", "began (UTC)", "state", "decision", "intent", "channel", "took", "cost", "reason or error")
    for each in runs:
        table.add_row(
            str(each.id),
            f"{each.created_at:%Y-%m-%d %H:%M:%S}",
            each.state,
            each.decision or "",
            each.intent or "",
            each.channel,
            f"{each.took_s:.1f} s" if each.took_s is not None else "",
            f"${format_usd(each.cost_microusd)}" if each.calls else "",
            escape(each.error or each.reason or ""),
        )
    return table


async def run_show(settings: Settings, slug: str, run_id: UUID, out: Console, *, as_json: bool) -> None:
    """Show one run.

    Raises:
        NightshiftError: there is no such tenant or run.
    """
    async with open_tenant(settings, slug) as opened:
        detail = await find_run(opened.tx, TurnId(run_id))
    if detail is None:
        raise NightshiftError(f"{slug} has no run {run_id}; `nightshift runs list --tenant {slug}` has all.")
    if as_json:
        out.print_json(json.dumps(asdict(detail), default=str))
        return
    for line in _lines(detail):
        out.print(line, markup=False)


def _lines(detail: RunDetail) -> list[str]:
    run = detail.run
    began, conversation = f"{run.created_at:%Y-%m-%d %H:%M:%S} UTC", run.conversation_id
    lines = [f"{run.state} {run.decision or ''} · {run.channel} · began {began} · conversation {conversation}"]
    lines += [f"reason: {run.reason}"] if run.reason else []
    lines += [f"error: {run.error}"] if run.error else []
    lines += [f"trace: {run.trace_id}"] if run.trace_id else []
    lines += [f"< {each.body}" for each in detail.said]
    lines += [
        f"model {each.task}: {each.provider} {each.model}, {each.latency_ms} ms, ${format_usd(each.cost_microusd)}, "
        f"{each.error or each.outcome}"
        for each in detail.calls
    ]
    lines += [f"person asked: {each.reason} ({each.state})" for each in detail.requests]
    lines += [f"> {each.body} ({each.state})" for each in detail.sent]
    lines += [f"hand-over {each.attempt}: {each.state} {each.error or ''}".rstrip() for each in detail.hand_overs]
    lines += [f"report: {each.state} {each.error_code} at {each.received_at:%H:%M:%S}" for each in detail.reports]
    return lines


async def run_replay_now(settings: Settings, slug: str, run_id: UUID, out: Console, *, as_json: bool) -> None:
    """Replay a turn in this process and show what differs.

    Raises:
        NightshiftError: there is no such tenant or run, or no model answered.
    """
    from jobs.agent_wiring import open_agent  # noqa: PLC0415 — loads models, which the other commands need not wait for

    async with open_agent(settings) as (deps, _):
        tenant_id = await require_tenant(deps.db, slug)
        try:
            before, after = await replay_turn(tenant_id, TurnId(run_id), deps, trace_seed=str(uuid4()))
        except LookupError as exc:
            raise NightshiftError(f"{exc}. `nightshift runs list --tenant {slug}` has all.") from exc
    if as_json:
        out.print_json(json.dumps({"before": asdict(before), "after": asdict(after)}))
        return
    table = Table("", "then", "with today's version")
    for each in compare(asdict(before), asdict(after)):
        mark = "[yellow]≠[/yellow] " if each.differs else ""
        table.add_row(f"{mark}{each.name.replace('_', ' ')}", escape(each.before), escape(each.after))
    out.print(table)
    out.print(f"Nothing was sent. It cost ${format_usd(after.cost_microusd)}.", markup=False)


async def run_retry(settings: Settings, slug: str, run_id: UUID, out: Console) -> None:
    """Have the messages of a turn answered after all.

    Raises:
        NightshiftError: there is no such tenant or run, or it cannot be.
    """
    async with open_tenant(settings, slug) as opened:
        try:
            refusal = await retry_run(opened.tx, TurnId(run_id), ACTOR, opened.deps)
        except LookupError as exc:
            raise NightshiftError(f"{exc}. `nightshift runs list --tenant {slug}` has all.") from exc
    if refusal:
        raise NightshiftError(refusal)
    out.print("Its messages wait to be answered.")


async def run_cancel(settings: Settings, slug: str, conversation: UUID, out: Console) -> None:
    """Let nobody answer what waits in a conversation.

    Raises:
        NightshiftError: there is no such tenant or conversation, or it cannot be.
    """
    async with open_tenant(settings, slug) as opened:
        try:
            refusal = await cancel_run(opened.tx, ConversationId(conversation), ACTOR)
        except LookupError as exc:
            raise NightshiftError(f"{exc}. `nightshift runs list --tenant {slug}` names them.") from exc
    if refusal:
        raise NightshiftError(refusal)
    out.print("Cancelled: nobody answers it.")
