"""What Langfuse is asked with an answer: scores are handed over, prompts are read and written. Spans go another way.

Nothing that answers prospects calls this: the SDK would lose scores when it cannot send them, and would block for
prompts. Source: the public API of Langfuse 4.59, as the SDK 5.0.4 speaks it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote

import httpx

from agent.errors import NightshiftError
from agent.settings import LangfuseProject

TIMEOUT_S = 10.0
MAX_SAID = 300


class LangfuseUnavailable(NightshiftError):  # noqa: N818 — says what is so
    """Langfuse cannot be reached or has trouble of its own: try again later."""


class LangfuseRefused(NightshiftError):  # noqa: N818 — likewise
    """Langfuse will not have it: wrong keys, or something it cannot read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RemotePrompt:
    """A version of a prompt, as Langfuse keeps it."""

    name: str
    version: int
    text: str
    config: Mapping[str, Any]


class LangfuseApi:
    """The API of one project. Close it."""

    def __init__(self, project: LangfuseProject) -> None:
        self._http = httpx.AsyncClient(
            base_url=project.base_url.rstrip("/"),
            auth=(project.public_key, project.secret_key.get_secret_value()),
            timeout=TIMEOUT_S,
        )

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(self, *_exc: object) -> None:
        """Release connections."""
        await self.aclose()

    async def aclose(self) -> None:
        """Release connections."""
        await self._http.aclose()

    async def post_scores(self, scores: Sequence[Mapping[str, Any]]) -> int:
        """Hand over scores; return how many were taken. It does not say which were not.

        Raises:
            LangfuseUnavailable, LangfuseRefused: none was.
        """
        answer = await self.request("POST", "/api/public/scores", json=list(scores))
        return int(answer["accepted"]) if isinstance(answer, dict) and "accepted" in answer else len(scores)

    async def find_prompt(self, name: str, label: str) -> RemotePrompt | None:
        """Return the version of a prompt that has a label; None: there is none.

        Raises:
            LangfuseUnavailable, LangfuseRefused: nobody knows.
        """
        path = f"/api/public/v2/prompts/{quote(name, safe='')}"
        answer = await self.request("GET", path, params={"label": label, "resolve": "false"}, missing=None)
        return None if answer is None else _prompt(answer)

    async def create_prompt(
        self, name: str, text: str, *, labels: Sequence[str], config: Mapping[str, Any], message: str
    ) -> RemotePrompt:
        """Write a new version of a prompt; the labels leave the version that had them.

        Raises:
            LangfuseUnavailable, LangfuseRefused: nobody knows whether it was written, or it was not.
        """
        body = {"name": name, "type": "text", "prompt": text, "labels": list(labels), "config": dict(config)}
        return _prompt(await self.request("POST", "/api/public/v2/prompts", json={**body, "commitMessage": message}))

    async def label_prompt(self, prompt: RemotePrompt, label: str) -> None:
        """Give a version a label, which leaves the version that had it.

        Raises:
            LangfuseUnavailable, LangfuseRefused: nobody knows whether it has it now, or it has not.
        """
        path = f"/api/public/v2/prompts/{quote(prompt.name, safe='')}/versions/{prompt.version}"
        await self.request("PATCH", path, json={"newLabels": [label]})

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, str] | None = None,
        missing: Any = LangfuseRefused,
    ) -> Any:
        """Call the API and return its answer, read from JSON. `missing` is returned for a 404, unless left out.

        Raises:
            LangfuseUnavailable: no answer within 10 s, or an answer that asks to come back (429, 5xx).
            LangfuseRefused: any other answer but success.
        """
        try:
            answer = await self._http.request(method, path, json=json, params=params)
        except httpx.HTTPError as exc:
            raise LangfuseUnavailable(f"Langfuse did not answer ({type(exc).__name__}).") from exc
        if answer.status_code == 404 and missing is not LangfuseRefused:
            return missing
        said = f"Langfuse answered {answer.status_code} to {method} {path}"
        if answer.status_code == 429 or answer.status_code >= 500:
            raise LangfuseUnavailable(f"{said}.")
        if not answer.is_success:
            raise LangfuseRefused(f"{said}: {answer.text[:MAX_SAID]}")
        try:
            return answer.json() if answer.content else None
        except ValueError as exc:
            raise LangfuseUnavailable(f"{said}, and it is not JSON.") from exc


def _prompt(answer: Mapping[str, Any]) -> RemotePrompt:
    return RemotePrompt(
        name=answer["name"],
        version=answer["version"],
        text=answer["prompt"] if isinstance(answer["prompt"], str) else "",
        config=answer.get("config") or {},
    )
