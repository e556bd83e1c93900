"""A text with what guardrails object to marked in it: pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from agent.staff.sending import Objected
from agent.types import Verdict


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """A stretch of a text. `rules` are those that object to it; `reason` is what they say."""

    text: str
    rules: tuple[str, ...] = ()
    reason: str = ""


def mark_spans(objected: Objected) -> Sequence[Piece]:
    """Return the whole text in pieces, in order, so that each objection marks what it is about."""
    return mark_verdicts(objected.text, (*objected.binding, *objected.warnings))


def mark_verdicts(text: str, verdicts: Sequence[Verdict]) -> Sequence[Piece]:
    """Return a text in pieces, in order; where objections overlap, a piece names them all."""
    marked = [each for each in verdicts if each.span]
    cuts = sorted({0, len(text), *(at for each in marked for at in each.span or ())})
    inside = [at for at in cuts if 0 <= at <= len(text)]
    return [_piece(text[start:end], start, end, marked) for start, end in pairwise(inside)]


def _piece(text: str, start: int, end: int, marked: Sequence[Verdict]) -> Piece:
    over = [each for each in marked if each.span and each.span[0] <= start and end <= each.span[1]]
    return Piece(text=text, rules=tuple(each.rule for each in over), reason=" ".join(each.reason for each in over))
