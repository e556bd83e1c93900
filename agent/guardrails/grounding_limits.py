"""Finds a yes to somebody whose age or level is published as too low or too high, and a range told wider than it is."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from agent.folding import fold
from agent.guardrails.expressions import compiled_on_use
from agent.guardrails.grounding_facts import Facts
from agent.guardrails.grounding_reading import ItemNames, Reading, items_of
from agent.guardrails.grounding_statement import Conversation
from agent.guardrails.grounding_statements import Clause
from agent.guardrails.grounding_words import LISTS

_LEVELS = {name: at for at, name in enumerate(("a1", "a2", "b1", "b2", "c1", "c2"))}
_NO_AGE = 99
_AGE_LIMIT = 21
"""Ages above are of no interest here: limits are for the young."""


class Limit(NamedTuple):
    """Who is taken in: from `low` to `high`, in years or as places in the row of levels A1 to C2."""

    low: int
    high: int
    items: frozenset[str]
    """The items it is published of; none: of all."""
    is_level: bool


# --- what is published ------------------------------------------------------------------------------------------

_TO = r"(?: (?:a|aos|al|to|and|y|e|hasta|ate|hasta los|through) | ?[-–—] ?)"
_LEVEL = r"[abc][12]"
_LEVEL_RANGE = re.compile(rf"\b({_LEVEL}){_TO}(?:el |the )?({_LEVEL})\b")
_LEAST_LEVEL = compiled_on_use(
    rf"(?:\b(?:desde|a partir d[eo]l?|from|minim\w+|at least|al menos|pelo menos|requires?|exige[nm]?|pide[nm]?)"
    rf"(?: [a-z]+){{0,3}} |\b(?:level|nivel) )({_LEVEL})\b(?=(?P<cue>(?: [a-z]+){{0,3}} (?:requir|necesari|necessari"
    rf"|needed|obrigat|minim|or (?:above|higher)|o (?:mas|superior)|ou (?:mais|superior)|se pide|exig))?)"
)
_AGE_RANGE = re.compile(
    rf"(?<![\d.,:])(\d{{1,2}}){_TO}(\d{{1,2}}) (?:anos|years)\b|\bages? (\d{{1,2}}){_TO}(\d{{1,2}})\b"
)
_LEAST_AGE = compiled_on_use(
    r"\b(?:a partir d(?:e|e los|os)|desde(?: los)?|from(?: the age of| age)?|mayores de|maiores de|over|at least"
    r"|al menos|pelo menos|minimo|minimum) (\d{1,2}) (?:anos|years)\b"
)
_MINIMUM_AGE = re.compile(r"\b(?:edad minima|idade minima|minimum age)\b")
_EACH_AGE = re.compile(
    r"(?<![\w.,:])(\d{1,2})(?: anos| years)?(?P<of>(?: (?:para|for|en|in|no|na|nos|nas) [^,;.]{3,60})?)"
)
_LASTS = re.compile(
    r"\b(?:garant\w+|guarant\w+|warrant\w+|experi\w+|rendim\w+|performance|contrato|contract|desc[ou]\w+"
    r"|discount\w*|off|pag\w+|pays?|precio|preco|price|tarifa|fare|gratis|free)\b|%"
)
"""What lasts so long, or costs so much, is no limit."""
_EXCEPT = re.compile(r"\b(?:autori\w+|acompan\w+|accompan\w+|consent\w*|tutor|parents?|guardian)\b")
_PARTS = re.compile(r"[.;](?=\s|$)|\n")


@lru_cache(maxsize=64)
def _limits(text: str, items: ItemNames) -> tuple[Limit, ...]:
    """Return the limits that folded published texts tell, one text a line."""
    found: list[Limit] = []
    for line in dict.fromkeys(text.split("\n")):
        lowest = min(map(int, re.findall(r"\b\d{1,2}\b", line)), default=0) if _EXCEPT.search(line) else _NO_AGE
        for part in _PARTS.split(line):
            found += _levels_in(part, line, items)
            found += (limit._replace(low=min(limit.low, lowest)) for limit in _ages_in(part, items))
    owned = {(limit.low, limit.high) for limit in found if limit.items}  # a description is told without its name, too
    return tuple(dict.fromkeys(limit for limit in found if limit.items or (limit.low, limit.high) not in owned))


def _levels_in(part: str, line: str, items: ItemNames) -> Iterator[Limit]:
    named = _named(part, items) or _named(line.partition(":")[0], items)
    ranges = list(_LEVEL_RANGE.finditer(part))
    for match in ranges:
        low, high = _LEVELS[match[1]], _LEVELS[match[2]]
        if low < high:
            yield Limit(low, high, named, is_level=True)
    for match in () if ranges else _LEAST_LEVEL.finditer(part):
        if match["cue"] or not match[0].startswith(("level", "nivel")):
            yield Limit(_LEVELS[match[1]], len(_LEVELS), named, is_level=True)


def _ages_in(part: str, items: ItemNames) -> Iterator[Limit]:
    if _LASTS.search(part):
        return
    minimum = _MINIMUM_AGE.search(part)
    if minimum:
        for match in _EACH_AGE.finditer(part, minimum.end()):
            yield Limit(int(match[1]), _NO_AGE, _named(match["of"] or part[: match.start()], items), is_level=False)
        return
    ranges = list(_AGE_RANGE.finditer(part))
    for match in ranges:
        low, high = (int(number) for number in match.groups() if number)
        if low < high and low <= _AGE_LIMIT:
            yield Limit(low, high, _named(part, items), is_level=False)
    for match in () if ranges else _LEAST_AGE.finditer(part):
        if int(match[1]) <= _AGE_LIMIT:
            yield Limit(int(match[1]), _NO_AGE, _named(part, items), is_level=False)


@lru_cache(maxsize=64)
def _owners(items: ItemNames) -> Mapping[str, frozenset[str]]:
    """Return which items have each word in a name of theirs."""
    found: dict[str, set[str]] = {}
    for sku, names in items:
        for word in (word for name in names for word in re.findall(r"[a-z0-9]+", fold(name))):
            if len(word) > 1 and word not in LISTS["links"] and word not in LISTS["too_common"]:
                found.setdefault(word, set()).add(sku)
    return {word: frozenset(skus) for word, skus in found.items()}


def _named(part: str, items: ItemNames, *, only_own: bool = False) -> frozenset[str]:
    """Return the items that a text names by a word no other item has, or else (not `only_own`) by any of its words."""
    known = _owners(items)
    owners = {word: known[word] for word in re.findall(r"[a-z0-9]+", part) if word in known}
    own = {sku for skus in owners.values() if len(skus) == 1 for sku in skus}
    return frozenset(f"item:{sku}" for sku in own or (set() if only_own else set().union(*owners.values())))


# --- who asks ---------------------------------------------------------------------------------------------------

_WHO = (
    r"(?:hij[oa]s?|nin[oa]s?|filh[oa]s?|criancas?|menin[oa]s?|sons?|daughters?|kids?|child|boy|girl|sobrin[oa]|niet[oa]"
    r"|net[oa]|nephew|niece|brother|sister|herman[oa]|irma[o]?|pequen[oa]|he|she|ele|ela|peque|nene|nena)"
)
_THEIR_AGE = compiled_on_use(
    rf"\b{_WHO}(?: \w+)?(?:'s| (?:de|is|tiene|tem|aged?|con|com|fez|faz|turned|cumple|cumplio|esta com))"
    r"(?: (?:apenas|solo|so|only|just|already|ya|ja))? (?P<a>\d{1,2})"
    r"(?= ?(?:$|[?.,;!)]|anos|anitos|years?|puede|pode|can\b))"
    r"|\b(?P<b>\d{1,2})[ -](?:years?[ -]old|yo\b|y/o)"
    r"|\b(?:tengo|tenho|i'm|i am|im) (?P<c>\d{1,2})(?= ?(?:$|[?.,;!)]|anos|years?[ -]old))"
    rf"|\b{_WHO} de (?P<d>\d{{1,2}})\b"
)
_THEIR_LEVEL = compiled_on_use(
    rf"\b(?:tengo|tenho|soy|sou|i'm|im|i am|i have|i've got|nivel|level|is|es|e|an?|un|um|estoy en|estou no|esta em"
    r"|con|com|ingles|english|espanol|spanish|french|frances|portugues)"
    r"(?: (?:un|um|an?|de|at|solo|so|only|just|about|en|no))*"
    rf" (?P<level>{_LEVEL})\b"
)


def _asked(talk: Conversation, *, levels: bool) -> set[int]:
    """Return the ages, or the levels, that the prospect gives."""
    text = " , ".join(clause.plain for clause in talk.inbound.clauses)
    if levels:
        return {_LEVELS[match["level"]] for match in _THEIR_LEVEL.finditer(text)}
    return {int(n) for match in _THEIR_AGE.finditer(text) for n in match.groups() if n and int(n) <= _AGE_LIMIT}


# --- what the reply says ----------------------------------------------------------------------------------------

_TAKES_IN = compiled_on_use(
    r"\b(?:(?:can|may) (?:do|join|come|take|start|enrol\w*|go|attend|sign)|(?:he|she|they|you|it) (?:can|does|is)\b"
    r"|puede[ns]?|puedes|pode[ms]?|entra[rsnm]?|welcome|bienvenid\w+|bem-vind\w+|sin problema|sem problema|no problem"
    r"|acepta\w*|aceita\w*|atende\w*|admit\w*|encaja|enough|alcanza|basta|vale|takes|sirve|serve)\b"
)
_RESTRICTS = compiled_on_use(
    r"\b(?:no|nao|not|ni|nem|but|pero|porem|aunque|embora|todavia|ainda|yet|esper\w+|wait|too|demasiado|minim\w+"
    r"|tod[oa]s? menos|fuera|fora|past|until|young(?:er)?|just (?:over|under)|older"
    r"|pequen[oa]|pasa|passou|paso|below|por debajo|abaixo|solo|only|apenas|check|confirm\w*"
    r"|consult\w*)\b|n't\b"
)
_PT_RESTRICTS = re.compile(r"\b(?:(?<!\be )so|mas)\b")
_OPENING = 2
"""Sentences in which a reply answers what was asked."""


def unmet_limits(reading: Reading, facts: Facts, talk: Conversation) -> Iterator[Clause]:
    """Yield the clause that takes in somebody too young, too old or of another level, or tells a range too wide."""
    limits = _limits(facts.text, facts.items)
    if not limits:
        return
    yield from _widened(reading, [limit for limit in limits if limit.is_level], talk)
    opening = [clause for clause in reading.clauses if clause.sentence < _OPENING]
    yes = next((c for c in opening if c.is_claim and (c.is_yes or _TAKES_IN.search(c.text))), None)
    if yes is None or any(_restricts(clause, talk.language) for clause in opening):
        return
    items = _meant(reading, facts, talk)
    for levels in (False, True):
        asked = _asked(talk, levels=levels)
        holding = _holding([limit for limit in limits if limit.is_level == levels], items)
        if asked and holding and not any(limit.low <= each <= limit.high for each in asked for limit in holding):
            yield yes


def _restricts(clause: Clause, language: str) -> bool:
    return bool(_RESTRICTS.search(clause.text) or (language == "pt" and _PT_RESTRICTS.search(clause.text)))


def is_taken_level(level: str, facts: Facts) -> bool:
    """Say whether a folded word is a level within a range, or from a least one on, that is published of anything."""
    at = _LEVELS.get(level, -1)
    limits = _limits(facts.text, facts.items) if at >= 0 else ()
    return any(limit.is_level and limit.low <= at <= limit.high for limit in limits)


def _meant(reading: Reading, facts: Facts, talk: Conversation) -> frozenset[str]:
    """Return the items that the prospect asks for, or else those that the reply names."""
    asked = _named(" ".join(clause.text for clause in talk.inbound.clauses), facts.items, only_own=True)
    told = (items_of(frozenset().union(*each.topics)) for each in (talk.inbound, reading))
    return asked or next((items for items in told if items), frozenset())


def _holding(limits: Sequence[Limit], items: frozenset[str]) -> Sequence[Limit]:
    """Return the limits of these items; where they have none, those that are published of no item."""
    return [limit for limit in limits if limit.items & items] or [limit for limit in limits if not limit.items]


_FROM_LEVEL = re.compile(
    rf"\b(?:desde|a partir d[eo]l?|from|starting (?:at|from)|empieza en|comeca (?:em|no))"
    rf"(?: (?:el|the|o|un|um|an?))? ({_LEVEL})\b"
)
_UP_TO_LEVEL = re.compile(rf"\b(?:hasta|ate|up to|through)(?: (?:el|the|o|al|ao))? ({_LEVEL})\b")


def _widened(reading: Reading, limits: Sequence[Limit], talk: Conversation) -> Iterator[Clause]:
    """Yield the clauses that tell a range of levels beyond the one that is published of the same item."""
    asked = items_of(frozenset().union(*talk.inbound.topics))
    for clause, topics in zip(reading.clauses, reading.topics, strict=True) if limits else ():
        if not clause.is_claim or clause.is_denied:
            continue
        ends = [(_LEVELS[match[1]], _LEVELS[match[2]]) for match in _LEVEL_RANGE.finditer(clause.text)]
        lows = [low for low, _ in ends] + [_LEVELS[level] for level in _FROM_LEVEL.findall(clause.text)]
        highs = [high for _, high in ends] + [_LEVELS[level] for level in _UP_TO_LEVEL.findall(clause.text)]
        holding = _holding(limits, items_of(topics) or asked) if lows or highs else ()
        if holding and not any(
            all(limit.low <= low for low in lows) and all(high <= limit.high for high in highs) for limit in holding
        ):
            yield clause
