"""Batches of model requests that can wait, each request with its answer. The migration describes their states.

Whoever takes a step of a batch holds its claim; every write names the token, so one that has lost it writes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from agent.ids import new_id
from agent.store.db import Tx, fetch_one
from agent.types import ModelTier, Task, TenantId

DUE_LIMIT = 100
BatchState = Literal["pending", "submitting", "submitted", "done", "failed"]


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchWork:
    """What is asked for, of which model, by which prompt: the same for all requests of a batch."""

    task: Task
    tier: ModelTier
    model: str
    prompt_version: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """A batch under a claim."""

    id: UUID
    tenant_id: TenantId
    token: UUID
    work: BatchWork
    params: Mapping[str, Any]
    state: BatchState
    round: int
    provider_batch_id: str | None
    submitting_since: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchItem:
    """A request: its place in the batch, and what differs from the others."""

    place: int
    prompt: str
    user_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchProgress:
    """How far a batch is. `error` says why it failed or waits."""

    state: BatchState
    succeeded: int
    failed: int
    open: int
    error: str


async def insert_batch(
    tx: Tx, tenant_id: TenantId, work: BatchWork, *, key: str, params: Mapping[str, Any], items: Sequence[BatchItem]
) -> UUID:
    """Put requests down to be asked; return the batch, which is the old one if this work (`key`) was begun before.

    `params` is what they share.
    """
    row = await fetch_one(
        tx,
        """insert into model_batches (id, tenant_id, key, task, tier, model, prompt_version, params)
           values (%s, %s, %s, %s, %s, %s, %s, %s) on conflict (tenant_id, key) do nothing returning id""",
        (new_id(), tenant_id, key, work.task, work.tier, work.model, work.prompt_version, Jsonb(dict(params))),
    )
    if row is None:
        row = await fetch_one(tx, "select id from model_batches where tenant_id = %s and key = %s", (tenant_id, key))
        if row is None:
            raise LookupError(f"batch {key} does not exist for this tenant")
        existing: UUID = row["id"]
        return existing
    batch_id: UUID = row["id"]
    async with tx.cursor() as cursor:
        await cursor.executemany(
            "insert into model_batch_items (batch_id, place, tenant_id, prompt, user_id) values (%s, %s, %s, %s, %s)",
            [(batch_id, item.place, tenant_id, item.prompt, item.user_id) for item in items],
        )
    return batch_id


async def list_due_batches(tx: Tx) -> list[tuple[TenantId, UUID]]:
    """Return the batches of all tenants whose next step is due."""
    cursor = await tx.execute("select * from due_batches(%s)", (DUE_LIMIT,))
    return [(row["due_tenant_id"], row["due_id"]) for row in await cursor.fetchall()]


async def claim_batch(tx: Tx, batch_id: UUID, token: UUID, claim_s: float) -> Batch | None:
    """Claim a batch whose next step is due; None: it is not, or somebody is at it."""
    row = await fetch_one(
        tx,
        """update model_batches set claim_token = %s, claimed_until = clock_timestamp() + %s * interval '1 s'
           where id = %s and state in ('pending', 'submitting', 'submitted') and due_at <= clock_timestamp()
             and (claimed_until is null or claimed_until <= clock_timestamp())
           returning *""",
        (token, claim_s, batch_id),
    )
    return None if row is None else _batch(row)


async def extend_batch_claim(tx: Tx, batch: Batch, claim_s: float) -> bool:
    """Hold the claim for longer, and its row until `tx` ends; False: it was lost, so write nothing."""
    cursor = await tx.execute(
        """update model_batches set claimed_until = clock_timestamp() + %s * interval '1 s'
           where id = %s and claim_token = %s""",
        (claim_s, batch.id, batch.token),
    )
    return cursor.rowcount == 1


async def begin_round(tx: Tx, batch: Batch) -> int | None:
    """Note that the pending requests are about to be handed over; return the number of this round, None: claim lost.

    After this commit they may be with the provider, whatever happens to us.
    """
    row = await fetch_one(
        tx,
        """update model_batches set state = 'submitting', round = round + 1, submitting_since = clock_timestamp(),
               provider_batch_id = null, error = ''
           where id = %s and claim_token = %s and state = 'pending' returning round""",
        (batch.id, batch.token),
    )
    if row is None:
        return None
    await tx.execute(
        "update model_batch_items set state = 'submitted', round = %s where batch_id = %s and state = 'pending'",
        (row["round"], batch.id),
    )
    return int(row["round"])


async def list_round(tx: Tx, batch_id: UUID, round_number: int) -> list[BatchItem]:
    """Return the requests that are handed over in a round and not answered yet."""
    cursor = await tx.execute(
        """select place, prompt, user_id from model_batch_items
           where batch_id = %s and round = %s and state = 'submitted' order by place""",
        (batch_id, round_number),
    )
    return [BatchItem(**row) for row in await cursor.fetchall()]


async def list_provider_batches(tx: Tx, tenant_id: TenantId) -> list[str]:
    """Return the provider's ids of the tenant's batches, as far as we know them."""
    cursor = await tx.execute(
        "select provider_batch_id from model_batches where tenant_id = %s and provider_batch_id is not null",
        (tenant_id,),
    )
    return [row["provider_batch_id"] for row in await cursor.fetchall()]


async def mark_submitted(tx: Tx, batch: Batch, provider_batch_id: str, *, poll_in_s: float) -> bool:
    """Note that the provider has the batch, and give the claim back; False: it was lost."""
    cursor = await tx.execute(
        """update model_batches set state = 'submitted', provider_batch_id = %s, submitting_since = null,
               claim_token = null, claimed_until = null, due_at = clock_timestamp() + %s * interval '1 s'
           where id = %s and claim_token = %s and state = 'submitting'""",
        (provider_batch_id, poll_in_s, batch.id, batch.token),
    )
    return cursor.rowcount == 1


async def postpone_batch(tx: Tx, batch_id: UUID, token: UUID, *, delay_s: float, reason: str = "") -> None:
    """Give the claim back that has this token; the next step is due in `delay_s` seconds."""
    await tx.execute(
        """update model_batches set claim_token = null, claimed_until = null, error = %s,
               due_at = clock_timestamp() + %s * interval '1 s' where id = %s and claim_token = %s""",
        (reason, delay_s, batch_id, token),
    )


async def fail_batch(tx: Tx, batch: Batch, error: str) -> None:
    """End a batch that cannot be handed over; its open requests fail with it."""
    cursor = await tx.execute(
        """update model_batches set state = 'failed', error = %s, ended_at = clock_timestamp(), submitting_since = null,
               claim_token = null, claimed_until = null where id = %s and claim_token = %s""",
        (error, batch.id, batch.token),
    )
    if cursor.rowcount:
        await tx.execute(
            """update model_batch_items set state = 'failed', error = %s
               where batch_id = %s and state in ('pending', 'submitted')""",
            (error, batch.id),
        )


async def settle_item(
    tx: Tx, batch: Batch, place: int, *, answer: Mapping[str, Any] | None, error: str, again: bool
) -> bool:
    """Keep how a request of this round ended; `again`: it is pending once more. False: it was known already."""
    state = "succeeded" if answer is not None else "pending" if again else "failed"
    cursor = await tx.execute(
        """update model_batch_items set state = %s, answer = %s, error = %s
           where batch_id = %s and place = %s and round = %s and state = 'submitted'""",
        (state, None if answer is None else Jsonb(dict(answer)), error, batch.id, place, batch.round),
    )
    return cursor.rowcount == 1


async def end_round(tx: Tx, batch: Batch, *, again: bool) -> BatchState | None:
    """Note that all results of a round are in; return `done`, or `pending` if requests are to be asked again.

    What has no result is asked again if `again`, or else fails. None: the claim was lost.
    """
    await tx.execute(
        """update model_batch_items set state = %s, error = 'no result' where batch_id = %s and state = 'submitted'""",
        ("pending" if again else "failed", batch.id),
    )
    row = await fetch_one(
        tx,
        """update model_batches b set claim_token = null, claimed_until = null, due_at = clock_timestamp(),
               state = case when more.exist then 'pending' else 'done' end,
               ended_at = case when more.exist then null else clock_timestamp() end
           from (select exists (select from model_batch_items where batch_id = %s and state = 'pending') as exist) more
           where b.id = %s and claim_token = %s and b.state = 'submitted' returning b.state""",
        (batch.id, batch.id, batch.token),
    )
    return None if row is None else row["state"]


async def get_progress(tx: Tx, batch_id: UUID) -> BatchProgress:
    """Return how far a batch is.

    Raises:
        LookupError: this tenant has no such batch.
    """
    row = await fetch_one(
        tx,
        """select b.state, b.error, count(*) filter (where i.state = 'succeeded')::int as succeeded,
                  count(*) filter (where i.state = 'failed')::int as failed,
                  count(*) filter (where i.state in ('pending', 'submitted'))::int as open
           from model_batches b join model_batch_items i on i.batch_id = b.id
           where b.id = %s group by b.id""",
        (batch_id,),
    )
    if row is None:
        raise LookupError(f"batch {batch_id} does not exist for this tenant")
    return BatchProgress(**row)


async def list_answers(tx: Tx, batch_id: UUID) -> list[tuple[int, dict[str, Any] | None, str]]:
    """Return the place of each request that has ended, its answer, or why there is none."""
    cursor = await tx.execute(
        """select place, answer, error from model_batch_items
           where batch_id = %s and state in ('succeeded', 'failed') order by place""",
        (batch_id,),
    )
    return [(row["place"], row["answer"], row["error"]) for row in await cursor.fetchall()]


def _batch(row: DictRow) -> Batch:
    return Batch(
        id=row["id"],
        tenant_id=row["tenant_id"],
        token=row["claim_token"],
        work=BatchWork(task=row["task"], tier=row["tier"], model=row["model"], prompt_version=row["prompt_version"]),
        params=row["params"],
        state=row["state"],
        round=row["round"],
        provider_batch_id=row["provider_batch_id"],
        submitting_since=row["submitting_since"],
    )
