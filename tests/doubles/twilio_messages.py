"""Messages as Twilio's API keeps, refuses, lists and describes them: what the stand-in in `twilio.py` serves.

Error codes: https://www.twilio.com/docs/api/errors.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlencode

from fastapi.responses import JSONResponse

_ADDRESS = re.compile(r"(whatsapp:)?\+[0-9]{7,15}|whatsapp:[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}|[0-9]{3,8}")
_CALLBACK = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+(/[^ ]*)?")
_DATES = ("DateSent>", "DateSent<")
_MEDIA = re.compile(r"https?://[^ ]+")


@dataclass(kw_only=True, slots=True)
class StoredMessage:
    """A message that the double has taken."""

    sid: str
    params: Mapping[str, str]
    created_at: datetime
    status: str
    sent_at: datetime | None = None
    error_code: int | None = None
    direction: str = "outbound-api"
    media_urls: Sequence[str] = ()
    files: Sequence[tuple[str, str]] = ()
    """Inbound: addresses and types of what came with it."""
    text: str | None = None
    """What a template made of it; None: it is its own `Body`."""

    @property
    def status_callback(self) -> str:
        """URL to report to, or empty."""
        return self.params.get("StatusCallback", "")

    def callback_params(self, account_sid: str) -> dict[str, str]:
        """Return the form that reports the present state."""
        error = {"ErrorCode": str(self.error_code)} if self.error_code else {}
        return {
            "AccountSid": account_sid,
            "ApiVersion": "2010-04-01",
            "MessageSid": self.sid,
            "SmsSid": self.sid,
            "MessageStatus": self.status,
            "SmsStatus": self.status,
            "From": self.params.get("From", ""),
            "To": self.params["To"],
            **error,
        }

    def _body(self) -> str:
        """Return its text; a template's is not known yet while a messaging service has not sent it."""
        if self.text is None:
            return self.params.get("Body", "")
        return "" if self.status == "accepted" else self.text

    def as_json(self, account_sid: str) -> dict[str, Any]:
        """Return the Message resource."""
        uri = f"/2010-04-01/Accounts/{account_sid}/Messages/{self.sid}"
        return {
            "account_sid": account_sid,
            "api_version": "2010-04-01",
            "body": self._body(),
            "date_created": format_datetime(self.created_at),
            "date_sent": format_datetime(self.sent_at) if self.sent_at else None,
            "date_updated": format_datetime(self.sent_at or self.created_at),
            "direction": self.direction,
            "error_code": self.error_code,
            "error_message": None,
            "from": self.params.get("From"),
            "messaging_service_sid": self.params.get("MessagingServiceSid"),
            "num_media": str(len(self.media_urls) + len(self.files)),
            "num_segments": "0" if "MessagingServiceSid" in self.params else "1",
            "price": None,
            "price_unit": None,
            "sid": self.sid,
            "status": self.status,
            "subresource_uris": {"media": f"{uri}/Media.json"},
            "to": self.params["To"],
            "uri": f"{uri}.json",
        }


def inbound(form: Mapping[str, str], at: datetime) -> StoredMessage:
    """Return the message that a webhook with this form tells of."""
    files = [(form[f"MediaUrl{n}"], form[f"MediaContentType{n}"]) for n in range(int(form.get("NumMedia", 0)))]
    return StoredMessage(
        sid=form["MessageSid"],
        params={name: form.get(name, "") for name in ("From", "To", "Body")},
        created_at=at.replace(microsecond=0),
        sent_at=at.replace(microsecond=0),
        status="received",
        direction="inbound",
        files=files,
    )


def media_page(message: StoredMessage, account_sid: str) -> dict[str, Any]:
    """Return the list of a message's files."""
    path = f"/2010-04-01/Accounts/{account_sid}/Messages/{message.sid}/Media"
    files = [
        {
            "account_sid": account_sid,
            "content_type": content_type,
            "date_created": format_datetime(message.created_at),
            "date_updated": format_datetime(message.created_at),
            "parent_sid": message.sid,
            "sid": url.rpartition("/")[2],
            "uri": f"{url.partition('.twilio.com')[2]}.json",
        }
        for url, content_type in message.files
    ]
    return {"media_list": files, "page": 0, "page_size": 50, "next_page_uri": None, "uri": f"{path}.json"}


def error(status: int, code: int, message: str) -> JSONResponse:
    """Return an error as the API describes it."""
    more = f"https://www.twilio.com/docs/errors/{code}"
    return JSONResponse({"code": code, "message": message, "more_info": more, "status": status}, status_code=status)


def problem(status: int, code: int, message: str) -> JSONResponse:
    """Return an error as RFC 9457 describes it."""
    kind = f"https://www.twilio.com/docs/api/errors/{code}"
    return JSONResponse({"type": kind, "title": message, "status": status, "code": code}, status_code=status)


def refusal(pairs: Sequence[tuple[str, str]], opted_out: Collection[str]) -> tuple[int, str] | None:
    """Return the code and text with which Twilio refuses these parameters, or None."""
    params = dict(pairs)
    media = [value for name, value in pairs if name == "MediaUrl"]
    to, sender, callback = (params.get(name, "") for name in ("To", "From", "StatusCallback"))
    content = [params.get(name) for name in ("Body", "MediaUrl", "ContentSid")]
    units = len(params.get("Body", "").encode("utf-16-le", "surrogatepass")) // 2
    pair = {address.startswith("whatsapp:") for address in (to, sender) if address}
    checks = (
        (not to, 21604, "A 'To' phone number is required."),
        (not _ADDRESS.fullmatch(to), 21211, "Invalid 'To' Phone Number"),
        (not sender and "MessagingServiceSid" not in params, 21603, "A 'From' phone number is required."),
        (sender and not _ADDRESS.fullmatch(sender), 21212, "Invalid From Number (caller ID)"),
        (len(pair) > 1, 21910, "Invalid From and To pair. From and To should be of the same channel"),
        (not any(content), 21602, "Message body is required."),
        (units > 1600, 21617, "The concatenated message body exceeds the 1600 character limit"),
        (callback and not _CALLBACK.fullmatch(callback), 21609, "The 'StatusCallback' URL is not a valid URL."),
        (len(media) > (1 if to.startswith("whatsapp:") else 10), 21623, "Number of media files exceeds allowed limit"),
        (not all(map(_MEDIA.fullmatch, media)), 21620, "Invalid media URL(s)"),
        (to in opted_out, 21610, "Attempt to send to unsubscribed recipient"),
    )
    return next(((code, text) for failed, code, text in checks if failed), None)


def page(messages: Sequence[StoredMessage], account_sid: str, params: Mapping[str, str]) -> dict[str, Any]:
    """Return one page of the list, newest first."""
    found = [message for message in reversed(messages) if _matches(message, params)]
    newest_first = sorted(found, key=lambda message: message.created_at, reverse=True)
    start = 0
    if token := params.get("PageToken"):
        start = 1 + next(i for i, message in enumerate(newest_first) if f"PA{message.sid}" == token)
    size = min(int(params.get("PageSize", 50)), 1000)
    found = newest_first[start : start + size]
    number = int(params.get("Page", 0))
    path = f"/2010-04-01/Accounts/{account_sid}/Messages.json"
    following = {**params, "Page": str(number + 1), "PageToken": f"PA{found[-1].sid}" if found else ""}
    return {
        "end": start + len(found) - 1,
        "first_page_uri": f"{path}?{urlencode({**params, 'Page': '0'})}",
        "messages": [message.as_json(account_sid) for message in found],
        "next_page_uri": f"{path}?{urlencode(following)}" if start + size < len(newest_first) else None,
        "page": number,
        "page_size": size,
        "previous_page_uri": None,
        "start": start,
        "uri": f"{path}?{urlencode(params)}",
    }


def _matches(message: StoredMessage, params: Mapping[str, str]) -> bool:
    if any(params.get(name, message.params.get(name)) != message.params.get(name) for name in ("To", "From")):
        return False
    # A message that has not been sent yet has no such date, and is missed. Bounds count, as in `<=` and `>=`.
    after, before = (datetime.fromisoformat(params[name]) if name in params else None for name in _DATES)
    if not after and not before:
        return True
    at = message.sent_at
    return at is not None and (after is None or at >= after) and (before is None or at <= before)
