"""The stand-in for the Claude API, through the official SDK: it refuses, answers and fails like the real one."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from statistics import median
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic.types import Message

from tests.conftest import FakeClock
from tests.doubles.claude import API_KEY, ClaudeDouble
from tests.doubles.claude_traffic import (
    BILLING,
    BROKEN_JSON,
    DISCONNECT,
    EARLY_END,
    HTML,
    ORDINARY,
    OVERLOADED,
    OVERLOADED_IN_STREAM,
    PINGS,
    SERVER_ERROR,
    SPEND_CAP,
    STALL,
    Latency,
    Mix,
    RateLimits,
    Step,
    rate_limited,
)
from tests.factories import NOW

HAIKU, SONNET, OPUS = "claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5"


@pytest.fixture
def double() -> Iterator[ClaudeDouble]:
    with ClaudeDouble() as double:
        yield double


REFUSED: list[Any] = [
    pytest.param({"extra_body": {"temperature": 1.0}}, "temperature", id="temperature"),
    pytest.param({"model": SONNET, "thinking": {"type": "disabled"}}, "thinking", id="sonnet-thinking-disabled"),
    pytest.param({"model": OPUS, "thinking": {"type": "disabled"}}, "thinking", id="opus-thinking-disabled"),
    pytest.param({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "budget_tokens", id="budget"),
    pytest.param(
        {"thinking": {"type": "disabled"}, "output_config": {"effort": "xhigh"}}, "effort", id="no-thinking-at-xhigh"
    ),
    pytest.param({"model": OPUS, "tool_choice": {"type": "any"}, "tools": []}, "forced tool", id="forced-tool"),
    pytest.param(
        {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "{"}]}, "prefill", id="prefill"
    ),
    pytest.param({"messages": [{"role": "user", "content": " "}]}, "non-empty", id="empty-text"),
    pytest.param(
        {"output_config": {"format": {"type": "json_schema", "schema": {"type": "number", "maximum": 1}}}},
        "maximum",
        id="schema-word",
    ),
]


@pytest.mark.parametrize(("changes", "reason"), REFUSED)
async def test_double_refuses_what_the_api_refuses(double: ClaudeDouble, changes: dict[str, Any], reason: str) -> None:
    request: dict[str, Any] = {
        "model": HAIKU,
        "max_tokens": 10,
        "messages": [{"role": "user", "content": "a"}],
    } | changes
    async with anthropic.AsyncAnthropic(
        api_key=API_KEY, base_url=double.base_url, max_retries=0, open_telemetry=False
    ) as sdk:
        with pytest.raises(anthropic.BadRequestError, match=reason):
            await sdk.messages.create(**request)
    assert double.requests == []


async def test_double_speaks_the_wire_format_of_the_sdk(double: ClaudeDouble) -> None:
    async with anthropic.AsyncAnthropic(api_key=API_KEY, base_url=double.base_url, open_telemetry=False) as sdk:
        message = await sdk.messages.create(model=OPUS, max_tokens=10, messages=[{"role": "user", "content": "a"}])
        with pytest.raises(anthropic.NotFoundError):
            await sdk.messages.create(model="claude-9", max_tokens=10, messages=[{"role": "user", "content": "a"}])
    assert [block.type for block in message.content] == ["thinking", "text"]
    assert message.stop_reason == "end_turn"
    assert message.usage.output_tokens_details is not None
    assert message._request_id is not None
    assert message._request_id.startswith("req_")
    assert double.requests[0].headers["anthropic-version"] == "2026-10-21"


# --- failures: as the table of the SDK sheet has them -----------------------------------------------------------

HELLO: dict[str, Any] = {"model": HAIKU, "max_tokens": 10, "messages": [{"role": "user", "content": "hola"}]}
PATIENT = httpx2.Timeout(30)
BRIEF = httpx2.Timeout(30, read=1.5)
"""For silence only: a machine may pause."""


@pytest.fixture
async def sdk(double: ClaudeDouble) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(
        api_key=API_KEY, base_url=double.base_url, max_retries=0, timeout=PATIENT, open_telemetry=False
    ) as sdk:
        yield sdk


STATUSES: list[Any] = [
    pytest.param(rate_limited("7"), anthropic.RateLimitError, id="429"),
    pytest.param(OVERLOADED, anthropic.OverloadedError, id="529"),
    pytest.param(SERVER_ERROR, anthropic.InternalServerError, id="500"),
    pytest.param(Step(status=503), anthropic.ServiceUnavailableError, id="503"),
    pytest.param(BILLING, anthropic.PaymentRequiredError, id="402"),
    pytest.param(SPEND_CAP, anthropic.RateLimitError, id="spending-cap"),
    pytest.param(Step(status=401), anthropic.AuthenticationError, id="401"),
]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(("step", "error"), STATUSES)
async def test_status_is_the_error_the_sdk_has_for_it(
    double: ClaudeDouble, sdk: anthropic.AsyncAnthropic, step: Step, error: type[anthropic.APIStatusError], stream: bool
) -> None:
    double.script(step)
    with pytest.raises(error) as caught:
        await sdk.messages.create(**HELLO, stream=stream)
    assert caught.value.status_code == step.status
    assert caught.value.type == step.error_type
    assert caught.value.error_code == step.error_code
    assert caught.value.request_id
    assert caught.value.response.headers.get("retry-after") == step.headers.get("retry-after")


@pytest.mark.parametrize(
    ("step", "error"),
    [
        pytest.param(STALL, httpx2.ReadTimeout, id="stall"),
        pytest.param(DISCONNECT, httpx2.RemoteProtocolError, id="disconnect"),
        pytest.param(OVERLOADED_IN_STREAM, anthropic.APIStatusError, id="error-event"),
    ],
)
async def test_stream_breaks_with_the_error_the_sdk_lets_through(
    double: ClaudeDouble, sdk: anthropic.AsyncAnthropic, step: Step, error: type[Exception]
) -> None:
    double.script(step)
    with pytest.raises(error) as caught:
        async with sdk.messages.stream(**HELLO, timeout=BRIEF if step is STALL else PATIENT) as stream:
            await stream.get_final_message()
    assert stream.current_message_snapshot.usage.input_tokens > 0
    if isinstance(caught.value, anthropic.APIStatusError):
        assert (caught.value.status_code, caught.value.type) == (200, "overloaded_error")


async def test_stream_that_ends_early_has_no_stop_reason(double: ClaudeDouble, sdk: anthropic.AsyncAnthropic) -> None:
    double.script(EARLY_END)
    async with sdk.messages.stream(**HELLO) as stream:
        assert (await stream.get_final_message()).stop_reason is None


async def test_pings_keep_a_stream_alive_for_ever(double: ClaudeDouble, sdk: anthropic.AsyncAnthropic) -> None:
    double.script(PINGS)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(3), sdk.messages.stream(**HELLO, timeout=BRIEF) as stream:  # that is half as long
            await stream.get_final_message()


async def test_what_is_no_answer_reaches_the_caller_as_the_sdk_leaves_it(
    double: ClaudeDouble, sdk: anthropic.AsyncAnthropic
) -> None:
    double.script(HTML, BROKEN_JSON)
    page: object = await sdk.messages.create(**HELLO)
    assert isinstance(page, str)
    with pytest.raises(json.JSONDecodeError):
        await sdk.messages.create(**HELLO)


@pytest.mark.parametrize("model", [HAIKU, SONNET, OPUS])
async def test_stream_says_the_same_as_the_answer_in_one_piece(
    double: ClaudeDouble, sdk: anthropic.AsyncAnthropic, model: str
) -> None:
    double.always = Step(text="¿Cuánto? " * 30)
    whole = await sdk.messages.create(**{**HELLO, "model": model})
    async with sdk.messages.stream(**{**HELLO, "model": model}) as stream:
        streamed: Message = await stream.get_final_message()
    assert [(block.type, getattr(block, "text", "")) for block in streamed.content] == [
        (block.type, getattr(block, "text", "")) for block in whole.content
    ]
    assert streamed.usage.output_tokens == whole.usage.output_tokens
    assert streamed.usage.input_tokens == whole.usage.input_tokens
    assert streamed.stop_reason == whole.stop_reason == "end_turn"


# --- the prompt cache -------------------------------------------------------------------------------------------


def marked(text: str, ttl: str | None = None) -> dict[str, Any]:
    return {"type": "text", "text": text} | ({"cache_control": {"type": "ephemeral", "ttl": ttl}} if ttl else {})


LONG, LONGER = "voice and policy " * 200, "catalogue of today " * 200


async def usage_of(sdk: anthropic.AsyncAnthropic, *system: dict[str, Any], **changes: Any) -> tuple[int, int, int, int]:
    """Return what a prompt reads, writes for five minutes, writes for an hour, and has besides."""
    usage = (await sdk.messages.create(**{**HELLO, "system": list(system), **changes})).usage
    assert usage.cache_creation is not None
    written = usage.cache_creation
    assert usage.cache_creation_input_tokens == (written.ephemeral_5m_input_tokens + written.ephemeral_1h_input_tokens)
    return (
        usage.cache_read_input_tokens or 0,
        written.ephemeral_5m_input_tokens,
        written.ephemeral_1h_input_tokens,
        usage.input_tokens,
    )


async def test_prefix_is_written_once_then_read_by_each_model_for_itself(sdk: anthropic.AsyncAnthropic) -> None:
    read, _, written, rest = await usage_of(sdk, marked(LONG, "1h"))
    assert read == 0 < written
    assert await usage_of(sdk, marked(LONG, "1h")) == (written, 0, 0, rest)
    assert (await usage_of(sdk, marked(LONG, "1h"), model=OPUS))[:3] == (0, 0, written)
    assert (await usage_of(sdk, marked(f"{LONG}!", "1h")))[0] == 0


async def test_longer_prefix_reads_the_shorter_and_writes_the_rest(sdk: anthropic.AsyncAnthropic) -> None:
    _, _, first, _ = await usage_of(sdk, marked(LONG, "1h"))
    read, short, long, _ = await usage_of(sdk, marked(LONG, "1h"), marked(LONGER, "5m"))
    assert (read, long) == (first, 0)
    assert short > 0
    assert (await usage_of(sdk, marked(LONG, "1h"), marked(LONGER, "5m")))[0] == first + short


async def test_short_prefix_is_not_cached(sdk: anthropic.AsyncAnthropic) -> None:
    for _ in range(2):
        assert (await usage_of(sdk, marked("voice " * 100, "1h")))[:3] == (0, 0, 0)


async def test_mark_on_a_message_caches_what_stands_before_it_too(sdk: anthropic.AsyncAnthropic) -> None:
    messages = [{"role": "user", "content": [marked(LONGER, "5m")]}]
    _, written, _, _ = await usage_of(sdk, marked(LONG), messages=messages)
    assert written > 2000
    assert (await usage_of(sdk, marked(LONG), messages=messages))[0] == written


async def test_prefix_lives_as_long_as_asked_from_its_last_use() -> None:
    clock = FakeClock(NOW)
    with ClaudeDouble(clock=lambda: clock().timestamp()) as double:
        async with anthropic.AsyncAnthropic(api_key=API_KEY, base_url=double.base_url, open_telemetry=False) as sdk:
            _, written, _, _ = await usage_of(sdk, marked(LONG, "5m"))
            for seconds in (200, 200, 299):
                clock.advance(seconds)
                assert (await usage_of(sdk, marked(LONG, "5m")))[0] == written
            clock.advance(301)
            assert (await usage_of(sdk, marked(LONG, "5m")))[:2] == (0, written)


# --- traffic ----------------------------------------------------------------------------------------------------


async def test_limits_are_told_on_each_answer_and_kept() -> None:
    clock = FakeClock(NOW)
    limits = RateLimits(requests=3, clock=lambda: clock().timestamp())
    with ClaudeDouble(limits=limits) as double:
        async with anthropic.AsyncAnthropic(
            api_key=API_KEY, base_url=double.base_url, max_retries=0, open_telemetry=False
        ) as sdk:
            left = []
            for _ in range(3):
                raw = await sdk.messages.with_raw_response.create(**HELLO)
                left.append(raw.headers["anthropic-ratelimit-requests-remaining"])
                assert raw.headers["anthropic-ratelimit-requests-limit"] == "3"
                assert raw.headers["anthropic-ratelimit-requests-reset"].endswith("Z")
            assert left == ["2", "1", "0"]
            with pytest.raises(anthropic.RateLimitError) as caught:
                await sdk.messages.create(**HELLO)
            assert caught.value.response.headers["retry-after"] == "20"
            clock.advance(20)
            await sdk.messages.create(**HELLO)


class Dawdling(Latency):
    """Soon begins to answer, and does not come to the end of it."""

    def draw(self, model: str) -> tuple[float, float]:
        return 0.05, 600.0


async def test_answers_take_their_time_and_the_first_token_comes_before_the_last() -> None:
    with ClaudeDouble(latency=Dawdling(1)) as double:
        async with anthropic.AsyncAnthropic(api_key=API_KEY, base_url=double.base_url, open_telemetry=False) as sdk:
            started = time.monotonic()
            async with sdk.messages.stream(**HELLO) as stream:
                assert (await anext(aiter(stream))).type == "message_start"
                assert time.monotonic() - started > 0.04


def test_latency_is_that_of_the_model_with_a_slow_tail_and_the_same_for_a_seed() -> None:
    first = {model: median(Latency(seed).draw(model)[0] for seed in range(500)) for model in (HAIKU, SONNET, OPUS)}
    assert first[HAIKU] < first[SONNET] < first[OPUS]
    one, same = Latency(3), Latency(3)
    draws = [one.draw(SONNET)[0] for _ in range(2000)]
    assert draws == [same.draw(SONNET)[0] for _ in range(2000)]
    assert max(draws) > 4 * median(draws)


def test_faults_come_in_the_shares_asked_for_and_the_same_for_a_seed() -> None:
    drawn = [Mix(seed, [(0.2, OVERLOADED), (0.1, STALL)]).draw() for seed in range(2000)]
    assert 340 < drawn.count(OVERLOADED) < 460
    assert 150 < drawn.count(STALL) < 250
    assert drawn.count(ORDINARY) > 1300
    one, same = Mix(5, [(0.5, OVERLOADED)]), Mix(5, [(0.5, OVERLOADED)])
    assert [one.draw() for _ in range(50)] == [same.draw() for _ in range(50)]
