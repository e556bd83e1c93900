"""Recognises mail that no person wrote: auto-replies, lists, bounces, our own (RFC 3834). Never answered (P3).

Errs on the side of silence: a person can be helped by staff, two robots cannot be stopped.
"""

import re
from collections.abc import Sequence
from email.message import EmailMessage

from channels.email_mime import has_header, header, leaves

_MARKS = (
    "List-Id",
    "List-Unsubscribe",
    "List-Post",
    "X-Autoreply",
    "X-Autorespond",
    "X-Autoresponse",
    "X-Failed-Recipients",
)
_BULK = frozenset({"bulk", "list", "junk", "auto_reply", "auto-reply"})
_ROBOT = re.compile(
    r"mailer[-_.]?daemon|postmaster|(?:no|do[-_.]?not)[-_.]?reply|bounces?(?:[-_.+=].*)?"
    r"|no[-_.]?(?:responder|responda)|n[aã]o[-_.]?respond[ae]r?|auto[-_.]?reply",
    re.IGNORECASE,
)
_OUT_OF_OFFICE = re.compile(
    r"(?:auto(?:matic)?[ -]?(?:reply|response)|out of (?:the )?office"
    r"|respuesta autom[aá]tica|fuera de (?:la )?oficina"
    r"|resposta autom[aá]tica|aus[eê]ncia|fora do escrit[oó]rio)\b",
    re.IGNORECASE,
)


def is_automatic(mail: EmailMessage, *, sender: str, envelope_from: str | None, ours: Sequence[str]) -> bool:
    """Whether a mail must not be answered by a machine.

    Args:
        sender: address in From.
        envelope_from: SMTP return path; empty or `<>` is the null path, None is unknown.
        ours: the tenant's addresses the mail was sent to.
    """
    return (
        _says_so(mail)
        or _has_null_path(mail, envelope_from)
        or _is_report(mail)
        or _ROBOT.fullmatch(sender.partition("@")[0]) is not None
        or sender.lower() in {address.lower() for address in ours}
        or _reads_like_out_of_office(mail)
    )


def _says_so(mail: EmailMessage) -> bool:
    submitted = header(mail, "Auto-Submitted").lower()
    suppress = header(mail, "X-Auto-Response-Suppress").lower()
    return (
        bool(submitted and re.split(r"[;\s(]", submitted)[0] != "no")
        or header(mail, "Precedence").lower() in _BULK
        or bool(suppress and suppress != "none")
        or has_header(mail, _MARKS)
    )


def _has_null_path(mail: EmailMessage, envelope_from: str | None) -> bool:
    if envelope_from is not None:
        return envelope_from.strip() in {"", "<>"}
    return "".join(header(mail, "Return-Path").split()) == "<>"


def _is_report(mail: EmailMessage) -> bool:
    """A delivery or read report (RFC 6522), or a part of one on its own."""
    return mail.get_content_type() == "multipart/report" or any(
        part.get_content_type() in {"message/delivery-status", "message/disposition-notification"}
        for part in leaves(mail)
    )


def _reads_like_out_of_office(mail: EmailMessage) -> bool:
    """The subject alone proves nothing; opening with such words *and* answering a mail does.

    A person who answers an absence notice writes under "Re: …", which does not open with them.
    """
    answers = has_header(mail, ("In-Reply-To", "References"))
    return answers and _OUT_OF_OFFICE.match(header(mail, "Subject")) is not None
