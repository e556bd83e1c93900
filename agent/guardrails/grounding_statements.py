"""Reads a text as clauses, and says of each whether it states something about the business, and denies it.

A question, a condition, "I will check" and what is said about the prospect state nothing. Every pattern is bounded.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from agent.guardrails.dates_text import ANY_DAY, ANY_MONTH
from agent.guardrails.expressions import compiled_on_use
from agent.guardrails.folded import Folded, fold_text
from agent.guardrails.grounding_words import pattern
from agent.guardrails.number_lexicon import LANGUAGES
from agent.guardrails.number_words import digits_for_words, may_tell_number
from agent.guardrails.required_words import WHOLE, Starts, starts_in, words_in, words_needed

MAX_CLAUSE = 400
"""Nobody writes longer clauses; a longer one is read in parts."""


class Clause(NamedTuple):
    """A piece of a sentence. `text` is folded; `plain` is `text` with number words in digits."""

    start: int
    end: int
    """Offsets in the text as written."""
    raw: str
    text: str
    plain: str
    words: tuple[str, ...]
    """Words and numbers of `plain`."""
    word_starts: tuple[int, ...]
    """Where in `plain` each begins."""
    sentence: int = 0
    hints: frozenset[str] = frozenset()
    """What the words of its sentence may tell: `day`, `month` …"""
    is_claim: bool = True
    is_denied: bool = False
    denied_words: frozenset[int] = frozenset()
    """Places in `words` that "without" denies, where the clause as a whole is not denied."""
    is_yes: bool = False
    """It answers yes."""
    denied_from: int = 0
    """Where in `plain` its denial stands, roughly."""

    def denies_nearby(self, place: int) -> bool:
        """Say whether it denies what stands at `place` in `plain`, within a few words of the denial."""
        if not self.is_denied:
            return bool(self.denied_words) and any(
                self.word_starts[at] <= place < self.word_starts[at] + len(self.words[at]) for at in self.denied_words
            )
        first, last = sorted((place, self.denied_from))
        return self.plain.count(" ", max(first, 0), last) <= _NEARBY

    def denies(self, at: int) -> bool:
        """Say whether what word `at` names is denied."""
        return self.is_denied or at in self.denied_words


_NEARBY = 6
"""Words between a denial and what it denies, at most."""
_WORD = re.compile(r"\d+(?:[.,']\d{3})*(?:[.,]\d{1,2})?(?!\d)|[a-z]+\d{0,3}|\d+|%")
_SENTENCE_END = re.compile(
    r"[.!?…\n;\U0001F300-\U0001FAFF\u2600-\u27BF](?:(?<=\.)\.*(?=\s|$)|(?<=[!?…])[!?…]*(?!\w)|(?<=\n)\n*|(?<=;)"
    r"|(?<=[\U0001F300-\U0001FAFF\u2600-\u27BF])[\U0001F300-\U0001FAFF\u2600-\u27BF]*)"
)
_ABBREVIATION = re.compile(
    r"\b(?:p|a|av|dr|dra|sr|sra|ing|no|tel|prof|profa|st|mr|ms|mrs|max|min|aprox|lic|c|n|vs|approx|i\.e|e\.g|ej)$"
)
_CUT_AT = (
    r"[\s,:()\[\]«»\"“”•](?:(?<=\s)(?:[-–—]\s|(?=(?:pero|sino|but|porem|however|aunque|although|though|mientras"
    r"|enquanto|whereas|embora{})\b))|(?<=,)(?=\s)|(?<=:)(?!\d)|(?<=[()\[\]«»\"“”•]))"
)
_CUT = re.compile(_CUT_AT.format(""))
_PT_CUT = re.compile(_CUT_AT.format("|mas"))
_ADVERSATIVE = re.compile(r"^\W*(?:pero|sino|but|porem|however|aunque|although|though|embora|mas)\b")
_JOINED = re.compile(r"^\W*(?:y|e|and)\b")

# --- what is no statement -------------------------------------------------------------------------------------

_HEDGE = compiled_on_use(rf"\b{pattern('hedge')}")
_CONDITION = re.compile(rf"^\W*(?:(?:y|e|and|pero|but|mas|o|or|ou|solo|so|only) )?{pattern('condition')}\b")
_PT_CONDITION = re.compile(r"^\W*(?:(?:e|mas|ou) )?se (?!ja\b)")
_ABOUT_PROSPECT = compiled_on_use(rf"\b{pattern('about_prospect')}\b")
_QUESTION_WORD = re.compile(rf"^\W*{pattern('question_word')}\b")
_YES = re.compile(rf"^\W*{pattern('yes')}\b")
_GREETS = compiled_on_use(rf"^\W*{pattern('greets')}\W*$")
_NAMES_ONLY = r"(?:[A-ZÀ-ÖØ-Þ][\w'’.-]{0,30}(?: (?:de|da|do|dos|del|la|e|y|and|&))*(?: |$)){1,5}$"
_ADDRESSES = re.compile(rf"^\W*(?:{_NAMES_ONLY})")
_GREETS_SOMEBODY = compiled_on_use(rf"^\W*{pattern('greets')},? (?=\w)")

# --- what denies ----------------------------------------------------------------------------------------------

_NO_DENIAL = compiled_on_use(rf"\b{pattern('no_denial')}\b")
_DENIAL = {
    "es": re.compile(
        r"\b(?:no|ni|nunca|jamas|tampoco|ningun[oa]?|nada de|cerrad[oa]s?|cierra|descansa(?:mos|n)|excepto|salvo)\b"
    ),
    "pt": re.compile(
        r"\b(?:nao|nem|nunca|tampouco|nenhum|nenhuma|nada de|(?:fech|encerr)ad[oa]s?|(?:descans|folg)amos|exceto|n)\b"
    ),
    "en": re.compile(r"\b(?:no|not|never|nor|neither|none|cannot|closed|except|excluding)\b|n't\b"),
}
_WITHOUT = frozenset({"sin", "sem", "without"})
_ENDS_SCOPE = frozenset({"y", "e", "and", "pero", "mas", "but", "con", "com", "with"})
_BARE_NOUN = 3
_CARRIES_ON = re.compile(r"^\W*(?:(?:in|at|en|em|na|no) (?:[a-z]+ ){1,3})?(?:ni|nem|nor|or|o|ou)\b")

# --- what is told in words ------------------------------------------------------------------------------------

_ONE_AND_A_HALF = re.compile(
    r"\b(\d{1,3}|una?|uma?|an?) (horas?|hours?|anos?|years?|mes(?:es)?|months?|dias?|days?|semanas?|weeks?)"
    r" (?:y|e|and)(?: a)? (?:media|medio|meia|meio|half)\b"
)
_AND_A_HALF = re.compile(
    r"\b(\d{1,3}|one|an?|two|three|four|five|six|seven|eight|nine)(?: and a half| and half|\.5|½)"
    r" (hours?|years?|months?|days?|weeks?)\b"
)
_SMALL = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9}
_HALF = re.compile(r"\b(?:media hora|meia hora|half an hour|half hour)\b")
_THREE_QUARTERS = re.compile(
    r"\b(?:(?:3|three) quarters of an hour|(?:3|tres) cuartos de hora|(?:3|tres) quartos de hora)\b"
)
_ONE = re.compile(
    r"\b(?:una? (hora|dia|semana|mes|ano)|uma? (hora|dia|semana|mes|ano)|an (hour)|one[ -](hour|day|week|month|year)"
    r"|(?:cada|todos? os|todo) (hora|semana|mes|ano)|every (hour|week|month|year))\b"
)

# --- hints ----------------------------------------------------------------------------------------------------

_LETTERS = re.compile(r"[a-z]+")
_WORDS_OF: dict[str, Starts] = {
    "hedge": words_needed(_HEDGE.pattern),
    "about_prospect": words_needed(_ABOUT_PROSPECT.pattern),
    "condition": words_needed(rf"\b{pattern('condition')}\b"),
    "yes": words_needed(rf"\b{pattern('yes')}\b"),
    "greets": words_needed(rf"\b{pattern('greets')}\b"),
    "scarce": words_needed(pattern("scarce")),
    "day": words_needed(ANY_DAY.pattern),
    "month": words_needed(ANY_MONTH.pattern),
    "spelled": frozenset[str]().union(
        *(words_needed(each.pattern) for each in (_ONE_AND_A_HALF, _AND_A_HALF, _HALF, _THREE_QUARTERS, _ONE))
    )
    | {"sigl", "secu", "centur", "deca", "best", "bett"},
    **{
        f"denial:{language}": words_needed(denial.pattern) | {f"{word}{WHOLE}" for word in _WITHOUT}
        for language, denial in _DENIAL.items()
    },
}
"""How the words begin without which a sentence has no such thing."""


def _denial(language: str) -> str:
    return f"denial:{language if language in _DENIAL else 'en'}"


def read_clauses(text: str, language: str) -> tuple[Clause, ...]:
    """Return the clauses of a text written in `language` (es, pt, en), in order."""
    folded = fold_text(text)
    ends = [(m.start(), m.end(), m[0]) for m in _SENTENCE_END.finditer(folded.text) if not _abbreviates(folded.text, m)]
    stops = [*ends, (len(folded.text), len(folded.text), "")]
    clauses: list[Clause] = []
    start = 0
    for number, (stop, after, mark) in enumerate(stops):
        clauses.extend(_sentence(text, folded, (start, stop), number, language, asks="?" in mark))
        start = after
    return tuple(_mark_addresses(clauses))


def _mark_addresses(clauses: Sequence[Clause]) -> Iterator[Clause]:
    """Yield the clauses, no claims where they only greet or name whom we write to: "Dear Ms Drummond"."""
    after_greeting = False
    for clause in clauses:
        may_greet = "greets" in clause.hints
        greets = may_greet and bool(_GREETS.match(clause.text))
        somebody = _GREETS_SOMEBODY.match(clause.text) if may_greet else None
        named = clause.raw[somebody.end() :] if somebody else clause.raw if after_greeting else ""
        addresses = greets or bool(named and _ADDRESSES.match(named.rstrip(" ,.:!*_")))
        yield clause._replace(is_claim=False) if addresses and clause.is_claim else clause
        after_greeting = greets


def _abbreviates(text: str, end: re.Match[str]) -> bool:
    """Say whether a full stop ends an abbreviation ("av. Central"), not a sentence."""
    return end[0] == "." and bool(_ABBREVIATION.search(text, max(0, end.start() - 7), end.start()))


def _sentence(
    text: str, folded: Folded, where: tuple[int, int], number: int, language: str, *, asks: bool
) -> Iterator[Clause]:
    """Yield the clauses of one sentence, marked."""
    whole = folded.text[slice(*where)]
    hints = frozenset[str]().union(*map(_hints_of, words_in(whole)))
    plain_already = _is_plain(whole, language, hints)
    bare = [
        _bare(text, folded, piece, "" if plain_already else language, (number, hints))
        for piece in _pieces(folded.text, where, language)
    ]
    if asks:
        bare = _mark_question(bare)
    marked = [_marked(clause, language) for clause in bare]
    if "hedge" in hints:
        marked = _mark_hedges(marked)
    yield from _mark_denials(marked, language) if _denial(language) in hints else marked


def _is_plain(sentence: str, language: str, hints: frozenset[str]) -> bool:
    """Say whether a folded sentence has its numbers and lengths of time in digits, if it has any."""
    if f"number:{language}" not in hints and "spelled" not in hints:
        return True
    return _spell_out(digits_for_words(_spell_out(sentence), language)) == sentence


@lru_cache(maxsize=20_000)
def _hints_of(word: str) -> frozenset[str]:
    """Return what a word, or the letters glued to its digits, may tell: names in `_WORDS_OF`, and numbers."""
    starts = starts_in(" ".join([word, *_LETTERS.findall(word)]))
    told = {name for name, words in _WORDS_OF.items() if not words.isdisjoint(starts)}
    return frozenset(told | {f"number:{language}" for language in LANGUAGES if may_tell_number(word, language)})


def _pieces(text: str, where: tuple[int, int], language: str) -> Iterator[tuple[int, int]]:
    """Yield where the pieces of a sentence stand, without the space around them."""
    start, end = where
    cuts = [match.span() for match in (_PT_CUT if language == "pt" else _CUT).finditer(text, start, end)]
    for stop, after in (*cuts, (end, end)):
        for at in range(start, stop, MAX_CLAUSE):  # what looks around a number then looks at few characters
            piece = text[at : min(at + MAX_CLAUSE, stop)]
            bare = piece.strip()
            if bare:
                first = at + piece.index(bare)
                yield first, first + len(bare)
        start = after


def _bare(
    text: str, folded: Folded, where: tuple[int, int], language: str, sentence: tuple[int, frozenset[str]]
) -> Clause:
    """Return a piece of a sentence as an unmarked clause. No language: no number words in it."""
    first, last = folded.span(*where)
    piece = folded.text[slice(*where)]
    plain = _spell_out(digits_for_words(_spell_out(piece), language)) if language else piece
    found = list(_WORD.finditer(plain))
    number, hints = sentence
    return Clause(
        start=first,
        end=last,
        raw=text[first:last],
        text=piece,
        plain=plain,
        words=tuple([match[0] for match in found]),
        word_starts=tuple([match.start() for match in found]),
        sentence=number,
        hints=hints,
    )


_PERIODS = re.compile(r"hor|hour|dia|day|seman|week|mes|month|an[oh]|year|siglo|seculo|centur|decad")
"""Without a unit of time there is nothing to spell out."""
_CENTURY = r"(?:de (?:siglo|seculo)|(?:of a |-| )century)"
_AGES = tuple(
    (re.compile(rf"\b{words}\b"), length)
    for words, length in (
        (rf"(?:(?:un |um |a )?(?:cuarto|quarto|quarter)[ -]?{_CENTURY})", "25 years"),
        (r"(?:(?:medio|meio) (?:siglo|seculo)|half[ -](?:a )?century)", "50 years"),
        (r"(?:(?:uma? |una? |a )?(?:decada y media|decada e meia|decade and a half))", "15 years"),
        (r"(?:(?:2|dos|duas) decadas (?:y media|e meia)|(?:2|two) and a half decades)", "25 years"),
        (r"(?:(?:una|uma|1|a|one) (?:decada|decade))", "10 years"),
        (r"(?:(?:2|dos|duas|two) (?:decadas|decades))", "20 years"),
        (r"(?:(?:3|tres|three) (?:decadas|decades))", "30 years"),
        (r"(?:(?:4|cuatro|quatro|four) (?:decadas|decades))", "40 years"),
        (r"(?:the )?(?:best|better) part of an? (?=(?:week|month|year|hour)\b)", "1 "),
    )
)
"""Lengths of time that are told by other words than those of numbers and units."""


def _spell_out(plain: str) -> str:
    """Return folded text with "hora y media" as "1.5 hora", "half an hour" as "30 minutes", "cada mes" as "1 mes"."""
    if not _PERIODS.search(plain):
        return plain
    if "sigl" in plain or "cul" in plain or "centur" in plain or "decad" in plain or " part of " in plain:
        for told, length in _AGES:
            plain = told.sub(length, plain)
    if "media" not in plain and "half" not in plain and "mei" not in plain and "medio" not in plain:
        return _ONE.sub(_one_of, _THREE_QUARTERS.sub("45 minutes", plain))
    plain = _ONE_AND_A_HALF.sub(_and_a_half, _AND_A_HALF.sub(_and_a_half, plain))
    return _ONE.sub(_one_of, _HALF.sub("30 minutes", plain))


def _and_a_half(match: re.Match[str]) -> str:
    return f"{match[1] if match[1].isdigit() else _SMALL.get(match[1], 1)}.5 {match[2]}"


def _one_of(match: re.Match[str]) -> str:
    return f"1 {next(unit for unit in match.groups() if unit)}"


def _marked(clause: Clause, language: str) -> Clause:
    """Return the clause, no claim where it is a condition or about the prospect."""
    says_yes = "yes" in clause.hints and bool(_YES.match(clause.text)) and not _says_if(clause)
    if says_yes:
        return clause._replace(is_yes=True, is_claim=clause.is_claim and not _is_about_prospect(clause))
    open_ended = (
        ("condition" in clause.hints and _CONDITION.match(clause.text))
        or (language == "pt" and _PT_CONDITION.match(clause.text))
        or _is_about_prospect(clause)
    )
    return clause._replace(is_claim=False) if open_ended else clause


def _is_about_prospect(clause: Clause) -> bool:
    return "about_prospect" in clause.hints and bool(_ABOUT_PROSPECT.search(clause.text))


def _says_if(clause: Clause) -> bool:
    """Say whether it begins with the Spanish "if": "si" without the accent of "sí", and more behind it."""
    return clause.text.startswith("si ") and not clause.raw.casefold().startswith("sí")


def _mark_question(clauses: list[Clause]) -> list[Clause]:
    """Return the clauses of a sentence that ends in "?": what stands before the question itself may be a claim."""
    opened = next((i for i, c in enumerate(clauses) if "¿" in c.raw), None)
    if opened is None:
        opened = 0 if len(clauses) < 2 or _QUESTION_WORD.match(clauses[0].text) else len(clauses) - 1
    return [clause._replace(is_claim=False) if i >= opened else clause for i, clause in enumerate(clauses)]


def _mark_hedges(clauses: list[Clause]) -> list[Clause]:
    """Return the clauses, no claims from "I will check" on up to a "but", nor just before it."""
    open_ended: set[int] = set()
    for at, clause in enumerate(clauses):
        if not _HEDGE.search(clause.text):
            continue
        open_ended.add(at)
        if at and not _JOINED.match(clause.text) and not _ADVERSATIVE.match(clause.text) and not clauses[at - 1].is_yes:
            open_ended.add(at - 1)
        for later in range(at + 1, len(clauses)):
            if _ADVERSATIVE.match(clauses[later].text):
                break
            open_ended.add(later)
    return [c._replace(is_claim=False) if at in open_ended and c.is_claim else c for at, c in enumerate(clauses)]


def _scope(clause: Clause, without: int) -> Iterator[int]:
    """Yield the places of the few words that a "without" denies: none behind an "and"."""
    for at in range(without + 1, min(without + 4, len(clause.words))):
        if clause.words[at] in _ENDS_SCOPE:
            return
        yield at


def _mark_denials(clauses: list[Clause], language: str) -> list[Clause]:
    """Return the clauses with what they deny; "neither … nor" carries on."""
    marked: list[Clause] = []
    denial = _DENIAL.get(language, _DENIAL["en"])
    for clause in clauses:
        found = denial.search(clause.text) and denial.search(_NO_DENIAL.sub("okay", clause.text))
        denied = bool(found)
        if found and found.start() == 0 and marked and not marked[-1].is_yes and len(marked[-1].words) <= _BARE_NOUN:
            marked[-1] = marked[-1]._replace(is_denied=True)  # "Pool: we have none"
        if not denied and marked and marked[-1].is_denied and _CARRIES_ON.match(clause.text):
            denied = True
        without: set[int] = set()
        if not _WITHOUT.isdisjoint(clause.words):
            without = {
                at for start, word in enumerate(clause.words) if word in _WITHOUT for at in _scope(clause, start)
            }
        marked.append(
            clause._replace(
                is_denied=denied, denied_words=frozenset(without), denied_from=found.start() if found else 0
            )
            if denied or without
            else clause
        )
    return marked
