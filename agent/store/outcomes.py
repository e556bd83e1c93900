"""Outcomes: what came of conversations, whose it was, and with what those sign who report it."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from agent.ids import new_id
from agent.store.db import Tx, fetch_one
from agent.types import ContactId, ConversationId, TenantId, TurnId

_COLUMNS = """id, source, external_id, kind, amount_minor, currency, reason, occurred_at, named, deal, root_id,
    corrected_by, contact_id, conversation_id, turn_id, channel, version, created_at"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Attribution:
    """Whose an outcome is, and what of ours went before it; all that is None had no part in it."""

    contact_id: ContactId
    conversation_id: ConversationId | None = None
    turn_id: TurnId | None = None
    """The last answer of ours."""
    channel: str | None = None
    version: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """An outcome as it is kept."""

    id: UUID
    source: str
    external_id: str
    kind: str
    amount_minor: int | None
    currency: str | None
    reason: str
    occurred_at: datetime
    named: str
    deal: str
    root_id: UUID
    created_at: datetime
    corrected_by: UUID | None = None
    contact_id: ContactId | None = None
    conversation_id: ConversationId | None = None
    turn_id: TurnId | None = None
    channel: str | None = None
    version: str | None = None

    def attributed(self, to: Attribution) -> Self:
        """Return this outcome with whose it is."""
        return replace(
            self,
            contact_id=to.contact_id,
            conversation_id=to.conversation_id,
            turn_id=to.turn_id,
            channel=to.channel,
            version=to.version,
        )

    def figures(self) -> dict[str, Any]:
        """Return what an event may say of it: no words of anybody's."""
        return {"kind": self.kind, "amount_minor": self.amount_minor, "currency": self.currency}


async def lock_outcomes(tx: Tx) -> None:
    """Let outcomes of this tenant be stored one after the other until the transaction ends."""
    await tx.execute("select pg_advisory_xact_lock(hashtextextended('outcomes ' || current_tenant(), 0))")


async def find_outcome(tx: Tx, external_id: str) -> Outcome | None:
    """Return the outcome that was reported under an id."""
    row = await fetch_one(
        tx,
        f"select {_COLUMNS} from outcomes where tenant_id = (select current_tenant()) and external_id = %s",  # noqa: S608
        (external_id,),
    )
    return Outcome(**row) if row else None


async def list_standing_of_deal(tx: Tx, deal: str) -> list[Outcome]:
    """Return what stands of a deal, the newest first: what was not corrected, and is no reversal."""
    cursor = await tx.execute(
        f"""select {_COLUMNS} from outcomes where tenant_id = (select current_tenant()) and deal = %s
              and corrected_by is null and kind <> 'reversed' order by occurred_at desc, id desc""",  # noqa: S608
        (deal,),
    )
    return [Outcome(**row) for row in await cursor.fetchall()]


async def find_attribution(tx: Tx, contact_id: ContactId, at: datetime) -> Attribution:
    """Return what of ours went before `at`: the contact's conversation that was active last, our last answer in it.

    A contact who is part of another has their conversations there.
    """
    row = await fetch_one(
        tx,
        """select c.id as conversation_id, a.channel, t.id as turn_id, t.version
           from conversations c
           join channel_accounts a on a.id = c.channel_account_id
           join lateral (select max(created_at) as at from messages
                         where conversation_id = c.id and created_at <= %(at)s
                           and state is distinct from 'superseded') last on last.at is not null
           left join lateral (select id, version from turns
                              where conversation_id = c.id and created_at <= %(at)s and state = 'done'
                              order by (decision = 'send') desc nulls last, created_at desc, id desc limit 1) t on true
           where c.contact_id = (select coalesce(merged_into, id) from contacts where id = %(contact)s)
           order by last.at desc, c.id limit 1""",
        {"contact": contact_id, "at": at},
    )
    return Attribution(contact_id=contact_id, **(row or {}))


async def insert_outcome(tx: Tx, tenant_id: TenantId, outcome: Outcome) -> None:
    """Store an outcome with its attribution."""
    await tx.execute(
        """insert into outcomes (id, tenant_id, source, external_id, kind, amount_minor, currency, reason, occurred_at,
                                 named, deal, root_id, contact_id, conversation_id, turn_id, channel, version,
                                 created_at)
           values (%(id)s, %(tenant_id)s, %(source)s, %(external_id)s, %(kind)s, %(amount_minor)s, %(currency)s,
                   %(reason)s, %(occurred_at)s, %(named)s, %(deal)s, %(root_id)s, %(contact_id)s,
                   %(conversation_id)s, %(turn_id)s, %(channel)s, %(version)s, %(created_at)s)""",
        {
            **{name: getattr(outcome, name) for name in Outcome.__dataclass_fields__},
            "tenant_id": tenant_id,
        },
    )


async def mark_corrected(tx: Tx, outcome_id: UUID, by: UUID) -> None:
    """Note that another outcome has taken this one's place."""
    await tx.execute("update outcomes set corrected_by = %s where id = %s", (by, outcome_id))


async def list_unmatched(tx: Tx, since: datetime) -> list[Outcome]:
    """Return outcomes reported since then of contacts that nobody knew."""
    cursor = await tx.execute(
        f"""select {_COLUMNS} from outcomes where tenant_id = (select current_tenant())
              and contact_id is null and created_at >= %s order by created_at limit 1000""",  # noqa: S608 — columns
        (since,),
    )
    return [Outcome(**row) for row in await cursor.fetchall()]


async def set_attribution(tx: Tx, outcome: Outcome) -> None:
    """Keep whose an outcome is, which was unknown before."""
    await tx.execute(
        """update outcomes set contact_id = %s, conversation_id = %s, turn_id = %s, channel = %s, version = %s
           where id = %s and contact_id is null""",
        (
            outcome.contact_id,
            outcome.conversation_id,
            outcome.turn_id,
            outcome.channel,
            outcome.version,
            outcome.id,
        ),
    )


async def list_outcomes(tx: Tx, *, limit: int, unmatched: bool = False) -> list[Outcome]:
    """Return outcomes, the newest first; `unmatched`: only those of contacts that nobody knows."""
    cursor = await tx.execute(
        f"""select {_COLUMNS} from outcomes where tenant_id = (select current_tenant())
              and (not %s or contact_id is null) order by created_at desc, id desc limit %s""",  # noqa: S608 — columns
        (unmatched, limit),
    )
    return [Outcome(**row) for row in await cursor.fetchall()]


async def delete_outcomes_named(tx: Tx, contact_id: ContactId) -> None:
    """Remove outcomes that name an address of a contact and were never matched."""
    await tx.execute(
        """delete from outcomes o using contact_points p
           where p.contact_id = %s and o.tenant_id = p.tenant_id and o.contact_id is null
             and lower(o.named) in (lower(p.address), lower(p.normalised), p.contact_id::text)""",
        (contact_id,),
    )


# --- what reports are signed with ----------------------------------------------------------------------------------


async def list_secrets(tx: Tx, sender: str, now: datetime) -> list[str]:
    """Return the secrets with which a sender may sign for the tenant."""
    cursor = await tx.execute(
        """select secret from outcome_secrets where tenant_id = (select current_tenant()) and sender = %s
             and (expires_at is null or expires_at > %s) order by created_at desc""",
        (sender, now),
    )
    return [row["secret"] for row in await cursor.fetchall()]


async def replace_secret(tx: Tx, tenant_id: TenantId, sender: str, secret: str, *, old_until: datetime) -> None:
    """Give a sender a new secret; those it has are good until `old_until`."""
    await tx.execute(
        """update outcome_secrets set expires_at = least(expires_at, %s)
           where tenant_id = (select current_tenant()) and sender = %s""",
        (old_until, sender),
    )
    await tx.execute(
        "insert into outcome_secrets (id, tenant_id, sender, secret) values (%s, %s, %s, %s)",
        (new_id(), tenant_id, sender, secret),
    )
