"""`nightshift classify --batch TENANT`: label a file through batches, at half price, within a day.

The messages are rows before anything is asked, so the command may be interrupted: any worker goes on with them, and
the same command on the same file finds them again, pays nothing twice and writes what is there.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from agent.batch import BadRow, Row, classification_fields, read_messages
from agent.errors import Misconfigured
from agent.metrics import Metrics
from agent.models.answers import IntentAnswer
from agent.models.batches import shared_params
from agent.models.claude import ClaudeModels
from agent.settings import Settings
from agent.store import batches
from agent.store.batches import BatchItem, BatchProgress, BatchWork
from agent.tracing.projects import build_tracer
from agent.types import Classification, TenantId
from jobs.agent_wiring import find_batches, load_claude
from jobs.batch import require_own_file, run_annotation
from jobs.batches import POLL_S, Batches
from jobs.wiring import open_store, require_tenant

AT_ONCE = 2_000
"""Messages of one batch: with their prompts some tens of megabytes, which the provider takes in one request."""
LOOK_S = 2.0
"""How often the command looks how far its batches are; whether a step is due is theirs to know."""

Message = tuple[str, str | None, str]
"""Text, context and channel: the same message is asked once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Backfill:
    """A file's messages on their way through batches of one tenant."""

    work: Batches
    models: ClaudeModels
    tenant_id: TenantId

    async def put(self, messages: Sequence[Message]) -> UUID:
        """Put messages down as a batch, unless they are already."""
        requests = [
            self.models.classify_request(text, context=context, channel=channel, tenant_id=self.tenant_id)  # type: ignore[arg-type]  # checked when read
            for text, context, channel in messages
        ]
        model = self.models.gateway.models["fast"]
        version = requests[0].prompt_version
        prompts = [request.user for request in requests]
        async with self.work.deps.db.tenant(self.tenant_id) as tx:
            return await batches.insert_batch(
                tx,
                self.tenant_id,
                BatchWork(task="classify", tier="fast", model=model, prompt_version=version),
                key=sha256(json.dumps([model, version, prompts]).encode()).hexdigest(),
                params=shared_params(requests[0], model),
                items=[BatchItem(place=place, prompt=prompt) for place, prompt in enumerate(prompts)],
            )

    async def advance(self, batch_id: UUID) -> BatchProgress:
        """Take the batch's next step if it is due; return how far it is."""
        await self.work.advance(self.tenant_id, batch_id)
        async with self.work.deps.db.tenant(self.tenant_id) as tx:
            return await batches.get_progress(tx, batch_id)

    async def read(self, batch_id: UUID, messages: Sequence[Message]) -> dict[Message, Classification | str]:
        """Return the labels of each message, or why there are none."""
        async with self.work.deps.db.tenant(self.tenant_id) as tx:
            found = await batches.list_answers(tx, batch_id)
        model = self.models.gateway.models["fast"]
        version = self.models.classify_request("").prompt_version
        return {
            messages[place]: error
            if answer is None
            else self.models.read_labels(IntentAnswer.model_validate(answer), model=model, prompt_version=version)
            for place, answer, error in found
        }


async def run_classify_batch(
    settings: Settings, slug: str, source: Path, target: Path, console: Console, *, poll_s: float = POLL_S
) -> int:
    """Label each row of a file; return the exit code.

    Raises:
        NightshiftError: there is no such tenant.
        Misconfigured: no provider with batches, or the files cannot be used.
    """
    require_own_file(target, source)
    messages = list(dict.fromkeys(_message(row) for row in read_messages(source)))
    async with _open(settings, slug, poll_s) as backfill:
        parts = [messages[start : start + AT_ONCE] for start in range(0, len(messages), AT_ONCE)]
        ids = [await backfill.put(part) for part in parts]
        await _wait(backfill, ids, len(messages), console)
        labels: dict[Message, Classification | str] = {}
        for batch_id, part in zip(ids, parts, strict=True):
            labels |= await backfill.read(batch_id, part)

    def classify(row: Row) -> Classification:
        found = labels.get(_message(row), "it was not asked")
        if isinstance(found, str):
            raise BadRow(f"no answer: {found}")
        return found

    return await run_annotation(source, target, classification_fields(classify), console)


@asynccontextmanager
async def _open(settings: Settings, slug: str, poll_s: float) -> AsyncIterator[Backfill]:
    """Open what a backfill needs."""
    async with open_store(settings, connections=4) as (deps, _):
        tenant_id = await require_tenant(deps.db, slug)
        models, tracer = load_claude(settings), build_tracer(settings)
        try:
            api = find_batches(models.gateway)
            if api is None:
                raise Misconfigured(
                    "None of the model providers has batches.",
                    "Name `anthropic`, or an API like it, in NIGHTSHIFT_MODEL_PROVIDERS, or leave --batch out.",
                )
            work = Batches(deps=deps, api=api, tracer=tracer, metrics=Metrics(), poll_s=poll_s)
            yield Backfill(work=work, models=models, tenant_id=tenant_id)
        finally:
            await models.aclose()
            await asyncio.to_thread(tracer.shutdown)


async def _wait(backfill: Backfill, ids: Sequence[UUID], total: int, console: Console) -> None:
    """Take steps until every batch has ended."""
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("handing over", total=total)
        while True:
            far = [await backfill.advance(batch_id) for batch_id in ids]
            ended = sum(each.succeeded + each.failed for each in far)
            notes = {each.error or each.state for each in far if each.state not in {"done", "failed"}}
            progress.update(task, completed=ended, description="; ".join(sorted(notes))[:200])
            if not notes:
                return
            await asyncio.sleep(min(LOOK_S, backfill.work.poll_s))


def _message(row: Row) -> Message:
    return row["text"], row.get("context"), row.get("channel") or "whatsapp"
