"""Templates as last asked for at the provider, and what messages and escalations keep of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb
from pydantic import TypeAdapter

from agent.store.db import Tx, fetch_one
from agent.templates.types import FilledTemplate, Proposal, Template
from agent.types import WRITTEN, Candidate, ContactId, ConversationId, Draft, MessageId, Source, TenantId, TurnId

_DRAFT = TypeAdapter(Draft)
_FILLED = TypeAdapter(FilledTemplate)
_PROPOSAL = TypeAdapter(Proposal)


def dump_filled(template: FilledTemplate | None) -> Jsonb | None:
    """Return a filled template as a message keeps it."""
    return Jsonb(_FILLED.dump_python(template, mode="json")) if template else None


def read_filled(stored: Mapping[str, Any] | None) -> FilledTemplate | None:
    """Return the filled template a message keeps."""
    return _FILLED.validate_python(stored) if stored else None


def dump_proposal(proposal: Proposal | None) -> Jsonb | None:
    """Return a proposal as an escalation keeps it."""
    return Jsonb(_PROPOSAL.dump_python(proposal, mode="json")) if proposal else None


def read_proposal(stored: Mapping[str, Any] | None) -> Proposal | None:
    """Return the proposal an escalation keeps."""
    return _PROPOSAL.validate_python(stored) if stored else None


async def list_templates(tx: Tx) -> tuple[Template, ...]:
    """Return the tenant's templates, by name and language."""
    cursor = await tx.execute(
        """select sid, name, language, category, types, variables, approval, approved_type, rejection_reason, synced_at
           from templates where tenant_id = (select current_tenant()) order by name, language, sid"""
    )
    return tuple(Template(**row) for row in await cursor.fetchall())


async def replace_templates(tx: Tx, tenant_id: TenantId, templates: Sequence[Template], at: datetime) -> None:
    """Make the tenant's templates those that the provider has just named."""
    await tx.execute(
        "delete from templates where tenant_id = %s and not (sid = any(%s))",
        (tenant_id, [each.sid for each in templates]),
    )
    for each in templates:
        await tx.execute(
            """insert into templates (tenant_id, sid, name, language, category, types, variables, approval,
                                      approved_type, rejection_reason, synced_at)
               values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
               on conflict (tenant_id, sid) do update set name = excluded.name, language = excluded.language,
                   category = excluded.category, types = excluded.types, variables = excluded.variables,
                   approval = excluded.approval, approved_type = excluded.approved_type,
                   rejection_reason = excluded.rejection_reason, synced_at = excluded.synced_at""",
            (
                tenant_id,
                each.sid,
                each.name,
                each.language,
                each.category,
                Jsonb(dict(each.types)),
                Jsonb(dict(each.variables)),
                each.approval,
                each.approved_type,
                each.rejection_reason,
                at,
            ),
        )


async def doubt_template(tx: Tx, message_id: MessageId) -> None:
    """Send the template of a message no more until the provider is asked what has become of it."""
    await tx.execute(
        """update templates t set approval = 'unknown' from messages m
           where m.id = %s and t.tenant_id = m.tenant_id and t.sid = m.template->>'sid'""",
        (message_id,),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class LateMessage:
    """An outbound message whose reply window has closed, whatever has become of it."""

    candidate: Candidate
    draft: Draft | None
    turn_id: TurnId | None
    source: Source

    @property
    def is_written(self) -> bool:
        """Whether it was written for the occasion, as free text: not a notice of ours, and not a template."""
        is_notice = self.source == "rule" and self.candidate.author != "staff"
        return self.candidate.purpose in WRITTEN and self.candidate.template is None and not is_notice


async def find_late_message(tx: Tx, message_id: MessageId) -> LateMessage | None:
    """Return an outbound message of the tenant as it was written."""
    row = await fetch_one(
        tx,
        """select m.body, m.language, m.purpose, m.author, m.source, m.draft, m.turn_id, m.template, a.channel
           from messages m join channel_accounts a on a.id = m.channel_account_id
           where m.id = %s and m.direction = 'outbound'""",
        (message_id,),
    )
    if row is None:
        return None
    candidate = Candidate(
        text=row["body"],
        language=row["language"],
        channel=row["channel"],
        purpose=row["purpose"],
        author=row["author"],
        template=read_filled(row["template"]),
    )
    draft = _DRAFT.validate_python(row["draft"]) if row["draft"] else None
    return LateMessage(candidate=candidate, draft=draft, turn_id=row["turn_id"], source=row["source"])


async def has_unanswered_template(tx: Tx, conversation_id: ConversationId) -> bool:
    """Whether a template has left, or is about to, since the contact wrote last."""
    row = await fetch_one(
        tx,
        """select exists (
               select from messages m where m.conversation_id = %(id)s and m.direction = 'outbound'
                 and m.template is not null and m.state not in ('superseded', 'failed')
                 and m.seq > coalesce((select max(seq) from messages
                                       where conversation_id = %(id)s and direction = 'inbound'), 0)) as sent""",
        {"id": conversation_id},
    )
    return bool(row and row["sent"])


async def list_other_conversations(
    tx: Tx, contact_id: ContactId, conversation_id: ConversationId
) -> list[dict[str, Any]]:
    """Return the contact's conversations at other addresses that can be reached: id, channel, last word, its proof."""
    cursor = await tx.execute(
        """select c.id as conversation_id, a.channel, c.last_inbound_at, coalesce(last.trust, 'unknown') as trust
           from conversations c
           join channel_accounts a on a.id = c.channel_account_id
           join contact_points p on p.id = c.contact_point_id and p.unusable_at is null
           left join lateral (
               select trust from messages where conversation_id = c.id and direction = 'inbound' and not automatic
               order by seq desc limit 1) last on true
           where c.contact_id = %s and c.id <> %s
           order by c.last_inbound_at desc nulls last""",
        (contact_id, conversation_id),
    )
    return await cursor.fetchall()
