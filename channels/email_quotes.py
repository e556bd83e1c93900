"""Cuts quoted history and signatures off a mail's text, for es, pt and en clients (others through quotequail).

People write the words that clients use (`email_intros`), so each needs evidence before anything is cut. When in doubt
the text stays whole. What the HTML reader knows for certain it says by marks (`email_marks`).
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from quotequail import quote

from channels.email_intros import (
    ANSWERS_WITHIN,
    ATTRIBUTIONS,
    BARE_ATTRIBUTION,
    DATED,
    FORWARD,
    LABEL,
    LABELS_IN_A_LINE,
    REPLY_ABOVE,
    RULE,
    SEPARATOR,
)
from channels.email_marks import HISTORY, INTRO, SIGNATURE, SIGNATURE_END, without_marks
from channels.email_signatures import split_signature

_MAX_LINES = 2_000
"""Lines looked at; a longer mail is cut here before anything else."""
_ATTRIBUTION_LINES = 4
"""Clients wrap the sentence that announces a quotation over at most so many lines."""
_INTRO_LINES = 6
"""Under a client's own mark, the quotation begins within so many lines of text."""
_MAX_INTRO_CHARS = 400
_HEADER_LINES = 16
_QUESTION_LINES = 6
"""Of a quotation that is answered line by line, the end of its last paragraph is kept before each answer."""
_LINE_ENDS = re.compile("[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2500", "-") | {"\u00a0": " "})


@dataclass(frozen=True, kw_only=True, slots=True)
class Split:
    """A mail's text in three: what its author wrote now, history, and what they sign with."""

    reply: str
    quoted: str = ""
    signature: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Intro:
    """The lines `start`..`end` (exclusive) that announce a quotation."""

    start: int
    end: int
    names_author: bool = False
    """It says who wrote, so what follows is surely not the sender's own text."""
    only_history: bool = False
    """Nothing after it is the sender's own."""


def split_reply(text: str) -> Split:
    """Separate what the author wrote from quoted history and signature.

    Answers written between quoted lines come back with the questions they answer. A mail that is nothing but a
    forward, or a copy of headers, is its own message; one that is nothing but "… wrote:" and a quotation has an empty
    reply.
    """
    lines, marked_signature = _take_marked_signature([_line(each) for each in text.split("\n")[:_MAX_LINES]])
    intro = _find_intro(lines)
    top = lines if intro is None else lines[: intro.start]
    below = [] if intro is None or intro.only_history else lines[intro.end :]
    if _are_answered(below):
        written = _without_trailing_quote(split_signature([*top, "", *below]).text)
        split = split_signature(_shorten(written))
        return _split(split.text, lines, intro, [*marked_signature, *split.signature])
    above, under = (
        split_signature(_shorten(_without_trailing_quote(top))),
        split_signature(_answer_below(below), may_be_all=True),
    )
    signature = [*marked_signature, *above.signature, *under.signature]
    written = [*above.text, *([""] if any(above.text) and any(under.text) else []), *under.text]
    if not any(written):
        return _nothing_written(lines, intro, signature)
    if intro and not any(line.startswith(">") for line in below) and ANSWERS_WITHIN.search(_joined(written)):
        return Split(reply=_joined(lines), signature=_signed(signature))
    return _split(written, lines, intro, signature)


def _line(text: str) -> str:
    """A line without what nobody sees at its end, except the blank of the signature's delimiter (RFC 3676 §4.3)."""
    bare = text.rstrip("\u200b\u00a0 \t\r")
    return "-- " if bare == "--" and text.startswith("-- ") else bare


def _joined(lines: Sequence[str]) -> str:
    return re.sub(r"\n{3,}", "\n\n", without_marks("\n".join(line.rstrip() for line in lines))).strip()


def _signed(lines: Sequence[str]) -> str:
    return _joined([line for line in lines if line.strip() != "--"])


def _split(written: Sequence[str], lines: Sequence[str], intro: _Intro | None, signature: Sequence[str]) -> Split:
    start = intro.start if intro else len(lines)
    quoted = lines[start:] if intro else _trailing_quote(lines)
    return Split(reply=_joined(written), quoted=_joined(quoted), signature=_signed(signature))


def _nothing_written(lines: Sequence[str], intro: _Intro | None, signature: Sequence[str]) -> Split:
    """A mail without words of its own: an empty answer, or a forward, which is its own message."""
    if intro and intro.names_author:
        typed = split_signature(signature).text if intro.start == 0 or not _joined(lines[: intro.start]) else []
        return Split(reply=_joined(typed), quoted=_joined(lines[intro.start :]), signature=_signed(signature))
    if not _joined(lines):
        return Split(reply=_joined(signature))  # written into the place of the signature
    return Split(reply=_joined(lines))


def _take_marked_signature(lines: Sequence[str]) -> tuple[list[str], list[str]]:
    """Take out what the client marked as signature, above the history."""
    kept: list[str] = []
    signature: list[str] = []
    inside = 0
    for n, line in enumerate(lines):
        if line in (HISTORY, INTRO):
            return [*kept, *lines[n:]], signature
        if line in (SIGNATURE, SIGNATURE_END):
            inside = max(0, inside + (1 if line == SIGNATURE else -1))
        else:
            (signature if inside else kept).append(line)
    return kept, signature


def _find_intro(lines: Sequence[str]) -> _Intro | None:
    """The first announcement of a quotation, including a rule drawn above it."""
    intro = next((found for n in range(len(lines)) if lines[n] and (found := _intro_at(lines, n))), None)
    intro = _earlier(intro, _foreign_intro(lines))
    if intro is None:
        return None
    start = intro.start
    while start and (not lines[start - 1].strip("> ") or RULE.match(_bare(lines[start - 1]))):
        start -= 1
    return replace(intro, start=start)


def _earlier(one: _Intro | None, other: _Intro | None) -> _Intro | None:
    found = [intro for intro in (one, other) if intro]
    return min(found, key=lambda intro: intro.start) if found else None


def _intro_at(lines: Sequence[str], n: int) -> _Intro | None:
    if lines[n] == HISTORY:
        return _Intro(start=n, end=n + 1, names_author=not _is_forward(lines, n), only_history=True)
    if lines[n] == INTRO:
        return _marked_intro(lines, n)
    if length := _attribution_length(lines, n):
        return _Intro(start=n, end=n + length, names_author=True)
    bare = _bare(lines[n])
    if SEPARATOR.match(bare) or FORWARD.match(bare) or REPLY_ABOVE.match(bare):
        return _Intro(start=n, end=n + 1)
    if length := _header_block_length(lines, n):
        return _Intro(start=n, end=n + length)
    return None


def _is_forward(lines: Sequence[str], n: int) -> bool:
    following = [line for line in lines[n + 1 : n + 1 + _INTRO_LINES] if line]
    return any(FORWARD.match(_bare(line)) for line in following[:2])


def _marked_intro(lines: Sequence[str], n: int) -> _Intro:
    """What a client has marked: its sentence in any language, then the quotation."""
    if _is_forward(lines, n):
        return _Intro(start=n, end=n + 1, only_history=True)
    seen = 0
    for k in range(n + 1, len(lines)):
        if lines[k].startswith(">"):
            return _Intro(start=n, end=k, names_author=True)
        seen += bool(lines[k])
        if seen > _INTRO_LINES:
            break
    return _Intro(start=n, end=n + 1, names_author=True, only_history=True)


def _bare(line: str) -> str:
    """A line without quotation marks and the asterisks of bold text, its dashes as hyphens."""
    return line[:_MAX_INTRO_CHARS].translate(_DASHES).lstrip("> ").strip(" *\u200e\u200f\u2063")


def _attribution_length(lines: Sequence[str], n: int) -> int:
    """How many lines from `n` on say "on …, … wrote:" (0: none). A date is not enough; see `_is_evident`."""
    for length in range(1, _ATTRIBUTION_LINES + 1):
        part = [_bare(line) for line in lines[n : n + length]]
        if len(part) < length or not part[-1]:
            return 0
        if _is_attribution(part):
            return length if _is_evident(lines, n, length) else 0
        if BARE_ATTRIBUTION.match(" ".join(part)) and _next_line(lines, n + length).startswith(">"):
            return length
    return 0


def _is_attribution(part: Sequence[str]) -> bool:
    """Whether the lines are one such sentence, and its beginning is not still to come."""
    later = [" ".join(part[k:]) for k in range(1, len(part))]
    return any(pattern.match(" ".join(part)) and not any(map(pattern.match, later)) for pattern in ATTRIBUTIONS)


def _next_line(lines: Sequence[str], n: int) -> str:
    return next((line for line in lines[n:] if line), "")


def _is_evident(lines: Sequence[str], n: int, length: int) -> bool:
    """Whether the sentence carries an address or a time of day, or a quoted line follows it."""
    if _next_line(lines, n + length).startswith(">"):
        return True
    return DATED.search(" ".join(lines[n : n + length])) is not None


def _header_block_length(lines: Sequence[str], n: int) -> int:
    """How many lines from `n` on are a copy of mail headers (0: they are not).

    "De: Lima / Para: Cusco / Fecha: mayo" is an order, so a sender needs an address beside it or a subject
    and one label more.
    """
    if LABELS_IN_A_LINE.match(_bare(lines[n])):
        return 1
    labels: set[str] = set()
    length = 0
    for k, line in enumerate(lines[n : n + _HEADER_LINES]):
        if match := LABEL.match(line.translate(_DASHES).lstrip("> ")):
            labels.add(str(match.lastgroup))
            length = k + 1
        elif k == 0 or (line.strip("> ") and k > length):  # one wrapped line may stand between labels
            break
    if "from" not in labels:
        return 0
    if "@" in "".join(lines[n : n + length]):
        return length if len(labels - {"other"}) >= 2 else 0
    first = LABEL.match(lines[n].translate(_DASHES).lstrip("> "))
    opens = first is not None and first.lastgroup == "from"
    return length if opens and "subject" in labels and len(labels - {"other"}) >= 3 else 0


def _foreign_intro(lines: Sequence[str]) -> _Intro | None:
    """What quotequail finds in the other languages it knows, where the line bears evidence."""
    # Its patterns take quadratic time on long lines and on runs of dashes, and it knows more kinds of line ends.
    short = [re.sub(r"-{4,}", "----", _LINE_ENDS.sub(" ", line[:_MAX_INTRO_CHARS])) for line in lines]
    parts = quote("\n".join(short), limit=len(lines) + 1, quote_intro_line=True)
    if not lines or len(parts) < 2:
        return None
    n = len(lines) - len(parts[1][1].split("\n"))
    return _Intro(start=n, end=n + 1) if _is_evident(lines, n, 2) or lines[n].startswith("---") else None


def _are_answered(below: Sequence[str]) -> bool:
    """Whether lines stand between those quoted: the quotation is answered point by point."""
    if not _next_line(below, 0).startswith(">"):
        return False
    quoted = [n for n, line in enumerate(below) if line.startswith(">")]
    return any(line and not line.startswith(">") for line in below[quoted[0] : quoted[-1]])


def _answer_below(below: Sequence[str]) -> list[str]:
    """Lines written under a quotation; none where the history is not marked by `>`, as nobody could tell."""
    if not _next_line(below, 0).startswith(">"):
        return []
    last = max(n for n, line in enumerate(below) if line.startswith(">"))
    return list(below[last + 1 :])


def _shorten(lines: Sequence[str]) -> list[str]:
    """Of each quotation, keep only the end of its last paragraph: what the lines under it answer."""
    kept: list[str] = []
    run: list[str] = []
    for line in lines:
        if line.startswith(">") or (run and not line):
            run.append(line)
            continue
        kept += [*_last_paragraph(run), line]
        run = []
    return [*kept, *run]


def _last_paragraph(run: Sequence[str]) -> list[str]:
    quoted = _without_end([line for line in run if line], lambda line: not line.strip("> "))
    start = len(quoted)
    while start and quoted[start - 1].strip("> ") and len(quoted) - start < _QUESTION_LINES:
        start -= 1
    return [*quoted[start:], *([""] if run and not run[-1] else [])]


def _without_trailing_quote(lines: Sequence[str]) -> list[str]:
    return _without_end(lines, lambda line: not line or line.startswith(">"))


def _without_end(lines: Sequence[str], is_dropped: Callable[[str], bool]) -> list[str]:
    end = len(lines)
    while end and is_dropped(lines[end - 1]):
        end -= 1
    return list(lines[:end])


def _trailing_quote(lines: Sequence[str]) -> Sequence[str]:
    return lines[len(_without_trailing_quote(lines)) :]
