"""Summaries of long conversations: one a conversation, which only ever moves forward."""

from dataclasses import dataclass

from agent.store.db import Tx, fetch_one
from agent.types import ConversationId, TenantId


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """What was said up to message number `covers_seq`. `text` is empty where nothing is summarised yet."""

    text: str = ""
    covers_seq: int = 0


async def find_summary(tx: Tx, conversation_id: ConversationId) -> Summary:
    """Return a conversation's summary; an empty one where there is none."""
    row = await fetch_one(
        tx, "select text, covers_seq from conversation_summaries where conversation_id = %s", (conversation_id,)
    )
    return Summary(**row) if row else Summary()


async def save_summary(
    tx: Tx,
    tenant_id: TenantId,
    conversation_id: ConversationId,
    summary: Summary,
    *,
    model: str,
    prompt_version: str,
) -> bool:
    """Keep a summary unless one that covers as much is there; say whether it was kept."""
    cursor = await tx.execute(
        """insert into conversation_summaries (conversation_id, tenant_id, covers_seq, text, model, prompt_version)
           values (%s, %s, %s, %s, %s, %s)
           on conflict (conversation_id) do update
               set covers_seq = excluded.covers_seq, text = excluded.text, model = excluded.model,
                   prompt_version = excluded.prompt_version, updated_at = clock_timestamp()
               where conversation_summaries.covers_seq < excluded.covers_seq""",
        (conversation_id, tenant_id, summary.covers_seq, summary.text, model, prompt_version),
    )
    return cursor.rowcount == 1
