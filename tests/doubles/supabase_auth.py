"""A stand-in for Supabase Auth (GoTrue 2.17x behind the project's gateway): users, mails, tokens signed with its keys.

Endpoints, field names, statuses and error codes are the service's; `test_supabase_auth_double.py` holds them to the
official client. Keys can be rotated, tokens bent, the mail's limit reached, and the whole service can fail.
"""

import base64
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from secrets import randbelow, token_urlsafe
from typing import Any
from uuid import UUID, uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from tests.conftest import FakeClock
from tests.serving import serving

PUBLISHABLE_KEY = "sb_publishable_double"
TOKEN_LIFE = timedelta(hours=1)
MAILS_AN_HOUR = 30


@dataclass(slots=True, kw_only=True)
class User:
    """An account of the project."""

    email: str
    password: str = ""
    is_confirmed: bool = True
    id: UUID = field(default_factory=uuid4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail of the service, as its template shows both."""

    to: str
    link: str
    code: str


@dataclass(slots=True, kw_only=True)
class Flow:
    """A link's way: asked for with a challenge, followed (it has a code then), exchanged once."""

    user: User
    challenge: str
    redirect_to: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class Key:
    """A signing key."""

    id: str
    private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

    @property
    def algorithm(self) -> str:
        """The name tokens carry."""
        return "RS256" if isinstance(self.private, rsa.RSAPrivateKey) else "ES256"

    def published(self) -> dict[str, Any]:
        """Return the public half as JSON Web Key."""
        if isinstance(self.private, rsa.RSAPrivateKey):
            jwk = RSAAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        else:
            jwk = ECAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        return {**jwk, "kid": self.id, "alg": self.algorithm, "use": "sig", "key_ops": ["verify"]}


def new_key(algorithm: str = "ES256") -> Key:
    """Make a signing key."""
    is_rsa = algorithm == "RS256"
    private = rsa.generate_private_key(65537, 2048) if is_rsa else ec.generate_private_key(ec.SECP256R1())
    return Key(str(uuid4()), private)


@dataclass(slots=True, kw_only=True)
class SupabaseAuthDouble:
    """The stand-in's state."""

    url: str
    """A value for SUPABASE_URL."""
    now: Callable[[], datetime]
    users: list[User] = field(default_factory=list)
    mails: list[Mail] = field(default_factory=list)
    flows: dict[str, Flow] = field(default_factory=dict)
    """By the mail's token."""
    key: Key = field(default_factory=new_key)
    """What tokens are signed with."""
    published: list[Key] = field(default_factory=list)
    """What the service says its keys are; empty: the one it signs with."""
    autoconfirms: bool = False
    signup_is_open: bool = True
    is_down: bool = False
    are_keys_away: bool = False
    is_busy: bool = False
    bend: Callable[[dict[str, Any]], str] | None = None
    """Makes another token of the claims than the service would."""
    paths: list[str] = field(default_factory=list)
    """What has been asked, in order."""

    @property
    def issuer(self) -> str:
        """Who tokens say they are from."""
        return f"{self.url}/auth/v1"

    def add(self, email: str, password: str = "", *, is_confirmed: bool = True) -> User:
        """Add an account."""
        user = User(email=email, password=password, is_confirmed=is_confirmed)
        self.users.append(user)
        return user

    def find(self, email: str) -> User | None:
        """Return the account of an address."""
        return next((user for user in self.users if user.email == email.lower()), None)

    def session(self, user: User, way: str) -> dict[str, Any]:
        """Return what a successful sign-in answers."""
        now = int(self.now().timestamp())
        lasts = int(TOKEN_LIFE.total_seconds())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": str(user.id),
            "aud": "authenticated",
            "exp": now + lasts,
            "iat": now,
            "email": user.email,
            "phone": "",
            "app_metadata": {"provider": "email", "providers": ["email"]},
            "user_metadata": {"email_verified": True},
            "role": "authenticated",
            "aal": "aal1",
            "amr": [{"method": way, "timestamp": now}],
            "session_id": str(uuid4()),
            "is_anonymous": False,
        }
        token = self.bend(claims) if self.bend else self.sign(claims)
        return {
            "access_token": token,
            "token_type": "bearer",
            "expires_in": lasts,
            "expires_at": now + lasts,
            "refresh_token": token_urlsafe(9),
            "user": self.describe(user),
        }

    def sign(self, claims: dict[str, Any]) -> str:
        """Sign a token as the service does."""
        return jwt.encode(claims, self.key.private, algorithm=self.key.algorithm, headers={"kid": self.key.id})

    def describe(self, user: User) -> dict[str, Any]:
        """Return an account as JSON."""
        at = self.now().isoformat().replace("+00:00", "Z")
        return {
            "id": str(user.id),
            "aud": "authenticated",
            "role": "authenticated",
            "email": user.email,
            "phone": "",
            "app_metadata": {"provider": "email", "providers": ["email"]},
            # Users may write this themselves.
            "user_metadata": {"email_verified": True},
            "identities": [],
            "created_at": at,
            "updated_at": at,
            "is_anonymous": False,
            **({"email_confirmed_at": at, "confirmed_at": at} if user.is_confirmed else {}),
        }

    def send_mail(self, user: User, asked: dict[str, Any], redirect_to: str) -> None:
        """Mail a link and a code."""
        token, code = f"pkce_{token_urlsafe(32)}", f"{randbelow(10**6):06}"
        self.flows[token] = Flow(user=user, challenge=asked.get("code_challenge") or "", redirect_to=redirect_to)
        link = f"{self.issuer}/verify?token={token}&type=magiclink&redirect_to={redirect_to}"
        self.mails.append(Mail(to=user.email, link=link, code=code))


@asynccontextmanager
async def serve_supabase_auth(clock: FakeClock) -> AsyncIterator[SupabaseAuthDouble]:
    """Serve the stand-in."""
    doubles: list[SupabaseAuthDouble] = []

    def build(url: str) -> FastAPI:
        doubles.append(SupabaseAuthDouble(url=url, now=clock))
        return create_app(doubles[0])

    async with serving(build):
        yield doubles[0]


def create_app(double: SupabaseAuthDouble) -> FastAPI:
    """Return the API over a double's state."""
    app = FastAPI()

    @app.middleware("http")
    async def gateway(request: Request, call_next: object) -> Response:
        double.paths.append(request.url.path.removeprefix("/auth/v1"))
        if double.is_down:
            return Response("upstream connect error", status_code=503)
        is_open = request.url.path.endswith(("/.well-known/jwks.json", "/verify")) and request.method == "GET"
        if not is_open and request.headers.get("apikey") != PUBLISHABLE_KEY:
            return JSONResponse({"message": "Invalid API key", "hint": "Double check your API key."}, status_code=401)
        if double.is_busy:
            return _error(429, "over_request_rate_limit", "Request rate limit reached")
        return await call_next(request)  # type: ignore[operator,no-any-return]  # Starlette's own type is private

    @app.get("/auth/v1/.well-known/jwks.json")
    async def keys() -> Response:
        if double.are_keys_away:
            return Response("", status_code=503)
        return JSONResponse({"keys": [key.published() for key in double.published or [double.key]]})

    @app.get("/auth/v1/settings")
    async def settings() -> Response:
        return JSONResponse(
            {
                "external": {"email": True, "phone": False, "anonymous_users": False},
                "disable_signup": not double.signup_is_open,
                "mailer_autoconfirm": double.autoconfirms,
                "phone_autoconfirm": False,
                "sms_provider": "twilio",
                "saml_enabled": False,
            }
        )

    @app.post("/auth/v1/token")
    async def token(grant_type: str, request: Request) -> Response:
        asked = await _json(request)
        if asked is None:
            return _error(400, "bad_json", "Could not parse request body as JSON")
        if grant_type == "password":
            return _by_password(double, asked)
        if grant_type == "pkce":
            return _by_code_exchange(double, asked)
        return _error(400, "invalid_credentials", "unsupported_grant_type")

    @app.post("/auth/v1/otp")
    async def otp(request: Request, redirect_to: str = "") -> Response:
        return _ask_for_mail(double, await _json(request) or {}, redirect_to)

    @app.get("/auth/v1/verify")
    async def follow(token: str, redirect_to: str) -> Response:
        flow = double.flows.get(token)
        if flow is None or flow.code:
            return RedirectResponse(
                f"{redirect_to}?error=access_denied&error_code=otp_expired"
                "&error_description=Email+link+is+invalid+or+has+expired",
                status_code=303,
            )
        flow.user.is_confirmed, flow.code = True, str(uuid4())
        return RedirectResponse(f"{flow.redirect_to}?code={flow.code}", status_code=303)

    @app.post("/auth/v1/verify")
    async def verify(request: Request) -> Response:
        asked = await _json(request) or {}
        latest = next((mail for mail in reversed(double.mails) if mail.to == asked.get("email")), None)
        user = double.find(asked.get("email", ""))
        if latest is None or user is None or asked.get("type") != "email" or asked.get("token") != latest.code:
            return _error(403, "otp_expired", "Token has expired or is invalid")
        double.mails.remove(latest)
        user.is_confirmed = True
        return JSONResponse(double.session(user, "otp"))

    return app


def _by_password(double: SupabaseAuthDouble, asked: dict[str, Any]) -> Response:
    user = double.find(asked.get("email", ""))
    if user is None or not user.password or asked.get("password") != user.password:
        return _error(400, "invalid_credentials", "Invalid login credentials")
    if not (user.is_confirmed or double.autoconfirms):
        return _error(400, "email_not_confirmed", "Email not confirmed")
    return JSONResponse(double.session(user, "password"))


def _by_code_exchange(double: SupabaseAuthDouble, asked: dict[str, Any]) -> Response:
    found = next(((token, flow) for token, flow in double.flows.items() if flow.code == asked.get("auth_code")), None)
    if found is None or not found[1].code:
        return _error(404, "flow_state_not_found", "invalid flow state, no valid flow state found")
    token, flow = found
    digest = hashlib.sha256(str(asked.get("code_verifier")).encode()).digest()
    if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != flow.challenge:
        return _error(400, "bad_code_verifier", "code challenge does not match previously saved code verifier")
    del double.flows[token]
    return JSONResponse(double.session(flow.user, "magiclink"))


def _ask_for_mail(double: SupabaseAuthDouble, asked: dict[str, Any], redirect_to: str) -> Response:
    email = str(asked.get("email", "")).lower()
    if "@" not in email:
        return _error(400, "validation_failed", "Unable to validate email address: invalid format")
    user = double.find(email)
    if user is None and not asked.get("create_user", True):
        return _error(422, "otp_disabled", "Signups not allowed for otp")
    if user is None and not double.signup_is_open:
        return _error(422, "signup_disabled", "Signups not allowed for this instance")
    if len(double.mails) >= MAILS_AN_HOUR:
        return _error(429, "over_email_send_rate_limit", "email rate limit exceeded")
    double.send_mail(user or double.add(email, is_confirmed=False), asked, redirect_to)
    return JSONResponse({})


async def _json(request: Request) -> dict[str, Any] | None:
    try:
        read = json.loads(await request.body())
    except ValueError:
        return None
    return read if isinstance(read, dict) else None


def _error(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"code": status, "error_code": code, "msg": message}, status_code=status)
