"""Sends WhatsApp and SMS messages through Twilio, and asks Twilio what it has already taken (P2).

Creating a message has no idempotency key. So a request is posted exactly once; what may have arrived without
an answer is `Ambiguous`, and reconciled by listing messages. The status callback carries our own id, which
ties Twilio's id to our row even when the answer was lost.
"""

import asyncio
import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

import httpx
import structlog
from twilio.base.exceptions import TwilioException
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from agent.errors import Ambiguous, Misconfigured, Permanent, Retryable
from agent.ports import Limits
from agent.settings import Settings
from agent.types import Channel, MessageId, OutboundMessage, Purpose, Receipt, TenantId
from channels.twilio_errors import failure_class, refusal
from channels.twilio_inbound import STATES

log = structlog.get_logger(__name__)

LIMITS: Mapping[Channel, Limits] = {
    # WhatsApp allows free text for 24 hours; we stop 5 minutes early, since delivery takes time.
    "whatsapp": Limits(max_chars=1600, reply_window_s=86_400 - 300),
    "sms": Limits(max_chars=1600),
}
VALIDITY_S: Mapping[Purpose, int] = {
    "reply": 900,
    "help": 900,
    "opt_out_confirmation": 900,
    "opt_in_confirmation": 900,
    "follow_up": 3600,
}
"""A message still queued at Twilio after this long is stale and dropped there (error 30036)."""
MAX_MEDIA: Mapping[Channel, int] = {"whatsapp": 1, "sms": 10}
TYPING_TIMEOUT_S = 3.0
MAX_TYPING = 4
"""Typing indicators under way at once; more are left out, because they use the connections that messages need."""
TIMEOUT = httpx.Timeout(connect=5, write=5, read=15, pool=10)
TOTAL_TIMEOUT_S = 30.0
MAX_CONCURRENT = 20
MAX_RETRY_AFTER_S = 3600.0
CLOCK_SKEW = timedelta(seconds=5)
"""How far Twilio's clock, which has whole seconds, may lag behind ours."""
PAGE_SIZE = 100
MAX_PAGES = 5
TRIAL_PREFIX = "Sent from your Twilio trial account - "
"""Twilio puts this before every text of a trial account."""


def status_callback_url(public_url: str, tenant_id: TenantId, message_id: MessageId) -> str:
    """Return the URL at which Twilio reports on one message, carrying our ids."""
    return f"{public_url}/webhooks/twilio/status?{urlencode({'t': tenant_id, 'm': message_id})}"


class TwilioHttpClient(AsyncHttpClient):  # type: ignore[misc]  # untyped base class
    """The SDK's way to the network: bounded in time, never posts twice, says what a failure means.

    `base_url` replaces scheme and host of every request. Credentials travel there, so it is for stand-ins on
    this machine only; `Settings` refuses anything else.
    """

    def __init__(self, *, base_url: str | None = None, timeout: httpx.Timeout = TIMEOUT) -> None:
        super().__init__(logger=None, is_async=True)
        self._base = urlsplit(base_url) if base_url else None
        self._http = httpx.AsyncClient(
            timeout=timeout,
            limits=httpx.Limits(max_connections=MAX_CONCURRENT),
            follow_redirects=False,
            trust_env=base_url is None,  # a proxy has no business with this machine's own address
        )

    async def request(
        self,
        method: str,
        uri: str,
        *,
        params: dict[str, str | int] | None = None,
        data: dict[str, str | int] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        **_: object,  # timeout and redirects, which the SDK leaves unset: ours are set once, above
    ) -> Response:
        """Make one request, once.

        Raises:
            Retryable: it was surely not processed (no connection, or HTTP 429).
            Ambiguous: it may have been.
        """
        request = self._http.build_request(method, self._target(uri), params=params, data=data, headers=headers)
        try:
            async with asyncio.timeout(TOTAL_TIMEOUT_S):
                answer = await self._http.send(request, auth=auth)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as exc:
            raise Retryable(f"Twilio cannot be reached: {exc!r}. It will be tried again.") from exc
        except (httpx.RequestError, TimeoutError) as exc:
            raise Ambiguous(f"Twilio gave no answer: {exc!r}. Ask before sending again.") from exc
        if answer.status_code == 429:
            raise Retryable(
                "Twilio takes no more requests for now (429).",
                retry_after_s=_retry_after_s(answer),
                failure="rate",
                code="429",
            )
        _require_json(answer)
        return Response(answer.status_code, answer.text, answer.headers)

    def _target(self, uri: str) -> str:
        if self._base is None:
            return uri
        return urlsplit(uri)._replace(scheme=self._base.scheme, netloc=self._base.netloc).geturl()

    async def aclose(self) -> None:
        """Release connections."""
        await self._http.aclose()


def credentials(settings: Settings, problem: str) -> tuple[str, str]:
    """Return the configured account's sid and token.

    Raises:
        Misconfigured: one of them is not set; `problem` says what cannot be done without.
    """
    if settings.twilio_account_sid is None or settings.twilio_auth_token is None:
        raise Misconfigured(problem, "Set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN (see .env.example).")
    return settings.twilio_account_sid, settings.twilio_auth_token.get_secret_value()


class TwilioSender:
    """The `ChannelSender` for WhatsApp and SMS."""

    limits: Mapping[Channel, Limits] = LIMITS

    def __init__(
        self,
        *,
        account_sid: str,
        auth_token: str,
        public_url: str,
        messaging_service_sid: str | None = None,
        base_url: str | None = None,
        timeout: httpx.Timeout = TIMEOUT,
    ) -> None:
        self._http = TwilioHttpClient(base_url=base_url, timeout=timeout)
        client = Client(account_sid, auth_token, http_client=self._http)
        self._messages = client.messages
        self._indicator = client.messaging.v2.typing_indicator
        self._typing: set[asyncio.Task[None]] = set()
        self._public_url = public_url
        self._messaging_service_sid = messaging_service_sid

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Build the sender of the configured account.

        Raises:
            Misconfigured: the account or its token is not set.
        """
        account_sid, auth_token = credentials(settings, "Twilio has no credentials.")
        return cls(
            account_sid=account_sid,
            auth_token=auth_token,
            public_url=settings.public_url,
            messaging_service_sid=settings.twilio_messaging_service_sid,
            base_url=settings.twilio_base_url,
        )

    async def send(self, message: OutboundMessage) -> Receipt:
        """Hand a message to Twilio, once. Errors are those of `ChannelSender.send`."""
        try:
            created = await self._messages.create_async(**self._parameters(message))
        except TwilioException as exc:
            raise refusal(message.id, getattr(exc, "status", 500), getattr(exc, "code", None)) from exc
        if not created.sid:
            raise Ambiguous(f"Twilio took message {message.id} without naming it. Ask before sending again.")
        return _receipt(created)

    async def find_sent(
        self, message: OutboundMessage, since: datetime, *, known: Collection[str] = ()
    ) -> Receipt | None:
        """Look for a message of ours to this recipient with this very text, created after `since`, not in `known`.

        Not filtered by date: Twilio's filter is on the sending time, which a queued message lacks. Nor by
        sender: a messaging service may not have chosen one yet.

        Raises:
            Retryable: Twilio could not be asked, or there are more messages than we look through.
        """
        earliest = since.astimezone(UTC).replace(microsecond=0) - CLOCK_SKEW
        try:
            return await self._search(message, earliest, known)
        except (Ambiguous, TwilioException) as exc:
            raise Retryable(f"Twilio could not be asked about message {message.id}: {exc}") from exc

    def show_typing(self, provider_id: str) -> None:
        """Show who wrote a WhatsApp message that it is read and a reply is on its way; see `agent.ports.ShowsTyping`.

        Twilio shows it for 25 seconds at most, or until the reply.
        """
        if len(self._typing) < MAX_TYPING:
            task = asyncio.create_task(self._show_typing(provider_id))
            self._typing.add(task)
            task.add_done_callback(self._typing.discard)

    async def _show_typing(self, provider_id: str) -> None:
        try:
            async with asyncio.timeout(TYPING_TIMEOUT_S):
                await self._indicator.create_async(channel="whatsapp", message_id=provider_id)
        except (Retryable, Ambiguous, TwilioException, TimeoutError) as exc:
            log.info("twilio.typing_not_shown", error=type(exc).__name__)

    async def aclose(self) -> None:
        """Release connections."""
        for task in (typing := list(self._typing)):
            task.cancel()
        await asyncio.gather(*typing, return_exceptions=True)
        await self._http.aclose()

    def _parameters(self, message: OutboundMessage) -> dict[str, Any]:
        """Return the arguments of the SDK's `create`. With a service, `from_` picks the sender of its pool."""
        parameters: dict[str, Any] = {
            "to": _address(message.channel, message.recipient),
            "from_": _address(message.channel, message.sender),
            **_content(message),
            "status_callback": status_callback_url(self._public_url, message.tenant_id, message.id),
            "validity_period": VALIDITY_S[message.purpose],
        }
        if self._messaging_service_sid:
            parameters["messaging_service_sid"] = self._messaging_service_sid
        return parameters

    async def _search(self, message: OutboundMessage, earliest: datetime, known: Collection[str]) -> Receipt | None:
        recipient = _address(message.channel, message.recipient)
        page = None
        for _ in range(MAX_PAGES):
            page = await (
                page.next_page_async() if page else self._messages.page_async(to=recipient, page_size=PAGE_SIZE)
            )
            records = list(page)
            for record in records:
                if record.sid not in known and _is_same(record, message, earliest):
                    return _receipt(record)
            # Newest first: once a page ends before our attempt, nothing older can be it.
            if not records or not page.next_page_url or _is_before(records[-1], earliest):
                return None
        raise Retryable(
            f"Message {message.id} is not among the newest {MAX_PAGES * PAGE_SIZE} to its recipient, and there "
            "are more; look for it in the Twilio console."
        )


def _address(channel: Channel, address: str) -> str:
    match channel:
        case "whatsapp":
            return f"whatsapp:{address}"
        case "sms":
            return address
        case _:
            raise Permanent(f"Twilio does not carry the channel {channel}; choose WhatsApp or SMS.")


def _content(message: OutboundMessage) -> dict[str, Any]:
    """Return what is said: the text with its attachments, or a template. Twilio wants neither beside a template."""
    if message.template is None:
        return {"body": message.text, **({"media_url": _media_urls(message)} if message.media_urls else {})}
    # Apostrophes are escaped: as they are, Twilio answers 21656 (github.com/twilio/twilio-node, issue 1082).
    variables = json.dumps(dict(message.template.variables), ensure_ascii=False).replace("'", "\\u0027")
    return {"content_sid": message.template.sid, "content_variables": variables}


def _media_urls(message: OutboundMessage) -> list[str]:
    """Return the attachments' links, which Twilio fetches without a password: so only ours by https, and few enough."""
    urls, most = list(message.media_urls), MAX_MEDIA[message.channel]
    if len(urls) > most or not all(url.startswith("https://") for url in urls):
        raise Permanent(
            f"Message {message.id} has attachments that {message.channel} does not carry: at most {most}, by https.",
            code="21620",
            failure="content",
        )
    return urls


def _is_same(record: Any, message: OutboundMessage, earliest: datetime) -> bool:
    return (
        record.direction == "outbound-api"
        and record.from_ in (None, "", _address(message.channel, message.sender))
        and _says_the_same((record.body or "").removeprefix(TRIAL_PREFIX).strip(), message)
        and not _is_before(record, earliest)
    )


def _says_the_same(body: str, message: OutboundMessage) -> bool:
    """Compare what Twilio says was sent. Of a template it lists the body, we also keep its title and buttons.

    Sent through a messaging service, a template has no body at first (github.com/twilio/twilio-node, issue 1081).
    """
    return body == message.text.strip() or (message.template is not None and body in message.text)


def _is_before(record: Any, earliest: datetime) -> bool:
    return bool(record.date_created and record.date_created < earliest)


def _receipt(record: Any) -> Receipt:
    code = str(record.error_code) if record.error_code else None
    state = STATES.get(record.status, "queued")
    return Receipt(provider_id=record.sid, state=state, error_code=code, failure=failure_class(code))


def _require_json(answer: httpx.Response) -> None:
    """Refuse a success whose body is not a JSON object (a proxy's page, a cut answer): it says nothing."""
    if not answer.is_success:
        return
    try:
        is_object = isinstance(json.loads(answer.text), dict)
    except ValueError:
        is_object = False
    if not is_object:
        raise Ambiguous(f"Twilio's answer (HTTP {answer.status_code}) is unreadable. Ask before sending again.")


def _retry_after_s(answer: httpx.Response) -> float | None:
    """Return the seconds Twilio asks us to wait, bounded; a date counts from the answer's own date."""
    value = answer.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value), MAX_RETRY_AFTER_S)
    try:
        wait = parsedate_to_datetime(value) - parsedate_to_datetime(answer.headers.get("Date", ""))
    except (ValueError, TypeError):  # absent or no date; or one of them without a zone
        return None
    return min(max(wait.total_seconds(), 0.0), MAX_RETRY_AFTER_S)
