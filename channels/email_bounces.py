"""Reports about our own mails: undeliverable or late (RFC 3464, and the prose of servers that ignore it), complaints
(ARF, RFC 5965). Reads, changes nothing.
"""

import re
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any, Literal

from agent.mail.arriving import Bounce
from channels.email_automatic import is_robot
from channels.email_mime import (
    PARSER_FAULTS,
    clean_text,
    header,
    leaves,
    message_ids,
    normalise_address,
    parse_part,
    payload,
)

_ACTIONS: dict[str, Literal["failed", "delayed", "delivered"]] = {
    "failed": "failed",
    "delayed": "delayed",
    "delivered": "delivered",
    "relayed": "delivered",
    "expanded": "delivered",
}
MAX_RECIPIENTS = 20
_READ_BYTES = 200_000

_STATUS = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_REPLY_CODE = re.compile(r"\b([45]\d\d)[ -](?=\D)")
_SUBJECT = re.compile(
    r"(?:undeliver(?:able|ed)|(?:mail|message|e-?mail|delivery)(?: delivery)?(?: status)? (?:notification|failure"
    r"|failed|error)"
    r"|delivery (?:status notification|has failed|failure|report|notification|delayed)|mail delivery (?:failed|system)"
    r"|returned mail|returned to sender|failure notice|mail could not be delivered|warning: (?:message|could not send)"
    r"|message (?:delayed|not delivered|undeliverable)|non[- ]delivery|mail system error|postmaster notify"
    r"|no se puede entregar|no se pudo entregar|no entregado|error (?:de|en la) entrega|entrega (?:fallida|retrasada)"
    r"|notificaci[oó]n (?:de estado|del estado) de (?:la )?entrega|correo (?:no entregado|devuelto)|devuelto"
    r"|n[ãa]o (?:foi poss[ií]vel )?entreg(?:ar|ue)|n[ãa]o pode ser entregue|falha (?:na|de) entrega|falha no envio"
    r"|notifica[çc][ãa]o (?:de|do) (?:status|estado) (?:de|da) entrega|mensagem n[ãa]o entregue)",
    re.IGNORECASE,
)
_PROSE = re.compile(
    r"(?:this is the (?:qmail-send program|mail (?:delivery )?system)|created automatically by mail delivery software"
    r"|delivery to the following recipients? (?:has been delayed|failed)|could not be delivered to"
    r"|(?:your )?message (?:wasn't|was not|could not be|couldn't be|hasn't been) (?:delivered|sent)"
    r"|address (?:not found|couldn't be found)|the following (?:address(?:es)?|recipients?).{0,40}(?:failed"
    r"|undeliver|fatal|permanent)"
    r"|i (?:wasn't able to|was not able to|'m afraid i wasn't able to) deliver|unable to deliver|undeliverable"
    r"|permanent (?:fatal )?errors?|no se (?:pudo|puede|ha podido) entregar|no se encontr[oó] la direcci[oó]n"
    r"|su mensaje no (?:se ha|fue|pudo ser) entrega|n[ãa]o foi poss[ií]vel entregar|endere[çc]o n[ãa]o encontrado"
    r"|sua mensagem n[ãa]o (?:foi|p[oô]de ser) entreg)",
    re.IGNORECASE,
)
_DELAYED = re.compile(
    r"(?:delay|warning|will (?:be retried|keep trying|continue)|temporar|retras|demora|atras|seguir[aá] intentando"
    r"|incomplet)",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"[^\s@<>\"'(),:;\[\]]{1,64}@[\w-]+(?:\.[\w-]+)+")
_BELOW = re.compile(
    r"^.{0,40}(?:below this line is a copy of the message|this is a copy of (?:the|your) message"
    r"|original message follows"
    r"|(?:original|returned) message|message header follows|included (?:below|is a copy)|mensaje original"
    r"|mensagem original)",
    re.IGNORECASE | re.MULTILINE,
)
_REASONS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"(?:mailbox|inbox|quota).{0,30}(?:full|exceeded|over)|over quota|buz[oó]n.{0,20}lleno|cheia", re.I),
        "5.2.2",
    ),
    (
        re.compile(
            r"(?:user|address|recipient|mailbox|account|no such).{0,40}"
            r"(?:unknown|not (?:found|exist)|does(?:n't| not) exist|unavailable|invalid|here|disabled|rejected)"
            r"|no such user|couldn't be found|no existe|n[ãa]o existe|no se encontr|n[ãa]o encontrad|desconocid"
            r"|inexistente",
            re.I,
        ),
        "5.1.1",
    ),
    (
        re.compile(r"(?:domain|host).{0,30}(?:not found|unknown|not exist)|no such domain|dominio.{0,20}no", re.I),
        "5.1.2",
    ),
    (re.compile(r"spam|blocked|blacklist|policy|reputation|bloquead|dmarc|rejected due", re.I), "5.7.1"),
    (re.compile(r"too (?:large|big)|size limit|demasiado grande|muito grande", re.I), "5.3.4"),
)


def read_bounce(mail: EmailMessage, *, envelope_from: str | None, sender: str, text: str) -> Bounce | None:
    """Return what a report says about one of our mails; None: it is no report.

    Args:
        envelope_from: SMTP return path; empty for the null path, None if unknown.
        text: all the text the mail shows.
    """
    parts = list(leaves(mail))
    for part in parts:
        if part.get_content_type() == "message/feedback-report":
            return _complaint(part, parts)
    for part in parts:
        if part.get_content_type() in {"message/delivery-status", "message/global-delivery-status"}:
            return _by_the_book(mail, part, parts, text)
    return _from_prose(mail, parts, text) if _looks_like_prose(mail, envelope_from, sender, text) else None


def _complaint(report: EmailMessage, parts: list[EmailMessage]) -> Bounce:
    fields = next(iter(_blocks(report)), {})
    stated = fields.get("original-rcpt-to") or fields.get("removal-recipient") or ""
    original = _returned(parts)
    recipient = normalise_address(stated) or (_first_address(header(original, "To")) if original else None)
    return Bounce(
        action="complaint",
        recipient=recipient,
        diagnostic=fields.get("feedback-type", "abuse")[:100],
        original_message_id=_original_id(parts, ""),
    )


def _by_the_book(mail: EmailMessage, report: EmailMessage, parts: list[EmailMessage], text: str) -> Bounce:
    """Read the blocks of a delivery report; of several recipients the one that fared worst counts."""
    blocks = list(_blocks(report))
    found = [bounce for block in blocks if (bounce := _recipient_block(block))]
    rank = {"failed": 0, "delayed": 1, "delivered": 2, "complaint": 3}
    worst = min(found, key=lambda each: rank[each.action], default=None)
    identity = _original_id(parts, text) or next((block["x-original-message-id"] for block in blocks
                                                 if "x-original-message-id" in block), None)  # fmt: skip
    if worst is None:
        prose = _from_prose(mail, parts, text)
        return Bounce(
            action=prose.action, recipient=prose.recipient, status=prose.status, diagnostic=prose.diagnostic,
            original_message_id=identity,
        )  # fmt: skip
    return Bounce(
        action=worst.action,
        recipient=worst.recipient or _failed_recipient(mail, text),
        status=worst.status,
        diagnostic=worst.diagnostic,
        original_message_id=identity,
    )


def _recipient_block(block: dict[str, str]) -> Bounce | None:
    if not block.keys() & {"action", "final-recipient", "original-recipient", "status"}:
        return None
    status = _STATUS.search(block.get("status", "")) or _STATUS.search(block.get("diagnostic-code", ""))
    stated = block.get("action", "").lower().split()
    action = _ACTIONS.get(stated[0] if stated else "")
    if action is None:
        action = "failed" if status is None or status[1] == "5" else "delayed" if status[1] == "4" else "delivered"
    named = block.get("original-recipient") or block.get("final-recipient") or block.get("x-actual-recipient") or ""
    address = _first_address(named.partition(";")[2] or named) or _first_address(block.get("final-recipient", ""))
    return Bounce(
        action=action,
        recipient=address,
        status=status[0] if status else None,
        diagnostic=block.get("diagnostic-code", "").partition(";")[2].strip()[:500] or block.get("diagnostic-code", ""),
    )


def _blocks(report: EmailMessage) -> Iterator[dict[str, str]]:
    """Yield the groups of fields of a report: first about the mail, then about each recipient."""
    content: Any = report.get_payload()
    if isinstance(content, list):
        for block in content[:MAX_RECIPIENTS]:
            yield {name.lower(): " ".join(clean_text(str(value)).split())[:1_000] for name, value in block.raw_items()}
        return
    text = clean_text(payload(report)[:_READ_BYTES].decode("utf-8", "replace"))
    for block in re.split(r"\n\s*\n", text)[:MAX_RECIPIENTS]:
        unfolded = re.sub(r"\n[ \t]+", " ", block)
        yield {
            name.strip().lower(): value.strip()[:1_000]
            for name, found, value in (line.partition(":") for line in unfolded.split("\n"))
            if found
        }


def _looks_like_prose(mail: EmailMessage, envelope_from: str | None, sender: str, text: str) -> bool:
    """Whether a mail that is no report by the book tells of a failure all the same; a person's question does not."""
    is_machine = (
        is_robot(sender)
        or header(mail, "X-Failed-Recipients") != ""
        or (envelope_from is not None and envelope_from.strip() in {"", "<>"})
        or "".join(header(mail, "Return-Path").split()) == "<>"
        or mail.get_content_type() == "multipart/report"
    )
    if not is_machine:
        return False
    tells = _SUBJECT.search(header(mail, "Subject")) is not None or _PROSE.search(text[:3_000]) is not None
    return tells or header(mail, "X-Failed-Recipients") != ""


def _from_prose(mail: EmailMessage, parts: list[EmailMessage], text: str) -> Bounce:
    said = _own_words(text)
    stated = _STATUS.search(said)
    status = stated[0] if stated and stated[1] != "2" else next((c for p, c in _REASONS if p.search(said)), None)
    code = _REPLY_CODE.search(said)
    first = status or (code[1] if code else "5")
    late = first.startswith("4") or (
        stated is None and code is None and _DELAYED.search(header(mail, "Subject")) is not None
    )
    return Bounce(
        action="delayed" if late else "failed",
        recipient=_failed_recipient(mail, said),
        status=status,
        diagnostic=_diagnostic(said),
        original_message_id=_original_id(parts, text),
        standard=False,
    )


def _own_words(text: str) -> str:
    """What the server says, without the copy of our mail."""
    match = _BELOW.search(text)
    return text[: match.start() if match else 6_000][:6_000]


def _diagnostic(said: str) -> str:
    lines = [" ".join(line.split()) for line in said.split("\n")]
    telling = (line for line in lines if _STATUS.search(line) or _REPLY_CODE.search(line))
    return next(telling, next((line for line in lines if _PROSE.search(line)), ""))[:500]


def _failed_recipient(mail: EmailMessage, said: str) -> str | None:
    stated = _first_address(header(mail, "X-Failed-Recipients"))
    ours = {address.lower() for address in _ADDRESS.findall(header(mail, "To"))}
    named = (address for address in _ADDRESS.findall(said) if address.lower() not in ours and not is_robot(address))
    return stated or next((good for each in named if (good := normalise_address(each.strip(".")))), None)


def _first_address(text: str) -> str | None:
    match = _ADDRESS.search(text)
    return normalise_address(match.group()) if match else None


def _returned(parts: list[EmailMessage]) -> EmailMessage | None:
    """Our mail, or its headers, as the report returns it."""
    for part in parts:
        kind = part.get_content_type()
        if kind in {"message/rfc822", "message/global"} and part.is_multipart():
            attached: Any = part.get_payload(0)
            return attached if isinstance(attached, EmailMessage) else None
        if kind in {"text/rfc822-headers", "message/rfc822", "message/global-headers", "text/rfc822"}:
            return parse_part(payload(part)[:_READ_BYTES])
    return None


def _original_id(parts: list[EmailMessage], text: str) -> str | None:
    """The Message-ID of our mail: of what is returned, or as the prose copies it."""
    returned = _returned(parts)
    try:
        stated = message_ids(header(returned, "Message-ID")) if returned is not None else []
    except PARSER_FAULTS:
        stated = []
    copied = re.search(r"^[> ]*message-id:\s*(<[^<>\s]{1,250}>)", text, re.IGNORECASE | re.MULTILINE)
    return stated[0] if stated else copied[1] if copied else None
