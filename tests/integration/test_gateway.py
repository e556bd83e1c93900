"""The gateway: circuits, spending limits, rate limits, hedging; over HTTP to stand-ins for providers."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from uuid import UUID

import pytest

from agent.errors import Misconfigured, ModelUnavailable
from agent.models import providers
from agent.models.circuit import CAPPED_HOLD_S, FAILURES_IN_A_ROW
from agent.models.endpoint import ENOUGH
from agent.models.gateway import Gateway
from agent.models.providers import build_gateway
from agent.types import TenantId
from tests.doubles.claude import ClaudeDouble
from tests.doubles.claude_traffic import (
    BILLING,
    HANG,
    OVERLOADED,
    SPEND_CAP,
    STALL,
    RateLimits,
    Step,
    rate_limited,
)
from tests.factories import NOW
from tests.integration.gateways import Said, ask, opened, settings_for
from tests.sleeping import SleepingClock

ONE, OTHER = TenantId(UUID(int=1)), TenantId(UUID(int=2))


@pytest.fixture(autouse=True)
def patient_connecting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give connections more time than a machine may pause for."""
    monkeypatch.setattr(providers, "CONNECT_S", 30.0)


@pytest.fixture
def clock() -> SleepingClock:
    return SleepingClock(NOW)


@pytest.fixture
def double() -> Iterator[ClaudeDouble]:
    with ClaudeDouble() as double:
        yield double


@pytest.fixture
def backup() -> Iterator[ClaudeDouble]:
    with ClaudeDouble() as double:
        yield double


@pytest.fixture
async def alone(double: ClaudeDouble, clock: SleepingClock) -> AsyncIterator[Gateway]:
    """A gateway to one provider."""
    async with opened(build_gateway(settings_for(double), now=clock, sleep=clock.sleep)) as gateway:
        yield gateway


@pytest.fixture
def alerts() -> list[tuple[str, str]]:
    return []


@pytest.fixture
async def both(
    double: ClaudeDouble, backup: ClaudeDouble, clock: SleepingClock, alerts: list[tuple[str, str]]
) -> AsyncIterator[Gateway]:
    """A gateway to two providers, `anthropic` and `backup`."""
    gateway = build_gateway(
        settings_for(double, backup), now=clock, sleep=clock.sleep, on_cap=lambda *said: alerts.append(said)
    )
    async with opened(gateway):
        yield gateway


# --- circuits --------------------------------------------------------------------------------------------------


async def test_provider_that_is_down_is_left_alone_and_tried_by_a_single_call(
    both: Gateway, double: ClaudeDouble, backup: ClaudeDouble, clock: SleepingClock
) -> None:
    double.always = OVERLOADED
    while both.health()[0].state == "closed":
        await ask(both)
    asked = len(double.requests)
    assert asked == FAILURES_IN_A_ROW
    completions = await asyncio.gather(*(ask(both) for _ in range(20)))
    assert {completion.calls[0].provider for completion in completions} == {"backup"}
    assert len(double.requests) == asked

    clock.advance(200)
    double.always = Step(delay_s=0.1)
    completions = await asyncio.gather(*(ask(both) for _ in range(20)))
    assert Counter(completion.calls[0].provider for completion in completions) == {"anthropic": 1, "backup": 19}
    assert both.health()[0].state == "closed"


async def test_models_of_a_provider_fail_apart(alone: Gateway, double: ClaudeDouble, clock: SleepingClock) -> None:
    double.always = OVERLOADED
    for _ in range(2):
        with pytest.raises(ModelUnavailable):
            await ask(alone, tier="expert")
    double.always = Step()
    assert [each.state for each in alone.health()] == ["closed", "closed", "open"]
    assert alone.tiers_up() == {"fast", "standard"}
    assert (await ask(alone, tier="standard")).value is not None
    asked = len(double.requests)
    with pytest.raises(ModelUnavailable, match="529") as caught:
        await ask(alone, tier="expert")
    assert len(double.requests) == asked
    assert caught.value.calls == ()
    assert caught.value.retry_after_s == alone._endpoints[2].circuit.wait_s > 0


async def test_caller_in_a_hurry_proves_nothing_against_a_provider(double: ClaudeDouble, clock: SleepingClock) -> None:
    double.always = HANG
    async with opened(build_gateway(settings_for(double), now=clock, sleep=clock.sleep)) as gateway:
        calls = (ask(gateway, timeout_s=0.3) for _ in range(FAILURES_IN_A_ROW * 2))
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(outcome, ModelUnavailable) for outcome in outcomes)
    assert gateway.health()[0].state == "closed"


async def test_probe_tells_with_a_single_token_whether_drafts_can_be_written(
    alone: Gateway, double: ClaudeDouble, clock: SleepingClock
) -> None:
    double.always = OVERLOADED
    while up := sorted(alone.tiers_up()):
        with pytest.raises(ModelUnavailable):
            await ask(alone, tier=up[0])
    asked = len(double.requests)
    assert not await alone.probe()
    assert len(double.requests) == asked  # none is due
    clock.advance(200)
    double.always = Step()
    assert await alone.probe()
    assert {each.state for each in alone.health()} == {"closed"}
    assert [seen.body["max_tokens"] for seen in double.requests[asked:]] == [1, 1, 1]
    assert await alone.probe()
    assert len(double.requests) == asked + 3  # just answered


async def test_process_that_has_not_called_yet_finds_out_by_asking(alone: Gateway, double: ClaudeDouble) -> None:
    double.always = OVERLOADED
    assert not await alone.probe()
    assert [seen.body["model"] for seen in double.requests] == ["claude-sonnet-5-5", "claude-opus-5-5"]


# --- who must act ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [SPEND_CAP, BILLING, rate_limited("60", "contract_spend_limit_reached")])
async def test_spending_limit_is_told_and_the_next_provider_asked(
    both: Gateway, double: ClaudeDouble, clock: SleepingClock, alerts: list[tuple[str, str]], step: Step
) -> None:
    double.always = step
    completion = await ask(both)
    assert [call.provider for call in completion.calls] == ["anthropic", "backup"]
    assert [each.state for each in both.health() if each.provider == "anthropic"] == ["capped"] * 3
    assert [provider for provider, _ in alerts] == ["anthropic"]
    await ask(both, tier="expert")
    assert len(double.requests) == 1  # the limit is on all its models
    clock.advance(CAPPED_HOLD_S)
    double.always = Step()
    assert (await ask(both)).calls[0].provider == "anthropic"


async def test_spending_limits_everywhere_are_no_outage(
    both: Gateway, double: ClaudeDouble, backup: ClaudeDouble
) -> None:
    double.always = backup.always = SPEND_CAP
    for _ in range(2):
        with pytest.raises(ModelUnavailable, match="spend") as caught:
            await ask(both)
        assert caught.value.spend_cap
    assert len(double.requests) == len(backup.requests) == 1


@pytest.mark.parametrize(
    ("step", "fix"),
    [
        pytest.param(Step(status=400, error_type="invalid_request_error"), "report it", id="400"),
        pytest.param(Step(status=413, error_type="invalid_request_error"), "report it", id="413"),
        pytest.param(Step(status=422, error_type="invalid_request_error"), "report it", id="422"),
    ],
)
async def test_request_that_nobody_would_take_is_asked_nowhere_else(
    both: Gateway, double: ClaudeDouble, backup: ClaudeDouble, step: Step, fix: str
) -> None:
    double.script(step)
    with pytest.raises(Misconfigured) as caught:
        await ask(both)
    assert fix in caught.value.fix
    assert [call.outcome for call in caught.value.calls] == ["error"]
    assert (len(double.requests), len(backup.requests)) == (1, 0)
    assert both.health()[0].state == "closed"


@pytest.mark.parametrize(
    ("step", "fix"),
    [
        pytest.param(Step(status=401, error_type="authentication_error"), "ANTHROPIC_API_KEY", id="401"),
        pytest.param(Step(status=403, error_type="permission_error"), "NIGHTSHIFT_MODEL_FAST", id="403"),
        pytest.param(Step(status=404, error_type="not_found_error"), "ANTHROPIC_BASE_URL", id="404"),
    ],
)
async def test_refusal_of_all_providers_tells_the_operator_what_to_mend(
    alone: Gateway, double: ClaudeDouble, step: Step, fix: str
) -> None:
    double.script(step)
    with pytest.raises(Misconfigured) as caught:
        await ask(alone)
    assert fix in caught.value.fix
    assert step.error_type in caught.value.problem
    assert [call.outcome for call in caught.value.calls] == ["error"]


async def test_wrong_key_at_the_last_provider_standing_is_an_outage(
    both: Gateway, double: ClaudeDouble, backup: ClaudeDouble
) -> None:
    double.always, backup.api_key = OVERLOADED, "another"
    for _ in range(FAILURES_IN_A_ROW):  # until the first is left alone, and after
        with pytest.raises(ModelUnavailable, match="401"):
            await ask(both)


async def test_wrong_key_at_one_provider_leaves_the_others(both: Gateway, double: ClaudeDouble) -> None:
    double.api_key = "another"
    completion = await ask(both)
    assert [call.provider for call in completion.calls] == ["anthropic", "backup"]
    assert completion.calls[0].error.startswith("401")


# --- rate limits -----------------------------------------------------------------------------------------------


async def test_burst_is_slowed_before_the_provider_refuses_and_nobody_is_starved(clock: SleepingClock) -> None:
    limits = RateLimits(requests=30, input_tokens=10**6, output_tokens=10**6, clock=lambda: clock().timestamp())
    finished: list[TenantId] = []

    async def one(gateway: Gateway, tenant: TenantId) -> int:
        calls = (await ask(gateway, tenant_id=tenant)).calls
        finished.append(tenant)
        return len(calls)

    async def sleep(seconds: float) -> None:
        """Let time pass once all that has gone is answered: what arrives later is counted later than we count it."""
        while any(each.pace._under_way for each in gateway._endpoints):
            await asyncio.sleep(0.001)
        await clock.sleep(seconds)

    with ClaudeDouble(limits=limits) as double:
        async with opened(build_gateway(settings_for(double), now=clock, sleep=sleep)) as gateway:
            await one(gateway, ONE)  # learns the limits
            burst = [asyncio.create_task(one(gateway, ONE)) for _ in range(60)]
            await asyncio.sleep(0)
            calm = [asyncio.create_task(one(gateway, OTHER)) for _ in range(3)]
            requests = await asyncio.gather(*burst, *calm, return_exceptions=True)
    # Far more than the 29 the provider takes at once. Not always all: what is sent at once may arrive in another order.
    assert requests.count(1) > 45
    assert max(place for place, tenant in enumerate(finished) if tenant == OTHER) < 45
    assert (clock() - NOW).total_seconds() > 50


# --- hedging ---------------------------------------------------------------------------------------------------


async def test_hedging_asks_the_next_provider_when_the_first_is_unusually_slow(
    double: ClaudeDouble, backup: ClaudeDouble, clock: SleepingClock
) -> None:
    settings = settings_for(double, backup, nightshift_model_hedging=True)
    async with opened(build_gateway(settings, now=clock, sleep=clock.sleep)) as gateway:
        for _ in range(ENOUGH):
            await ask(gateway)
        double.script(STALL)
        backup.script(Step(delay_s=0.5))  # until the first has begun to answer, even on a slow machine
        completion = await ask(gateway)
    assert [call.provider for call in completion.calls] == ["anthropic", "backup"]
    assert [call.error for call in completion.calls] == ["given up", ""]
    assert completion.calls[0].cost_microusd > 0  # what was given up is paid for too
    assert completion.model == completion.calls[-1].model
    assert isinstance(completion.value, Said)
    assert len(backup.requests) == 1


async def test_hedging_is_off_by_default(both: Gateway, double: ClaudeDouble, backup: ClaudeDouble) -> None:
    for _ in range(ENOUGH):
        await ask(both)
    double.script(Step(delay_s=0.25))
    assert (await ask(both)).calls[0].provider == "anthropic"
    assert backup.requests == []
