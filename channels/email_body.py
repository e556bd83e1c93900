"""What a mail says: its text (plain, or made from HTML without what the reader could not see) and attachments."""

import codecs
import re
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

from inscriptis.css_profiles import STRICT_CSS_PROFILE  # type: ignore[import-untyped]  # ships no types
from inscriptis.html_engine import Inscriptis  # type: ignore[import-untyped]  # ships no types
from inscriptis.model.config import ParserConfig  # type: ignore[import-untyped]  # ships no types
from lxml import etree, html  # type: ignore[import-untyped]  # ships no types

from agent.types import Media
from channels.email_mime import PARSER_FAULTS, clean_text, header, leaves, payload

MAX_BODY_CHARS = 200_000
"""Text looked at before quoted history is cut off."""
MAX_ATTACHMENTS = 50

_LAYOUT = ParserConfig(css=STRICT_CSS_PROFILE)
_NOT_TEXT = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "utf-7"})
"""Codecs Python knows that no mail means: they execute escapes or take quadratic time."""
_SINGLE_BYTE = re.compile(r"iso8859|cp125|latin|ascii|mac")
_HIDDEN_STYLE = re.compile(
    r"display:none|visibility:hidden|mso-hide:all|opacity:0(?:\.0+)?(?:;|$|!)"
    r"|font-size:0(?:\.0+)?(?:px|pt|em|rem|%)?(?:;|$|!)|max-height:0(?:px|pt|em)?(?:;|$|!)"
)
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_QUOTE_STYLE = re.compile(r"border-left(?:-\w+)?:(?!none|0)")
_UNSEEN_TAGS = ("head", "script", "style", "template", "noscript", "title", "object", "iframe", "svg")
_AS_BLOCK = ("table", "tbody", "thead", "tfoot", "tr", "caption")


def body_text(mail: EmailMessage) -> str:
    """Return the mail's own text: its plain parts if any says something, else its HTML parts as text."""
    plain = _joined(mail, "text/plain")
    if plain.strip():
        return clean_text(plain)
    return clean_text(html_to_text(_joined(mail, "text/html")))


def attachments(mail: EmailMessage) -> tuple[Media, ...]:
    """Return what is attached or embedded; `url` is `cid:…` for embedded parts, else empty. Sizes in bytes."""
    found = (_media(part) for part in leaves(mail) if not _is_body(part))
    return tuple(media for media, _ in zip(found, range(MAX_ATTACHMENTS), strict=False))


def _media(part: EmailMessage) -> Media:
    cid = header(part, "Content-ID").strip("<> ")[:250]
    return Media(
        url=f"cid:{cid}" if cid else "",
        content_type=part.get_content_type()[:100],
        filename=_filename(part),
        size=len(payload(part)),
    )


def _filename(part: EmailMessage) -> str | None:
    """The name the sender gave, without any folder."""
    try:
        name = part.get_filename() or ""
    except PARSER_FAULTS:
        return None
    return re.split(r"[/\\]", clean_text(name))[-1].strip()[:200] or None


def _is_body(part: EmailMessage) -> bool:
    """Whether a part is text to be read in place, as opposed to a file."""
    if part.get_content_type() not in {"text/plain", "text/html"}:
        return False
    return part.get_content_disposition() != "attachment" and _filename(part) is None


def _joined(mail: EmailMessage, content_type: str) -> str:
    return "\n".join(_texts(mail, content_type))[:MAX_BODY_CHARS]


def _texts(mail: EmailMessage, content_type: str) -> Iterator[str]:
    for part in leaves(mail):
        if _is_body(part) and part.get_content_type() == content_type:
            try:
                charset = part.get_content_charset()
            except PARSER_FAULTS:
                charset = None
            yield decode_text(payload(part)[: 4 * MAX_BODY_CHARS], charset)


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
        text = _try_decode(content, codec)
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


def html_to_text(markup: str) -> str:
    """Render HTML as text: hidden text is dropped (it is how prompts are smuggled in), quotes get `> `."""
    source = markup[:MAX_BODY_CHARS]
    if not source.strip():
        return ""
    parser = html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    try:
        tree = html.document_fromstring(source.encode("utf-8", "replace"), parser=parser)
    except etree.ParserError:  # nothing but comments
        return ""
    _drop_unseen(tree)
    _flatten(tree)
    for quote in reversed(list(tree.iter("blockquote"))):
        if _is_quote(quote):
            _mark_quote(quote)
    return re.sub(r"\n\s*\n\s*\n", "\n\n", _render(tree))


def _drop_unseen(tree: Any) -> None:
    for element in list(tree.iter(etree.Element)):
        style = "".join(element.get("style", "").split()).lower()
        unseen = element.tag in _UNSEEN_TAGS or "hidden" in element.attrib or _HIDDEN_STYLE.search(style)
        if unseen and element.getparent() is not None:
            element.drop_tree()


def _flatten(tree: Any) -> None:
    """Rows become lines and cells words: aligned columns would let a small table fill gigabytes."""
    for element in tree.iter(etree.Element):
        if element.tag in _AS_BLOCK:
            element.tag = "div"
        elif element.tag in {"td", "th"}:
            element.tag = "span"
            element.tail = _legal(f" {element.tail or ''}")


def _is_quote(element: Any) -> bool:
    """A quotation, not Gmail's indentation, which uses the same element."""
    style = "".join(element.get("style", "").split()).lower()
    return (
        element.get("type") == "cite" or "quote" in element.get("class", "") or _QUOTE_STYLE.search(style) is not None
    )


def _mark_quote(element: Any) -> None:
    """Replace a quotation by its lines, each with the `> ` of plain mail."""
    tail, element.tail = _legal(element.tail or ""), None
    lines = _legal(_render(element)).strip().split("\n")
    element.clear()
    element.tag, element.tail = "pre", tail
    element.text = "\n".join(f"> {line}" for line in lines)


def _legal(text: str) -> str:
    """Without the characters lxml reads but refuses to write."""
    return _NOT_XML.sub("", text)


def _render(tree: Any) -> str:
    """Text of a tree. Attributes go first: they could ask for a margin of a billion columns."""
    for element in tree.iter(etree.Element):
        element.attrib.clear()
    return str(Inscriptis(tree, _LAYOUT).get_text())
