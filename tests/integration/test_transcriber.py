"""The transcriber of voice notes, over HTTP to a stand-in for an API of OpenAI's form."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from pydantic import SecretStr

from agent.errors import Permanent, Retryable
from agent.settings import Settings
from channels.transcriber import ApiTranscriber
from tests.doubles.transcriber import API_KEY, SAYS, TranscriberDouble
from tests.files import OGG
from tests.serving import serving


@dataclass(kw_only=True, slots=True)
class Api:
    """Where the stand-in is, and what it heard."""

    double: TranscriberDouble
    url: str


@pytest.fixture(scope="module")
async def api() -> AsyncIterator[Api]:
    """The stand-in, up for all tests of this file."""
    double = TranscriberDouble()
    async with serving(lambda _: double.app()) as url:
        yield Api(double=double, url=url)


@pytest.mark.parametrize("ending", ["", "/", "/v1", "/v1/"])
async def test_voice_note_is_written_down_wherever_the_address_ends(api: Api, ending: str) -> None:
    api.double.reset()
    settings = Settings(
        _env_file=None,
        nightshift_transcriber_url=f"{api.url}{ending}",
        nightshift_transcriber_model="large",
        nightshift_transcriber_api_key=SecretStr(API_KEY),
    )
    transcriber = ApiTranscriber.from_settings(settings)
    assert transcriber is not None
    assert await transcriber.transcribe(OGG, "audio/ogg") == SAYS
    (heard,) = api.double.heard
    assert (heard.filename, heard.content_type, heard.content, heard.model) == ("voice.ogg", "audio/ogg", OGG, "large")
    await transcriber.aclose()


def test_nothing_is_transcribed_unless_it_is_configured() -> None:
    assert ApiTranscriber.from_settings(Settings(_env_file=None)) is None


@pytest.mark.parametrize(
    ("status", "error"), [(429, Retryable), (500, Retryable), (503, Retryable), (400, Permanent), (413, Permanent)]
)
async def test_answers_say_whether_to_try_again(api: Api, status: int, error: type[Exception]) -> None:
    api.double.reset()
    api.double.statuses = [status]
    transcriber = ApiTranscriber(base_url=api.url, model="m", api_key=API_KEY)
    with pytest.raises(error, match=str(status)):
        await transcriber.transcribe(OGG, "audio/ogg")
    await transcriber.aclose()


async def test_wrong_key_is_named_as_what_to_mend(api: Api) -> None:
    transcriber = ApiTranscriber(base_url=api.url, model="m", api_key="wrong")
    with pytest.raises(Permanent, match="check NIGHTSHIFT_TRANSCRIBER_"):
        await transcriber.transcribe(OGG, "audio/ogg")
    await transcriber.aclose()


async def test_transcriber_that_is_away_is_tried_again() -> None:
    transcriber = ApiTranscriber(base_url="http://127.0.0.1:9", model="m")
    with pytest.raises(Retryable, match="gave no answer"):
        await transcriber.transcribe(OGG, "audio/ogg")
    await transcriber.aclose()
