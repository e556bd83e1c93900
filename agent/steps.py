"""Runs the steps of a turn: each is traced, and its result saved on the turn row, so that a retry resumes
instead of paying again. Model calls are accounted for with the step, also when it fails."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import TypeAdapter

from agent.check import dump_verdicts
from agent.errors import Fenced, NightshiftError
from agent.ports import AgentDeps, Classified, Drafted, Judged, Observation
from agent.store.conversations import Lease
from agent.store.model_calls import insert_model_calls
from agent.store.turns import save_step
from agent.types import Classification, Draft, ModelCall, Turn, Usage, Verdict

R = TypeVar("R", Classified, Drafted, Judged)


_ADAPTERS: dict[type[Any], TypeAdapter[Any]] = {
    kind: TypeAdapter(kind) for kind in (Classified, Drafted, Judged, Classification, Draft)
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Steps:
    """The steps of one turn. `saved` holds what an earlier attempt finished."""

    turn: Turn
    lease: Lease
    saved: dict[str, Any]
    deps: AgentDeps

    async def model(self, name: str, result_type: type[R], work: Callable[[], Awaitable[R]]) -> R:
        """Run a step that calls a model, or return what an earlier attempt already paid for.

        Raises:
            ModelUnavailable, ModelRefused: as `work` does; what it cost is recorded first.
            Fenced: another worker has taken over.
        """
        with self.deps.tracer.step(name, "generation", input=self.turn.text) as observation:
            if name in self.saved:
                observation.update(metadata={"resumed": True})
                return _ADAPTERS[result_type].validate_python(self.saved[name])  # type: ignore[no-any-return]
            try:
                result = await work()
            except NightshiftError as exc:
                await self._account(exc.calls)
                raise
            _describe(observation, result)
            await self._save(name, result, result.calls)
            return result

    async def keep(self, name: str, verdicts: Sequence[Verdict]) -> None:
        """Keep the verdicts on a draft that was not taken.

        Raises:
            Fenced: another worker has taken over.
        """
        async with self.deps.db.tenant(self.lease.tenant_id) as tx:
            if not await save_step(tx, self.lease, self.turn.id, name, dump_verdicts(verdicts)):
                raise Fenced(f"turn {self.turn.id} was taken over before `{name}` was kept")

    async def _save(self, name: str, result: Classified | Drafted | Judged, calls: tuple[ModelCall, ...]) -> None:
        dumped = _ADAPTERS[type(result)].dump_python(result, mode="json")
        async with self.deps.db.tenant(self.lease.tenant_id) as tx:
            await insert_model_calls(tx, self.lease.tenant_id, self.turn.id, calls)
            if not await save_step(tx, self.lease, self.turn.id, name, dumped):
                raise Fenced(f"turn {self.turn.id} was taken over while `{name}` ran")

    async def _account(self, calls: tuple[ModelCall, ...]) -> None:
        async with self.deps.db.tenant(self.lease.tenant_id) as tx:
            await insert_model_calls(tx, self.lease.tenant_id, self.turn.id, calls)


def _describe(observation: Observation, result: Classified | Drafted | Judged) -> None:
    """Report what a model said, and what it cost."""
    usage, cost = _total(result.calls), sum(call.cost_microusd for call in result.calls)
    if isinstance(result, Judged):
        said = [f"{each.finding}: {each.claim} ({each.source})" for each in result.judgements]
        model = result.calls[0].model if result.calls else "remembered"
        observation.update(output=said, model=model, usage=usage, cost_microusd=cost)
        return
    subject = result.classification if isinstance(result, Classified) else result.draft
    observation.update(
        output=_ADAPTERS[type(subject)].dump_python(subject, mode="json"),
        model=subject.model or subject.source,
        usage=usage,
        cost_microusd=cost,
        metadata={"source": subject.source, "prompt_version": subject.prompt_version},
    )


def _total(calls: tuple[ModelCall, ...]) -> Usage:
    return Usage(
        input_tokens=sum(call.usage.input_tokens for call in calls),
        output_tokens=sum(call.usage.output_tokens for call in calls),
        cache_read_tokens=sum(call.usage.cache_read_tokens for call in calls),
        cache_write_tokens=sum(call.usage.cache_write_tokens for call in calls),
    )
