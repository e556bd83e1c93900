"""E-mail in: a raw MIME message becomes an `InboundMessage` (DESIGN §3). Reads, stores nothing, answers nothing.

CPU-bound on large mails: call it in a thread.
"""

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from email.message import EmailMessage
from typing import Any

from agent.errors import BadRequest
from agent.types import InboundMessage
from channels.email_automatic import is_automatic
from channels.email_body import attachments, read_body
from channels.email_mime import (
    Mailbox,
    clean_text,
    distinct,
    header,
    mailboxes,
    message_ids,
    normalise_address,
    raw_headers,
    read_headers,
    read_mime,
)

MAX_TEXT_CHARS = 20_000
MAX_SUBJECT_CHARS = 500
MAX_REFERENCES = 50
MAX_RECIPIENTS = 100
MAX_KEPT_HEADERS = 100
MAX_KEPT_BYTES = 1_000_000
"""Of the original that is kept in the database; longer mails keep their beginning."""


def parse_mime(raw: bytes, *, envelope_from: str | None, envelope_to: Sequence[str]) -> InboundMessage:
    """Read a mail, whatever its defects.

    `recipient` is the first of `recipients(raw, envelope_to)`; a caller that serves another of them replaces
    it. `text` is without quoted history and signature; the original stays in `raw`.

    Args:
        envelope_from: SMTP return path; empty for the null path of bounces, None if unknown.
        envelope_to: SMTP recipients; empty if unknown.

    Raises:
        BadRequest: no usable sender or recipient, or too large to read.
    """
    mail = read_mime(raw)
    sender = _sender(mail, envelope_from)
    ours = _recipients(mail, envelope_to)
    if not ours:
        raise BadRequest(f"The mail from {sender.address!r} names no usable recipient, so nobody can own it.")
    return InboundMessage(
        provider="email",
        channel="email",
        provider_id=_message_id(mail, raw),
        sender=sender.address,
        sender_name=sender.name,
        recipient=ours[0],
        subject=header(mail, "Subject")[:MAX_SUBJECT_CHARS] or None,
        text=read_body(mail).split.reply[:MAX_TEXT_CHARS],
        media=attachments(mail),
        automatic=is_automatic(mail, sender=sender.address, envelope_from=envelope_from, ours=ours),
        references=_references(mail),
        raw=_original(mail, raw, envelope_from, envelope_to),
    )


def recipients(raw: bytes, envelope_to: Sequence[str]) -> list[str]:
    """Return the addresses a mail was sent to, domains in lower case, best first.

    The envelope is the truth where there is one: headers are the sender's words, and may name addresses
    of other tenants.

    Raises:
        BadRequest: the headers cannot be read.
    """
    return _recipients(read_headers(raw), envelope_to)


def _recipients(mail: EmailMessage, envelope_to: Sequence[str]) -> list[str]:
    if enveloped := distinct(envelope_to[:MAX_RECIPIENTS]):
        return enveloped
    named = [box for name in ("Delivered-To", "X-Original-To", "To", "Cc") for box in mailboxes(mail, name)]
    return distinct([box.address for box in named[:MAX_RECIPIENTS]])


def _sender(mail: EmailMessage, envelope_from: str | None) -> Mailbox:
    """The author in From; where it is unusable (bounces write bare words), the envelope's."""
    if written := mailboxes(mail, "From"):
        return written[0]
    if address := normalise_address(envelope_from or ""):
        return Mailbox(address=address)
    raise BadRequest("The mail has no usable address in From, so nobody could be answered.")


def _message_id(mail: EmailMessage, raw: bytes) -> str:
    """The Message-ID, our key against duplicates; a mail without one is known by its content."""
    stated = message_ids(header(mail, "Message-ID"))
    return stated[0] if stated else f"<{hashlib.sha256(raw).hexdigest()}@nightshift.invalid>"


def _references(mail: EmailMessage) -> tuple[str, ...]:
    """Ids of the thread, oldest first; of a very long one the first and the latest."""
    named = message_ids(f"{header(mail, 'References')} {header(mail, 'In-Reply-To')}")
    return tuple(named if len(named) <= MAX_REFERENCES else [named[0], *named[1 - MAX_REFERENCES :]])


def _original(mail: EmailMessage, raw: bytes, envelope_from: str | None, envelope_to: Sequence[str]) -> dict[str, Any]:
    """The mail as received, bounded and JSON-safe, for audit and replay."""
    return {
        "headers": raw_headers(mail, MAX_KEPT_HEADERS),
        "envelope": {
            "from": None if envelope_from is None else clean_text(envelope_from)[:500],
            "to": [clean_text(address)[:500] for address in envelope_to[:MAX_RECIPIENTS]],
        },
        "mime_base64": b64encode(raw[:MAX_KEPT_BYTES]).decode("ascii"),
        "mime_bytes": len(raw),
    }
