"""The gateway: the way every model call goes, to whichever provider can answer it (promises P6 and P8).

For each provider in order: does its circuit let calls through, does its pace allow a request in time, does the retry
budget? Then the request, again if that may help, and on to the next provider if not. All within one deadline.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Generic, TypeVar

import structlog
from pydantic import BaseModel

from agent.errors import Misconfigured, ModelUnavailable
from agent.models.anthropic import ClaudeApi, Reply
from agent.models.circuit import CircuitHealth
from agent.models.endpoint import Endpoint
from agent.models.failures import CallFailed
from agent.models.request import Completion, Request
from agent.models.retrying import RetryBudget, Sleep, ask_again, first_answer
from agent.ports import Clock
from agent.types import ModelCall, ModelTier

TRIES, TRIES_OF_THE_LAST = 1, 3
"""Requests to one provider: where another can be asked at once, that is the better second request."""
PATIENCE_S = 2.0
"""Nobody waits longer than this for a provider while another can be asked."""
MIN_ANSWER_S = 0.2
"""No request is worth waiting for that leaves less time for the answer."""
DRAFTING: frozenset[ModelTier] = frozenset({"standard", "expert"})

T = TypeVar("T", bound=BaseModel)
OnCap = Callable[[str, str], None]

_log = structlog.stdlib.get_logger(__name__)


@dataclass(kw_only=True, slots=True)
class _Errand(Generic[T]):
    """A call on its way: the request, its deadline (loop time), and what it took so far."""

    request: Request[T]
    deadline: float
    requests: int = 0
    calls: list[ModelCall] = field(default_factory=list)
    failures: list[CallFailed] = field(default_factory=list)

    @property
    def spare_s(self) -> float:
        """Seconds that can be waited before a request."""
        return self.deadline - asyncio.get_running_loop().time() - MIN_ANSWER_S

    def all_calls(self, answered: ModelCall | None = None) -> tuple[ModelCall, ...]:
        """Return the calls, numbered in the order in which they ended; the one that was answered, last."""
        calls = [call for call in self.calls if call is not answered] + [call for call in (answered,) if call]
        return tuple(replace(call, attempt=place) for place, call in enumerate(calls, start=1))


class Gateway:
    """Every model call of a process. What it knows about providers it keeps in memory, each process for itself.

    `on_cap` hears of a provider whose spending limit is reached: its name, and what it said.
    """

    def __init__(
        self,
        providers: Sequence[ClaudeApi],
        models: Mapping[ModelTier, str],
        *,
        now: Clock,
        hedging: bool = False,
        on_cap: OnCap | None = None,
        sleep: Sleep = asyncio.sleep,
        random: Random | None = None,
    ) -> None:
        self.providers, self.models = tuple(providers), models
        self._now, self._hedging, self._on_cap, self._sleep = now, hedging, on_cap, sleep
        self._random = random or Random()  # noqa: S311 — only scatters waits
        self._budget = RetryBudget(now=now)
        self._endpoints = [
            Endpoint(
                api,
                model,
                tuple(tier for tier in models if models[tier] == model),
                now=now,
                sleep=sleep,
                random=self._random,
            )
            for api in self.providers
            for model in dict.fromkeys(models.values())
        ]

    def with_models(self, models: Mapping[ModelTier, str]) -> "Gateway":
        """Return a gateway to the same providers with other models; what is known of those in both is shared.

        It is the first one's to close.
        """
        if models == self.models:
            return self
        other = Gateway(
            self.providers,
            models,
            now=self._now,
            hedging=self._hedging,
            on_cap=self._on_cap,
            sleep=self._sleep,
            random=self._random,
        )
        known = {(each.api.name, each.model, each.tiers): each for each in self._endpoints}
        other._endpoints = [known.get((each.api.name, each.model, each.tiers), each) for each in other._endpoints]
        other._budget = self._budget
        return other

    async def complete(self, request: Request[T], *, timeout_s: float) -> Completion[T]:
        """Get an answer within `timeout_s` seconds in total, from the first provider that gives one.

        Raises:
            ModelUnavailable: none does. Carries every request made, and how long to wait if that is known.
            Misconfigured: all refuse us, or one this request, for a reason only the operator can mend. Likewise.
        """
        errand = _Errand(request=request, deadline=asyncio.get_running_loop().time() + timeout_s)
        self._budget.count_call(request.tenant_id)
        usable = [each for each in self._endpoints_of(request.tier) if each.circuit.lets_through]
        for place, endpoint in enumerate(usable, start=1):
            try:
                reply = await self._hedge(errand, endpoint, usable[place:])
            except CallFailed as exc:
                errand.failures.append(exc)
                if exc.kind == "defect":
                    break
            except asyncio.CancelledError as exc:
                vars(exc)["calls"] = errand.all_calls()  # paid for, though nobody waits any more (see `calls_of`)
                raise
            else:
                return Completion(calls=errand.all_calls(reply.call), value=reply.value, problem=reply.problem)
        raise self._failure(errand)

    def health(self) -> tuple[CircuitHealth, ...]:
        """Return the state of every circuit, in the order in which they are asked."""
        return tuple(each.health() for each in self._endpoints)

    def tiers_up(self) -> frozenset[ModelTier]:
        """Return the tiers for which some provider can be asked now, if only to see whether it is back."""
        return frozenset(tier for each in self._endpoints if each.circuit.lets_through for tier in each.tiers)

    async def probe(self) -> bool:
        """Return whether drafts can be written now; where no recent answer shows it, by a request of a single token.

        For times when nothing else calls: any call after a hold is a probe too.
        """
        await asyncio.gather(*(each.ping() for each in self._endpoints if each.circuit.state != "closed"))
        drafting = [each for each in self._endpoints if DRAFTING & {*each.tiers}]
        if any(each.has_just_answered for each in drafting):
            return True
        for each in drafting:
            if await each.ping():
                return True
        return False

    async def aclose(self) -> None:
        """Close all connections."""
        for endpoint in self._endpoints:
            await endpoint.pace.aclose()
        for api in self.providers:
            await api.aclose()

    def _endpoints_of(self, tier: ModelTier) -> list[Endpoint]:
        return [each for each in self._endpoints if tier in each.tiers]

    async def _hedge(self, errand: _Errand[T], endpoint: Endpoint, others: Sequence[Endpoint]) -> Reply[T]:
        """Ask an endpoint; with hedging the next one too, if this one is slower than nearly always."""
        if not (self._hedging and others) or (slow_after_s := endpoint.slow_after_s) is None:
            return await self._ask(errand, endpoint, is_last=not others)
        return await first_answer(
            lambda: self._ask(errand, endpoint, is_last=False),
            lambda: self._ask(errand, others[0], is_last=True),
            after_s=slow_after_s,
        )

    async def _ask(self, errand: _Errand[T], endpoint: Endpoint, *, is_last: bool) -> Reply[T]:
        """Ask an endpoint, again where that may help.

        Raises:
            CallFailed: the last failure.
        """
        tenant_id = errand.request.tenant_id

        def admit() -> bool:
            errand.requests += 1
            return errand.requests == 1 or self._budget.take(tenant_id)

        def may_wait(seconds: float) -> bool:
            in_time = seconds <= (errand.spare_s if is_last else min(errand.spare_s, PATIENCE_S))
            return in_time and endpoint.circuit.lets_through and self._budget.allows(tenant_id)

        async def ask_once() -> Reply[T]:
            patience_s = errand.spare_s if is_last else min(errand.spare_s, PATIENCE_S)
            return await endpoint.ask(
                errand.request,
                deadline=errand.deadline,
                patience_s=patience_s,
                admit=admit,
                record=errand.calls.append,
            )

        try:
            return await ask_again(
                ask_once,
                tries=TRIES_OF_THE_LAST if is_last else TRIES,
                may_wait=may_wait,
                sleep=self._sleep,
                random=self._random,
            )
        except CallFailed as exc:
            if exc.kind == "capped":
                self._cap(endpoint.api, exc)
            raise

    def _cap(self, api: ClaudeApi, failure: CallFailed) -> None:
        """Leave a provider alone whose spending limit is reached, with all its models, and say so."""
        for each in self._endpoints:
            if each.api is api:
                each.circuit.cap(failure.error, hold_s=failure.retry_after_s or 0)
        _log.error("model_spend_cap", provider=api.name, error=failure.error, fix="Raise it in the provider's console.")
        if self._on_cap is not None:
            self._on_cap(api.name, failure.error)

    def _failure(self, errand: _Errand[T]) -> Misconfigured | ModelUnavailable:
        """Return what a call without an answer means to its caller."""
        failures, endpoints = errand.failures, self._endpoints_of(errand.request.tier)
        all_refuse = [each.kind for each in failures] == ["refused"] * len(endpoints)
        if all_refuse or (failures and failures[-1].kind == "defect"):
            refused = Misconfigured(str(failures[-1]), failures[-1].fix)
            refused.calls = errand.all_calls()
            refused.__cause__ = failures[-1]
            return refused
        waits = [each.wait_s for each in endpoints]
        said = [str(each) for each in failures] or [
            f"Claude ({each.model} at {each.api.name}) is left alone: {each.circuit.last_error}." for each in endpoints
        ]
        unavailable = ModelUnavailable(
            " ".join((*said, "The turn is tried again; if this lasts, check the network and the providers' status.")),
            retry_after_s=min(waits) or None,
            spend_cap=all(each.circuit.state == "capped" for each in endpoints),
        )
        unavailable.calls = errand.all_calls()
        unavailable.__cause__ = failures[-1] if failures else None
        return unavailable
