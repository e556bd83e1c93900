"""The mail we write, before a transport carries it: one builder for SMTP and for SendGrid.

The Message-ID is ours and the same at every attempt (P2). Mails of a machine say so (RFC 3834), and one that nobody
asked for says how to get no more (RFC 8058). Nothing in them tells us who has read them.
"""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass

from agent.errors import Permanent
from agent.settings import Settings
from agent.types import Letterhead, OutboundMessage
from channels.email_markdown import as_html, as_plain
from channels.email_mime import clean_text, message_ids, normalise_address
from channels.email_threads import reply_address

MAX_REFERENCES = 20
MAX_SUBJECT_CHARS = 500
MAX_NAME_CHARS = 100
NO_ID = "@nightshift.invalid>"
"""How the ids end that we give to mails without one: nobody else knows them."""

_REPLY_PREFIX = re.compile(r"(?:re|res|rif|aw|sv)(?:\[\d{1,3}\])? ?:", re.IGNORECASE)
_REPLY_PREFIXES = re.compile(rf"(?:{_REPLY_PREFIX.pattern}\s*){{2,}}", re.IGNORECASE)
_WAY_OUT = {
    "es": "¿No quieres más correos de {name}? Puedes darte de baja aquí: {url}",
    "pt": "Não quer mais e-mails de {name}? Cancele aqui: {url}",
    "en": "No more mails from {name}? Unsubscribe here: {url}",
}
_WAY_OUT_BY_ANSWER = {
    "es": "¿No quieres más correos de {name}? Responde BAJA.",
    "pt": "Não quer mais e-mails de {name}? Responda SAIR.",
    "en": "No more mails from {name}? Reply STOP.",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class MailRoutes:
    """Where answers to our mails come, and where the way out of them leads."""

    public_url: str = ""
    """Base URL of the page behind List-Unsubscribe; one that is not https cannot be in it."""
    reply_to: str = "plus"
    """`plus`: our address with a token; `plain`: without; else a domain, where it is `reply+TOKEN`."""

    @classmethod
    def from_settings(cls, settings: Settings) -> "MailRoutes":
        """Return what the settings say."""
        return cls(public_url=settings.public_url, reply_to=settings.mail_reply_to)

    def tagged(self, ours: str, token: str | None) -> str | None:
        """Return the address that carries a token; None where none does."""
        if token is None or self.reply_to == "plain":
            return None
        return reply_address(ours if self.reply_to == "plus" else f"reply@{self.reply_to}", token)

    def unsubscribe_url(self, token: str | None) -> str | None:
        """Return the page that stops our mails; None without a token or without https."""
        if token is None or not self.public_url.startswith("https://"):
            return None
        return f"{self.public_url}/unsubscribe/{token}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Letter:
    """A mail in parts. Every header is one line; addresses are ASCII."""

    sender: str
    sender_name: str
    recipient: str
    reply_to: str | None
    subject: str
    message_id: str
    headers: Mapping[str, str]
    """All others, by name."""
    text: str
    html: str


def write_letter(message: OutboundMessage, routes: MailRoutes) -> Letter:
    """Write a mail: threaded, marked as automatic, plain text with an HTML alternative that says the same.

    Raises:
        Permanent: an address that cannot be written to.
    """
    sender, head = ascii_address(message.sender), message.letterhead
    name = _one_line(head.sender_name, MAX_NAME_CHARS)
    text = clean_text(message.text).replace("\r\n", "\n")
    url = routes.unsubscribe_url(head.unsubscribe_token)
    way_out = _way_out(head, name or sender, url) if head.is_proactive else ""
    return Letter(
        sender=sender,
        sender_name=name,
        recipient=ascii_address(message.recipient),
        reply_to=routes.tagged(sender, head.reply_token),
        subject=_subject(message) or name,
        message_id=f"<{message.id}@{sender.partition('@')[2]}>",
        headers={**_thread(message), **_origin(message), **_list_headers(sender, head, routes, url)},
        text=_plain(text, head.signature, way_out),
        html=_page(text, head.signature, way_out),
    )


def ascii_address(text: str) -> str:
    """Return an address as any server takes it: its domain as IDNA.

    Raises:
        Permanent: it cannot be written to.
    """
    address = normalise_address(text)
    local, _, domain = (address or "").partition("@")
    try:
        encoded = domain.encode("idna").decode("ascii")
    except UnicodeError:
        encoded = ""
    if not encoded or not local.isascii():
        raise Permanent(f"{text[:254]!r} is not an e-mail address we can write to; correct it.", code="5.1.3")
    return f"{local}@{encoded}"


def _one_line(text: str, max_chars: int) -> str:
    return " ".join(clean_text(text).split())[:max_chars].rstrip()


def _subject(message: OutboundMessage) -> str:
    """Return the thread's subject, marked once as an answer."""
    subject = _one_line(message.subject or "", MAX_SUBJECT_CHARS)
    if not message.in_reply_to:
        return subject
    subject = _REPLY_PREFIXES.sub("Re: ", subject, count=1) if _REPLY_PREFIXES.match(subject) else subject
    return subject if _REPLY_PREFIX.match(subject) else f"Re: {subject}".strip()


def _thread(message: OutboundMessage) -> dict[str, str]:
    """Name the mail we answer and its thread; of a long thread the first and the latest mails."""
    parents = _ids(message.in_reply_to or "")[:1]
    thread = [*(each for each in _ids(" ".join(message.references)) if each not in parents), *parents]
    if len(thread) > MAX_REFERENCES:
        thread = [thread[0], *thread[1 - MAX_REFERENCES :]]
    named = {"In-Reply-To": " ".join(parents), "References": " ".join(thread)}
    return {name: value for name, value in named.items() if value}


def _ids(text: str) -> list[str]:
    return [each for each in message_ids(text) if each.isascii() and not each.endswith(NO_ID)]


def _origin(message: OutboundMessage) -> dict[str, str]:
    """Say that a machine wrote it, and that machines need not answer; of a person's mail nothing."""
    if not message.letterhead.is_automatic:
        return {}
    answers = message.in_reply_to and not message.letterhead.is_proactive
    return {"Auto-Submitted": "auto-replied" if answers else "auto-generated", "X-Auto-Response-Suppress": "All"}


def _list_headers(sender: str, head: Letterhead, routes: MailRoutes, url: str | None) -> dict[str, str]:
    """Offer the way out of what nobody asked for: one click where there is https, and a mail in any case."""
    if not head.is_proactive:
        return {}
    tagged = routes.tagged(sender, head.unsubscribe_token)
    mailto = f"<mailto:{tagged or sender}?subject=unsubscribe>"
    if url is None:
        return {"List-Unsubscribe": mailto}
    return {"List-Unsubscribe": f"<{url}>, {mailto}", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}


def _way_out(head: Letterhead, name: str, url: str | None) -> str:
    texts = _WAY_OUT if url else _WAY_OUT_BY_ANSWER
    return texts.get(head.language, texts["en"]).format(name=name, url=url)


def _plain(text: str, signature: str, way_out: str) -> str:
    """Return the words, then the signature after the mark that mail programs know (RFC 3676 §4.3)."""
    return "\n\n".join(
        part for part in (as_plain(text), f"-- \n{clean_text(signature)}" if signature else "", way_out) if part
    )


def _page(text: str, signature: str, way_out: str) -> str:
    parts = [as_html(text)]
    if signature:
        parts.append(f"<p>-- <br>\n{_linked(clean_text(signature))}</p>")
    if way_out:
        parts.append(f"<p><small>{_linked(way_out)}</small></p>")
    body = "\n".join(parts)
    return f"<!doctype html>\n<html><body>\n{body}\n</body></html>\n"


def _linked(text: str) -> str:
    """Return fixed words of ours or the tenant's, which have no marks, with their addresses as links."""
    pieces = re.split(r"(https?://[^\s<>\"]+)", text)
    words = (f'<a href="{html.escape(each)}">{html.escape(each)}</a>' for each in pieces[1::2])
    escaped = [html.escape(each).replace("\n", "<br>\n") for each in pieces[::2]]
    return "".join(part for pair in zip(escaped, [*words, ""], strict=True) for part in pair)
