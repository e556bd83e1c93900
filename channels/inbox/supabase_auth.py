"""Supabase Auth: who somebody is, by password, or by a link or a code in a mail.

Plain HTTP (https://supabase.com/docs/reference/self-hosting-auth): five requests do not need the official client, which
keeps tokens and signs its owner in, where we want to know who somebody is and forget the rest. Tests hold our
stand-in for the service to that client.
"""

import asyncio
import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import httpx
import structlog
from pydantic import BaseModel, ValidationError

from channels.inbox.auth_tokens import KeySet, TokenRefused, read_token

TIMEOUT = httpx.Timeout(connect=5, read=10, write=10, pool=5)
TOTAL_TIMEOUT_S = 15.0
BY_MAIL = frozenset({"otp", "magiclink", "email/signup", "invite", "recovery"})
"""Ways of signing in that prove, by themselves, that one reads the mailbox (claim `amr`)."""

Problem = Literal["wrong", "often", "away"]
"""Who somebody is cannot be told: what they gave is wrong; too many tried; the service does not work for us."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """Somebody whom Supabase Auth knows."""

    user_id: UUID
    email: str
    """Their address; empty: nothing proves that it is theirs."""


class _User(BaseModel):
    id: UUID
    email: str = ""
    email_confirmed_at: datetime | None = None


class _SignedIn(BaseModel):
    """What Supabase Auth answers when somebody has proven who they are; the rest of it is not looked at."""

    access_token: str
    user: _User


class SupabaseAuth:
    """Asks Supabase Auth who somebody is. Keeps no token."""

    def __init__(
        self, *, url: str, publishable_key: str, now: Callable[[], datetime], timeout: httpx.Timeout = TIMEOUT
    ) -> None:
        self._issuer = f"{url.rstrip('/')}/auth/v1"
        self._now = now
        self._http = httpx.AsyncClient(base_url=self._issuer, headers={"apikey": publishable_key}, timeout=timeout)
        self._keys = KeySet(self._http, now)

    async def by_password(self, email: str, password: str) -> Identity | Problem:
        """Identify somebody by their password."""
        return await self._identify("/token?grant_type=password", {"email": email, "password": password})

    async def by_link(self, auth_code: str, verifier: str) -> Identity | Problem:
        """Identify whoever followed a mailed link, by the code it came back with and the secret of who asked for it."""
        return await self._identify("/token?grant_type=pkce", {"auth_code": auth_code, "code_verifier": verifier})

    async def by_code(self, email: str, code: str) -> Identity | Problem:
        """Identify somebody by the code in a mail."""
        return await self._identify("/verify", {"type": "email", "email": email, "token": code})

    async def send_mail(self, email: str, verifier: str, return_to: str) -> Problem | None:
        """Have a link, and a code if the project's mail shows one, sent. Only members get that far: no stranger's
        account is made."""
        asked = {
            "email": email,
            "create_user": True,
            "code_challenge": challenge_of(verifier),
            "code_challenge_method": "s256",
        }
        answer = await self._send("POST", "/otp", json=asked, params={"redirect_to": return_to})
        return answer if isinstance(answer, str) else None

    async def aclose(self) -> None:
        """Release connections."""
        await self._http.aclose()

    async def _identify(self, path: str, asked: dict[str, str]) -> Identity | Problem:
        answer = await self._send("POST", path, json=asked)
        if isinstance(answer, str):
            return answer
        try:
            signed_in = _SignedIn.model_validate(answer)
            claims = await read_token(signed_in.access_token, self._keys, self._issuer, self._now())
        except (TokenRefused, ValidationError) as exc:
            log.warning("inbox.auth_token_refused", error=str(exc), fix="run `nightshift doctor`")
            return "away"
        user = signed_in.user
        if claims["sub"] != str(user.id):
            log.warning("inbox.auth_token_refused", error="it is another user's")
            return "away"
        is_proven = user.email_confirmed_at and (_ways(claims) & BY_MAIL or await self._confirms_addresses())
        return Identity(user_id=user.id, email=user.email if is_proven else "")

    async def _confirms_addresses(self) -> bool:
        """Whether the project sends a mail to make sure of addresses, or takes them as given."""
        answer = await self._send("GET", "/settings")
        return not isinstance(answer, str) and answer.get("mailer_autoconfirm") is False

    async def _send(self, method: str, path: str, **request: Any) -> dict[str, Any] | Problem:
        try:
            async with asyncio.timeout(TOTAL_TIMEOUT_S):
                answer = await self._http.request(method, path, **request)
            content = answer.json()
        except (httpx.RequestError, TimeoutError, ValueError) as exc:
            log.warning("inbox.auth_away", error=type(exc).__name__)
            return "away"
        if answer.is_success and isinstance(content, dict):
            return content
        code = content.get("error_code", "") if isinstance(content, dict) else ""
        log.info("inbox.auth_refused", status=answer.status_code, code=str(code)[:80])
        # 401 is the gateway's, about our own key; what a visitor gave wrong is a 400, 403, 404 or 422.
        if answer.status_code == 401 or answer.status_code >= 500:
            return "away"
        return "often" if answer.status_code == 429 else "wrong"


def challenge_of(verifier: str) -> str:
    """Return what may be known of a secret beforehand (RFC 7636 §4.2, S256)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _ways(claims: Any) -> set[str]:
    """Return how somebody has signed in."""
    listed = claims.get("amr")
    return {str(each.get("method")) for each in listed if isinstance(each, dict)} if isinstance(listed, list) else set()
