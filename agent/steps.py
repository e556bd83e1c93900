"""Runs the steps of a turn: each is traced, and its result saved on the turn row, so that a retry resumes
instead of paying again. Every model call is accounted for with its step, also when it fails or is given up; none
begins once a hard limit of a budget is reached. Where both are written is the turn's `Record`; a replay has its own."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar

from pydantic import TypeAdapter

from agent.check import dump_verdicts
from agent.errors import BudgetReached, Fenced, NightshiftError, calls_of
from agent.ports import AgentDeps, Classified, Drafted, Judged, Observation
from agent.spending.accounting import account_for, occasion_of, record_calls, report_calls
from agent.spending.budgets import Limit, limit_of
from agent.store.conversations import Lease
from agent.store.turns import save_step
from agent.types import BudgetScope, Classification, Draft, ModelCall, Turn, Verdict

R = TypeVar("R", Classified, Drafted, Judged)


_ADAPTERS: dict[type[Any], TypeAdapter[Any]] = {
    kind: TypeAdapter(kind) for kind in (Classified, Drafted, Judged, Classification, Draft)
}


class Record(Protocol):
    """Where steps are written down. Each call returns what has been spent by now; empty if it cost nothing."""

    async def keep(self, name: str, result: Any, calls: Sequence[ModelCall] = ()) -> dict[BudgetScope, int]:
        """Keep a step's result, JSON-safe, and what it cost.

        Raises:
            Fenced: another worker has taken over; the cost is recorded all the same.
        """
        ...

    async def pay(self, calls: Sequence[ModelCall]) -> dict[BudgetScope, int]:
        """Report and record the calls of a step that came to nothing."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class TurnRecord:
    """The turn's own row, while the lease holds."""

    turn: Turn
    lease: Lease
    deps: AgentDeps

    async def keep(self, name: str, result: Any, calls: Sequence[ModelCall] = ()) -> dict[BudgetScope, int]:
        """Keep a step on the turn's row, and its calls as the turn's."""
        async with self.deps.db.tenant(self.lease.tenant_id) as tx:
            spent = await record_calls(tx, occasion_of(self.turn), calls, self.deps.now())
            is_ours = await save_step(tx, self.lease, self.turn.id, name, result)
        if not is_ours:  # after the commit: the calls were made, whoever goes on with the turn
            raise Fenced(f"turn {self.turn.id} was taken over while `{name}` ran")
        return spent

    async def pay(self, calls: Sequence[ModelCall]) -> dict[BudgetScope, int]:
        """Record calls as the turn's."""
        return await account_for(self.turn, calls, self.deps)


@dataclass(frozen=True, kw_only=True, slots=True)
class Steps:
    """The steps of one turn. `saved` holds what an earlier attempt finished."""

    turn: Turn
    lease: Lease
    saved: dict[str, Any]
    deps: AgentDeps
    record: Record | None = None
    """Where they are written down; None: on the turn's row."""
    spent_microusd: dict[BudgetScope, int] = field(default_factory=dict)
    """What had been spent when the last step of this turn ended."""

    @property
    def _record(self) -> Record:
        return self.record or TurnRecord(turn=self.turn, lease=self.lease, deps=self.deps)

    @property
    def limit(self) -> Limit:
        """The limit of a budget that the turn has reached by now."""
        return limit_of(replace(self.turn, spent_microusd={**self.turn.spent_microusd, **self.spent_microusd}))

    async def model(self, name: str, result_type: type[R], work: Callable[[], Awaitable[R]]) -> R:
        """Run a step that calls a model, or return what an earlier attempt already paid for.

        Raises:
            ModelUnavailable, ModelRefused: as `work` does; what it cost is recorded first.
            BudgetReached: the turn may not ask a model any more; nothing was asked.
            Fenced: another worker has taken over.
        """
        with self.deps.tracer.step(name, "chain", input=self.turn.text) as observation:
            if name in self.saved:
                observation.update(metadata={"resumed": True})
                return _ADAPTERS[result_type].validate_python(self.saved[name])  # type: ignore[no-any-return]
            if self.limit.level == "hard":
                raise BudgetReached(f"`{name}` was not asked of a model: {self.limit}.")
            try:
                result = await work()
            except (NightshiftError, asyncio.CancelledError) as exc:
                # A cancelled turn goes on elsewhere; what it has cost already is paid all the same.
                self.spent_microusd.update(await asyncio.shield(self._record.pay(calls_of(exc))))
                raise
            _describe(observation, result)
            self.deps.reach(f"turn.{name}.answered")
            await self._save(name, result)
            return result

    async def keep(self, name: str, verdicts: Sequence[Verdict]) -> None:
        """Keep the verdicts on a draft that was not taken.

        Raises:
            Fenced: another worker has taken over.
        """
        await self._record.keep(name, dump_verdicts(verdicts))

    async def _save(self, name: str, result: Classified | Drafted | Judged) -> None:
        dumped = _ADAPTERS[type(result)].dump_python(result, mode="json")
        try:
            spent = await self._record.keep(name, dumped, result.calls)
        except Fenced:  # the calls are recorded all the same; what is not recorded is not reported either
            report_calls(result.calls, self.deps)
            raise
        report_calls(result.calls, self.deps)
        self.spent_microusd.update(spent)


def _describe(observation: Observation, result: Classified | Drafted | Judged) -> None:
    """Report what a model said."""
    if isinstance(result, Judged):
        said = [f"{each.finding}: {each.claim} ({each.source})" for each in result.judgements]
        observation.update(output=said, metadata={"remembered": not result.calls})
        return
    subject = result.classification if isinstance(result, Classified) else result.draft
    observation.update(
        output=_ADAPTERS[type(subject)].dump_python(subject, mode="json"),
        metadata={"source": subject.source, "model": subject.model, "prompt_version": subject.prompt_version},
    )
