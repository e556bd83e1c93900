"""Asks Twilio which messages it has taken for us, for when their webhooks did not come through. Only reads.

What it lists says less than a webhook: no profile name, no button, no place. Files can be asked for.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

import httpx
from twilio.base.exceptions import TwilioException
from twilio.rest import Client

from agent.errors import Ambiguous, Permanent, Retryable
from agent.settings import Settings
from agent.types import Channel, InboundMessage
from channels.twilio_errors import read_refusal
from channels.twilio_inbound import MAX_MEDIA, parse_inbound
from channels.twilio_outbound import TIMEOUT, TwilioHttpClient, credentials

API_URL = "https://api.twilio.com"
PAGE_SIZE = 1000
MAX_PAGES = 100
"""Of one number and span; the caller makes spans short."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedMessage:
    """A message to us as Twilio lists it; addresses as in a webhook."""

    provider_id: str
    written_at: datetime
    sender: str
    recipient: str
    text: str
    files: int


class TwilioLog:
    """The messages that one Twilio account has received."""

    def __init__(
        self, *, account_sid: str, auth_token: str, base_url: str | None = None, timeout: httpx.Timeout = TIMEOUT
    ) -> None:
        self._http = TwilioHttpClient(base_url=base_url, timeout=timeout)
        self._account_sid = account_sid
        self._messages = Client(account_sid, auth_token, http_client=self._http).api.v2010.account.messages

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Build the reader of the configured account.

        Raises:
            Misconfigured: the account or its token is not set.
        """
        account_sid, auth_token = credentials(settings, "Messages cannot be asked for: Twilio has no credentials.")
        return cls(account_sid=account_sid, auth_token=auth_token, base_url=settings.twilio_base_url)

    async def list_received(
        self, channel: Channel, address: str, after: datetime, before: datetime
    ) -> tuple[ListedMessage, ...]:
        """Return the messages to one number that were written in a span, oldest first: all of them, or an error.

        Raises:
            Retryable: Twilio could not be asked now.
            Misconfigured: Twilio does not accept the credentials.
            Permanent: Twilio refuses to answer.
        """
        found: list[ListedMessage] = []
        try:
            page = await self._messages.page_async(
                to=f"whatsapp:{address}" if channel == "whatsapp" else address,
                # The SDK writes any time as if it were UTC. Whole seconds, which is what Twilio keeps.
                date_sent_after=after.astimezone(UTC).replace(microsecond=0),
                date_sent_before=before.astimezone(UTC),
                page_size=PAGE_SIZE,
            )
            for _ in range(MAX_PAGES):
                found += _received(page)
                if not page.next_page_url:
                    return tuple(sorted(found, key=lambda each: each.written_at))
                page = await page.next_page_async()
        except (TwilioException, Ambiguous) as exc:
            raise read_refusal(exc, "messages") from exc
        raise Retryable(f"Twilio's list of messages to {address} has no end after {MAX_PAGES} pages.")

    async def read(self, listed: ListedMessage) -> InboundMessage:
        """Return a message as its webhook would have brought it, with its files' addresses.

        Raises:
            BadRequest: it makes no sense.
            Retryable, Misconfigured: as `list_received`.
        """
        media = await self._media(listed) if listed.files else []
        params = [
            ("MessageSid", listed.provider_id),
            ("AccountSid", self._account_sid),
            ("From", listed.sender),
            ("To", listed.recipient),
            ("Body", listed.text),
            ("NumMedia", str(listed.files)),
            *media,
        ]
        if not listed.text.strip() and not listed.files:
            params.append(("MessageType", "unknown"))  # a place, a contact, a form: the list does not say
        return parse_inbound(params)

    async def _media(self, listed: ListedMessage) -> list[tuple[str, str]]:
        """Return a webhook's fields about the files, in their order; of files that are gone, none."""
        try:
            page = await self._messages(listed.provider_id).media.page_async(page_size=MAX_MEDIA)
            files = list(page)
        except (TwilioException, Ambiguous) as exc:
            refused = read_refusal(exc, "messages' files")
            if isinstance(refused, Permanent):  # the message counts more than its files
                return []
            raise refused from exc
        files.sort(key=lambda each: (each.date_created or listed.written_at, each.sid or ""))
        fields = []
        for index, each in enumerate(files):
            fields.append((f"MediaUrl{index}", f"{API_URL}{(each.uri or '').removesuffix('.json')}"))
            fields.append((f"MediaContentType{index}", each.content_type or ""))
        return fields

    async def aclose(self) -> None:
        """Release connections."""
        await self._http.aclose()


def _received(page: Iterable[Any]) -> list[ListedMessage]:
    """Return the messages of a page that were written to us. Our own are listed, too, where we wrote to ourselves."""
    return [
        ListedMessage(
            provider_id=record.sid,
            written_at=record.date_sent or record.date_created,
            sender=record.from_ or "",
            recipient=record.to or "",
            text=record.body or "",
            files=int(record.num_media) if str(record.num_media or "").isdecimal() else 0,
        )
        for record in page
        if record.direction == "inbound" and record.sid and (record.date_sent or record.date_created)
    ]
