"""Finds what a reader of an HTML mail could not see: it is how prompts are smuggled in, so it is dropped.

Reads inline styles, old attributes and the simple rules of `<style>` blocks. It is no browser: what needs one (a
background image behind white text, a rule with a combined selector) counts as visible.
"""

import re
from collections.abc import Mapping
from typing import Any

from lxml import etree  # type: ignore[import-untyped]  # ships no types

MAX_RULES = 500
_UNSEEN_TAGS = frozenset(
    {"head", "script", "style", "template", "noscript", "title", "object", "iframe", "svg", "audio", "video"}
)
_ZERO = r"0*(?:\.0+)?(?:px|pt|em|rem|ex|%|in|cm|mm)?(?:;|!|$)"
_HIDDEN = re.compile(
    r"(?:^|;)(?:display:none|visibility:(?:hidden|collapse)|mso-hide:all|opacity:" + _ZERO + r"|"
    r"font-size:(?:" + _ZERO + r"|[01](?:\.\d+)?(?:px|pt)(?:;|!|$))|font:(?:[^;]*\s)?0(?:px|pt)?[/\s]|"
    r"text-indent:-\d{3,}|(?:left|top|margin-left|margin-top):-\d{4,}|clip:rect\(0|clip-path:inset\((?:50|100)%|"
    r"transform:scale\(0\)|color:(?:transparent|rgba\(\d+,\d+,\d+,0(?:\.0+)?\)))"
)
_CLIPPED = re.compile(r"(?:^|;)(?:max-)?(?:height|width):(?:" + _ZERO + r"|1px)")
_RULE = re.compile(r"([^{}]{1,500})\{([^{}]{0,2000})\}")
_AT_BLOCK = re.compile(r"@[^{};]{0,300}\{(?:[^{}]{0,5000}\{[^{}]{0,5000}\}){0,200}[^{}]{0,5000}\}")
_SELECTOR = re.compile(r"(?:[a-z][a-z0-9]*)?(?:[.#][\w-]+)?")
_COLOUR = re.compile(
    r"(?P<hex>#[0-9a-f]{3,8})|rgba?\((?P<rgb>\d{1,3}[, ]+\d{1,3}[, ]+\d{1,3})(?:[, /]+(?P<alpha>[\d.]+%?))?\)"
)
_NAMED = {
    "white": (255, 255, 255),
    "snow": (255, 250, 250),
    "ivory": (255, 255, 240),
    "ghostwhite": (248, 248, 255),
    "whitesmoke": (245, 245, 245),
    "floralwhite": (255, 250, 240),
    "azure": (240, 255, 255),
    "black": (0, 0, 0),
    "red": (255, 0, 0),
    "blue": (0, 0, 255),
    "green": (0, 128, 0),
    "yellow": (255, 255, 0),
    "gray": (128, 128, 128),
    "grey": (128, 128, 128),
    "navy": (0, 0, 128),
    "silver": (192, 192, 192),
}
_TOO_CLOSE = 28
"""Text whose colour differs this little from its background, in each of red, green and blue (0-255), is unreadable."""

Colour = tuple[int, int, int]
_WHITE: Colour = (255, 255, 255)


def drop_unseen(tree: Any) -> None:
    """Remove from an lxml tree all that is not shown, and text in the colour of its background."""
    rules = _read_rules(tree)
    stack: list[tuple[Any, Colour | None, Colour | None]] = [(tree, _WHITE, None)]
    while stack:
        element, background, colour = stack.pop()
        style = _style(element, rules)
        if _is_unseen(element, style):
            if element.getparent() is not None:
                element.drop_tree()
            continue
        background = _background(element, style, background)
        colour = _foreground(element, style) or colour
        if background and colour and _looks_like(background, colour):
            _drop_own_text(element)
        stack.extend((child, background, colour) for child in element.iterchildren(etree.Element))


def _is_unseen(element: Any, style: str) -> bool:
    hidden = element.tag in _UNSEEN_TAGS or "hidden" in element.attrib or _HIDDEN.search(style) is not None
    clipped = "overflow:hidden" in style and _CLIPPED.search(style) is not None
    return hidden or clipped or (element.tag == "input" and element.get("type") == "hidden")


def _drop_own_text(element: Any) -> None:
    element.text = None
    for child in element.iterchildren():
        child.tail = None


def _read_rules(tree: Any) -> Mapping[str, str]:
    """Return declarations by simple selector (`p`, `.x`, `p.x`, `#x`) of the mail's own style blocks."""
    sheet = " ".join(str(style.text or "") for style in tree.iter("style"))[:100_000].lower()
    sheet = _AT_BLOCK.sub("", re.sub(r"/\*.{0,5000}?\*/|<!--|-->", "", sheet, flags=re.DOTALL))
    rules: dict[str, str] = {}
    for match, _ in zip(_RULE.finditer(sheet), range(MAX_RULES), strict=False):
        for selector in (part.strip() for part in match[1].split(",")):
            if selector and _SELECTOR.fullmatch(selector):
                rules[selector] = f"{rules.get(selector, '')};{_compact(match[2])}"
    return rules


def _style(element: Any, rules: Mapping[str, str]) -> str:
    """The declarations that apply to an element, weakest first, without blanks."""
    inline = _compact(element.get("style", "").lower())
    if not rules:
        return inline
    tag, names = str(element.tag), element.get("class", "").lower().split()[:20]
    selectors = [tag, *(f".{name}" for name in names), *(f"{tag}.{name}" for name in names)]
    if ident := element.get("id", "").lower():
        selectors += [f"#{ident}", f"{tag}#{ident}"]
    return ";".join([*(rules[each] for each in selectors if each in rules), inline])


def _compact(declarations: str) -> str:
    """Declarations without blanks around their signs; those within a value stay."""
    return re.sub(r"\s*([:;,!])\s*", r"\1", " ".join(declarations[:4_000].split()))


def _background(element: Any, style: str, inherited: Colour | None) -> Colour | None:
    """The background's colour; None where it is an image, which could be of any."""
    value = _last_value(style, r"background(?:-color|-image)?")
    if "url(" in value or "gradient" in value or element.get("background"):
        return None
    return _parse_colour(value or element.get("bgcolor", "").lower()) or inherited


def _foreground(element: Any, style: str) -> Colour | None:
    own = element.get("color", "").lower() if element.tag == "font" else ""
    return _parse_colour(_last_value(style, r"color") or own)


def _last_value(style: str, names: str) -> str:
    found = re.findall(rf"(?:^|;){names}:([^;]*)", style)
    return str(found[-1]) if found else ""


def _parse_colour(text: str) -> Colour | None:
    """Read a CSS colour; None for what is none, or is see-through."""
    match = _COLOUR.search(text)
    if match is None:
        return next((_NAMED[word] for word in re.findall(r"[a-z]+", text) if word in _NAMED), None)
    if match["rgb"]:
        red, green, blue = (int(part) for part in re.findall(r"\d+", match["rgb"]))
        return None if (match["alpha"] or "1").strip("0.%") == "" else (red, green, blue)
    digits = match["hex"][1:]
    wide = "".join(2 * digit for digit in digits) if len(digits) in (3, 4) else digits
    if len(wide) not in (6, 8) or wide[6:] == "00":
        return None
    return int(wide[:2], 16), int(wide[2:4], 16), int(wide[4:6], 16)


def _looks_like(one: Colour, other: Colour) -> bool:
    return all(abs(a - b) <= _TOO_CLOSE for a, b in zip(one, other, strict=True))
