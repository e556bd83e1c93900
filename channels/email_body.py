"""What a mail says: its text (plain, or made from HTML without what the reader could not see) and attachments."""

import codecs
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from itertools import islice
from typing import Any

from agent.errors import BadRequest
from agent.ports import Fetched
from agent.types import Media
from channels.email_html import HtmlText, read_html
from channels.email_marks import without_marks
from channels.email_mime import PARSER_FAULTS, clean_text, header, leaves, payload, read_mime
from channels.email_quotes import Split, split_reply

MAX_BODY_CHARS = 200_000
"""Text looked at before quoted history is cut off."""
MAX_ATTACHMENTS = 50
MAX_DEPTH = 30

_NOT_TEXT = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "utf-7"})
"""Codecs Python knows that no mail means: they execute escapes or take quadratic time."""
_SINGLE_BYTE = re.compile(r"iso8859|cp125|latin|ascii|mac")
_UNSEEN_CHARS = re.compile("[\u00ad\u034f\u061c\u180e\u200b\u200c\u200e\u200f\u2060-\u2064\u202a-\u202e\ufeff]")
"""Zero-width and direction characters: mailings pad with them, and words of a prompt hide between them."""
_TAG_CHARS = re.compile("[\U000e0000-\U000e007f]")
_MARKUP = re.compile(r"\s*<(?:!doctype html|html|body|div|p|table)\b", re.IGNORECASE)
_PGP_SIGNED = re.compile(
    r"-----BEGIN PGP SIGNED MESSAGE-----\n(?:[\w-]+: [^\n]*\n)*\n?(?P<text>.*?)-----BEGIN PGP SIGNATURE-----.*?"
    r"(?:-----END PGP SIGNATURE-----|\Z)",
    re.DOTALL,
)
_SIGNATURE_TYPES = frozenset(
    {"application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"}
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Body:
    """What a mail shows: `text` as its author sent it, `html_text` of its HTML part if it has one."""

    text: str
    split: Split
    html_text: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Shown:
    """One piece of a mail, as plain text and as HTML; either may be missing."""

    plain: str = ""
    html: HtmlText | None = None

    @property
    def best_plain(self) -> str:
        return self.plain if self.plain.strip() else self.html.text if self.html else ""


def read_body(mail: EmailMessage) -> Body:
    """Read a mail's text and part it into reply, quoted history and signature.

    The plain text counts where there is one. What only the HTML says is heeded too: which part is history, and which
    the signature.
    """
    shown = list(_shown(mail, 0))
    text = "\n".join(each.best_plain for each in shown)[:MAX_BODY_CHARS]
    if not any(each.html for each in shown):
        return Body(text=text, split=split_reply(text))
    html_text = "\n".join(each.html.text if each.html else each.plain for each in shown)[:MAX_BODY_CHARS]
    marked = "\n".join(each.html.marked if each.html else each.plain for each in shown)[:MAX_BODY_CHARS]
    by_marks = split_reply(marked)
    if not any(each.plain.strip() for each in shown):
        return Body(text=html_text, split=by_marks, html_text=html_text)
    return Body(text=text, split=_agree(split_reply(text), by_marks), html_text=html_text)


def body_text(mail: EmailMessage) -> str:
    """Return all the text a mail shows."""
    return read_body(mail).text


def _agree(plain: Split, by_marks: Split) -> Split:
    """The plain text's split, unless only the HTML knew where history or the signature begins."""
    if by_marks.quoted and not plain.quoted and by_marks.reply:
        return by_marks
    reply, signature = " ".join(plain.reply.split()), " ".join(by_marks.signature.split())
    if signature and not plain.signature and reply != signature and reply.endswith(signature):
        return by_marks if by_marks.reply else plain
    return plain


def attachments(mail: EmailMessage) -> tuple[Media, ...]:
    """Return what is attached or embedded; `url` is `cid:…` for embedded parts, else empty. Sizes in bytes."""
    found = (_media(part) for part in attached_parts(mail))
    return tuple(media for media, _ in zip(found, range(MAX_ATTACHMENTS), strict=False))


def read_attachment(raw: bytes, position: int) -> Fetched | None:
    """Return the file at a place of what `attachments` lists, counted from 0; None: there is none.

    Computes: call it in a thread.
    """
    try:
        parts = attached_parts(read_mime(raw))
    except BadRequest:
        return None
    part = next(islice(parts, position, None), None) if position < MAX_ATTACHMENTS else None
    return Fetched(content=payload(part), filename=file_name(part)) if part else None


def attached_parts(mail: EmailMessage) -> Iterator[EmailMessage]:
    """Yield the parts that are files or embedded pictures; signatures of mail software are none."""
    for part in leaves(mail):
        if not _is_body(part) and part.get_content_type() not in _SIGNATURE_TYPES:
            yield part


def _media(part: EmailMessage) -> Media:
    cid = header(part, "Content-ID").strip("<> ")[:250]
    return Media(
        url=f"cid:{cid}" if cid else "",
        content_type=part.get_content_type()[:100],
        filename=file_name(part),
        size=len(payload(part)),
    )


def file_name(part: EmailMessage) -> str | None:
    """The name the sender gave, without any folder; of an attached mail its subject."""
    try:
        name = part.get_filename() or ""
    except PARSER_FAULTS:
        return None
    if not name and part.get_content_type() == "message/rfc822":
        name = _attached_subject(part)
    return re.split(r"[/\\]", clean_text(name))[-1].strip()[:200] or None


def _attached_subject(part: EmailMessage) -> str:
    try:
        attached: Any = part.get_payload(0)
        return f"{header(attached, 'Subject')[:190]}.eml"
    except PARSER_FAULTS:
        return ""


def _is_body(part: EmailMessage) -> bool:
    """Whether a part is text to be read in place, as opposed to a file."""
    if part.get_content_type() not in {"text/plain", "text/html"}:
        return False
    disposition = part.get_content_disposition()
    return disposition != "attachment" and (disposition == "inline" or file_name(part) is None)


def _shown(part: EmailMessage, depth: int) -> Iterator[_Shown]:
    """Yield the pieces a reader sees, in order: of alternatives one, of mixtures all."""
    if depth > MAX_DEPTH:
        return
    if part.get_content_maintype() == "multipart" and part.is_multipart():
        children: Any = part.get_payload()
        pieces = [piece for child in children for piece in _shown(child, depth + 1)]
        yield from [_alternative(pieces)] if part.get_content_type() == "multipart/alternative" else pieces
    elif _is_body(part):
        yield _read_part(part)


def _alternative(pieces: Sequence[_Shown]) -> _Shown:
    """The same thing said twice. HTML in pieces, around attachments, is one text."""
    plain = next((each.plain for each in pieces if each.plain.strip()), "")
    pages = [each.html for each in pieces if each.html]
    if not pages:
        return _Shown(plain=plain)
    joined = HtmlText(text="\n".join(page.text for page in pages), marked="\n".join(page.marked for page in pages))
    return _Shown(plain=plain, html=joined)


def _read_part(part: EmailMessage) -> _Shown:
    text = _text(part)
    if part.get_content_type() == "text/html" or _MARKUP.match(text):
        page = read_html(text)
        return _Shown(html=HtmlText(text=visible(page.text), marked=visible(page.marked)))
    return _Shown(plain=visible(_unflowed(part, without_marks(text))))


def _text(part: EmailMessage) -> str:
    try:
        charset = part.get_content_charset()
    except PARSER_FAULTS:
        charset = None
    text = clean_text(decode_text(payload(part)[: 4 * MAX_BODY_CHARS], charset))[: 2 * MAX_BODY_CHARS]
    return _PGP_SIGNED.sub(lambda match: re.sub(r"(?m)^- ", "", match["text"]), text)


def visible(text: str) -> str:
    """Return a text without characters that nobody sees."""
    return _TAG_CHARS.sub("", _UNSEEN_CHARS.sub("", text))


def _unflowed(part: EmailMessage, text: str) -> str:
    """Undo soft line breaks of `format=flowed` (RFC 3676 §4): a line that ends in a blank goes on in the next."""
    try:
        flowed, delsp = str(part.get_param("format", "")).lower(), str(part.get_param("delsp", "")).lower()
    except PARSER_FAULTS:
        return text
    if flowed != "flowed":
        return text
    lines: list[str] = []
    goes_on = False
    for line in text.split("\n"):
        depth = len(line) - len(line.lstrip(">"))
        own = line[depth:].removeprefix(" ")
        if goes_on and lines and depth == _depth(lines[-1]) and own != "-- ":
            lines[-1] = (lines[-1][:-1] if delsp == "yes" else lines[-1]) + own
        else:
            lines.append(f"{'>' * depth} {own}" if depth else own)
        goes_on = own.endswith(" ") and own != "-- "
    return "\n".join(lines)


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip(">"))


def decode_text(content: bytes, charset: str | None) -> str:
    """Decode a body whose declared charset may be absent, unknown or wrong.

    Bytes that are valid UTF-8 beyond ASCII are UTF-8 even where a single-byte charset is declared: the
    opposite accident hardly exists. What nothing explains is read as Windows-1252.
    """
    codec = _codec_name(charset)
    if codec and not _SINGLE_BYTE.search(codec):
        text = _try_decode(content, codec)
        if text is not None:
            return text
    text = _try_decode(content, "utf-8")
    if text is None and codec:
        text = _try_decode(content, "cp1252" if codec in {"iso8859_1", "ascii"} else codec)
    return text if text is not None else content.decode("cp1252", "replace")


def _codec_name(charset: str | None) -> str | None:
    try:
        name = codecs.lookup(charset or "").name.replace("-", "_") if charset else None
    except (LookupError, ValueError):
        return None
    return None if name is None or name.replace("_", "-") in _NOT_TEXT or name in _NOT_TEXT else name


def _try_decode(content: bytes, codec: str) -> str | None:
    try:
        return content.decode(codec)
    except (LookupError, ValueError):
        return None
