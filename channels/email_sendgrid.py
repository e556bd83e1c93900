"""SendGrid Inbound Parse, raw mode: the posted form becomes a mail and its envelope, byte for byte.

Frameworks decode form parts as UTF-8, which spoils mail in any other charset; hence our own reading.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartState, parse_options_header

from agent.errors import BadRequest
from channels.email_auth import Auth, sendgrid_auth

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MAX_FORM_BYTES = 30 * 1024 * 1024
MAX_FORM_PARTS = 100


@dataclass(kw_only=True, slots=True)
class _Form:
    """Collects the parts as the parser meets them."""

    fields: dict[str, bytes] = field(default_factory=dict)
    parts: int = 0
    header_name: bytearray = field(default_factory=bytearray)
    header_value: bytearray = field(default_factory=bytearray)
    disposition: bytes = b""
    content: bytearray = field(default_factory=bytearray)

    def callbacks(self) -> "MultipartCallbacks":
        """What the parser is to call."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self.header_name.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self.header_value.extend(data[start:end]),
            "on_header_end": self._end_header,
            "on_part_data": lambda data, start, end: self.content.extend(data[start:end]),
            "on_part_end": self._end,
        }

    def _begin(self) -> None:
        self.parts += 1
        if self.parts > MAX_FORM_PARTS:
            raise BadRequest(f"The form has more than {MAX_FORM_PARTS} parts.", status=413)
        self.disposition, self.content = b"", bytearray()

    def _end_header(self) -> None:
        if bytes(self.header_name).lower() == b"content-disposition":
            self.disposition = bytes(self.header_value)
        self.header_name, self.header_value = bytearray(), bytearray()

    def _end(self) -> None:
        _, options = parse_options_header(self.disposition)
        name = options.get(b"name", b"").decode("utf-8", "replace")
        if not name:
            raise BadRequest("A part of the form has no name in its Content-Disposition.")
        self.fields.setdefault(name, bytes(self.content))


def parse_multipart(content_type: str, body: bytes) -> dict[str, bytes]:
    """Split a multipart/form-data body into its fields, unchanged; of a repeated name the first counts.

    Raises:
        BadRequest: another content type (415), too large (413), cut off or malformed (400).
    """
    if len(body) > MAX_FORM_BYTES:
        raise BadRequest(f"The form has {len(body)} bytes; the limit is {MAX_FORM_BYTES}.", status=413)
    form = _Form()
    try:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not boundary:
            raise BadRequest("Expected multipart/form-data with a boundary.", status=415)
        parser = MultipartParser(boundary, form.callbacks())
        parser.write(body)
    except (FormParserError, UnicodeEncodeError) as exc:
        raise BadRequest(f"The form is malformed: {exc}.") from exc
    if parser.state != MultipartState.END:
        raise BadRequest("The form ends before its closing boundary.")
    return form.fields


@dataclass(frozen=True, kw_only=True, slots=True)
class PostedMail:
    """A mail as SendGrid posts it in raw mode, and what SendGrid has found out about its sender."""

    raw: bytes
    envelope_from: str | None
    envelope_to: list[str]
    spf: str = ""
    dkim: str = ""

    def verdicts(self, sender: str) -> Auth:
        """Say how far a sender is proven. The form's signature covers SendGrid's words."""
        return sendgrid_auth(self.spf, self.dkim, sender=sender, envelope_from=self.envelope_from)


def parse_sendgrid_form(fields: Mapping[str, bytes]) -> PostedMail:
    """Read the form of raw mode: the mail, its SMTP return path and recipients, and verdicts of SPF and DKIM.

    Raises:
        BadRequest: not a form of raw mode, or without a usable envelope.
    """
    raw = fields.get("email") or fields.get("rawEmail")
    if not raw:
        raise BadRequest(
            "The form has no field `email`: in SendGrid's Inbound Parse settings, tick "
            "“POST the raw, full MIME message” for this host."
        )
    try:
        envelope = json.loads(fields.get("envelope", b""))
    except (ValueError, RecursionError) as exc:
        raise BadRequest("The field `envelope` is missing or is not JSON.") from exc
    sender = envelope.get("from") if isinstance(envelope, dict) else None
    to = envelope.get("to") if isinstance(envelope, dict) else None
    if not isinstance(to, list) or not all(isinstance(address, str) for address in to):
        raise BadRequest("The field `envelope` has no list `to` of addresses.")
    return PostedMail(
        raw=raw,
        envelope_from=sender if isinstance(sender, str) else None,
        envelope_to=to,
        spf=fields.get("SPF", b"").decode("utf-8", "replace"),
        dkim=fields.get("dkim", b"").decode("utf-8", "replace"),
    )
