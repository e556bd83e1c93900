"""From Markdown, which models like to write, to what a channel shows: pure functions.

WhatsApp has its own few marks (`*bold*`, `_italic_`, `~struck~`, code between backticks); SMS and mail get plain text.
No word, number or link is lost, and a converted text converts to itself. That is why a single `*x*` counts as
WhatsApp's bold, not as Markdown's italics. What would change its meaning without its marks (a struck price, a table)
stays as it is: the guardrail `format` then asks for another wording.
Source: https://faq.whatsapp.com/539178204879377 (how to format messages), read on 21 November 2026.
"""

import re
from collections.abc import Callable

from agent.types import Channel

_URL = r"(?:https?://|mailto:|tel:|www\.)[^\s<>*`\[\]]*[^\s<>*`\[\].,;:!?()_~'\"]"
_LINK = re.compile(
    r"!?\[([^\[\]\n]{1,500})\]\(<?([^\s<>()]{1,2000}(?:\([^\s<>()]{0,500}\)[^\s<>()]{0,500})?)>?\)"  # one pair within
)
_ANGLED = re.compile(rf"<({_URL})>")
_CODE = r"```(?:[^`]|`(?!``))+```|`[^`\n]+`"
_HEADING = re.compile(r"^ {0,3}(?:#{1,6}[ \t]+)+(\S[^\n]*?)(?:[ \t]+#+)?[ \t]*$", re.MULTILINE)
_RULE = re.compile(r"^ {0,3}(?:-[ \t]*){3,}$\n?|^ {0,3}(?:\*[ \t]*){3,}$\n?", re.MULTILINE)
_BULLET = re.compile(r"^([ \t]*)\*[ \t]+(?=[^\s\d])", re.MULTILINE)  # "- 5 €" would read as less than nothing
_BLANK_LINES = re.compile(r"\n[ \t]*\n(?:[ \t]*\n)+")
_BOLD_ITALIC = re.compile(r"\*\*\*(?=[^\s*])([^\n*]*[^\s*])\*\*\*")
_BOLD = re.compile(
    r"(?<!\*)\*\*(?=[^\s*])((?:[^\n*]|\*(?!\*))*?[^\s*])\*\*(?!\*)|(?<![\w_])__(?=[^\s_])([^\n]*?[^\s_])__(?![\w_])"
)
_STRUCK = re.compile(r"(?<!~)~~(?=[^\s~])([^\n~]*[^\s~])~~(?!~)")
_MARKED = re.compile(r"(?<![\w*])\*(?=[^\s*])([^*\n]*[^\s*])\*(?![\w*])|(?<![\w_])_(?=[^\s_])([^_\n]*[^\s_])_(?![\w_])")
_OPEN, _CLOSE = "\ue000", "\ue001"
"""Private characters around the number of a piece that is not to be touched; they mean nothing to a reader."""
_HELD = re.compile(f"{_OPEN}([0-9]+){_CLOSE}")
_WHATSAPP_KEEPS = re.compile(f"{_CODE}|{_URL}")
_PLAIN_KEEPS = re.compile(_URL)


def format_for(text: str, channel: Channel) -> str:
    """Return a text as `channel` shows it: Markdown becomes the channel's own marks, or none."""
    convert = _to_whatsapp if channel == "whatsapp" else _to_plain
    text = text.replace(_OPEN, "").replace(_CLOSE, "")
    # Ends: each step makes the text shorter, or turns a heading or a bullet into what is neither.
    while (converted := convert(text)) != text:
        text = converted
    return text


def _to_whatsapp(text: str) -> str:
    return _apart_from(_WHATSAPP_KEEPS, _without_link_syntax(text), _whatsapp_marks)


def _whatsapp_marks(text: str) -> str:
    text = _HEADING.sub(lambda found: _wrapped(found, "*", _unmarked(found[1]), "*"), _RULE.sub("", text))
    text = _BOLD_ITALIC.sub(lambda found: _wrapped(found, "*_", found[1], "_*"), text)
    text = _BOLD.sub(lambda found: _wrapped(found, "*", _unmarked(found[1] or found[2]), "*"), text)
    text = _STRUCK.sub(lambda found: _wrapped(found, "~", found[1], "~"), text)
    return _laid_out(text)


def _wrapped(found: re.Match[str], before: str, words: str, after: str) -> str:
    """Set words between marks, unless they would touch other words (then they are shown as they are) or a link."""
    text = found.string
    touches = text[: found.start()][-1:].isalnum() or text[found.end() :][:1].isalnum()
    return words if touches or words.endswith(_CLOSE) else f"{before}{words}{after}"


def _to_plain(text: str) -> str:
    return _apart_from(_PLAIN_KEEPS, _without_link_syntax(text), _no_marks)


def _no_marks(text: str) -> str:
    text = re.sub(_CODE, lambda found: found[0].strip("`").strip("\n"), text)
    text = _HEADING.sub(lambda found: found[1], _RULE.sub("", text))
    return _laid_out(_unmarked(text))


def _unmarked(text: str) -> str:
    for pattern in (_BOLD_ITALIC, _BOLD, _MARKED):
        text = pattern.sub(lambda found: next(group for group in found.groups() if group is not None), text)
    return text


def _laid_out(text: str) -> str:
    return _BLANK_LINES.sub("\n\n", _BULLET.sub(r"\1- ", text))


def _without_link_syntax(text: str) -> str:
    return _ANGLED.sub(lambda found: _spaced(found, found[1]), _LINK.sub(_spelled_out, text))


def _spelled_out(found: re.Match[str]) -> str:
    """Write "[our site](https://…)" as "our site: https://…", and a link named by its own address once."""
    label, url = found[1].strip().rstrip(":").rstrip(), found[2]
    return _spaced(found, url if label in (url, url.partition("://")[2].rstrip("/"), "") else f"{label}: {url}")


def _spaced(found: re.Match[str], words: str) -> str:
    """Keep what was set apart by brackets apart from the words around it: a link would take them in."""
    before, after = found.string[: found.start()][-1:], found.string[found.end() :][:1]
    return f"{' ' if before.isalnum() else ''}{words}{' ' if after.isalnum() or after in tuple('/_[<') else ''}"


def _apart_from(kept: re.Pattern[str], text: str, convert: Callable[[str], str]) -> str:
    """Convert a text around the pieces that `kept` matches."""
    pieces: list[str] = []

    def hold(found: re.Match[str]) -> str:
        pieces.append(found[0])
        return f"{_OPEN}{len(pieces) - 1}{_CLOSE}"

    converted = convert(kept.sub(hold, text))
    return _HELD.sub(lambda found: pieces[int(found[1])], converted)
