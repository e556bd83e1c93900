"""Tokens of Supabase Auth, believed only if one of its published keys has signed them for us.

Only asymmetric signatures count, and which one is the key's to say, never the token's: a token that claims to be signed
with the public key as a shared secret is refused like any other forgery (RFC 8725 §3.1).
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import structlog

ALGORITHMS = frozenset({"RS256", "ES256"})
AUDIENCE = ROLE = "authenticated"
CLAIMS = ["sub", "aud", "iss", "exp", "iat"]
LEEWAY = timedelta(seconds=30)
"""How far clocks may be apart."""
FRESH = timedelta(minutes=10)
"""Keys are fetched again after this: one that was withdrawn is believed no longer."""
KEPT = timedelta(hours=1)
"""For how long keys are believed while they cannot be fetched."""

log = structlog.get_logger(__name__)


class TokenRefused(Exception):  # noqa: N818 — named like all refusals here
    """Nobody we believe has signed this token, or not for us, or not for now."""


class KeySet:
    """The keys that Supabase Auth publishes, fetched when they are needed."""

    def __init__(self, http: httpx.AsyncClient, now: Callable[[], datetime]) -> None:
        self._http = http
        self._now = now
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._fetched_at = datetime.min.replace(tzinfo=UTC)

    async def find(self, key_id: str) -> jwt.PyJWK:
        """Return a key; one that is not known yet may have been added since the last look.

        Raises:
            TokenRefused: there is no such key, as far as can be told.
        """
        if key_id not in self._keys or self._now() - self._fetched_at > FRESH:
            await self._fetch()
        if key_id not in self._keys or self._now() - self._fetched_at > KEPT:
            raise TokenRefused("its key is not among those that Supabase Auth publishes")
        return self._keys[key_id]

    async def _fetch(self) -> None:
        try:
            answer = (await self._http.get("/.well-known/jwks.json")).raise_for_status()
            published = jwt.PyJWKSet.from_dict(answer.json())
        except (httpx.HTTPError, ValueError, jwt.PyJWKSetError) as exc:
            log.warning("inbox.auth_keys_away", error=type(exc).__name__)
            return
        self._keys = {key.key_id: key for key in published.keys if key.key_id and key.algorithm_name in ALGORITHMS}
        self._fetched_at = self._now()


async def read_token(token: str, keys: KeySet, issuer: str, now: datetime) -> Mapping[str, Any]:
    """Return the claims of an access token of somebody who has signed in.

    Raises:
        TokenRefused: says why it is not believed.
    """
    try:
        key = await keys.find(str(jwt.get_unverified_header(token).get("kid", "")))
        claims = jwt.decode(
            token,
            key,
            algorithms=[key.algorithm_name],
            audience=AUDIENCE,
            issuer=issuer,
            # Times are compared below, by our own clock.
            options={"require": CLAIMS, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
        )
        issued_at, expires_at = (datetime.fromtimestamp(int(claims[name]), UTC) for name in ("iat", "exp"))
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError, OSError) as exc:
        raise TokenRefused(f"{type(exc).__name__}: {exc}") from exc
    if not issued_at - LEEWAY <= now < expires_at + LEEWAY:
        raise TokenRefused("it has expired, or is not valid yet")
    if claims.get("role") != ROLE or claims.get("is_anonymous"):
        raise TokenRefused("it is not that of somebody who has signed in")
    return claims
