"""What the simulator keeps and shows: its own log as a stand-in provider, and one conversation as a whole.

All under the tenant of the caller's transaction, like everything else (P7).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import DictRow

from agent.addresses import ContactAddress
from agent.store.db import Tx, fetch_one
from agent.store.templates import read_proposal
from agent.templates.types import Proposal
from agent.types import Author, Channel, Direction, MessageId, OutboundMessage, Source, Suppression

MAX_MESSAGES = 200
MAX_TURNS = 50
OVERDUE_S = 15
"""A turn still waiting this long after it was due has no worker to take it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SimulatedAccount:
    """A channel account of a tenant that the simulator serves."""

    id: UUID
    channel: Channel
    address: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ThreadMessage:
    """A message as the prospect's screen needs it; what is None does not apply to its direction."""

    id: MessageId
    seq: int
    direction: Direction
    author: Author
    body: str
    subject: str | None
    language: str | None
    provider_id: str | None
    turn_id: UUID | None
    created_at: datetime
    source: Source | None
    state: str | None
    model: str | None
    error: str | None
    not_before: datetime | None
    segments: int | None = None
    """SMS: parts it is carried as."""
    carriage_microusd: int | None = None
    """What they cost, where that is known."""
    files: tuple[str, ...] = ()
    """Where those are that went along with a reply."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ThreadTurn:
    """A turn with the result of each of its steps, and what its model calls took."""

    id: UUID
    state: str
    first_seq: int
    last_seq: int
    trace_id: str
    attempts: int
    steps: dict[str, Any]
    decision: str | None
    reason: str | None
    created_at: datetime
    finished_at: datetime | None
    calls: int
    cost_microusd: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ThreadEscalation:
    """A request for a person."""

    id: UUID
    turn_id: UUID | None
    message_id: MessageId | None
    reason: str
    state: str
    created_at: datetime
    proposal: Proposal | None = None
    """What to do instead, where a reply window has closed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Thread:
    """A conversation as it stands: the newest `MAX_MESSAGES` messages and `MAX_TURNS` turns, oldest first."""

    channel: Channel
    last_inbound_at: datetime | None
    turn_state: str
    owner: str
    is_overdue: bool
    suppression: Suppression | None
    messages: tuple[ThreadMessage, ...]
    turns: tuple[ThreadTurn, ...]
    escalations: tuple[ThreadEscalation, ...]


# --- the stand-in provider ------------------------------------------------------------------------------------


async def accept_message(tx: Tx, message: OutboundMessage, provider_id: str, accepted_at: datetime) -> bool:
    """Take a message; False: it has been taken before."""
    cursor = await tx.execute(
        """insert into simulated_messages (provider_id, tenant_id, message_id, body, accepted_at)
           values (%s, %s, %s, %s, %s) on conflict (provider_id) do nothing""",
        (provider_id, message.tenant_id, message.id, message.text, accepted_at),
    )
    return cursor.rowcount == 1


async def has_accepted(tx: Tx, message_id: MessageId) -> bool:
    """Whether the simulator has taken this message."""
    row = await fetch_one(
        tx,
        """select exists (select from simulated_messages where tenant_id = (select current_tenant())
                          and message_id = %s) as taken""",
        (message_id,),
    )
    return bool(row and row["taken"])


# --- the prospect's screen ------------------------------------------------------------------------------------


async def list_simulated_accounts(tx: Tx) -> list[SimulatedAccount]:
    """Return the tenant's accounts that the simulator serves: WhatsApp, SMS, e-mail, each channel once."""
    cursor = await tx.execute(
        """select distinct on (array_position(array['whatsapp', 'sms', 'email'], channel)) id, channel, address
           from channel_accounts where provider = 'simulator'
           order by array_position(array['whatsapp', 'sms', 'email'], channel), id"""
    )
    return [SimulatedAccount(**row) for row in await cursor.fetchall()]


async def find_conversation_id(tx: Tx, account_id: UUID, prospect: ContactAddress) -> UUID | None:
    """Return the conversation of this prospect on this account, if they have ever written."""
    row = await fetch_one(
        tx,
        """select c.id from conversations c join contact_points p on p.id = c.contact_point_id
           where c.channel_account_id = %s and p.tenant_id = (select current_tenant())
             and p.kind = %s and p.normalised = %s""",
        (account_id, prospect.kind, prospect.normalised),
    )
    return row["id"] if row else None


async def fingerprint(tx: Tx, conversation_id: UUID) -> str:
    """Return a text that changes whenever what `load_thread` returns does.

    `xmin` is the transaction that wrote a row: it changes with every update of that row.
    """
    row = await fetch_one(
        tx,
        """select concat_ws('/', c.turn_state, c.owner,
               c.turn_state = 'queued' and c.wake_at < clock_timestamp() - %(overdue_s)s * interval '1 s',
               (select string_agg(xmin::text, ',' order by seq desc) from messages
                where tenant_id = c.tenant_id and conversation_id = c.id),
               (select string_agg(xmin::text, ',' order by id) from turns
                where tenant_id = c.tenant_id and conversation_id = c.id),
               (select string_agg(xmin::text, ',' order by id) from escalations
                where tenant_id = c.tenant_id and conversation_id = c.id),
               (select string_agg(xmin::text, ',' order by id) from suppressions
                where tenant_id = c.tenant_id and contact_id = c.contact_id and lifted_at is null)) as text
           from conversations c where c.id = %(id)s""",
        {"id": conversation_id, "overdue_s": OVERDUE_S},
    )
    return row["text"] if row else ""


async def load_thread(tx: Tx, conversation_id: UUID) -> Thread:
    """Load a conversation for the prospect's screen.

    Raises:
        LookupError: this tenant has no such conversation.
    """
    row = await fetch_one(
        tx,
        """select a.channel, c.last_inbound_at, c.turn_state, c.owner, s.reason, s.created_at as since,
               coalesce(c.turn_state = 'queued'
                        and c.wake_at < clock_timestamp() - %s * interval '1 s', false) as is_overdue
           from conversations c join channel_accounts a on a.id = c.channel_account_id left join lateral (
               select reason, created_at from suppressions
               where tenant_id = c.tenant_id and contact_id = c.contact_id and lifted_at is null
               order by created_at limit 1) s on true
           where c.id = %s""",
        (OVERDUE_S, conversation_id),
    )
    if row is None:
        raise LookupError(f"conversation {conversation_id} does not exist for this tenant")
    return Thread(
        channel=row["channel"],
        last_inbound_at=row["last_inbound_at"],
        turn_state=row["turn_state"],
        owner=row["owner"],
        is_overdue=row["is_overdue"],
        suppression=Suppression(reason=row["reason"], since=row["since"]) if row["since"] else None,
        messages=tuple(_message(each) for each in await _list_messages(tx, conversation_id)),
        turns=tuple(ThreadTurn(**each) for each in await _list_turns(tx, conversation_id)),
        escalations=tuple(
            ThreadEscalation(**{**each, "proposal": read_proposal(each["proposal"])})
            for each in await _list_escalations(tx, conversation_id)
        ),
    )


def _message(row: DictRow) -> ThreadMessage:
    return ThreadMessage(**{**row, "files": tuple(row["files"])})


async def _list_messages(tx: Tx, conversation_id: UUID) -> list[DictRow]:
    cursor = await tx.execute(
        """select id, seq, direction, author, body, subject, language, provider_id, turn_id, created_at, source,
                  state, draft->>'model' as model, error, not_before, segments, carriage_microusd,
                  case when direction = 'outbound' then array(select f->>'url' from jsonb_array_elements(media) f)
                       else '{}' end as files
           from messages where tenant_id = (select current_tenant()) and conversation_id = %s
           order by seq desc limit %s""",
        (conversation_id, MAX_MESSAGES),
    )
    return list(reversed(await cursor.fetchall()))


async def _list_turns(tx: Tx, conversation_id: UUID) -> list[DictRow]:
    cursor = await tx.execute(
        """select t.id, t.state, t.first_seq, t.last_seq, t.trace_id, t.attempts, t.steps, t.decision, t.reason,
                  t.created_at, t.finished_at, spent.calls, spent.cost_microusd
           from turns t cross join lateral (
               select count(*)::int as calls, coalesce(sum(cost_microusd), 0)::bigint as cost_microusd
               from model_calls where turn_id = t.id) spent
           where t.tenant_id = (select current_tenant()) and t.conversation_id = %s
           order by t.created_at desc limit %s""",
        (conversation_id, MAX_TURNS),
    )
    return list(reversed(await cursor.fetchall()))


async def _list_escalations(tx: Tx, conversation_id: UUID) -> list[DictRow]:
    cursor = await tx.execute(
        """select id, turn_id, message_id, reason, state, created_at, proposal from escalations
           where tenant_id = (select current_tenant()) and conversation_id = %s
           order by created_at desc limit %s""",
        (conversation_id, MAX_TURNS),
    )
    return list(reversed(await cursor.fetchall()))
