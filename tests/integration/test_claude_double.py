"""The stand-in for the Claude API, checked through the official SDK: it refuses and answers like the real one."""

from collections.abc import Iterator
from typing import Any

import anthropic
import pytest

from tests.doubles.claude import API_KEY, ClaudeDouble

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
