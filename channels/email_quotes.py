"""Cuts quoted history and signatures off a mail's text, for es, pt and en clients (others through quotequail).

Mail clients announce a quotation in three ways: a sentence ("El …, Ana <a@b> escribió:"), a separator
("-----Mensaje original-----"), or a copy of the headers ("De: … Enviado el: … Para: …"). People write the
same words, so each needs evidence before anything is cut. When in doubt the text stays whole.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from quotequail import quote

_MAX_LINES = 2_000
"""Lines looked at; a longer mail is cut here before anything else."""
_ATTRIBUTION_LINES = 3
"""Clients wrap the sentence that announces a quotation over at most so many lines."""
_MAX_INTRO_CHARS = 400
_HEADER_LINES = 8
_MAX_SIGNATURE_LINES = 10

_WROTE = r"(?:wrote|escribi[óo]|escreveu)"
_WRITER = r"[^<>]{0,80}<[^<>\s]+@[^<>\s]+>"
_ATTRIBUTIONS = (
    # The sentence opens with a date, as in: El jue, 12 nov 2026 a las 10:15, Ana (…) escribió
    re.compile(
        rf"^(?:on|el|em|no dia|à|às|a las|na|no)\b.{{0,40}}?\d.{{0,300}}?\b{_WROTE}\s?:(?:$|\s{{2,}})", re.IGNORECASE
    ),
    # … or with the writer, as in older Portuguese Gmail: Ana (…) escreveu no dia quinta, 12/11/2026 à(s) 10:15
    re.compile(rf"^{_WRITER}.{{0,20}}\b{_WROTE}\b.{{0,80}}:$", re.IGNORECASE),
    # … or with the writer's bare name (Thunderbird, when set so), or only names the writer (webmails)
    re.compile(rf"^.{{1,60}}?\b{_WROTE} (?:on|el|em|no dia)\b.{{0,20}}?\d.{{0,80}}?:$", re.IGNORECASE),
    re.compile(r"^(?:quoting|citando)\b.{1,80}@.{1,80}?:$", re.IGNORECASE),
    # … or is only a date and the writer
    re.compile(rf"^\d{{4}}[-/]\d\d?[-/]\d\d?\b{_WRITER}\s?:$"),
    # … or stands between dashes (Zoho)
    re.compile(rf"^-{{2,}}+.{{0,300}}?\b{_WROTE}\b.{{0,20}}-{{2,}}$", re.IGNORECASE),
)
_DATED = re.compile(r"@|\b\d{1,2}\s?[:.h]\s?\d{2}\b")
_SEPARATOR = re.compile(
    r"^-{3,}+\s*(?:original (?:message|appointment)|(?:mensaje|mensagem) original|reply message"
    r"|mensaje de respuesta)\s*-{3,}$",
    re.IGNORECASE,
)
_FORWARD = re.compile(
    r"^(?:-{3,}+\s*)?(?:forwarded message|begin forwarded message|mensaje reenviado"
    r"|inicio del mensaje reenviado|mensagem (?:re)?encaminhada|in[ií]cio da mensagem reencaminhada)\s?:?"
    r"(?:\s*-{3,})?$",
    re.IGNORECASE,
)
_RULE = re.compile(r"^[_\-–—]{5,}$")
_LABELS = {
    "from": r"from|de",
    "sent": r"sent|date|enviados?(?: (?:el|em|a))?|enviada(?: em)?|fecha|data",
    "to": r"to|para",
    "cc": r"cc|c/c",
    "subject": r"subject|asunto|assunto",
}
_LABEL = re.compile(
    r"^\*?(?:" + "|".join(rf"(?P<{name}>{words})" for name, words in _LABELS.items()) + r")\s?:\*?(?:\s|$)",
    re.IGNORECASE,
)
_MOBILE = re.compile(
    r"^(?:sent (?:from|via|with) (?:my |the )?\S.{0,100}|enviado (?:desde|do|da|de|via|por|con|com)\b.{0,100}"
    r"|enviado a partir d[oae]\b.{0,100}|(?:get|obt[eé]n|obtener|obtenga|obter|obtenha|descarga(?:r)?|baixe)"
    r"(?: o)? \[?outlook .{0,100})$",
    re.IGNORECASE,
)
_DEVICE = re.compile(
    r"iphone|ipad|\bios\b|android|galaxy|samsung|huawei|xiaomi|motorola|outlook|gmail|yahoo|proton"
    r"|(?:mail|correo) (?:para|for)\b|smartphone|celular|telem[oó]vel|m[oó]vil|mobile|blackberry|windows|tablet",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Split:
    """A mail's text in two: what its author wrote now, and what was quoted or signed."""

    reply: str
    quoted: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Intro:
    """The lines `start`..`end` (exclusive) that announce a quotation."""

    start: int
    end: int
    names_author: bool = False
    """It says who wrote, so what follows is surely not the sender's own text."""


def split_reply(text: str) -> Split:
    """Separate what the author wrote from quoted history and signature.

    Answers written between quoted lines come back whole, with the questions they answer. A mail that is
    nothing but a forward, or a copy of headers, is its own message; one that is nothing but "… wrote:" and
    a quotation has an empty reply.
    """
    lines = [line.rstrip("\u200b\u00a0 \t") for line in text.split("\n")[:_MAX_LINES]]
    intro = _find_intro(lines)
    top = lines if intro is None else lines[: intro.start]
    answers = _answers([] if intro is None else lines[intro.end :])
    if answers is None:
        return Split(reply=_joined(_without_signature(lines)))
    reply = _joined(_without_signature(_without_trailing_quote(top)) + _without_signature(answers))
    if not reply and not (intro and intro.names_author):
        return Split(reply=_joined(lines))
    return Split(reply=reply, quoted=_joined(lines[len(top) :]))


def _joined(lines: Sequence[str]) -> str:
    return "\n".join(lines).strip()


def _find_intro(lines: Sequence[str]) -> _Intro | None:
    """The first announcement of a quotation, including a rule drawn above it."""
    intro = next((found for n in range(len(lines)) if lines[n] and (found := _intro_at(lines, n))), None)
    intro = _earlier(intro, _foreign_intro(lines))
    if intro is None:
        return None
    start = intro.start
    while start and (not lines[start - 1].strip("> ") or _RULE.match(_bare(lines[start - 1]))):
        start -= 1
    return _Intro(start=start, end=intro.end, names_author=intro.names_author)


def _earlier(one: _Intro | None, other: _Intro | None) -> _Intro | None:
    found = [intro for intro in (one, other) if intro]
    return min(found, key=lambda intro: intro.start) if found else None


def _intro_at(lines: Sequence[str], n: int) -> _Intro | None:
    if length := _attribution_length(lines, n):
        return _Intro(start=n, end=n + length, names_author=True)
    bare = _bare(lines[n])
    if _SEPARATOR.match(bare) or _FORWARD.match(bare):
        return _Intro(start=n, end=n + 1)
    if length := _header_block_length(lines, n):
        return _Intro(start=n, end=n + length)
    return None


def _bare(line: str) -> str:
    """A line without quotation marks and the asterisks of bold text."""
    return line[:_MAX_INTRO_CHARS].lstrip("> ").strip(" *")


def _attribution_length(lines: Sequence[str], n: int) -> int:
    """How many lines from `n` on say "on …, … wrote:" (0: none). A date is not enough; see `_is_evident`."""
    for length in range(1, _ATTRIBUTION_LINES + 1):
        part = [_bare(line) for line in lines[n : n + length]]
        if len(part) < length or not part[-1]:
            return 0
        if _is_attribution(part):
            return length if _is_evident(lines, n, length) else 0
    return 0


def _is_attribution(part: Sequence[str]) -> bool:
    """Whether the lines are one such sentence, and its beginning is not still to come."""
    later = [" ".join(part[k:]) for k in range(1, len(part))]
    return any(pattern.match(" ".join(part)) and not any(map(pattern.match, later)) for pattern in _ATTRIBUTIONS)


def _is_evident(lines: Sequence[str], n: int, length: int) -> bool:
    """Whether the sentence carries an address or a time of day, or a quoted line follows it."""
    following = next((line for line in lines[n + length :] if line), "")
    return following.startswith(">") or _DATED.search(" ".join(lines[n : n + length])) is not None


def _header_block_length(lines: Sequence[str], n: int) -> int:
    """How many lines from `n` on are a copy of mail headers (0: they are not).

    "De: Lima / Para: Cusco / Fecha: mayo" is an order, so a sender needs an address beside it or a subject
    and one label more.
    """
    labels: set[str] = set()
    length = 0
    for k, line in enumerate(lines[n : n + _HEADER_LINES]):
        if match := _LABEL.match(line.lstrip("> ")):
            labels.add(str(match.lastgroup))
            length = k + 1
        elif k == 0 or (line.strip("> ") and k > length):  # one wrapped line may stand between labels
            break
    has_address = "@" in "".join(lines[n : n + length])
    copied = (has_address and len(labels) >= 2) or ("subject" in labels and len(labels) >= 3)
    return length if "from" in labels and copied else 0


def _foreign_intro(lines: Sequence[str]) -> _Intro | None:
    """What quotequail finds in the other languages it knows, where the line bears evidence."""
    # Its patterns take quadratic time on long lines and on runs of dashes.
    short = [re.sub(r"-{4,}", "----", line[:_MAX_INTRO_CHARS]) for line in lines]
    parts = quote("\n".join(short), limit=len(lines) + 1, quote_intro_line=True)
    if len(parts) < 2:
        return None
    n = len(lines) - len(parts[1][1].split("\n"))
    return _Intro(start=n, end=n + 1) if _is_evident(lines, n, 2) or lines[n].startswith("---") else None


def _answers(below: Sequence[str]) -> list[str] | None:
    """Lines written under a quotation; None when they stand between quoted lines."""
    quoted = [n for n, line in enumerate(below) if line.startswith(">")]
    if not quoted:
        return []
    written = [n for n, line in enumerate(below) if line and not line.startswith(">") and n > quoted[0]]
    if any(n < quoted[-1] for n in written):
        return None
    return list(below[quoted[-1] + 1 :])


def _without_trailing_quote(lines: Sequence[str]) -> list[str]:
    kept = list(lines)
    while kept and (not kept[-1] or kept[-1].startswith(">")):
        kept.pop()
    return kept


def _without_signature(lines: Sequence[str]) -> list[str]:
    """Drop what follows a line of two dashes (RFC 3676 §4.3), and the advertisements of mobile clients."""
    kept = list(lines)
    dashes = [n for n, line in enumerate(kept) if line == "--"]
    if dashes and any(kept[: dashes[-1]]) and sum(map(bool, kept[dashes[-1] + 1 :])) <= _MAX_SIGNATURE_LINES:
        kept = kept[: dashes[-1]]
    while kept and (not kept[-1] or (_MOBILE.match(kept[-1]) and _DEVICE.search(kept[-1]))):
        kept.pop()
    return kept
