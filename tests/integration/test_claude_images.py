"""Pictures to Claude: which are shown, how they are told apart, and what a broken one must not cost."""

import base64
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from agent.message_details import Details
from agent.models.claude import ClaudeModels
from agent.models.providers import build_gateway
from agent.prompts import Prompts
from agent.types import Image, Media, Route, Sources, Turn
from tests.doubles.claude import API_KEY, ClaudeDouble
from tests.factories import NOW, make_classification, make_message, make_turn, media_id
from tests.files import HTML, JPEG, png
from tests.integration.gateways import settings_for
from tests.sleeping import no_wait

STANDARD = Route(tier="standard", reason="test")


@pytest.fixture
def double() -> Iterator[ClaudeDouble]:
    """The API, which looks at pictures no further than whether they are some."""
    with ClaudeDouble() as double:
        yield double


@pytest.fixture
async def models(double: ClaudeDouble) -> AsyncIterator[ClaudeModels]:
    """The engine under test."""
    settings = settings_for(double, anthropic_api_key=SecretStr(API_KEY))
    models = ClaudeModels(
        build_gateway(settings, now=lambda: NOW, sleep=no_wait),
        prompts=Prompts.load(),
        now=lambda: NOW,
        timeout_s=settings.nightshift_model_timeout_s,
    )
    yield models
    await models.aclose()


def with_picture(turn: Turn, content: bytes = JPEG, content_type: str = "image/jpeg") -> Turn:
    """Return the turn with a picture in the last message of its burst."""
    media = Media(url="x", content_type=content_type, id=media_id(1), state="stored", size=50_000)
    *others, last = turn.inbound
    image = Image(media_id=media_id(1), content_type=content_type, content=content)
    return replace(turn, inbound=(*others, replace(last, media=(media,))), images=(*turn.images, image))


def content(double: ClaudeDouble, place: int = -1) -> list[dict[str, Any]]:
    """Return the blocks of what was asked."""
    asked = double.requests[place].body["messages"][0]["content"]
    return asked if isinstance(asked, list) else [{"type": "text", "text": asked}]


async def draft(models: ClaudeModels, turn: Turn) -> str:
    drafted = await models.draft(turn, make_classification(language="es"), Sources(), STANDARD)
    return drafted.draft.text


async def test_picture_goes_along_under_the_number_that_its_message_gives_it(
    double: ClaudeDouble, models: ClaudeModels
) -> None:
    await draft(models, with_picture(make_turn("¿cuánto cuesta este?")))
    number, picture, text = content(double)
    assert number == {"type": "text", "text": "Picture 1:"}
    encoded = base64.b64encode(JPEG).decode()
    assert picture == {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": encoded}}
    assert "shown to you: picture 1" in text["text"]


async def test_earlier_picture_is_named_in_the_history(double: ClaudeDouble, models: ClaudeModels) -> None:
    earlier = with_picture(make_turn("mira")).inbound[0]
    image = Image(media_id=media_id(1), content_type="image/jpeg", content=JPEG)
    await draft(models, make_turn("¿cuánto cuesta este?", history=(earlier,), images=(image,)))
    text = content(double)[-1]["text"]
    assert "shown to you: picture 1" in text.partition("</conversation_history>")[0]


async def test_words_are_classified_without_the_picture_and_a_picture_alone_with_it(
    double: ClaudeDouble, models: ClaudeModels
) -> None:
    worded = with_picture(make_turn("¿cuánto cuesta este?"))
    wordless = with_picture(make_turn(inbound=(make_message("[image]", details=Details(wordless=True)),)))
    await models.classify(worded, "es")
    await models.classify(wordless, "es")
    assert [[block["type"] for block in content(double, place)] for place in (0, 1)] == [
        ["text"],
        ["text", "image", "text"],
    ]
    assert "not seen by you" in content(double, 0)[-1]["text"]
    assert "shown to you: picture 1" in content(double, 1)[-1]["text"]


async def test_judge_sees_what_the_draft_speaks_of(double: ClaudeDouble, models: ClaudeModels) -> None:
    await models.judge(["La foto muestra una sala."], with_picture(make_turn("¿qué te parece?"), png(), "image/png"))
    assert [block["type"] for block in content(double)] == ["text", "image", "text"]


async def test_picture_that_the_api_refuses_costs_neither_label_nor_answer(
    double: ClaudeDouble, models: ClaudeModels
) -> None:
    broken = with_picture(make_turn("¿cuánto cuesta este?"), HTML)
    assert "{price:" in await draft(models, broken)
    wordless = with_picture(make_turn(inbound=(make_message("[image]", details=Details(wordless=True)),)), HTML)
    await models.classify(wordless, "es")
    assert all("not seen by you" in content(double, place)[-1]["text"] for place in (0, 1))
    assert [len(content(double, place)) for place in (0, 1)] == [1, 1]
