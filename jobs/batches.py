"""The `batch` job: take the next step of a batch of model requests that can wait (half price, within a day).

The row is the truth, so a batch survives any process. Before its requests are handed over the row says so; if we die
before we learn the provider's id, the batch is looked for there first, and handed over again only when it surely is
not there: nothing is paid twice. Each result is kept and accounted for in one transaction, once, however often they
are read.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID, uuid4

import structlog

from agent.metrics import Metrics
from agent.models.batches import BatchAnswer, BatchApi, BatchRequest, StillUnknown, request_params
from agent.models.failures import CallFailed
from agent.ports import Deps, Tracer
from agent.spending.accounting import Occasion, read_spent, record_calls, report_calls
from agent.spending.budgets import Limit, limit_reached
from agent.store import batches
from agent.store.batches import Batch
from agent.store.db import Tx
from agent.types import BudgetScope, Tenant, TenantId

CLAIM_S = 300.0
"""How long a step may take; a provider has surely taken or refused a batch by then."""
POLL_S = 30.0
UNSURE_S = 300.0
"""When a batch of which nobody knows whether the provider has it is looked for again."""
RETRY_S = 60.0
SHORT_OF_MONEY_S = 600.0
CLOCKS_DIFFER_S = 300.0
MAX_ROUNDS = 3
"""How often a request is handed over; those that then have no answer fail."""
CHUNK = 100
"""Results that are kept in one transaction."""
OF_TENANT: tuple[BudgetScope, ...] = ("tenant_day", "tenant_month")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Batches:
    """Takes the steps of batches. Any number may, in any number of processes: each step is one's."""

    deps: Deps
    api: BatchApi
    tracer: Tracer
    metrics: Metrics
    poll_s: float = POLL_S
    """Seconds between looks at a batch that the provider has."""

    async def advance(self, tenant_id: TenantId, batch_id: UUID) -> None:
        """Take the next step of a batch, if it is due and nobody is at it."""
        token = uuid4()
        try:
            async with self.deps.db.tenant(tenant_id) as tx:
                batch = await batches.claim_batch(tx, batch_id, token, CLAIM_S)
            if batch is not None:
                await self._step(batch)
        except asyncio.CancelledError:
            # Others may go on, but not before what is on its way to the provider has surely come there.
            await asyncio.shield(self._give_back(tenant_id, batch_id, token, RETRY_S, "interrupted"))
            raise

    async def _step(self, batch: Batch) -> None:
        try:
            match batch.state:
                case "pending":
                    await self._begin(batch)
                case "submitting":
                    await self._find(batch)
                case _:
                    await self._collect(batch)
        except StillUnknown:
            await self._postpone(batch, UNSURE_S, "looking for it at the provider")
        except CallFailed as exc:
            log.warning("batch.provider_failed", batch=str(batch.id), error=exc.error, kind=exc.kind)
            await self._postpone(batch, max(exc.retry_after_s or 0, RETRY_S), str(exc))

    async def _begin(self, batch: Batch) -> None:
        """Hand the pending requests over, unless the tenant's money is short: what can wait gives way to prospects."""
        async with self.deps.db.tenant(batch.tenant_id) as tx:
            limit = await self._limit(tx, batch)
            if limit.level != "none":
                reason = f"waits: {limit}"
                await batches.postpone_batch(tx, batch.id, batch.token, delay_s=SHORT_OF_MONEY_S, reason=reason)
                return
            number = await batches.begin_round(tx, batch)
        if number is not None:
            await self._hand_over(replace(batch, state="submitting", round=number))

    async def _find(self, batch: Batch) -> None:
        """Take up a batch that was being handed over when somebody died or no answer came."""
        async with self.deps.db.tenant(batch.tenant_id) as tx:
            items = await batches.list_round(tx, batch.id, batch.round)
            known = await batches.list_provider_batches(tx, batch.tenant_id)
        since = (batch.submitting_since or self.deps.now()) - timedelta(seconds=CLOCKS_DIFFER_S)
        found = await self.api.find(_prefix(batch), count=len(items), since=since, known=known)
        if found is None:
            await self._hand_over(batch)
        else:
            await self._submitted(batch, found)

    async def _hand_over(self, batch: Batch) -> None:
        async with self.deps.db.tenant(batch.tenant_id) as tx:
            items = await batches.list_round(tx, batch.id, batch.round)
        requests = [
            BatchRequest(
                custom_id=f"{_prefix(batch)}{item.place}",
                params=request_params(batch.params, item.prompt, item.user_id),
            )
            for item in items
        ]
        try:
            provider_batch_id = await self.api.create(requests)
        except CallFailed as exc:
            if exc.kind != "defect":
                raise
            log.warning("batch.refused", batch=str(batch.id), error=exc.error)
            async with self.deps.db.tenant(batch.tenant_id) as tx:
                await batches.fail_batch(tx, batch, str(exc))
        else:
            await self._submitted(batch, provider_batch_id)

    async def _submitted(self, batch: Batch, provider_batch_id: str) -> None:
        async with self.deps.db.tenant(batch.tenant_id) as tx:
            await batches.mark_submitted(tx, batch, provider_batch_id, poll_in_s=self.poll_s)
        log.info("batch.submitted", batch=str(batch.id), provider_batch=provider_batch_id, round=batch.round)

    async def _collect(self, batch: Batch) -> None:
        """Keep the results, if they are there."""
        if batch.provider_batch_id is None or not await self.api.has_ended(batch.provider_batch_id):
            await self._postpone(batch, self.poll_s)
            return
        tenant = await self._tenant(batch)
        with self.tracer.turn(
            trace_id=self.tracer.trace_id(str(batch.token)),
            session_id=str(batch.id),
            user_id=tenant.slug,
            tags=[tenant.slug, "batch"],
            metadata={"tenant": tenant.slug, "batch": str(batch.id), "round": str(batch.round)},
            input=None,
            name=f"{batch.work.task} batch",
        ):
            async for chunk in _chunks(self.api.results(batch.provider_batch_id, batch.work)):
                if not await self._keep(batch, tenant, chunk):
                    return  # somebody else goes on with it
        async with self.deps.db.tenant(batch.tenant_id) as tx:
            if await batches.extend_batch_claim(tx, batch, CLAIM_S):
                state = await batches.end_round(tx, batch, again=batch.round < MAX_ROUNDS)
                log.info("batch.collected", batch=str(batch.id), round=batch.round, state=state)

    async def _keep(self, batch: Batch, tenant: Tenant, answers: list[BatchAnswer]) -> bool:
        """Keep results and account for those that are new; False: the claim was lost."""
        async with self.deps.db.tenant(batch.tenant_id) as tx:
            if not await batches.extend_batch_claim(tx, batch, CLAIM_S):
                return False
            new = [answer.call for answer in answers if await self._settle(tx, batch, answer)]
            await record_calls(tx, Occasion(tenant=tenant), new, self.deps.now())
        report_calls(new, self)
        return True

    async def _settle(self, tx: Tx, batch: Batch, answer: BatchAnswer) -> bool:
        prefix, place = answer.custom_id[: len(_prefix(batch))], answer.custom_id[len(_prefix(batch)) :]
        if prefix != _prefix(batch) or not place.isdecimal():
            return False  # not one of ours
        again = answer.again and batch.round < MAX_ROUNDS
        return await batches.settle_item(tx, batch, int(place), answer=answer.answer, error=answer.problem, again=again)

    async def _postpone(self, batch: Batch, delay_s: float, reason: str = "") -> None:
        await self._give_back(batch.tenant_id, batch.id, batch.token, delay_s, reason)

    async def _give_back(self, tenant_id: TenantId, batch_id: UUID, token: UUID, delay_s: float, reason: str) -> None:
        """Give a claim back, if it is held."""
        async with self.deps.db.tenant(tenant_id) as tx:
            await batches.postpone_batch(tx, batch_id, token, delay_s=delay_s, reason=reason)

    async def _tenant(self, batch: Batch) -> Tenant:
        async with self.deps.db.tenant(batch.tenant_id) as tx:
            return await self.deps.tenants.get(tx, batch.tenant_id)

    async def _limit(self, tx: Tx, batch: Batch) -> Limit:
        tenant = await self.deps.tenants.get(tx, batch.tenant_id)
        budgets = {scope: budget for scope, budget in tenant.policy.budgets.items() if scope in OF_TENANT}
        return limit_reached(budgets, await read_spent(tx, Occasion(tenant=tenant), self.deps.now()))


def _prefix(batch: Batch) -> str:
    """What the ids of a round's requests begin with: it tells our batch from any other at the provider."""
    return f"{batch.id.hex}-{batch.round}-"


async def _chunks(answers: AsyncIterator[BatchAnswer]) -> AsyncIterator[list[BatchAnswer]]:
    chunk: list[BatchAnswer] = []
    async for answer in answers:
        chunk.append(answer)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
