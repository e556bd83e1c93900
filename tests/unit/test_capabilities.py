"""The table of what each model accepts, against the rules of the stand-in, which were written from the same source."""

import json
from typing import Any, Literal

import pytest
from pydantic import BaseModel

from agent.models.anthropic import message_params
from agent.models.capabilities import CAPABILITIES, Effort
from agent.models.request import Request
from tests.doubles.claude_rules import API_VERSION, ApiError, check_request
from tests.doubles.claude_tokens import MIN_CACHED


class Answer(BaseModel):
    """Something of each kind our answers have."""

    name: str
    number: int
    choice: Literal["a", "b"]
    several: list[str]


def request(effort: Effort) -> Request[Answer]:
    return Request(
        task="draft",
        tier="standard",
        system="s",
        user="u",
        output=Answer,
        effort=effort,
        max_tokens=100,
        prompt_version="1",
        user_id="opaque",
    )


def check(body: Any) -> None:
    headers = {"authorization": "Bearer key", "anthropic-version": API_VERSION}
    check_request(headers, json.dumps(body).encode(), "key")


@pytest.mark.parametrize("model", CAPABILITIES)
@pytest.mark.parametrize("effort", ["low", "medium", "high"])
def test_one_request_fits_every_model(model: str, effort: Effort) -> None:
    check(message_params(request(effort), model))


@pytest.mark.parametrize("model", CAPABILITIES)
@pytest.mark.parametrize("thinking", ["disabled", "between_tools"])
def test_thinking_can_be_turned_off_as_the_table_says_and_in_no_other_way(model: str, thinking: str) -> None:
    params: Any = {**message_params(request("low"), model), "thinking": {"type": thinking}}
    if CAPABILITIES[model].no_thinking == thinking:
        check(params)
    else:
        with pytest.raises(ApiError, match="thinking"):
            check(params)


@pytest.mark.parametrize("model", CAPABILITIES)
def test_only_models_that_the_table_names_can_be_made_to_use_a_tool(model: str) -> None:
    params: Any = {**message_params(request("low"), model), "tools": [], "tool_choice": {"type": "any"}}
    if CAPABILITIES[model].forced_tools:
        check(params)
    else:
        with pytest.raises(ApiError, match="forced tool"):
            check(params)


@pytest.mark.parametrize("model", CAPABILITIES)
def test_model_that_always_thinks_has_room_for_it(model: str) -> None:
    always_thinks = CAPABILITIES[model].no_thinking is None
    assert (message_params(request("low"), model)["max_tokens"] > 100) == always_thinks


def test_published_cache_minimums_are_those_of_the_stand_in() -> None:
    published = {model: each.min_cached_tokens for model, each in CAPABILITIES.items() if each.min_cached_tokens}
    assert published == {model: MIN_CACHED[model] for model in published}
    assert len(published) == 2
