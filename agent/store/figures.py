"""Figures by the hour: what happened, counted from turns, messages, model calls, requests, reviews and outcomes.

`count_hours` counts from the source rows. The clock keeps what it finds in `hourly_figures` (`keep_hours`), so that a
page about thirty days adds up 720 rows. An hour goes on changing after its end, ever more rarely, as deliveries are
reported: it is counted again when it is twice as old as it was the last time, for `SETTLED_AFTER`.

An outcome counts in the hour in which it was reported. One that corrects another takes that one's figures back in its
own hour, so that sums are right and no old hour changes.

A figure is a number under a name of two parts, `group.label`: `turn.send`, `spend.fast`, `decided.31`. Times are
counted by classes of length (`CLASS_BASE`), because those of several hours can be added up, and percentiles cannot.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg.types.json import Jsonb

from agent.store.db import Tx, fetch_one
from agent.types import TenantId

CLASS_BASE = 1.2
"""A time of t milliseconds is in class ⌊log t⌋ of this base: what is read from classes is right within 10 %."""
KEPT = timedelta(days=31)
"""How far back the first count of a tenant goes."""
SETTLED_AFTER = timedelta(days=3)
HOUR = timedelta(hours=1)

Figures = Mapping[str, int]

_COUNT = """
with turn as materialized (
    select id, conversation_id, created_at, finished_at, state, decision, stage, intent,
           date_trunc('hour', created_at, 'UTC') as hour
    from turns
    where tenant_id = (select current_tenant()) and created_at >= %(since)s and created_at < %(until)s
), message as materialized (
    select t.hour, t.created_at as begun_at, m.id, m.direction, m.author, m.state
    from turn t join messages m on m.turn_id = t.id
), left_at as (
    select m.hour, m.begun_at, d.at as handed_at, s.at as delivered_at
    from message m
    cross join lateral (select min(finished_at) as at from deliveries
                        where message_id = m.id and state in ('accepted', 'reconciled')) d
    cross join lateral (select min(received_at) as at from delivery_statuses
                        where message_id = m.id and state in ('delivered', 'read')) s
    where m.direction = 'outbound' and m.author = 'agent'
), took as (
    select hour, 'decided' as step, extract(epoch from finished_at - created_at) as s from turn
        where state = 'done' and decision = 'send'
    union all select hour, 'handed', extract(epoch from handed_at - begun_at) from left_at where handed_at is not null
    union all select hour, 'delivered', extract(epoch from delivered_at - begun_at) from left_at
        where delivered_at is not null
), figure as (
    select hour, 'turn.' || case state when 'done' then coalesce(decision, 'nothing') else state end as name,
           count(*) as value from turn group by 1, 2
    union all
    select hour, 'message.' || case when direction = 'inbound' then 'inbound' else author end, count(*) from message
        where state is distinct from 'superseded' group by 1, 2
    union all
    select hour, step || '.' || floor(ln(greatest(s * 1000, 1)) / ln(%(base)s))::int, count(*) from took group by 1, 2
    union all
    select hour, 'funnel.begun', count(*) from turn t
        where not exists (select from turns e where e.conversation_id = t.conversation_id
                                                and e.created_at < t.created_at) group by 1
    union all
    select hour, 'funnel.qualified', count(distinct conversation_id) from turn t
        where (t.stage in ('comparing', 'deciding') or t.intent = any(%(qualifying)s))
          and not exists (select from turns e
                          where e.conversation_id = t.conversation_id and e.created_at < t.created_at
                            and (e.stage in ('comparing', 'deciding') or e.intent = any(%(qualifying)s))) group by 1
    union all
    select date_trunc('hour', created_at, 'UTC'), c.name || '.' || tier, sum(c.value)::bigint from model_calls
        cross join lateral (values ('spend', cost_microusd), ('call', 1),
                                   ('failed_call', (outcome <> 'ok')::int)) c (name, value)
        where tenant_id = (select current_tenant()) and created_at >= %(since)s and created_at < %(until)s
        group by 1, 2
    union all
    select date_trunc('hour', created_at, 'UTC'), 'cause.' || cause, count(*) from escalations
        where tenant_id = (select current_tenant()) and created_at >= %(since)s and created_at < %(until)s
        group by 1, 2
    union all
    select date_trunc('hour', created_at, 'UTC'), 'review.' || verdict, count(*) from reviews
        where tenant_id = (select current_tenant()) and created_at >= %(since)s and created_at < %(until)s
        group by 1, 2
    union all
    select date_trunc('hour', o.created_at, 'UTC'), f.name, sum(f.value)::bigint from outcomes o
        left join outcomes old on old.tenant_id = o.tenant_id and old.corrected_by = o.id
        cross join lateral (values
            ('funnel.' || o.kind, 1), ('won.' || o.currency, o.amount_minor),
            ('funnel.' || old.kind, -1), ('won.' || old.currency, -old.amount_minor)) f (name, value)
        where o.tenant_id = (select current_tenant()) and o.created_at >= %(since)s and o.created_at < %(until)s
          and f.value is not null and f.name is not null and f.name <> 'funnel.reversed'
        group by 1, 2
)
select hour as starts_at, jsonb_object_agg(name, value) as figures
from figure where value <> 0 group by hour order by hour
"""

QUALIFYING = ("ready_to_buy", "negotiation", "payment", "scheduling")
"""Intents of somebody who is more than curious; the stages `comparing` and `deciding` say the same."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Counted:
    """What was counted of one stretch of time that begins at `starts_at`."""

    starts_at: datetime
    figures: Figures


@dataclass(frozen=True, kw_only=True, slots=True)
class Bucket:
    """The figures of one hour or one day, by the wall clock of the zone that was asked for."""

    starts_at: datetime
    """Without a zone: it is the wall clock's."""
    figures: Figures


async def count_hours(tx: Tx, since: datetime, until: datetime) -> list[Counted]:
    """Count the tenant's hours from `since` to before `until` from the source rows; empty ones are left out."""
    cursor = await tx.execute(
        _COUNT, {"since": since, "until": until, "base": CLASS_BASE, "qualifying": list(QUALIFYING)}
    )
    return [Counted(**row) for row in await cursor.fetchall()]


async def find_last_hour(tx: Tx) -> datetime | None:
    """Return the beginning of the last hour that is kept; None: none is. All before it are."""
    row = await fetch_one(
        tx, "select max(starts_at) as at from hourly_figures where tenant_id = (select current_tenant())"
    )
    return row["at"] if row else None


async def has_turns(tx: Tx, since: datetime, until: datetime) -> bool:
    """Say whether there is anything to count from `since` to before `until`."""
    row = await fetch_one(
        tx,
        """select exists (select from turns where tenant_id = (select current_tenant())
                            and created_at >= %s and created_at < %s) as found""",
        (since, until),
    )
    return bool(row and row["found"])


async def save_hours(tx: Tx, tenant_id: TenantId, hours: Iterable[Counted], now: datetime) -> None:
    """Keep figures, in place of what was kept of the same hours."""
    async with tx.cursor() as cursor:
        await cursor.executemany(
            """insert into hourly_figures (tenant_id, starts_at, figures, computed_at) values (%s, %s, %s, %s)
               on conflict (tenant_id, starts_at) do update set figures = excluded.figures,
                   computed_at = excluded.computed_at""",
            [(tenant_id, each.starts_at, Jsonb(dict(each.figures)), now) for each in hours],
        )


async def list_unsettled_hours(tx: Tx, now: datetime, *, limit: int) -> list[datetime]:
    """Return hours to be counted again: twice as long has passed since their end as when they were counted last."""
    cursor = await tx.execute(
        """select starts_at from hourly_figures
           where tenant_id = (select current_tenant()) and starts_at > %(oldest)s
             and %(now)s - computed_at > computed_at - starts_at - interval '1 hour' + interval '5 minutes'
           order by starts_at desc limit %(limit)s""",
        {"now": now, "oldest": now - SETTLED_AFTER, "limit": limit},
    )
    return [row["starts_at"] for row in await cursor.fetchall()]


async def sum_hours(tx: Tx, fresh: Sequence[Counted], *, since: datetime, timezone: str, unit: str) -> list[Bucket]:
    """Add up kept hours from `since` on, and `fresh` ones not kept yet, by `unit` (`hour`, `day`) of a time zone."""
    cursor = await tx.execute(
        """with hours as (
               select starts_at, figures from hourly_figures
               where tenant_id = (select current_tenant()) and starts_at >= %(since)s
               union all select * from unnest(%(fresh_at)s::timestamptz[], %(fresh)s::jsonb[])
           ), bucket as (
               select date_trunc(%(unit)s, starts_at at time zone %(zone)s) as starts_at, f.name,
                      sum(f.value::bigint)::bigint as value
               from hours cross join lateral jsonb_each_text(figures) f (name, value) group by 1, 2)
           select starts_at, jsonb_object_agg(name, value) as figures from bucket group by 1 order by 1""",
        {
            "since": since,
            "fresh_at": [each.starts_at for each in fresh],
            "fresh": [Jsonb(dict(each.figures)) for each in fresh],
            "unit": unit,
            "zone": timezone,
        },
    )
    return [Bucket(**row) for row in await cursor.fetchall()]
