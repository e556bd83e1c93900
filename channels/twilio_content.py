"""Asks Twilio's Content API which templates an account has, and what WhatsApp says of each.

Only reads, so any failure may be tried again. What comes back is tamed here: a record that makes no sense becomes a
template that cannot be used, never an error that hides the others.
"""

from collections.abc import Mapping
from typing import Any, Self

import httpx
import structlog
from twilio.base.exceptions import TwilioException
from twilio.rest import Client

from agent.errors import Ambiguous, Retryable
from agent.settings import Settings
from agent.templates.types import APPROVALS, Category, Template
from channels.twilio_errors import read_refusal
from channels.twilio_outbound import TIMEOUT, TwilioHttpClient, credentials

PAGE_SIZE = 100
MAX_PAGES = 100
"""More than WhatsApp's 6,000 templates an account; a list without an end is none."""
CATEGORIES: Mapping[str, Category] = {
    "UTILITY": "utility",
    "MARKETING": "marketing",
    "AUTHENTICATION": "authentication",
}

log = structlog.get_logger(__name__)


class TwilioContent:
    """The templates of one Twilio account."""

    def __init__(
        self,
        *,
        account_sid: str,
        auth_token: str,
        base_url: str | None = None,
        timeout: httpx.Timeout = TIMEOUT,
    ) -> None:
        self._http = TwilioHttpClient(base_url=base_url, timeout=timeout)
        self._content = Client(account_sid, auth_token, http_client=self._http).content.v1

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Build the reader of the configured account.

        Raises:
            Misconfigured: the account or its token is not set.
        """
        account_sid, auth_token = credentials(settings, "Templates are Twilio's, which has no credentials.")
        return cls(account_sid=account_sid, auth_token=auth_token, base_url=settings.twilio_base_url)

    async def list_templates(self) -> tuple[Template, ...]:
        """Return every template of the account with its approval state: all of them, or an error.

        Raises:
            Retryable: Twilio could not be asked now.
            Misconfigured: Twilio does not accept the credentials.
            Permanent: Twilio refuses to answer.
        """
        try:
            page = await self._content.content_and_approvals.page_async(page_size=PAGE_SIZE)
            found = [_template(record, record.approval_requests) for record in page]
            for _ in range(MAX_PAGES):
                if not page.next_page_url:
                    return tuple(template for template in found if template)
                page = await page.next_page_async()
                found += [_template(record, record.approval_requests) for record in page]
        except (TwilioException, Ambiguous) as exc:
            raise read_refusal(exc, "templates") from exc
        raise Retryable(f"Twilio's list of templates has no end after {MAX_PAGES} pages.")

    async def fetch(self, sid: str) -> Template | None:
        """Return one template with its approval state; None: the account has none with this sid.

        Raises:
            Retryable, Misconfigured, Permanent: as `list_templates`.
        """
        content = self._content.contents(sid)
        try:
            record = await content.fetch_async()
            approval = await content.approval_fetch().fetch_async()
        except (TwilioException, Ambiguous) as exc:
            if getattr(exc, "status", None) == 404:
                return None
            raise read_refusal(exc, "templates") from exc
        return _template(record, approval.whatsapp)

    async def aclose(self) -> None:
        """Release connections."""
        await self._http.aclose()


def _template(record: Any, approval: object) -> Template | None:
    """Read one record; None if it cannot be named."""
    if not record.sid:
        log.warning("templates.unreadable_record")
        return None
    said = _mapping(approval)
    status = _text(said.get("status")).lower()
    return Template(
        sid=record.sid,
        name=_text(record.friendly_name) or record.sid,
        language=_text(record.language),
        category=CATEGORIES.get(_text(said.get("category")).upper(), ""),
        types={kind: _mapping(content) for kind, content in _mapping(record.types).items()},
        variables={name: str(sample) for name, sample in _mapping(record.variables).items()},
        approval=next((known for known in APPROVALS if known == status), "unknown" if status else "unsubmitted"),
        approved_type=_text(said.get("content_type")),
        rejection_reason=_text(said.get("rejection_reason")),
    )


def _mapping(value: object) -> dict[str, Any]:
    return {str(key): each for key, each in value.items()} if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value.replace("\0", "") if isinstance(value, str) else ""
