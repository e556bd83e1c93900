"""Whether the condition of a discount or a waiver is stated in the reply, or met by what the prospect wrote (P5).

A condition is published in the tenant's language, the reply may be in another: so both are read as concepts
(`conditions.toml`), a least number, places and items, and the reply must have those of the condition.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files

from agent.folding import fold, words_of
from agent.guardrails.dates_text import read_weekdays
from agent.guardrails.expressions import compiled_on_use, load_expressions
from agent.guardrails.item_names import WORDS, is_in_name, stem
from agent.guardrails.mentions import MONTH_NAMES, MONTH_NUMBERS, find_mentions
from agent.guardrails.money_text import money_in
from agent.guardrails.number_words import digits_for_words
from agent.guardrails.plain_text import read_plain
from agent.guardrails.published_once import once_for
from agent.guardrails.qualifying import (
    ALONE,
    FOREIGN,
    OTHERWISE_MET,
    QUALIFIES,
    ordinals_in,
    with_whole_days,
    without_denials,
)
from agent.guardrails.required_words import Lookup, Starts
from agent.guardrails.word_lists import load_words
from agent.types import CatalogueItem, Discount

_WORDS = load_expressions("pricing_words")

_CONCEPTS: Mapping[str, re.Pattern[str]] = {
    name: compiled_on_use(rf"\b(?:{'|'.join(line for line in lines.splitlines() if line)})\b")
    for name, lines in tomllib.loads(files("agent.guardrails").joinpath("conditions.toml").read_text("utf-8")).items()
}
_LOOKUPS = {name: Lookup.of_alternatives(pattern.pattern) for name, pattern in _CONCEPTS.items()}
_ABOUT_QUANTITY = frozenset({"group", "bundle", "subscription"})
"""Concepts that a least number already says."""
_ANYTHING = frozenset({"any_course"})
"""Concepts that other ones say more exactly."""
_WEAK = frozenset({"corporate"})
"""Concepts that hardly tell anything of a condition that says more: "companies moving from spreadsheets"."""
_WEAK_STEMS = frozenset(
    stem(word) for word in ("empresas", "companies", "company", "business", "negocios", "empleados")
)
_PAID_BY = frozenset({"pix", "transfer", "debit"})
_MEANS = _PAID_BY | {"cash"}
_TWO = 2
"""What is bought together is two at least."""
_PARTICIPLE = re.compile(r"^[a-z]{4,}(?:ad|id)[oa]s?$|^enrolled$")
"""A word of a condition that is like a name, and says what somebody has done: "alunos matriculados"."""
_YEAR_AHEAD = frozenset({"annual", "upfront"})
_AGE = _WORDS["age"]
_BY_AGE = frozenset({"young", "senior"})
_FROM_AGE = re.compile(
    r"\b(?:mayor(?:es)?|maior(?:es)?|over|above|older|mas de|mais de|acima|desde|a partir|from)\b"
    r"|\b\d\d (?:anos |years )?(?:o|ou|or|y|e|and) (?:mas|mais|more|over|above|older)\b"
)
_OF_AGE = _WORDS["of_age"]
_AT_LEAST = re.compile(
    r"\b(?:a partir de|desde|superior(?:es)? a|mas de|mais de|over|above|from|at least|minimo(?: de)?|acima de"
    r"|por encima de)(?: los| the)? ?#|#.{0,4}(?: (?:o|ou|or) (?:mas|mais|more))"
)
_LOCAL = frozenset({"resident"})
_ON_DAYS = frozenset({"weekday", "weekend"})
_A_DATE = re.compile(rf"\b(?:{MONTH_NAMES})\b")
_WIDE = {
    "cash": frozenset({"cash", "upfront"}),
    "group": frozenset({"group", "bundle"}),
    "half_year": frozenset({"half_year", "annual"}),
    "paid_yearly": frozenset({"paid_yearly", "upfront"}),
}
_LEAST = re.compile(
    r"\b(\d{1,4})(?: [a-z]{3,15}){0,2} (?:o|ou|or|y|e|and) (?:mas|mais|more|superior)\b"
    r"|\b(?:a partir de|desde|minimo(?: de)?|al menos|pelo menos|at least|from|min|bono de|pack(?: de| of)?|pacote de"
    r"|paquete de|bundle of|of) (\d{1,4})\b|\b(\d{1,4})\+"
    r"|\b(?:mas de|mais de|more than|over|above|superior(?:es)? a|mayor(?:es)? (?:a|de)|acima de|por encima de)"
    r" (?P<over>\d{1,4})\b"
)
_TIME = r"(?:dias?|days?|noches?|noites?|nights?|semanas?|weeks?|horas?|hours?)\b"
_SAYS_TIME = re.compile(rf"\b(?:\d{{1,3}} ?h\b|{_TIME})")
_OR_MORE_OF_TIME = re.compile(
    rf"^ ?{_TIME} (?:o|ou|or|y|e|and) (?:mas|mais|more)\b"
    r"(?! (?:antes|before|ante|anti|in advance|de ante|de anti))"
)
"""So long one has to hire, or to stay."""
_NOT_A_COUNT = re.compile(
    r"^ ?(?:dias?|days?|mes(?:es)?|months?|semanas?|weeks?|anos?|years?|horas?|hours?|%|minutos?|minutes?"
    r"|\w* antecedenc)"
)
_CAPITALISED = re.compile(r"(?<![.!?] )(?<!^)\b[A-ZÁÉÍÓÚÂÊÔÃÕÑÇ][\w'-]{2,}")
_NOT_PLACES = load_words("money_words")["not_places"] | frozenset(MONTH_NUMBERS)
_ABBREVIATED = {
    "mexico": "cdmx|df|edomex",
    "aires": "caba|bsas|ba",
    "paulo": "sp",
    "janeiro": "rj",
    "york": "nyc|ny",
    "angeles": "la",
}
_CAMPAIGN = re.compile(
    r"\b(?:campan\w*|campaign\w*|promo\w*|lanzamiento|lancamento|launch|black friday|aniversario|oferta|offer)\b"
)
_FIRST_MONTHS = re.compile(
    r"\b(?:primer[oa]?s?|primeir[oa]s|first) (\d{1,2}) (?:mes(?:es)?|months)\b"
    r"|\b(\d{1,2}) (?:primer[oa]s|primeir[oa]s) mes(?:es)?\b|\b(?:primer|primeiro|first) (?:mes|month)\b"
)
_NOT_FIRST = re.compile(
    r"\b(?:segund[oa](?! (?:(?:a|e|ou|ate) )?(?:feira|terca|quarta|quinta|sexta|sabado|domingo))|second|siguientes"
    r"|seguintes|further|additional|adicional\w*|demas|demais)\b"
)
_REGARDLESS = _WORDS["regardless"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What reply and prospect say, as far as conditions are concerned."""

    words: str
    """Folded words of reply and inbound."""
    starts: Starts
    """How they begin."""
    counts: frozenset[int]
    """How many people, sessions, seats or months they mention."""
    items: frozenset[int]
    """Places in the catalogue of the items they name."""
    loose_items: frozenset[int]
    """The same, with those of which they only have a word: "the gym" of a "monthly gym plan"."""
    reply: str
    """Folded words of the reply alone."""
    asked: str = ""
    """Folded words of the inbound alone."""
    language: str = "es"
    amounts: frozenset[Decimal] = frozenset()
    """What reply and prospect say in money, in whole units."""
    _heard: dict[str, bool] = field(default_factory=dict)

    def is_on(self, days: frozenset[int]) -> bool | None:
        """Say whether the days of the week that the reply names, or else the prospect, are `days`; None: no day is."""
        for words in (self.reply, self.asked):
            if named := read_weekdays(with_whole_days(words), self.language):
                return any(group.days <= days for group in named)
        return None

    def has(self, concept: str) -> bool:
        """Say whether a concept is spoken of; each is looked for once."""
        if concept not in self._heard:
            wide = _WIDE.get(concept, {concept})
            self._heard[concept] = any(
                _LOOKUPS[each].any(self.starts) and _CONCEPTS[each].search(without_denials(self.words)) for each in wide
            )
        return self._heard[concept]


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """A published condition, as it can be looked for in another language."""

    concepts: frozenset[str]
    least: int
    """The least number of people, sessions, seats or months; 0: none."""
    of_time: bool
    """Whether that is a number of days, nights, weeks or hours."""
    least_amount: Decimal
    """The least one has to spend, in whole units; 0: none."""
    places: frozenset[str]
    items: frozenset[int]
    """Items of which one must be bought as well."""
    stems: frozenset[str]
    age: int
    """The age it is limited by; 0: none."""
    from_age: bool
    """Whether it is for those of that age and above, not for those below."""
    days: frozenset[int]
    """The days of the week it holds on; empty: it names none."""
    campaign: bool
    months: int
    """The months after which it ends; 0: none."""
    not_first: bool
    """It lowers what the second person pays, and the next, never the first's."""


def is_met(discount: Discount, item: int, catalogue: Sequence[CatalogueItem], said: Said) -> bool:
    """Say whether what is said states or meets the condition of a discount of catalogue[item]."""
    condition = condition_of(discount, item, catalogue)
    on_day = said.is_on(condition.days) if condition.days else None
    if on_day is False:
        return False
    if condition.least or condition.least_amount:
        return _is_enough(condition, said)
    if on_day and condition.concepts <= _ON_DAYS:
        return True
    if condition.items and not condition.not_first:
        return _has_item(condition, item, catalogue, said)
    return _is_told(condition, said)


def _has_item(condition: Condition, item: int, catalogue: Sequence[CatalogueItem], said: Said) -> bool:
    """Say whether an item that must be bought as well is spoken of, or a condition in words not known here."""
    is_member = "subscription" in condition.concepts and said.has("subscription")
    called = any(_is_called(other, catalogue, said) for other in condition.items)
    if condition.concepts == _ANYTHING and said.has(*_ANYTHING):
        return True
    together = said.has("bundle") and bool(condition.items & said.loose_items)
    if is_member or called or together or condition.items & said.items:
        return True
    return said.items <= {item} and _is_qualified(condition, said)


def _is_told(condition: Condition, said: Said) -> bool:
    """Say whether the places, the concepts or the words of a condition are said."""
    if condition.places:
        return any(_says_place(place, said.words) for place in condition.places)
    if condition.concepts:
        return _are_heard(condition, said)
    return condition.campaign or _is_worded(condition, said) or _is_qualified(condition, said)


def _is_worded(condition: Condition, said: Said) -> bool:
    return _shares_word(condition.stems, without_denials(said.words))


def _is_qualified(condition: Condition, said: Said) -> bool:
    """Say whether the reply tells a condition that nothing in it makes another one, in words not known here."""
    foreign = FOREIGN - condition.concepts
    if not QUALIFIES.search(said.reply) or OTHERWISE_MET.search(said.reply):
        return False
    return not any(_CONCEPTS[each].search(said.reply) for each in foreign)


def _is_enough(condition: Condition, said: Said) -> bool:
    """Say whether at least so many, or so much, is spoken of."""
    if condition.least_amount:
        return any(amount >= condition.least_amount for amount in said.amounts)
    if condition.of_time and not _SAYS_TIME.search(said.words):
        return False
    if any(count >= condition.least for count in said.counts):
        return True
    if condition.least == _TWO and "bundle" in condition.concepts and said.has("bundle"):
        return len(said.loose_items) <= 1  # else it is of several items that it says so
    told = digits_for_words(said.words, said.language)
    return condition.least in _leasts(told) | ordinals_in(said.reply)


def _is_called(item: int, catalogue: Sequence[CatalogueItem], said: Said) -> bool:
    """Say whether an item is called by a word that only names have beside others: "soy miembro full"."""
    words = WORDS["common_in_names"].intersection(said.words.split())
    return any(is_in_name(catalogue, item, word) for word in words)


def _are_heard(condition: Condition, said: Said) -> bool:
    """Say whether the concepts of a condition are spoken of: all of them, or those it cannot do without."""
    if condition.concepts <= _WEAK and _shares_word(condition.stems - _WEAK_STEMS, said.words):
        return True
    limits = _ages(said.reply) if condition.age else frozenset()
    if not {condition.age} >= limits:
        return False
    heard = {concept for concept in condition.concepts if said.has(concept)}
    told = _told_ages(f"{said.asked} | {said.reply}", said.language) if condition.age else frozenset()
    if told and condition.age not in limits:
        if not any((age >= condition.age) is condition.from_age for age in told):
            return False
        heard |= condition.concepts & _BY_AGE
    if condition.not_first:
        return _is_second(condition, heard, said)
    needed = _core(condition.concepts)
    if len(condition.concepts & _MEANS) > 1:
        return bool(heard & _MEANS)  # "in cash or by transfer"
    return bool(heard) and heard >= needed


def _is_second(condition: Condition, heard: Set[str], said: Said) -> bool:
    """Say whether it is a second person, animal or home that pays less; nobody who comes alone is one."""
    if ALONE.search(said.words):
        return False
    if "family" in heard or "family" not in condition.concepts:
        return "second" in heard or max(said.counts, default=1) > 1
    return "second" in heard and not _CONCEPTS["referral"].search(said.reply)


def is_regardless(sentence: str) -> bool:
    """Say whether a folded sentence offers something whatever the condition: "aunque pagues a plazos"."""
    return bool(_REGARDLESS.search(sentence))


def is_unreadable(condition: Condition) -> bool:
    """Say whether nothing is known of a condition but its words: "não é cobrada de quem fecha um intercâmbio"."""
    known = condition.concepts or condition.least or condition.least_amount or condition.places or condition.items
    return not (known or condition.days or condition.campaign or condition.age)


def condition_of(discount: Discount, item: int, catalogue: Sequence[CatalogueItem]) -> Condition:
    """Return the condition of a discount of catalogue[item], which is one of its own."""
    return _conditions(tuple(catalogue))[item, id(discount)]


@once_for
def _conditions(catalogue: tuple[CatalogueItem, ...]) -> Mapping[tuple[int, int], Condition]:
    """Return the condition of every discount, by item and the discount's identity, which the catalogue holds."""
    return {
        (place, id(discount)): _read(tuple(discount.condition.items()), place, catalogue)
        for place, item in enumerate(catalogue)
        for discount in item.discounts
    }


def _read(texts: Sequence[tuple[str, str]], item: int, catalogue: Sequence[CatalogueItem]) -> Condition:
    words = " ".join(digits_for_words(words_of(text), language) for language, text in texts)
    found = [m for _, text in texts for m in find_mentions(catalogue, text) if item not in m.items]
    told_with = any(_CONCEPTS["bundle"].search(words_of(text)) for _, text in texts)
    mentions = [m for m in found if not m.weak] or (found if told_with and not least_in(words) else [])
    mentions = [m for m in mentions if not any(_PARTICIPLE.search(fold(text[m.start : m.end])) for _, text in texts)]
    named = frozenset(i for m in mentions for i in m.items)
    asked = _FIRST_MONTHS.sub(" ", words)  # what one gets, and not for what
    concepts = frozenset(name for name, pattern in _CONCEPTS.items() if pattern.search(asked))
    not_first = bool(_NOT_FIRST.search(words))
    needed = _needed(concepts if not_first else concepts - {"second"})
    least_amount = max((amount for each in texts for amount in _least_amounts(*each)), default=Decimal(0))
    least = 0 if least_amount else least_in(words)
    return Condition(
        concepts=needed,
        least=least,
        of_time=bool(re.search(rf"\b{least} {_TIME}", words)),
        least_amount=least_amount,
        places=frozenset() if concepts - _LOCAL else frozenset(p for _, text in texts for p in _places(text)),
        items=_courses(item, catalogue) if needed == _ANYTHING and not named else named,
        stems=frozenset(stem(word) for word in words.split() if len(word) > 4),
        age=max(_ages(words), default=0),
        from_age=bool(_FROM_AGE.search(words)),
        days=frozenset() if _A_DATE.search(words) else frozenset(day for each in texts for day in _days(*each)),
        campaign=bool(_CAMPAIGN.search(words)),
        months=max((int(match[1] or match[2] or 1) for match in _FIRST_MONTHS.finditer(words)), default=0),
        not_first=not_first,
    )


def _courses(item: int, catalogue: Sequence[CatalogueItem]) -> frozenset[int]:
    """Return the places of the courses of a catalogue, but for catalogue[item]: what "any course" may be."""
    courses = (n for n, each in enumerate(catalogue) if any(price.unit == "course" for price in each.prices))
    return frozenset(courses) - {item}


def _least_amounts(language: str, text: str) -> Iterator[Decimal]:
    """Yield what a condition says one has to spend: "encomendas a partir de 60 €"."""
    for each in money_in(read_plain(text, language)):
        if each.kind == "amount" and each.currencies and _AT_LEAST.search(f"{each.before[-20:]}#{each.after[:16]}"):
            yield each.value


def _days(language: str, text: str) -> Iterator[int]:
    for group in read_weekdays(words_of(text), language):
        yield from group.days


def _needed(concepts: frozenset[str]) -> frozenset[str]:
    """Return the concepts without those that others imply."""
    if concepts - _ABOUT_QUANTITY:
        concepts -= _ABOUT_QUANTITY
    if concepts - _ANYTHING:
        concepts -= _ANYTHING
    concepts = (concepts - _YEAR_AHEAD) | {"paid_yearly"} if concepts >= _YEAR_AHEAD else concepts - {"paid_yearly"}
    if "upfront" in concepts:
        concepts -= {"cash"}
    if "senior" in concepts or "first_time" in concepts:
        concepts -= {"young", "loyal", "resident"}
    if "first_time" in concepts:
        concepts -= {"student"}
    if "family" in concepts:
        concepts -= {"young"}
    if "early" in concepts:
        concepts -= {"upfront"}
    return concepts


def least_in(words: str) -> int:
    """Return of how many at least folded words speak: "5 o más"; 0: of none."""
    for match in _LEAST.finditer(words):
        digits = match[1] or match[2] or match[3] or match["over"]
        number = int(digits) + bool(match["over"])
        behind = words[words.index(digits, match.start()) + len(digits) :]
        if number > 1 and _OR_MORE_OF_TIME.match(behind):
            return number
        if number > 1 and not _NOT_A_COUNT.match(behind) and not _NOT_A_COUNT.match(words[match.end() :]):
            return number
    return 0


def _leasts(words: str) -> frozenset[int]:
    """Return all that words call the least, of whatever: "a partir de 5 días"."""
    found = _LEAST.finditer(words)
    return frozenset(int(m[1] or m[2] or m[3] or m["over"]) + bool(m["over"]) for m in found)


def _ages(words: str) -> frozenset[int]:
    """Return the ages that words set as a limit: "menores de 12"."""
    return frozenset(int(match[1] or match[2]) for match in _AGE.finditer(words))


def _told_ages(words: str, language: str) -> frozenset[int]:
    """Return the ages of people that folded words tell: "mi hija tiene 12 años", "filhos de 7 e 9"."""
    digits = digits_for_words(words, language)
    found = (number for match in _OF_AGE.finditer(digits) for number in match.groups() if number)
    return frozenset(map(int, found))


def _core(concepts: frozenset[str]) -> frozenset[str]:
    """Return the concepts that cannot be left unsaid: how one has to pay."""
    return concepts & _PAID_BY or concepts & {"upfront", "paid_yearly"}


def _places(text: str) -> frozenset[str]:
    found = [fold(word) for word in _CAPITALISED.findall(text)]
    return frozenset(
        word for word in found if word not in _NOT_PLACES and not any(p.search(word) for p in _CONCEPTS.values())
    )


def _says_place(place: str, words: str) -> bool:
    return bool(
        re.search(rf"\b(?:{'|'.join([re.escape(place), *_ABBREVIATED.get(place, '').split('|')]).strip('|')})\b", words)
    )


def _shares_word(stems: frozenset[str], words: str) -> bool:
    return not stems.isdisjoint(_stems_of(words))


@lru_cache(maxsize=64)
def _stems_of(words: str) -> frozenset[str]:
    """Return the stems of the longer words; several conditions ask for those of one reply."""
    return frozenset(stem(word) for word in words.split() if len(word) > 4)
