"""Writes down voice notes through an API that speaks OpenAI's `POST /v1/audio/transcriptions`: hosted, or a server
of one's own such as whisper.cpp or faster-whisper. Not configured, nothing is transcribed."""

import asyncio
from typing import Self

import httpx

from agent.errors import Permanent, Retryable
from agent.settings import Settings

PATH = "/v1/audio/transcriptions"
TIMEOUT = httpx.Timeout(connect=5, read=25, write=15, pool=5)
TOTAL_TIMEOUT_S = 30.0
_ENDINGS = {"audio/ogg": "ogg", "audio/mpeg": "mp3", "audio/mp4": "m4a", "audio/wav": "wav", "audio/webm": "webm"}
"""Names that tell the API the format; it goes by the name's ending."""


class ApiTranscriber:
    """Implements `agent.ports.Transcriber`. `base_url` may or may not end with `/v1`."""

    def __init__(
        self,
        *,
        base_url: str,
        model: str,
        api_key: str | None = None,
        timeout: httpx.Timeout = TIMEOUT,
        total_timeout_s: float = TOTAL_TIMEOUT_S,
    ) -> None:
        self._url = f"{base_url.rstrip('/').removesuffix('/v1')}{PATH}"
        self._model, self._total_timeout_s = model, total_timeout_s
        headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
        self._http = httpx.AsyncClient(timeout=timeout, headers=headers, follow_redirects=False)

    @classmethod
    def from_settings(cls, settings: Settings) -> Self | None:
        """Build the configured transcriber; None: there is none."""
        if settings.nightshift_transcriber_url is None:
            return None
        key = settings.nightshift_transcriber_api_key
        return cls(
            base_url=settings.nightshift_transcriber_url,
            model=settings.nightshift_transcriber_model,
            api_key=key.get_secret_value() if key else None,
        )

    async def transcribe(self, audio: bytes, content_type: str) -> str:
        """Return the words; see `agent.ports.Transcriber`."""
        name = f"voice.{_ENDINGS.get(content_type, content_type.partition('/')[2][:10])}"
        try:
            async with asyncio.timeout(self._total_timeout_s):
                answer = await self._http.post(
                    self._url,
                    data={"model": self._model, "response_format": "json"},
                    files={"file": (name, audio, content_type)},
                )
        except (httpx.RequestError, TimeoutError) as exc:
            raise Retryable(f"The transcriber gave no answer: {type(exc).__name__}.") from exc
        return _text(answer)

    async def aclose(self) -> None:
        """Release connections."""
        await self._http.aclose()


def _text(answer: httpx.Response) -> str:
    if answer.status_code == 429 or answer.status_code >= 500:
        raise Retryable(f"The transcriber answered {answer.status_code}.")
    try:
        text = answer.json().get("text") if answer.is_success else None
    except (ValueError, AttributeError) as exc:
        raise Permanent("The transcriber's answer is not its API's JSON; check NIGHTSHIFT_TRANSCRIBER_URL.") from exc
    if not isinstance(text, str):
        raise Permanent(f"The transcriber answered {answer.status_code}; check NIGHTSHIFT_TRANSCRIBER_*.")
    return text
