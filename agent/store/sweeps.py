"""How far each number of a provider has been asked for messages that no webhook brought."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from agent.store.db import Tx
from agent.types import Channel, Provider, TenantId

MAX_PROBLEM_CHARS = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class SweptAccount:
    """A number: the provider has been asked for what was written to it before `swept_until`."""

    account_id: UUID
    tenant_id: TenantId
    channel: Channel
    address: str
    swept_until: datetime
    problem: str
    """Why it could not be asked the last time; empty: it could."""


async def list_sweeps(tx: Tx, provider: Provider) -> list[SweptAccount]:
    """Return all tenants' numbers at a provider, the one longest not asked for first."""
    cursor = await tx.execute("select * from list_sweeps(%s)", (provider,))
    return [SweptAccount(**row) for row in await cursor.fetchall()]


async def list_known(tx: Tx, account_id: UUID, provider_ids: Sequence[str]) -> set[str]:
    """Return which of a provider's messages we have."""
    cursor = await tx.execute(
        """select provider_id from messages
           where channel_account_id = %s and direction = 'inbound' and provider_id = any(%s)""",
        (account_id, list(provider_ids)),
    )
    return {row["provider_id"] for row in await cursor.fetchall()}


async def note_swept(tx: Tx, account_id: UUID, until: datetime) -> None:
    """Note that all that was written before `until` has been asked for and stored. Never goes back."""
    await tx.execute(
        "update channel_accounts set swept_until = greatest(swept_until, %s), sweep_problem = '' where id = %s",
        (until, account_id),
    )


async def note_problem(tx: Tx, account_id: UUID, problem: str) -> None:
    """Note why the provider could not be asked."""
    await tx.execute(
        "update channel_accounts set sweep_problem = %s where id = %s", (problem[:MAX_PROBLEM_CHARS], account_id)
    )
