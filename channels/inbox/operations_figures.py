"""The figures of the operations page: loaded for a range of time, and laid out as charts and lists of bars."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from babel.dates import format_skeleton, format_time
from babel.numbers import format_currency, format_decimal

from agent.escalation.why import LABELS
from agent.figures import add_up, approval, automation, editing, group, percentiles
from agent.prices import to_amount
from agent.spending.budgets import MICRO_PER_USD
from agent.store.db import Tx
from agent.store.figures import HOUR, Bucket, Figures, count_hours, find_last_hour, has_turns, sum_hours
from agent.types import Budget, Tenant
from channels.inbox.charts import Chart, Limit, Rank, Series, Write, rank
from channels.inbox.navigation import N_
from channels.inbox.visit import Visit

Range = Literal["24h", "7d", "30d"]
RANGES: tuple[Range, ...] = get_args(Range)
RANGE_LABELS: Mapping[Range, str] = {"24h": N_("24 hours"), "7d": N_("7 days"), "30d": N_("30 days")}
_DAYS: Mapping[Range, int] = {"24h": 1, "7d": 7, "30d": 30}
FRESH = timedelta(hours=48)
"""So much is counted while the page waits, at most; what is older has been counted by the clock."""

MESSAGES = (("inbound", N_("Received")), ("agent", N_("Sent by the agent")), ("staff", N_("Sent by staff")))
OUTCOMES = (
    ("send", N_("Answered by the agent")),
    ("escalate", N_("Handed to a person")),
    ("nothing", N_("No reply needed")),
    ("superseded", N_("Overtaken by a newer message")),
    ("failed", N_("Failed")),
    ("cancelled", N_("Cancelled")),
)
TIERS = (("fast", N_("Fast")), ("standard", N_("Standard")), ("expert", N_("Expert")))
STEPS = (
    ("decided", N_("Until the agent has decided")),
    ("handed", N_("Until the provider has it")),
    ("delivered", N_("Until it is delivered")),
)
VERDICTS = (
    ("approved", N_("Approved as written")),
    ("edited", N_("Edited, then sent")),
    ("rejected", N_("Rejected")),
)
STAGES = (
    ("begun", N_("Wrote to us for the first time")),
    ("qualified", N_("Qualified")),
    ("booked", N_("Booked")),
    ("won", N_("Won")),
    ("lost", N_("Lost")),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tile:
    """A number that matters. `label` and `detail` are ready to be read."""

    label: str
    value: str
    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """How long a step takes, written out."""

    label: str
    p50: str
    p95: str
    p99: str
    share: float
    """The 95th percentile to the longest of them, 0 to 1."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FiguresView:
    """What happened in a range of time."""

    range: Range
    timezone: str
    counted_since: datetime | None
    """Set if what is older than this has not been counted yet."""
    tiles: Sequence[Tile]
    charts: Sequence[Chart]
    timings: Sequence[Timing]
    causes: Sequence[Rank]
    verdicts: Sequence[Rank]
    funnel: Sequence[Rank]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Loaded:
    """Figures by column, the oldest first; columns in which nothing happened are there, too."""

    columns: Sequence[str]
    figures: Sequence[Figures]

    def series(self, name: str, parts: Sequence[tuple[str, str]], visit: Visit) -> list[Series]:
        return [
            Series(name=label, label=visit.say(text), values=[each.get(f"{name}.{label}", 0) for each in self.figures])
            for label, text in parts
        ]


def range_of(visit: Visit) -> Range:
    """Return the range of time the address asks for."""
    wanted = visit.query("range", "7d")
    return next((each for each in RANGES if each == wanted), "7d")


async def load_figures(tx: Tx, visit: Visit) -> FiguresView:
    """Load what happened in the range of time that the address asks for."""
    tenant = await visit.deps.tenants.get(tx, visit.member.tenant_id)
    period = _period(range_of(visit), visit.deps.now(), ZoneInfo(tenant.timezone))
    last = await find_last_hour(tx)
    uncounted = last + HOUR if last else period.since
    fresh_since = max(period.since, uncounted, period.now.replace(minute=0, second=0, microsecond=0) - FRESH)
    fresh = await count_hours(tx, fresh_since, period.now + HOUR)
    buckets = await sum_hours(tx, fresh, since=period.since, timezone=tenant.timezone, unit=period.unit)
    is_missing = await has_turns(tx, max(period.since, uncounted), fresh_since)
    counted_since = fresh_since if is_missing else None
    return _view(_fill(buckets, period, visit), period, tenant, counted_since, visit)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Period:
    """A range of time up to now, by a zone's clock."""

    range: Range
    since: datetime
    now: datetime
    zone: ZoneInfo

    @property
    def unit(self) -> Literal["hour", "day"]:
        return "hour" if self.range == "24h" else "day"


def _period(wanted: Range, now: datetime, zone: ZoneInfo) -> _Period:
    """Return a range of time; it begins with a full hour, or at the midnight of its first day."""
    if wanted == "24h":
        since = now.replace(minute=0, second=0, microsecond=0) - 23 * HOUR
    else:
        midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
        since = midnight - timedelta(days=_DAYS[wanted] - 1)
    return _Period(range=wanted, since=since, now=now, zone=zone)


def _fill(buckets: Sequence[Bucket], period: _Period, visit: Visit) -> _Loaded:
    """Put buckets into their columns, by the wall clock."""
    step = HOUR if period.unit == "hour" else timedelta(days=1)
    at, end = (each.astimezone(period.zone).replace(tzinfo=None) for each in (period.since, period.now))
    found = {each.starts_at: each.figures for each in buckets}
    columns: list[str] = []
    figures: list[Figures] = []
    while at <= end:
        columns.append(_name(at, period, visit))
        figures.append(found.get(at, {}))
        at += step
    return _Loaded(columns=columns, figures=figures)


def _name(at: datetime, period: _Period, visit: Visit) -> str:
    locale = visit.reader.language
    return (
        format_time(at, "short", locale=locale) if period.unit == "hour" else format_skeleton("MMMd", at, locale=locale)
    )


def _view(
    loaded: _Loaded, period: _Period, tenant: Tenant, counted_since: datetime | None, visit: Visit
) -> FiguresView:
    total = add_up(loaded.figures)
    return FiguresView(
        range=period.range,
        timezone=tenant.timezone,
        counted_since=counted_since,
        tiles=list(_tiles(total, visit)),
        charts=_charts(loaded, tenant, period, visit),
        timings=list(_timings(total, visit)),
        causes=rank([(_cause(name, visit), count) for name, count in group(total, "cause").items()], _number(visit)),
        verdicts=rank(_labelled(total, "review", VERDICTS, visit), _number(visit)),
        funnel=rank(_labelled(total, "funnel", STAGES, visit), _number(visit)),
    )


def _tiles(total: Figures, visit: Visit) -> Iterator[Tile]:
    write = _number(visit)
    alone, kept, edited = automation(total), approval(total), editing(total)
    of = visit.say(N_("%(part)s of %(whole)s turns that wanted an answer"))
    yield Tile(
        label=visit.say(N_("Answered without a person")),
        value=_percent(alone.percent),
        detail=of % {"part": write(alone.part), "whole": write(alone.whole)},
    )
    decided = percentiles(total, "decided")
    yield Tile(
        label=visit.say(N_("Time to decide, typically")),
        value=_seconds(decided.p50_s, visit) if decided else "–",
        detail=visit.say(N_("95 of 100 within %(time)s")) % {"time": _seconds(decided.p95_s, visit)} if decided else "",
    )
    spent, calls = sum(group(total, "spend").values()), sum(group(total, "call").values())
    failed = sum(group(total, "failed_call").values())
    yield Tile(
        label=visit.say(N_("Spent on models")),
        value=_usd(spent, visit),
        detail=visit.say(N_("%(calls)s calls, %(failed)s failed")) % {"calls": write(calls), "failed": write(failed)},
    )
    yield Tile(
        label=visit.say(N_("Drafts approved as written")),
        value=_percent(kept.percent),
        detail=visit.say(N_("%(edited)s edited, of %(whole)s judged"))
        % {"edited": _percent(edited.percent), "whole": write(kept.whole)},
    )
    yield Tile(label=visit.say(N_("Won")), value=_won(total, visit), detail=_ended(total, visit))


def _won(total: Figures, visit: Visit) -> str:
    """Write what was won, by currency."""
    amounts = [(code, amount) for code, amount in group(total, "won").items() if amount]
    locale = visit.reader.language
    written = [format_currency(Decimal(to_amount(amount, code)), code, locale=locale) for code, amount in amounts]
    return " + ".join(written) or "–"


def _ended(total: Figures, visit: Visit) -> str:
    write, said = _number(visit), visit.say(N_("%(won)s won, %(lost)s lost"))
    return said % {"won": write(total.get("funnel.won", 0)), "lost": write(total.get("funnel.lost", 0))}


def _charts(loaded: _Loaded, tenant: Tenant, period: _Period, visit: Visit) -> list[Chart]:
    write = _number(visit)
    limits = list(_limits(tenant.policy.budgets.get("tenant_day"), visit)) if period.unit == "day" else []
    say = visit.say
    return [
        Chart(
            id="messages",
            title=say(N_("Messages")),
            columns=loaded.columns,
            series=loaded.series("message", MESSAGES, visit),
            write=write,
        ),
        Chart(
            id="outcomes",
            title=say(N_("What became of turns")),
            columns=loaded.columns,
            series=loaded.series("turn", OUTCOMES, visit),
            write=write,
        ),
        Chart(
            id="spend",
            title=say(N_("Spent on models")),
            columns=loaded.columns,
            series=loaded.series("spend", TIERS, visit),
            write=cache(lambda value: _usd(value, visit)),
            limits=limits,
        ),
    ]


def _limits(budget: Budget | None, visit: Visit) -> Iterator[Limit]:
    if budget is None:
        return
    for name, label, value in (
        ("soft", N_("Soft limit a day"), budget.soft_microusd),
        ("hard", N_("Hard limit a day"), budget.hard_microusd),
    ):
        yield Limit(name=name, label=f"{visit.say(label)}: {_usd(value, visit)}", value=value)


def _timings(total: Figures, visit: Visit) -> Iterator[Timing]:
    timed = [(label, found) for step, label in STEPS if (found := percentiles(total, step))]
    longest = max((each.p95_s for _, each in timed), default=1.0)
    for label, each in timed:
        yield Timing(
            label=visit.say(label),
            p50=_seconds(each.p50_s, visit),
            p95=_seconds(each.p95_s, visit),
            p99=_seconds(each.p99_s, visit),
            share=each.p95_s / longest,
        )


def _labelled(total: Figures, name: str, parts: Sequence[tuple[str, str]], visit: Visit) -> list[tuple[str, int]]:
    """Return parts with their labels. What was corrected later than it was reported can make a short time negative."""
    return [(visit.say(text), max(total.get(f"{name}.{label}", 0), 0)) for label, text in parts]


def _cause(name: str, visit: Visit) -> str:
    return visit.say(next((label for cause, label in LABELS.items() if cause == name), name.replace("_", " ")))


def _number(visit: Visit) -> Write:
    """Return what writes whole numbers the reader's way."""
    locale = visit.reader.language
    return cache(lambda value: format_decimal(value, locale=locale))


def _percent(percent: int | None) -> str:
    return "–" if percent is None else f"{percent} %"


def _usd(microusd: int, visit: Visit) -> str:
    """Write micro-dollars: whole cents, finer below ten of them."""
    pattern = "#,##0.0000" if 0 < microusd < MICRO_PER_USD // 10 else "#,##0.00"
    return f"${format_decimal(Decimal(microusd) / MICRO_PER_USD, pattern, locale=visit.reader.language)}"


def _seconds(seconds: float, visit: Visit) -> str:
    """Write a length of time: `850 ms`, `4.2 s`, `3 min`, `2 h`."""
    write = visit.reader.language
    for unit, length, most in (("ms", 0.001, 1.0), ("s", 1.0, 90.0), ("min", 60.0, 5400.0)):
        if seconds < most:
            value = seconds / length
            return f"{format_decimal(round(value, 1 if value < 10 else 0), locale=write)} {unit}"
    return f"{format_decimal(round(seconds / 3600, 1), locale=write)} h"
