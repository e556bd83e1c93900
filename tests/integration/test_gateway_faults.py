"""The gateway under every class of failure, over HTTP to stand-ins for providers, through the official SDK."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from uuid import UUID

import pytest

from agent.errors import ModelUnavailable
from agent.models.gateway import Gateway
from agent.models.providers import build_gateway
from agent.types import TenantId
from tests.doubles.claude import ClaudeDouble
from tests.doubles.claude_traffic import (
    BROKEN_JSON,
    CUT_OFF,
    DISCONNECT,
    EARLY_END,
    HANG,
    HTML,
    OVERLOADED,
    OVERLOADED_IN_STREAM,
    PINGS,
    REFUSAL,
    SERVER_ERROR,
    STALL,
    Mix,
    Step,
    rate_limited,
)
from tests.factories import NOW
from tests.integration.gateways import ask, bedrock_settings, opened, settings_for
from tests.sleeping import SleepingClock

STALL_S = 1.0


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
    settings = settings_for(double, nightshift_model_stall_s=STALL_S)
    async with opened(build_gateway(settings, now=clock, sleep=clock.sleep)) as gateway:
        yield gateway


@pytest.fixture
async def both(double: ClaudeDouble, backup: ClaudeDouble, clock: SleepingClock) -> AsyncIterator[Gateway]:
    """A gateway to two providers, `anthropic` and `backup`."""
    settings = settings_for(double, backup, nightshift_model_stall_s=STALL_S)
    gateway = build_gateway(settings, now=clock, sleep=clock.sleep)
    async with opened(gateway):
        yield gateway


# --- every class of failure ------------------------------------------------------------------------------------

IN_ANY_FORM = [
    pytest.param(rate_limited("2"), id="429"),
    pytest.param(rate_limited(None), id="429-without-a-time"),
    pytest.param(OVERLOADED, id="529"),
    pytest.param(SERVER_ERROR, id="500"),
    pytest.param(Step(status=501), id="501"),
    pytest.param(Step(status=502, error_type="api_error"), id="502"),
    pytest.param(Step(status=503, headers={"retry-after-ms": "1500"}), id="503"),
    pytest.param(Step(status=504, error_type="timeout_error"), id="504"),
    pytest.param(Step(status=408), id="408"),
    pytest.param(Step(status=409), id="409"),
    pytest.param(Step(status=418, headers={"x-should-retry": "true"}), id="the-api-says-retry"),
    pytest.param(HTML, id="html-with-status-200"),
    pytest.param(BROKEN_JSON, id="broken-json"),
    pytest.param(Step(body=""), id="empty-body"),
    pytest.param(Step(body="{}"), id="json-that-is-no-message"),
    pytest.param(Step(body="[1]"), id="json-list"),
    pytest.param(Step(body="null"), id="json-null"),
    pytest.param(DISCONNECT, id="disconnect-inside-the-answer"),
    pytest.param(EARLY_END, id="early-end"),
    pytest.param(HANG, id="hang"),
    pytest.param(STALL, id="stall-inside-the-answer"),
    pytest.param(PINGS, id="pings-for-ever"),
]


def event(data: str) -> Step:
    """Return a stream of a single event."""
    return Step(body=f"event: message_start\ndata: {data}\n\n", content_type="text/event-stream")


def whole(fields: str) -> Step:
    """Return a message in one piece."""
    return Step(body=f'{{"content": {fields}}}')


IN_A_STREAM = [
    *IN_ANY_FORM,
    pytest.param(OVERLOADED_IN_STREAM, id="error-event"),
    pytest.param(event('{"type": "message_st'), id="event-with-broken-json"),
    pytest.param(event("[1]"), id="event-is-a-list"),
    pytest.param(event("null"), id="event-is-null"),
    pytest.param(event('{"type": "message_start", "message": null}'), id="event-without-message"),
    pytest.param(
        event('{"type": "message_start", "message": {"usage": {"input_tokens": -1, "output_tokens": 1}}}'),
        id="negative-usage",
    ),
    pytest.param(
        Step(body="event: message_start\ndata: \udcff", content_type="text/event-stream"),
        id="no-utf-8",
    ),
]
IN_ONE_PIECE = [
    *IN_ANY_FORM,
    pytest.param(
        whole('null, "stop_reason": "end_turn", "usage": {"input_tokens": 1, "output_tokens": 1}'), id="content-null"
    ),
    pytest.param(whole('[], "stop_reason": "end_turn", "usage": null'), id="no-usage"),
    pytest.param(
        whole('[], "stop_reason": "end_turn", "usage": {"input_tokens": -1, "output_tokens": 1}'), id="negative-usage"
    ),
]


@pytest.mark.parametrize("step", IN_A_STREAM)
async def test_failure_in_a_stream_is_asked_again(alone: Gateway, double: ClaudeDouble, step: Step) -> None:
    double.script(step)
    completion = await ask(alone)
    assert completion.value is not None
    assert [call.outcome for call in completion.calls] == ["error", "ok"]
    assert [call.attempt for call in completion.calls] == [1, 2]
    assert completion.calls[0].error
    assert len(double.requests) == 2


@pytest.mark.parametrize("step", IN_ONE_PIECE)
async def test_failure_of_an_answer_in_one_piece_is_asked_again(
    double: ClaudeDouble, clock: SleepingClock, step: Step
) -> None:
    settings = bedrock_settings(double, nightshift_model_stall_s=STALL_S)
    double.script(step)
    async with opened(build_gateway(settings, now=clock, sleep=clock.sleep)) as gateway:
        completion = await ask(gateway)
    assert [call.outcome for call in completion.calls] == ["error", "ok"]
    assert {call.provider for call in completion.calls} == {"bedrock"}


@pytest.mark.parametrize("step", IN_A_STREAM)
async def test_provider_that_keeps_failing_is_passed_over(
    both: Gateway, double: ClaudeDouble, backup: ClaudeDouble, step: Step
) -> None:
    double.always = step
    completion = await ask(both)
    assert [call.provider for call in completion.calls] == ["anthropic", "backup"]
    assert (len(double.requests), len(backup.requests)) == (1, 1)


@pytest.mark.parametrize("step", [REFUSAL, CUT_OFF, Step(text="no JSON")])
async def test_answer_that_cannot_be_used_is_an_answer(both: Gateway, double: ClaudeDouble, step: Step) -> None:
    double.script(step)
    completion = await ask(both)
    assert completion.value is None
    assert completion.problem
    assert len(completion.calls) == len(double.requests) == 1
    assert completion.calls[0].cost_microusd > 0


async def test_nobody_listening_is_unavailable_and_every_request_is_told(clock: SleepingClock) -> None:
    with ClaudeDouble() as double:
        settings = settings_for(double, anthropic_base_url="http://127.0.0.1:9")
        async with opened(build_gateway(settings, now=clock, sleep=clock.sleep)) as gateway:
            with pytest.raises(ModelUnavailable, match="ConnectError") as caught:
                await ask(gateway)
    assert [call.outcome for call in caught.value.calls] == ["error"] * 3
    assert not caught.value.spend_cap


# --- the deadline ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [HANG, STALL, PINGS], ids=["hang", "stall", "pings"])
async def test_deadline_holds_whatever_the_provider_does(
    double: ClaudeDouble, clock: SleepingClock, step: Step
) -> None:
    double.always = step
    settings = settings_for(double, nightshift_model_stall_s=30)
    async with opened(build_gateway(settings, now=clock)) as gateway:
        started = time.monotonic()
        with pytest.raises(ModelUnavailable, match="timeout"):
            await ask(gateway, timeout_s=0.5)
    assert 0.45 < time.monotonic() - started < 10
    assert len(double.requests) == 1


async def test_wait_beyond_the_deadline_is_left_to_the_queue(alone: Gateway, double: ClaudeDouble) -> None:
    double.always = rate_limited("40")
    with pytest.raises(ModelUnavailable) as caught:
        await ask(alone, timeout_s=30)
    assert caught.value.retry_after_s == 40
    assert len(double.requests) == 1
    with pytest.raises(ModelUnavailable, match="rate limit"):
        await ask(alone, timeout_s=30)  # nobody asks before the time has come
    assert len(double.requests) == 1


async def test_nobody_waits_long_for_a_provider_while_another_is_free(
    both: Gateway, double: ClaudeDouble, clock: SleepingClock
) -> None:
    double.script(rate_limited("10"))
    completion = await ask(both)
    assert [call.provider for call in completion.calls] == ["anthropic", "backup"]
    assert clock() == NOW


async def test_api_that_says_not_to_retry_is_obeyed(alone: Gateway, double: ClaudeDouble) -> None:
    double.script(Step(status=500, headers={"x-should-retry": "false"}))
    with pytest.raises(ModelUnavailable):
        await ask(alone)
    assert len(double.requests) == 1


async def test_cancelled_call_stays_cancelled(alone: Gateway, double: ClaudeDouble) -> None:
    double.script(HANG)
    task = asyncio.create_task(ask(alone))
    while not double.requests:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


# --- what it costs ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [STALL, PINGS, DISCONNECT, EARLY_END, OVERLOADED_IN_STREAM])
async def test_answer_that_breaks_off_is_paid_for_as_far_as_it_came(
    alone: Gateway, double: ClaudeDouble, step: Step
) -> None:
    double.always = step
    with pytest.raises(ModelUnavailable) as caught:
        await ask(alone)
    for call in caught.value.calls:
        assert call.usage.cache_write_tokens + call.usage.cache_read_tokens > 500
        assert call.cost_microusd > 0


async def test_outage_cannot_multiply_the_bill(double: ClaudeDouble, clock: SleepingClock) -> None:
    double.mix = Mix(7, [(0.3, OVERLOADED), (0.1, SERVER_ERROR)])  # too few to open the circuit for good
    tenants = [TenantId(UUID(int=number)) for number in range(3)]
    retries: Counter[TenantId] = Counter()
    async with opened(build_gateway(settings_for(double), now=lambda: NOW, sleep=clock.sleep)) as gateway:
        for number in range(300):
            tenant = tenants[number % 3]
            try:
                calls = (await ask(gateway, tenant_id=tenant)).calls
            except ModelUnavailable as exc:
                calls = exc.calls
            retries[tenant] += max(len(calls) - 1, 0)
    assert 10 <= retries.total() <= 30
    assert all(count <= 10 for count in retries.values())
