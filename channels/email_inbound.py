"""E-mail in: a raw MIME message becomes an `InboundMail` (DESIGN §3). Reads, stores nothing, answers nothing.

CPU-bound on large mails: call it in a thread.
"""

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, replace
from email.message import EmailMessage
from typing import Any

from agent.errors import BadRequest
from agent.mail.arriving import Bounce, InboundMail
from agent.types import InboundMessage, Provider
from channels.email_auth import Auth, read_auth
from channels.email_automatic import Automatic, classify_automatic
from channels.email_body import Body, attachments, read_body
from channels.email_bounces import read_bounce
from channels.email_calendar import Invitation, read_invitation
from channels.email_hold import hold_reason
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
    without_preamble,
)
from channels.email_quotes import Split
from channels.email_threads import split_token

MAX_TEXT_CHARS = 20_000
MAX_SUBJECT_CHARS = 500
MAX_REFERENCES = 50
MAX_RECIPIENTS = 100
MAX_KEPT_HEADERS = 100
Verdicts = Callable[[str], Auth]
NOBODY = Mailbox(address="mailer-daemon@unknown.invalid")
"""In the place of a sender who gave no address at all; reports of mail servers come without."""
_DELIVERY_NOTES = ("Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To")
_NOTHING = Body(text="", split=Split(reply=""))


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadMail:
    """Everything a mail says, read once."""

    mail: EmailMessage
    sender: Mailbox
    body: Body
    auth: Auth
    automatic: Automatic | None
    bounce: Bounce | None
    invitation: Invitation | None
    refusal: str = ""
    """Why only its headers were read."""

    @property
    def text(self) -> str:
        """What its author wrote; for an invitation without words, what it invites to."""
        said = self.body.split.reply
        return f"{said}\n\n{self.invitation}".strip() if self.invitation else said

    @property
    def hold(self) -> str:
        """Why a person must read it before a machine answers; empty: no reason."""
        if self.automatic:
            return ""
        if len(self.text) > MAX_TEXT_CHARS:
            return f"The mail has {len(self.text)} characters; a person should read it."
        return self.refusal or hold_reason(self.mail, self.text, self.invitation)


def parse_mime(
    raw: bytes,
    *,
    envelope_from: str | None,
    envelope_to: Sequence[str],
    verdicts: Verdicts | None = None,
    authserv_ids: Collection[str] = (),
) -> InboundMail:
    """Read a mail, whatever its defects. One that cannot be read whole is held for a person.

    `recipient` is the first of `recipients(raw, envelope_to)`; a caller that serves another of them replaces it.
    `text` is without quoted history and signature; those are in `raw`, and the mail itself in `original`.

    Args:
        envelope_from: SMTP return path; empty for the null path of bounces, None if unknown.
        envelope_to: SMTP recipients; empty if unknown.
        verdicts: what the provider says of a sender; None: the mail's headers are read, and `authserv_ids` believed.

    Raises:
        BadRequest: no usable sender or recipient.
    """
    ours = _recipients(read_headers(raw), envelope_to)
    read = read_mail(
        raw,
        envelope_from=envelope_from,
        ours=[split_token(each)[0] for each in ours],
        verdicts=verdicts,
        authserv_ids=authserv_ids,
    )
    if not ours:
        raise BadRequest(f"The mail from {read.sender.address!r} names no usable recipient, so nobody can own it.")
    if read.sender == NOBODY and read.bounce is None:
        raise BadRequest("The mail has no usable address in From, so nobody could be answered.")
    mail, recipient = read.mail, split_token(ours[0])
    message = InboundMessage(
        provider="email",
        channel="email",
        provider_id=_message_id(mail, raw),
        sender=read.sender.address,
        sender_name=read.sender.name,
        recipient=recipient[0],
        subject=header(mail, "Subject")[:MAX_SUBJECT_CHARS] or None,
        text=_said(read)[:MAX_TEXT_CHARS],
        media=attachments(mail),
        automatic=read.automatic is not None,
        references=references(mail),
        trust=read.auth.trust,
        hold=read.hold,
        raw=_learned(read, raw, envelope_from, envelope_to),
    )
    return InboundMail(message=message, original=raw, token=recipient[1], bounce=read.bounce)


def read_mail(
    raw: bytes,
    *,
    envelope_from: str | None,
    ours: Sequence[str],
    verdicts: Verdicts | None = None,
    authserv_ids: Collection[str] = (),
) -> ReadMail:
    """Read all that a mail says. Of one that is too large or too deep, only the headers; never raises."""
    refusal = ""
    try:
        mail = read_mime(raw)
    except BadRequest as exc:
        mail, refusal = read_headers(raw), str(exc)
    sender = _sender(mail, envelope_from) or NOBODY
    body = read_body(mail) if not refusal else _NOTHING
    automatic = classify_automatic(
        mail, sender=sender.address, envelope_from=envelope_from, ours=ours, text=body.split.reply
    )
    bounce = read_bounce(mail, envelope_from=envelope_from, sender=sender.address, text=body.text)
    if bounce and automatic != "complaint":
        automatic = "bounce"
    return ReadMail(
        mail=mail,
        sender=sender,
        body=body,
        auth=verdicts(sender.address) if verdicts else _own_verdicts(mail, sender, authserv_ids),
        automatic=automatic,
        bounce=bounce,
        invitation=read_invitation(mail),
        refusal=refusal,
    )


def _own_verdicts(mail: EmailMessage, sender: Mailbox, authserv_ids: Collection[str]) -> Auth:
    return read_auth(mail, sender=sender.address, authserv_ids=authserv_ids)


def read_copies(
    raw: bytes,
    *,
    envelope_from: str | None,
    envelope_to: Sequence[str],
    provider: Provider,
    verdicts: Verdicts | None = None,
    authserv_ids: Collection[str] = (),
) -> list[InboundMail]:
    """Read a mail, and return it once for each address it was sent to: each may be another tenant's.

    Raises:
        BadRequest: no usable sender or recipient.
    """
    mail = parse_mime(
        raw, envelope_from=envelope_from, envelope_to=envelope_to, verdicts=verdicts, authserv_ids=authserv_ids
    )
    copies = []
    for address in recipients(raw, envelope_to):
        base, token = split_token(address)
        copies.append(replace(mail, token=token, message=replace(mail.message, provider=provider, recipient=base)))
    return copies


def mailbox_recipients(raw: bytes, username: str) -> list[str]:
    """Return for whom a mail lies in a mailbox: what the server that delivered it noted, then the mailbox's owner."""
    mail = read_headers(raw)
    noted = [box.address for name in _DELIVERY_NOTES for box in mailboxes(mail, name)[:1]]
    return distinct([*noted, username])


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


def _said(read: ReadMail) -> str:
    """Return what a mail says: of one that opens a thread and has no text, its subject, where many say all."""
    said = read.text
    if said.strip() or read.hold or read.automatic or read.bounce or references(read.mail):
        return said
    return header(read.mail, "Subject")[:MAX_SUBJECT_CHARS]


def _sender(mail: EmailMessage, envelope_from: str | None) -> Mailbox | None:
    """The author in From; where it is unusable (bounces write bare words), the envelope's, or who is said to send."""
    if written := mailboxes(mail, "From"):
        return written[0]
    if address := normalise_address(envelope_from or ""):
        return Mailbox(address=address)
    others = [*mailboxes(mail, "Sender"), *mailboxes(mail, "Return-Path")]
    return others[0] if others else None


def _message_id(mail: EmailMessage, raw: bytes) -> str:
    """The Message-ID, our key against duplicates; a mail without one is known by its content."""
    stated = message_ids(header(mail, "Message-ID"))
    return stated[0] if stated else f"<{hashlib.sha256(without_preamble(raw)).hexdigest()}@nightshift.invalid>"


def references(mail: EmailMessage) -> tuple[str, ...]:
    """Ids of the thread, oldest first; of a very long one the first and the latest."""
    named = message_ids(f"{header(mail, 'References')} {header(mail, 'In-Reply-To')}")
    return tuple(named if len(named) <= MAX_REFERENCES else [named[0], *named[1 - MAX_REFERENCES :]])


def _learned(read: ReadMail, raw: bytes, envelope_from: str | None, envelope_to: Sequence[str]) -> dict[str, Any]:
    """What else is known of the mail, bounded and JSON-safe, for staff and audit."""
    return {
        "headers": raw_headers(read.mail, MAX_KEPT_HEADERS),
        "envelope": {
            "from": None if envelope_from is None else clean_text(envelope_from)[:500],
            "to": [clean_text(address)[:500] for address in envelope_to[:MAX_RECIPIENTS]],
        },
        "quoted": read.body.split.quoted[:MAX_TEXT_CHARS],
        "signature": read.body.split.signature[:2_000],
        "automatic": read.automatic,
        "auth": asdict(read.auth),
        "mime_bytes": len(raw),
    }
