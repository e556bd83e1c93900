"""HTML mail as text: without what nobody could see, quotations as `> `, and history marked where its client marks it.

The marks are lines of one private-use character each (`HISTORY`, …), which `email_quotes` understands and which no
mail can bring along: `email_mime.clean_text` drops them.
"""

import re
from dataclasses import dataclass
from typing import Any

from inscriptis.css_profiles import STRICT_CSS_PROFILE  # type: ignore[import-untyped]  # ships no types
from inscriptis.html_engine import Inscriptis  # type: ignore[import-untyped]  # ships no types
from inscriptis.model.config import ParserConfig  # type: ignore[import-untyped]  # ships no types
from lxml import etree, html  # type: ignore[import-untyped]  # ships no types

from channels.email_hidden import drop_unseen
from channels.email_marks import HISTORY, INTRO, SIGNATURE, SIGNATURE_END, without_marks

MAX_HTML_CHARS = 400_000

_LAYOUT = ParserConfig(css=STRICT_CSS_PROFILE)
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_QUOTE_STYLE = re.compile(r"border-left(?:-\w+)?:(?!none|0)")
_AS_BLOCK = ("table", "tbody", "thead", "tfoot", "tr", "caption")

_INTRODUCES = re.compile(r"\b(?:gmail_attr|gmail_quote|moz-cite-prefix|zmail_extra|protonmail_quote|tutanota_quote)\b")
"""Class of an element that holds or opens "on …, … wrote:" above a quotation."""
_IS_HISTORY = re.compile(
    r"\b(?:divrplyfwdmsg|appendonsend|olk_src_body_section|mail-editor-reference-message-container"
    r"|ms-outlook-mobile-reference-message|yahoo_quoted|messagereplysection|moz-forward-container|stopspelling)\b"
)
"""Class, id or name of an element from which on all is history."""
_OUTLOOK_RULE = re.compile(r"border:none;border-top:solid#[0-9a-f]{6}1\.0pt")
"""Style of the box into which desktop Outlook puts the copied headers."""
_IS_SIGNATURE = re.compile(
    r"\b(?:gmail_signature|moz-signature|yahoo[_-]signature|protonmail_signature_block(?:-user|-proton)?"
    r"|ms-outlook-mobile-signature|composer_signature|applemailsignature|bloop_sign|signature|"
    r"lineitemsignature|tutanota_signature)\b"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class HtmlText:
    """Text of an HTML mail, and the same with marks for `email_quotes`."""

    text: str
    marked: str


def read_html(markup: str) -> HtmlText:
    """Render HTML as text, with and without marks."""
    tree = _parse(markup[:MAX_HTML_CHARS])
    if tree is None:
        return HtmlText(text="", marked="")
    drop_unseen(tree)
    _mark(tree)
    _flatten(tree)
    for quote in reversed([each for each in tree.iter("blockquote") if _is_quote(each)]):
        _mark_quote(quote)
    marked = re.sub(r"\n\s*\n\s*\n", "\n\n", _render(tree)).strip("\n")
    return HtmlText(text=re.sub(r"\n{3,}", "\n\n", without_marks(marked)).strip("\n"), marked=marked)


def _parse(source: str) -> Any:
    if not source.strip():
        return None
    parser = html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    try:
        return html.document_fromstring(without_marks(source).encode("utf-8", "replace"), parser=parser)
    except etree.ParserError:  # nothing but comments
        return None


def _names(element: Any) -> str:
    return " ".join(element.get(name, "") for name in ("class", "id", "name", "data-smartmail")).lower()


def _mark(tree: Any) -> None:
    """Put marks before and around elements that are known to hold history or a signature."""
    for element in list(tree.iter(etree.Element)):
        names = _names(element)
        if element.tag in {"html", "body", "blockquote"} or not (names or element.get("style")) or _is_quoted(element):
            continue
        if _IS_HISTORY.search(names) or _is_outlook_header(element):
            _insert_before(element, HISTORY)
        elif _INTRODUCES.search(names):
            _insert_before(element, INTRO)
        elif _IS_SIGNATURE.search(names) and element.tag in {"div", "span", "table", "pre", "p"}:
            _insert_before(element, SIGNATURE)
            _insert_after(element, SIGNATURE_END)


def _is_quoted(element: Any) -> bool:
    return any(_is_quote(each) for each in element.iterancestors("blockquote"))


def _is_outlook_header(element: Any) -> bool:
    style = "".join(element.get("style", "").lower().split())
    return _OUTLOOK_RULE.search(style) is not None and element.text_content()[:2_000].count(":") >= 3


def _insert_before(element: Any, mark: str) -> None:
    line = html.Element("div")
    line.text = mark
    element.addprevious(line)


def _insert_after(element: Any, mark: str) -> None:
    line = html.Element("div")
    line.text = mark
    line.tail, element.tail = element.tail, None
    element.addnext(line)


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
    named = element.get("class", "").lower()
    cited = element.get("type") == "cite" or "cite" in element.attrib
    return cited or "quote" in named or "zmail" in named or _QUOTE_STYLE.search(style) is not None


def _mark_quote(element: Any) -> None:
    """Replace a quotation by its lines, each with the `> ` of plain mail."""
    tail, element.tail = _legal(element.tail or ""), None
    lines = without_marks(_legal(_render(element))).strip().split("\n")
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
