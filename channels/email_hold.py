"""Mails that no machine may answer, because it cannot read them or do what they ask: for a person, with why."""

from email.message import EmailMessage

from channels.email_body import attached_parts
from channels.email_calendar import Invitation
from channels.email_mime import leaves, payload

_ENCRYPTED = {
    "application/pkcs7-mime": "The mail is encrypted or sealed with S/MIME, so only the mailbox's owner can read it.",
    "application/x-pkcs7-mime": "The mail is encrypted or sealed with S/MIME, so only the mailbox's owner can read it.",
    "application/pgp-encrypted": "The mail is encrypted with PGP, so only the owner of the key can read it.",
}
_PGP_MARK = b"-----BEGIN PGP MESSAGE-----"


def hold_reason(mail: EmailMessage, text: str, invitation: Invitation | None) -> str:
    """Return why a person must read this mail; empty: the agent may answer it."""
    for part in leaves(mail):
        kind = part.get_content_type()
        if kind in _ENCRYPTED:
            return _ENCRYPTED[kind]
        if kind == "text/plain" and _PGP_MARK in payload(part)[:200_000]:
            return _ENCRYPTED["application/pgp-encrypted"]
        if kind == "application/ms-tnef" and not text:
            return "The mail is in Outlook's own format (winmail.dat), which cannot be read here."
    if invitation and invitation.method in {"REQUEST", "CANCEL", "ADD"}:
        return f"The mail is a calendar invitation that a person must answer: {invitation}"
    if not text and next(attached_parts(mail), None) is not None:
        return "The mail has no words, only attachments; a person should look at them."
    return ""
