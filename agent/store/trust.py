"""The trust dial as stored, and what staff made of the agent's drafts: what it is moved by."""

from dataclasses import dataclass
from datetime import datetime

from agent.store.db import Tx, fetch_one
from agent.types import Channel, ConversationId, TenantId, TrustLevel, TurnId


@dataclass(frozen=True, kw_only=True, slots=True)
class Reviewed:
    """What staff made of drafts: how many they saw and sent, changed or not, and how much of those they changed."""

    drafts: int
    sent: int
    distance: float
    """Mean, 0 nothing to 1 everything; 0 where none was sent."""

    @property
    def approval(self) -> float:
        """Return the share that was sent."""
        return self.sent / self.drafts if self.drafts else 0.0


async def read_channel(tx: Tx, tenant_id: TenantId, channel: Channel) -> dict[str, TrustLevel]:
    """Return where the dial stands on a channel, by intent; the key of those without one of their own is empty."""
    cursor = await tx.execute(
        "select intent, level from trust_levels where tenant_id = %s and channel = %s", (tenant_id, channel)
    )
    return {row["intent"]: row["level"] for row in await cursor.fetchall()}


async def lock_dial(tx: Tx, tenant_id: TenantId) -> None:
    """Let nobody else move the tenant's dial until the transaction ends."""
    await tx.execute("select pg_advisory_xact_lock(hashtextextended('trust:' || %s::text, 0))", (str(tenant_id),))


async def set_level(
    tx: Tx, tenant_id: TenantId, *, channel: Channel, intent: str, level: TrustLevel, actor: str, at: datetime
) -> None:
    """Move the dial."""
    await tx.execute(
        """insert into trust_levels (tenant_id, channel, intent, level, actor, moved_at)
           values (%s, %s, %s, %s, %s, %s)
           on conflict (tenant_id, channel, intent) do update
               set level = excluded.level, actor = excluded.actor, moved_at = excluded.moved_at""",
        (tenant_id, channel, intent, level, actor, at),
    )


async def read_reviews(tx: Tx, tenant_id: TenantId, *, channel: Channel, intent: str, since: datetime) -> Reviewed:
    """Return what staff made of the drafts on a channel, for one intent or (empty) for all."""
    row = await fetch_one(
        tx,
        """select count(*)::int as drafts, count(*) filter (where r.verdict <> 'rejected')::int as sent,
                  coalesce(avg(r.distance) filter (where r.verdict <> 'rejected'), 0)::float8 as distance
           from reviews r
           join conversations c on c.id = r.conversation_id
           join channel_accounts a on a.id = c.channel_account_id
           left join turns t on t.id = r.turn_id
           where r.tenant_id = %s and r.created_at >= %s and a.channel = %s and (%s = '' or t.intent = %s)""",
        (tenant_id, since, channel, intent, intent),
    )
    return Reviewed(drafts=0, sent=0, distance=0.0) if row is None else Reviewed(**row)


async def find_turn_intent(tx: Tx, turn_id: TurnId, conversation_id: ConversationId) -> str:
    """Return what a turn of a conversation was about; empty: nobody said."""
    row = await fetch_one(
        tx, "select intent from turns where id = %s and conversation_id = %s", (turn_id, conversation_id)
    )
    return (row["intent"] or "") if row else ""
