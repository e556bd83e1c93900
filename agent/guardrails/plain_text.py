"""A text as a prospect hears it: numbers in digits, and what is surely no money masked, with the way back.

Everything here works on folded text and takes linear time: every repetition in a pattern is bounded.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from agent.guardrails.currencies import PRICED, SIGNS, factor_of
from agent.guardrails.expressions import compiled_on_use
from agent.guardrails.folded import MAX_CHARS, fold_text
from agent.guardrails.not_money import not_money_edits
from agent.guardrails.number_words import EITHER, Edit, number_edits


@dataclass(frozen=True, slots=True)
class Plain:
    """A text that knows where each of its characters came from; `origins` has one entry more than characters."""

    text: str
    origins: tuple[int, ...]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return where `text[start:end]` was in the original."""
        return self.origins[start], max(self.origins[end], self.origins[start] + 1)

    def edited(self, edits: Iterable[Edit]) -> "Plain":
        """Return the text with pieces replaced, given in order; what is new comes from where the old one began."""
        pieces: list[str] = []
        origins: list[int] = []
        done = 0
        for start, end, new in edits:
            pieces += (self.text[done:start], new)
            origins += self.origins[done:start]
            origins += [self.origins[start]] * len(new)
            done = end
        if not done:
            return self
        return Plain("".join([*pieces, self.text[done:]]), (*origins, *self.origins[done:]))

    def sub(
        self, pattern: re.Pattern[str], replace: Callable[[re.Match[str]], str], needs: tuple[str, ...] = ()
    ) -> "Plain":
        """Return the text with every match replaced; a match has one of `needs`, if any are given."""
        if needs and not any(each in self.text for each in needs):
            return self
        return self.edited((m.start(), m.end(), replace(m)) for m in pattern.finditer(self.text))


# --- spelling ---------------------------------------------------------------------------------------------------

_ODD_SIGNS = re.compile("[\u20e3\U0001f193\u0437]")  # 3⃣, 🆓, the Cyrillic letter that looks like a 3
FREE_SIGN = "\U0001f193"
_ODD_SIGN_MEANS = {"\u20e3": "", "\U0001f193": " free ", "\u0437": "3"}
_GLUED = re.compile(
    rf"[\d{SIGNS}](?<=[a-z].)(?:(?<=\d)(?=[\d.,]{{0,12}} ?[{SIGNS}])|(?<=[{SIGNS}])(?<=[a-z]{{3}}.)(?=\d))"
)
_LOOK_ALIKES = compiled_on_use(
    rf"[\doilsbz](?<![\w.,].)(?:(?<=[oilsbz])|(?=[\d.,]{{0,11}}[oilsbz]))(?=[oilsbz.,]{{0,6}}\d|(?<=\d))[\doilsbz]{{1,11}}(?:[.,][\doilsbz]{{2,3}}){{0,3}}"
    rf"(?:(?={PRICED})|(?<=\doo)(?!\w))"
)
_LOOK_ALIKES_BEHIND = re.compile(
    rf"[{SIGNS}] ?(?=[oilsbz.,]{{0,6}}\d)[\doilsbz]{{2,12}}(?:[.,][\doilsbz]{{2,3}}){{0,3}}(?![a-z])"
)
_MEANT_DIGITS = str.maketrans("oilsbz", "011582")
_SPACED_DIGITS = compiled_on_use(
    rf"\d(?<![\d.,].)(?:(?:[ ._*|/-]\d){{2,8}}(?![\d.,]*\d)|(?:[.,] ?\d){{2,8}}(?={PRICED}))"
)
_NOT_DIGIT = re.compile(r"\D")
_RANGE_DASH = re.compile(rf"[ -](?<=\d.)(?:(?<=-)|(?<= )-) ?(?=[{SIGNS}]? ?\d)")
_AND_CENTS = compiled_on_use(
    rf"\d(?<![\w.,].)(\d{{0,5}}) (?:con|com|coma|virgula|point) (\d{{1,2}})(?=\s*(?:[.,;!?)]|$)|{PRICED}| (?:al|por|a"
    rf"|per|cada|la|el|los|las|o|y|e|and)\b)(?![.,]\d)"
)
_CENTS_WORDS = (" con ", " com ", " coma ", " virgula ", " point ")
_CENTS_BEHIND = compiled_on_use(
    rf"\d(?<![\w.,].)(\d{{0,8}})({PRICED}) (?:(?:con|com) (\d{{2}})\b(?! ?%)(?: ?(?:centimos|centavos|cents))?"
    r"|(?:y |e |and )?(\d{1,2}) (?:centimos|centavos|cents)\b)"
)
_MILLIONS = re.compile(rf"[{SIGNS}] ?(\d{{1,4}})(?:[.,](\d{{1,3}}))? ?mm?(?!\w)")
_COUNTED = (
    "dolar", "dollar", "euro", "buck", "peso", "real", "reais", "libra", "pound", "luca", "tenner", "fiver", "quid",
    "palo", "conto",
)  # fmt: skip
_A_UNIT = re.compile(rf"\b(?:an?|un[oa]?|uma?|one) (?=(?:{'|'.join(_COUNTED)})\b)")
_AND_A_HALF = re.compile(
    r"\b(?:(?P<whole>\d{1,4}) |(?:un|una|um|uma) )?(?P<name>palos?|lucas?|luquitas?|barras?) (?:y|e)"
    r" (?:medi|mei)[oa]\b"
)
_AND_MORE = re.compile(r"\b(?P<whole>\d{1,4}) (?P<name>palos?|lucas?) (?:y |e |con )?(?P<rest>\d{3})\b(?![.,]\d)")
_ROMAN = compiled_on_use(rf"(?<!\w)[mdclxvi]{{2,9}}(?!\w)(?={PRICED})")
_IS_ROMAN = re.compile(r"m{0,3}(?:c[md]|d?c{0,3})(?:x[cl]|l?x{0,3})(?:i[xv]|v?i{0,3})")
_ROMAN_VALUES = {"m": 1000, "d": 500, "c": 100, "l": 50, "x": 10, "v": 5, "i": 1}
_HAS_DIGIT = re.compile(r"\d")
_UNITS_AND_CENTS = re.compile(
    r"\b(?:por|custa|sai|sale|cuesta|vale|a|son|sao) (\d{1,3}) (?:e|y) (\d{2})(?= ?(?:[.,;!?)\n]|$))"
)
_PORTUGUESE_IN_THE = re.compile(r"\bno\b")


@lru_cache(maxsize=32)
def read_plain(text: str, language: str) -> Plain:
    """Return what a text of `language` (es, pt, en) says, as far as money is concerned.

    Only the first `MAX_CHARS` are read. Several rules read the same text, so the last few are kept.
    """
    folded = fold_text(text)
    plain = Plain(folded.text, (*folded.origins, min(len(text), MAX_CHARS)))
    plain = plain.sub(_ODD_SIGNS, lambda match: _ODD_SIGN_MEANS[match[0]])
    if _HAS_DIGIT.search(plain.text):
        for pattern in (_LOOK_ALIKES, _LOOK_ALIKES_BEHIND):
            plain = Plain(pattern.sub(lambda match: match[0].translate(_MEANT_DIGITS), plain.text), plain.origins)
    if language == "pt":  # "no Pix" denies nothing
        plain = Plain(_PORTUGUESE_IN_THE.sub("na", plain.text), plain.origins)
    plain = (
        plain.sub(_ROMAN, _from_roman)
        .sub(_GLUED, lambda match: f" {match[0]}")
        .sub(_MILLIONS, _in_full, tuple(SIGNS))
        .sub(_A_UNIT, lambda _: "1 ", _COUNTED)
    )
    plain = plain.edited(number_edits(plain.text, language))
    plain = plain.sub(_AND_A_HALF, _with_a_half, (" medi", " mei"))
    plain = plain.sub(
        _UNITS_AND_CENTS, lambda match: match[0][: match.start(1) - match.start()] + match[1] + EITHER + match[2]
    )
    return _without_other_numbers(plain) if _HAS_DIGIT.search(plain.text) else plain


def _without_other_numbers(plain: Plain) -> Plain:
    """Return a text with numbers in one notation, and those that are no money masked."""
    plain = plain.sub(_AND_MORE, _with_more, ("palo", "luca"))
    plain = plain.edited(not_money_edits(plain.text))
    plain = plain.sub(_SPACED_DIGITS, lambda match: _NOT_DIGIT.sub("", match[0]))
    plain = plain.sub(_RANGE_DASH, lambda _: " a ", ("-",)).sub(_AND_CENTS, _with_cents, _CENTS_WORDS)
    return plain.sub(_CENTS_BEHIND, _with_cents_behind, ("cent", " con ", " com "))


def _in_full(match: re.Match[str]) -> str:
    """Write "$1.2m" as "$1200000"."""
    fraction = match[2] or ""
    return f"{match[0][0]}{match[1]}{fraction:0<6}"


def _with_a_half(match: re.Match[str]) -> str:
    """Write "palo y medio" as "1500000 pesos"."""
    return f"{int(factor_of(match['name']) * (int(match['whole'] or 1) * 2 + 1)) // 2} pesos"


def _with_more(match: re.Match[str]) -> str:
    """Write "2 palos 400" as "2400000 pesos"."""
    return f"{int(factor_of(match['name'])) // 1000 * int(match['whole'] + match['rest'])} pesos"


def _from_roman(match: re.Match[str]) -> str:
    """Write "cccl" as 350."""
    if not _IS_ROMAN.fullmatch(match[0]):
        return match[0]
    values = [_ROMAN_VALUES[letter] for letter in match[0]]
    signed = [-one if one < other else one for one, other in zip(values, [*values[1:], 0], strict=True)]
    return str(sum(signed))


def _with_cents(match: re.Match[str]) -> str:
    """Write "39 con 90" as "39.90"."""
    return f"{match[0][0]}{match[1]}.{match[2]:0<2}"


def _with_cents_behind(match: re.Match[str]) -> str:
    """Write "39 euros con 90" as "39.90 euros"."""
    return f"{match[0][0]}{match[1]}.{match[3] or match[4]:0>2}{match[2]}"
