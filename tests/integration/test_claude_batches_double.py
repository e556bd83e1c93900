"""The stand-in for the Message Batches API, checked through the official SDK."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import anthropic
import pytest

from tests.doubles.claude import API_KEY, CUT_OFF, OVERLOADED, ClaudeDouble

HAIKU = "claude-haiku-5-5"


@pytest.fixture
def double() -> Iterator[ClaudeDouble]:
    with ClaudeDouble() as running:
        yield running


@pytest.fixture
async def sdk(double: ClaudeDouble) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(
        api_key=API_KEY, base_url=double.base_url, max_retries=0, open_telemetry=False
    ) as client:
        yield client


def requests(*prompts: str, **changes: Any) -> Any:
    params = {"model": HAIKU, "max_tokens": 10} | changes
    return [
        {"custom_id": f"r-{place}", "params": {**params, "messages": [{"role": "user", "content": prompt}]}}
        for place, prompt in enumerate(prompts)
    ]


async def test_batch_runs_from_creation_to_results(double: ClaudeDouble, sdk: anthropic.AsyncAnthropic) -> None:
    double.batches.end_at_once = False
    batches = sdk.messages.batches
    created = await batches.create(requests=requests("a", "b", "c"))
    assert (created.processing_status, created.request_counts.processing) == ("in_progress", 3)
    assert created.results_url is None
    with pytest.raises(anthropic.AnthropicError, match="results_url"):
        await batches.results(created.id)
    double.batches.end(double.batches.held[0])
    ended = await batches.retrieve(created.id)
    assert (ended.processing_status, ended.request_counts.succeeded) == ("ended", 3)
    lines = [line async for line in await batches.results(created.id)]
    assert sorted(line.custom_id for line in lines) == ["r-0", "r-1", "r-2"]
    assert [line.custom_id for line in lines] != ["r-0", "r-1", "r-2"]
    for line in lines:
        assert line.result.type == "succeeded"
        assert line.result.message.usage.output_tokens > 0


async def test_requests_end_each_in_its_own_way(double: ClaudeDouble, sdk: anthropic.AsyncAnthropic) -> None:
    shelf = double.batches
    shelf.fates = {"x": ["expired"], "e": ["overloaded_error"], "l": ["lost"], "cut": [CUT_OFF]}
    batch = await sdk.messages.batches.create(requests=[*requests("x", "e", "l", "cut", "fine"), *bad_request()])
    lines = {line.custom_id: line.result async for line in await sdk.messages.batches.results(batch.id)}
    assert {name: result.type for name, result in lines.items()} == {
        "r-0": "expired",
        "r-1": "errored",
        "r-3": "succeeded",
        "r-4": "succeeded",
        "bad": "errored",
    }
    cut_off, overloaded, bad = lines["r-3"], lines["r-1"], lines["bad"]
    assert cut_off.type == "succeeded"
    assert cut_off.message.stop_reason == "max_tokens"
    assert overloaded.type == bad.type == "errored"
    assert (overloaded.error.error.type, bad.error.error.type) == ("overloaded_error", "invalid_request_error")


def bad_request() -> Any:
    (request,) = requests("z", thinking={"type": "enabled", "budget_tokens": 1024})
    return [{**request, "custom_id": "bad"}]


async def test_batches_are_listed_newest_first_over_pages(double: ClaudeDouble, sdk: anthropic.AsyncAnthropic) -> None:
    created = [(await sdk.messages.batches.create(requests=requests("a"))).id for _ in range(5)]
    assert [batch.id async for batch in sdk.messages.batches.list(limit=2)] == created[::-1]


async def test_cancelled_batch_ends_with_cancelled_requests(
    double: ClaudeDouble, sdk: anthropic.AsyncAnthropic
) -> None:
    double.batches.end_at_once = False
    batch = await sdk.messages.batches.create(requests=requests("a"))
    assert (await sdk.messages.batches.cancel(batch.id)).processing_status == "canceling"
    double.batches.end_at_once = True
    assert (await sdk.messages.batches.retrieve(batch.id)).request_counts.canceled == 1


@pytest.mark.parametrize(
    ("body", "error"),
    [
        pytest.param([], anthropic.BadRequestError, id="empty"),
        pytest.param([*requests("a"), *requests("b")], anthropic.BadRequestError, id="id given twice"),
        pytest.param([{**requests("a")[0], "custom_id": "x" * 65}], anthropic.BadRequestError, id="long id"),
    ],
)
async def test_malformed_batch_is_refused(
    double: ClaudeDouble, sdk: anthropic.AsyncAnthropic, body: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await sdk.messages.batches.create(requests=body)
    assert double.batches.held == []


async def test_failures_are_those_of_the_api(double: ClaudeDouble, sdk: anthropic.AsyncAnthropic) -> None:
    double.batches.steps = [OVERLOADED]
    with pytest.raises(anthropic.OverloadedError):
        await sdk.messages.batches.create(requests=requests("a"))
    with pytest.raises(anthropic.NotFoundError):
        await sdk.messages.batches.retrieve("msgbatch_unknown")
    with pytest.raises(anthropic.AuthenticationError):
        await sdk.with_options(api_key="sk-other").messages.batches.retrieve("msgbatch_unknown")
