"""Rollouts: which version is being tried on whom, by which criteria, how it does, and the buttons."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.responses import Response

from agent.rollouts.criteria import MEASURES, SCHEDULE, Criterion, Finding, Measure, judge
from agent.rollouts.rollout import RolloutRefused, Terms, criteria_of, start_rollout, stop_rollout
from agent.rollouts.versions import current_version
from agent.store import rollouts as store
from agent.store import versions
from agent.store.db import Tx
from agent.store.rollouts import RolloutRow
from agent.store.versions import VersionName
from channels.inbox.navigation import N_
from channels.inbox.pages import Page
from channels.inbox.visit import Visit

HERE = "/inbox/rollouts"
MEASURE_NAMES: Mapping[Measure, str] = {
    "errors": N_("Failed turns"),
    "latency": N_("Time to answer"),
    "cost": N_("Cost of models"),
    "escalation": N_("Handed to a person"),
    "disapproval": N_("Drafts rejected by staff"),
    "complaints": N_("Complaints and opt-outs"),
    "no_conversion": N_("Nothing booked or won"),
}
STATES: Mapping[str, str] = {
    "canary": N_("Under way"),
    "expanded": N_("Everybody has it"),
    "rolled_back": N_("Rolled back"),
    "stopped": N_("Stopped"),
}
SHOWN = 0.2
"""Differences up to 20 points fit into the drawing."""
WIDTH = 180


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A criterion as it stands, and where its interval is drawn (0 to `WIDTH`)."""

    name: str
    finding: Finding
    difference: str
    """In points, with its sign."""
    low: float
    at: float
    high: float
    tolerated: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """A rollout, ready to be shown."""

    row: RolloutRow
    lines: Sequence[Line]
    exposed: int
    others: int
    until: datetime
    """When it has held, if nothing is broken and enough have had it."""
    next_look: int
    """Exposed conversations at the next look."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RolloutsView:
    """What is tried, what was, and what could be."""

    current: str
    trial: Trial | None
    past: Sequence[RolloutRow]
    candidates: Sequence[VersionName]
    problem: str = ""


async def show(visit: Visit) -> Response:
    """Show the rollout under way, those before, and the form for the next."""
    return await _page(visit)


async def show_live(visit: Visit) -> Response:
    """Return how the rollout under way does now."""
    async with visit.tx() as tx:
        view = await _load(visit, tx)
    return visit.page("_rollout.html", view=view, measures=MEASURE_NAMES, states=STATES)


async def start(visit: Visit) -> Response:
    """Start a rollout."""
    try:
        terms = _terms(visit)
        async with visit.tx() as tx:
            tenant = await visit.deps.tenants.get(tx, visit.member.tenant_id)
            digest = visit.field("version", longest=20)
            await start_rollout(tx, tenant, digest, terms, actor=visit.member.actor, deps=visit.deps)
    except (RolloutRefused, ValueError) as exc:
        return await _page(visit, problem=str(exc), status=409)
    return visit.go(HERE)


async def stop(visit: Visit) -> Response:
    """Stop the rollout under way."""
    try:
        async with visit.tx() as tx:
            tenant = await visit.deps.tenants.get(tx, visit.member.tenant_id)
            await stop_rollout(tx, tenant, visit.member.actor, visit.deps)
    except RolloutRefused as exc:
        return await _page(visit, problem=str(exc), status=409)
    return visit.go(HERE)


def _terms(visit: Visit) -> Terms:
    """Read the form.

    Raises:
        ValueError: a number is none.
    """
    chosen = [measure for measure in MEASURES if visit.field(f"with.{measure}")]
    return Terms(
        criteria=tuple(
            Criterion(measure=each, tolerance=float(visit.field(f"points.{each}").replace(",", ".") or 0) / 100)
            for each in chosen
        ),
        share_percent=int(visit.field("share") or 10),
        hold_hours=int(visit.field("hold_hours") or 48),
        min_exposed=int(visit.field("min_exposed") or 200),
    )


async def _page(visit: Visit, *, problem: str = "", status: int = 200) -> Response:
    async with visit.tx() as tx:
        view = await _load(visit, tx, problem=problem)
    return visit.page("rollouts.html", view=view, measures=MEASURE_NAMES, states=STATES, status=status)


async def _load(visit: Visit, tx: Tx, *, problem: str = "") -> RolloutsView:
    tenant = await visit.deps.tenants.get(tx, visit.member.tenant_id)
    current = (await current_version(tx, tenant, visit.deps.release)).digest
    found = await store.list_rollouts(tx, tenant.id)
    under_way = next((each for each in found if each.state == "canary"), None)
    known = await versions.list_versions(tx, tenant.id)
    return RolloutsView(
        current=current,
        trial=await _trial(visit, tx, under_way) if under_way else None,
        past=[each for each in found if each.state != "canary"],
        candidates=[each for each in known if each.digest != current],
        problem=problem,
    )


async def _trial(visit: Visit, tx: Tx, row: RolloutRow) -> Trial:
    """Measure both arms as they are now, and judge them as at the last look."""
    criteria = criteria_of(row)
    arms = await store.read_arms(tx, row.id, {each.measure: each.cap for each in criteria})
    counts = await store.count_arms(tx, row.id)
    return Trial(
        row=row,
        lines=[_line(each, visit) for each in judge(criteria, arms, row.looks)],
        exposed=counts["candidate"],
        others=counts["control"],
        until=row.started_at + timedelta(hours=row.hold_hours),
        next_look=SCHEDULE.next_look(row.looks),
    )


def _line(finding: Finding, visit: Visit) -> Line:
    difference = finding.difference
    return Line(
        name=visit.say(MEASURE_NAMES[finding.criterion.measure]),
        finding=finding,
        difference=f"{round(difference.value * 100, 1) + 0.0:+.1f}",
        low=_place(difference.low),
        at=_place(difference.value),
        high=_place(difference.high),
        tolerated=_place(finding.criterion.tolerance),
    )


def _place(value: float) -> float:
    """Return where a difference is drawn; what is further off is drawn at the edge."""
    return round(WIDTH / 2 * (1 + min(max(value / SHOWN, -1), 1)), 1)


PAGES = (
    Page(method="GET", path=HERE, answer=show),
    Page(method="GET", path=f"{HERE}/live", answer=show_live),
    Page(method="POST", path=HERE, answer=start, role="manager"),
    Page(method="POST", path=f"{HERE}/stop", answer=stop, role="manager"),
)
"""With the least role for each."""
