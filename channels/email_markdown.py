"""The Markdown of a draft, as simple HTML and as plain text: bold, italics, links, lists, headings.

Nothing else has a meaning, and what is not understood stays as written: an asterisk inside a word is one ("2*3").
All text is escaped, and only web addresses become links.
"""

import html
import re
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Literal

_INLINE = re.compile(
    r"\[(?P<label>[^\[\]\n]{1,300})\]\((?P<target>https?://[^\s()<>\"]{1,2000})\)"
    r"|(?P<url>https?://[^\s<>\"]{1,2000})"
    r"|(?<![\w*])\*\*(?P<stars>(?=\S)[^\n]{1,500}?(?<=\S))\*\*(?![\w*])"
    r"|(?<![\w_])__(?P<lines>(?=\S)[^\n]{1,500}?(?<=\S))__(?![\w_])"
    r"|(?<![\w*])\*(?P<star>(?=\S)[^*\n]{1,500}?(?<=\S))\*(?![\w*])"
    r"|(?<![\w_])_(?P<line>(?=\S)[^_\n]{1,500}?(?<=\S))_(?![\w_])"
)
_AFTER_URL = ".,;:!?'»”)]}*_"
"""At the end of an address these belong to the sentence around it."""
_BULLET = re.compile(r" {0,3}[-*•] +(?P<item>\S.*)")
_NUMBER = re.compile(r" {0,3}(?P<number>\d{1,3})[.)] +(?P<item>\S.*)")
_HEADING = re.compile(r"#{1,6} +(?P<title>\S.*?) *#*")

Block = Literal["blank", "bullet", "number", "text"]


def as_html(text: str) -> str:
    """Return the body of an HTML mail that says what `text` says."""
    return "\n".join(_block(kind, lines) for kind, lines in _blocks(text) if kind != "blank")


def as_plain(text: str) -> str:
    """Return `text` without its marks; a link is its words and its address."""
    return "\n".join(_plain_line(line) for line in text.strip().split("\n"))


def _plain_line(line: str) -> str:
    if heading := _HEADING.fullmatch(line):
        return _plain(heading["title"])
    if bullet := _BULLET.fullmatch(line):
        return f"- {_plain(bullet['item'])}"
    return _plain(line)


def _blocks(text: str) -> Iterator[tuple[Block, list[str]]]:
    for kind, lines in groupby(text.strip().split("\n"), key=_kind):
        yield kind, list(lines)


def _kind(line: str) -> Block:
    if not line.strip():
        return "blank"
    if _BULLET.fullmatch(line):
        return "bullet"
    return "number" if _NUMBER.fullmatch(line) else "text"


def _block(kind: Block, lines: list[str]) -> str:
    match kind:
        case "bullet":
            items = (f"<li>{_html(match['item'])}</li>" for line in lines if (match := _BULLET.fullmatch(line)))
            return "<ul>\n" + "\n".join(items) + "\n</ul>"
        case "number":  # each says its own number, as it was written
            items = (
                f'<li value="{int(match["number"])}">{_html(match["item"])}</li>'
                for line in lines
                if (match := _NUMBER.fullmatch(line))
            )
            return "<ol>\n" + "\n".join(items) + "\n</ol>"
        case _:
            return "<p>" + "<br>\n".join(_html_line(line) for line in lines) + "</p>"


def _html_line(line: str) -> str:
    heading = _HEADING.fullmatch(line)
    return f"<strong>{_html(heading['title'])}</strong>" if heading else _html(line)


def _plain(text: str) -> str:
    return _replaced(text, str, _plain_mark)


def _html(text: str) -> str:
    return _replaced(text, html.escape, _html_mark)


def _replaced(text: str, between: Callable[[str], str], mark: Callable[[re.Match[str]], str]) -> str:
    """Return `text` with each mark rewritten, and with what stands between them passed through `between`."""
    parts, end = [], 0
    for found in _INLINE.finditer(text):
        parts += [between(text[end : found.start()]), mark(found)]
        end = found.end()
    return "".join([*parts, between(text[end:])])


def _plain_mark(found: re.Match[str]) -> str:
    if found["label"]:
        label = _plain(found["label"])
        return label if label == found["target"] else f"{label} ({found['target']})"
    return found["url"] or _plain(_marked(found))


def _html_mark(found: re.Match[str]) -> str:
    if found["label"]:
        return _link(found["target"], html.escape(found["label"]))
    if found["url"]:
        address = found["url"].rstrip(_AFTER_URL)
        return _link(address, html.escape(address)) + html.escape(found["url"][len(address) :])
    tag = "strong" if found["stars"] or found["lines"] else "em"
    return f"<{tag}>{_html(_marked(found))}</{tag}>"


def _marked(found: re.Match[str]) -> str:
    return next(found[name] for name in ("stars", "lines", "star", "line") if found[name])


def _link(address: str, words: str) -> str:
    return f'<a href="{html.escape(address)}">{words}</a>'
