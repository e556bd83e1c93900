"""All that is held of a contact, as one document (GDPR art. 15 and 20). Nothing in it is anybody else's secret.

Left out are what only makes the machinery work (leases, claims), secrets that name a thread, and the bytes of files
and of original mails.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from psycopg import sql

from agent.store.db import Tx, fetch_one
from agent.types import ContactId

OF_CONTACT = {
    "contacts": "id",
    "contact_points": "contact_id",
    "contact_merges": "kept_id",
    "suppressions": "contact_id",
    "conversations": "contact_id",
    "outcomes": "contact_id",
    "spending": "subject",
}
OF_CONVERSATION = (
    "conversation_summaries",
    "turns",
    "messages",
    "escalations",
    "reviews",
    "notes",
    "staff_drafts",
    "holding_lines",
    "uploads",
    "replays",
    "rollout_arms",
    "events",
)
OF_MESSAGE = ("media", "mail_originals", "mail_events", "deliveries", "delivery_statuses")
UNTOLD = [
    *("tenant_id", "words", "content", "turn_state", "wake_at", "attempt", "due_at"),
    *("lease_token", "lease_until", "claim_token", "claimed_until"),
]
"""Columns of the machinery, and bytes."""


async def export_contact(tx: Tx, contact_id: ContactId) -> dict[str, Any]:
    """Return everything held of a contact and of those who are part of them, by table, JSON-safe.

    Raises:
        LookupError: this tenant has no such contact.
    """
    row = await fetch_one(
        tx,
        """select array_agg(id) as ids from contacts where tenant_id = (select current_tenant())
             and (id = %(id)s or merged_into = %(id)s)""",
        {"id": contact_id},
    )
    if row is None or contact_id not in (row["ids"] or ()):
        raise LookupError(f"contact {contact_id} does not exist for this tenant")
    held = {table: await _rows(tx, table, column, row["ids"]) for table, column in OF_CONTACT.items()}
    threads = [UUID(each["id"]) for each in held["conversations"]]
    held |= {table: await _rows(tx, table, "conversation_id", threads) for table in OF_CONVERSATION}
    messages = [UUID(each["id"]) for each in held["messages"]]
    return held | {table: await _rows(tx, table, "message_id", messages) for table in OF_MESSAGE}


async def _rows(tx: Tx, table: str, column: str, ids: Sequence[UUID]) -> list[dict[str, Any]]:
    query = sql.SQL(
        """select coalesce(jsonb_agg(to_jsonb(t) - %s::text[] order by t.{column}), '[]') as rows from {table} t
           where t.{column} = any(%s)"""
    ).format(table=sql.Identifier(table), column=sql.Identifier(column))
    row = await fetch_one(tx, query, (UNTOLD, list(ids)))
    rows: list[dict[str, Any]] = row["rows"] if row else []
    return rows
