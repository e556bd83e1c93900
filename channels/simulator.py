"""The simulator as a provider: keys, and a sender that keeps a log and reports like the real ones.

It stands in for Twilio and SendGrid at the same doors: what it reports goes through the very same signed
webhooks. Its keys vouch for the provider `simulator` only, so it can never speak for a real account.
"""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Self
from urllib.parse import urlencode

import httpx
import psycopg
import structlog
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from agent.errors import Ambiguous, Permanent
from agent.ports import Clock, Limits
from agent.store.db import Database
from agent.store.secret_files import keep_secret
from agent.store.simulator import accept_message, has_accepted
from agent.types import Channel, DeliveryState, MessageId, OutboundMessage, Receipt
from channels.email_outbound import SmtpSender
from channels.email_signature import as_sendgrid_shows
from channels.twilio_outbound import LIMITS, status_callback_url
from channels.twilio_signature import WebhookSecret, sign

KEY_FILE = "simulator.key"
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
TOO_LONG = "21617"
"""Twilio's error for a text over the limit."""

REPORTS: Mapping[Channel, tuple[tuple[DeliveryState, float], ...]] = {
    "whatsapp": (("sent", 0.4), ("delivered", 0.5), ("read", 1.2)),
    "sms": (("sent", 0.4), ("delivered", 0.9)),  # SMS has no read receipts
    "email": (("sent", 0.4), ("delivered", 0.9), ("read", 1.2)),
}
"""What is reported on a message, each so many seconds after the one before."""
MAX_POSTS = 8
REPORT_TIMEOUT_S = 10.0
RETRY_AFTER_S = (1.0, 3.0)
"""Pauses before a report is tried again; then it is given up, as a provider does in the end."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class SimulatorKeys:
    """What the simulator signs with. Everything is derived from one random secret in the home directory."""

    twilio: WebhookSecret
    email_private_key: ec.EllipticCurvePrivateKey = field(repr=False)
    email_public_key: str

    @classmethod
    def load(cls, home: Path) -> Self:
        """Read the secret kept under `home` (mode 0600), making it the first time; processes may race."""
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        return cls.derive(keep_secret(home / KEY_FILE))

    @classmethod
    def derive(cls, secret: str) -> Self:
        """Derive all keys from `secret`, always the same."""
        private_key = ec.derive_private_key(
            int.from_bytes(_derived(secret, "e-mail", 48)) % (P256_ORDER - 1) + 1, ec.SECP256R1()
        )
        return cls(
            twilio=WebhookSecret(
                value=_derived(secret, "token", 32).hex(),
                account_sid=f"AC{_derived(secret, 'account', 16).hex()}",
                provider="simulator",
            ),
            email_private_key=private_key,
            email_public_key=as_sendgrid_shows(private_key.public_key()),
        )


def _derived(secret: str, purpose: str, length: int) -> bytes:
    derivation = HKDF(hashes.SHA256(), length, salt=None, info=f"nightshift simulator {purpose}".encode())
    return derivation.derive(secret.encode())


def simulated_id(channel: Channel, message_id: MessageId) -> str:
    """Return the id under which the simulator keeps a message of ours: one for each, so nothing is taken twice."""
    return f"<{message_id}@simulator>" if channel == "email" else f"SM{message_id.hex}"


class SimulatorSender:
    """The `ChannelSender` of the simulator, for all channels.

    Reports are posted to `web_url`, where the web process listens, and signed over `public_url`, where it
    believes to be.
    """

    limits: Mapping[Channel, Limits] = {**LIMITS, **SmtpSender.limits}

    def __init__(self, db: Database, keys: SimulatorKeys, *, web_url: str, public_url: str, now: Clock) -> None:
        self._db = db
        self._keys = keys
        self._public_url = public_url
        self._now = now
        self._http = httpx.AsyncClient(base_url=web_url, timeout=REPORT_TIMEOUT_S, trust_env=False)
        self._posts = asyncio.Semaphore(MAX_POSTS)
        self._reporting: set[asyncio.Task[None]] = set()

    async def send(self, message: OutboundMessage) -> Receipt:
        """Take a message, once however often it is sent, and report on it later.

        Raises:
            Permanent: it is longer than the channel carries.
            Ambiguous: the database went away on the way.
        """
        limit = self.limits[message.channel].max_chars
        if len(message.text.encode("utf-16-le")) // 2 > limit:
            raise Permanent(f"Message {message.id} is longer than {limit} characters.", code=TOO_LONG)
        provider_id = simulated_id(message.channel, message.id)
        try:
            async with self._db.tenant(message.tenant_id) as tx:
                is_new = await accept_message(tx, message, provider_id, self._now())
        except psycopg.OperationalError as exc:
            raise Ambiguous(f"The simulator may have message {message.id}: {exc}") from exc
        if is_new:
            task = asyncio.create_task(self._report(message))
            self._reporting.add(task)
            task.add_done_callback(self._reporting.discard)
        return Receipt(provider_id=provider_id, state="queued")

    async def find_sent(
        self,
        message: OutboundMessage,
        since: datetime,  # noqa: ARG002 — the port's
        *,
        known: Collection[str] = (),  # noqa: ARG002 — the port's
    ) -> Receipt | None:
        """Look a message up; our own id finds it, so the time of the attempt does not matter."""
        async with self._db.tenant(message.tenant_id) as tx:
            if not await has_accepted(tx, message.id):
                return None
        return Receipt(provider_id=simulated_id(message.channel, message.id), state="queued")

    async def aclose(self) -> None:
        """Stop reporting and release connections."""
        tasks = list(self._reporting)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._http.aclose()

    async def _report(self, message: OutboundMessage) -> None:
        for state, delay_s in REPORTS[message.channel]:
            await asyncio.sleep(delay_s)
            if not await self._post_status(message, state):
                return

    async def _post_status(self, message: OutboundMessage, state: DeliveryState) -> bool:
        for pause_s in (*RETRY_AFTER_S, None):
            try:
                async with self._posts:
                    answer = await self._http.send(self._status_request(message, state))
                answer.raise_for_status()
            except httpx.HTTPError as exc:
                log.warning("simulator.report_failed", message=str(message.id), state=state, error=type(exc).__name__)
                if pause_s is not None:
                    await asyncio.sleep(pause_s)
            else:
                return True
        return False

    def _status_request(self, message: OutboundMessage, state: DeliveryState) -> httpx.Request:
        """Write a report as Twilio does. A mail's is the same: it is known by our id in the URL."""
        url = status_callback_url(self._public_url, message.tenant_id, message.id)
        sid = f"SM{message.id.hex}"
        prefix = "whatsapp:" if message.channel == "whatsapp" else ""
        params = [
            ("AccountSid", self._keys.twilio.account_sid),
            ("MessageSid", sid),
            ("SmsSid", sid),
            ("MessageStatus", state),
            ("SmsStatus", state),
            ("From", f"{prefix}{message.sender}"),
            ("To", f"{prefix}{message.recipient}"),
        ]
        return self._http.build_request(
            "POST",
            url.removeprefix(self._public_url),
            content=urlencode(params),
            headers=form_headers(url, params, self._keys.twilio),
        )


def form_headers(url: str, params: list[tuple[str, str]], secret: WebhookSecret) -> dict[str, str]:
    """Return the headers of a signed form post."""
    return {
        "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
        "X-Twilio-Signature": sign(url, params, secret),
    }
