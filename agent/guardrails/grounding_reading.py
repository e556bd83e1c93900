"""What a text says, as typed mentions that can be compared across languages."""

import bisect
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from agent.folding import fold
from agent.guardrails.dates_text import LED_YEAR, YEAR, read_dates, read_times, read_weekdays
from agent.guardrails.grounding_names import read_names
from agent.guardrails.grounding_numbers import mask, read_quantities, without_addresses, without_money
from agent.guardrails.grounding_statements import Clause, read_clauses
from agent.guardrails.grounding_words import LISTS, Found, family, find_concepts

ItemNames = tuple[tuple[str, tuple[str, ...]], ...]
"""Each item's SKU with its names."""
Topics = frozenset[str]


def items_of(topics: Topics) -> Topics:
    """Return those of the topics that are items of the catalogue."""
    return frozenset(topic for topic in topics if topic.startswith("item:"))


class Mention(NamedTuple):
    """One checkable thing in a text. What `value` is depends on `kind`.

    `time`: minutes after midnight; `weekday`: days, Monday is 0; `date`: a `CalendarDate`; `year`: a number;
    `quantity`: a number of `unit`; `feature`, `part` and `place`: a concept; `included`, `only` and `all`: a word that
    says so; `loose`: a concept that it shows, without saying so; `name`, `code`, `phone` and `email`: folded words.
    """

    kind: str
    value: object
    clause: int
    start: int
    end: int
    topics: Topics
    """What its clause is about; where that says nothing, the clause before it in the sentence."""
    wide: Topics
    """What its sentence is about."""
    subject: Topics
    """Its topics, and the items its sentence names."""
    own: Topics = frozenset()
    """What its part of the clause is about, by its own words."""
    is_denied: bool = False
    is_denied_nearby: bool = False
    """The denial stands within a few words of it."""
    unit: str = ""
    """Of a quantity; the words that named a feature; `from` or `to` of a date a price begins or ends with."""
    group: int = -1
    """Times with the same number in a clause are the ends of a range."""
    other: int = -1
    """The number this reading shares its place with: "8 horas" is a time or a duration, and one must hold."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A text read."""

    clauses: tuple[Clause, ...]
    mentions: tuple[Mention, ...]
    topics: tuple[Topics, ...]
    """Of each clause."""

    def of(self, *kinds: str) -> Iterator[Mention]:
        """Yield the mentions of some kinds."""
        return (mention for mention in self.mentions if mention.kind in kinds)


@lru_cache(maxsize=128)
def read(text: str, language: str, items: ItemNames) -> Reading:
    """Read a text written in `language`. It is read when it is drafted and when it is sent, so the last are kept."""
    clauses = read_clauses(text, language)
    found = [_longest(find_concepts(clause.words, language)) for clause in clauses]
    placed = [_placed_topics(clause, concepts, items) for clause, concepts in zip(clauses, found, strict=True)]
    own = [frozenset(topic for _, topic in each) for each in placed]
    speaking = [bool(topics) or any(f.is_loose for f in each) for topics, each in zip(own, found, strict=True)]
    near, wide = _inherited(clauses, own, speaking), _by_sentence(clauses, own)
    mentions = tuple(
        mention
        for at, clause in enumerate(clauses)
        for mention in _ClauseReader(
            at=at,
            clause=clause,
            language=language,
            found=tuple(found[at]),
            placed=tuple(placed[at]),
            near=near[at],
            own=own[at],
            wide=wide[at],
            begins=_begins(clauses, at),
            items=items_of(wide[at]),
            joints=_joints(clause),
        ).mentions()
    )
    return Reading(clauses, tuple(_without_repeats(mentions, clauses)), tuple(near))


_EACH_DAY = re.compile(r"\b(?:cada dia|(?:each|every) (?:\w+ )?day|por dia|todos los dias|todos os dias|todo dia)\b")
_EVERY_DAY = frozenset(range(7))


def _without_repeats(mentions: Sequence[Mention], clauses: Sequence[Clause]) -> Iterator[Mention]:
    """Yield the mentions but an "each day" that is each of the days named before: "on Mondays, 2 hours each day"."""
    named: set[int] = set()
    for mention in mentions:
        if mention.kind == "weekday":
            clause = clauses[mention.clause]
            if mention.value == _EVERY_DAY and clause.sentence in named and _EACH_DAY.search(clause.plain):
                continue
            named.add(clause.sentence)
        yield mention


def _longest(found: Sequence[Found]) -> list[Found]:
    """Return the concepts without those that lie inside a longer one: a "gift card" is no card. Units stay."""
    long = [(f.at, f.at + f.length) for f in found if f.length > 1]
    return [
        f
        for f in found
        if f.concept.startswith("units:")
        or not any(s <= f.at and f.at + f.length <= e and e - s > f.length for s, e in long)
    ]


def _joints(clause: Clause) -> tuple[int, ...]:
    """Return where "… and the …" begins a part of a clause with a subject of its own."""
    if _ANDS.isdisjoint(clause.words):
        return ()
    return tuple(match.start() for match in _JOINT.finditer(clause.plain))


def _begins(clauses: Sequence[Clause], at: int) -> bool:
    return at == 0 or clauses[at - 1].sentence != clauses[at].sentence


# --- topics ---------------------------------------------------------------------------------------------------

_NO_TOPICS = ("units:", "places:", "matters:")
_OF_ITEM = "item:"
_PERIODS = frozenset(f"units:{key}" for key in ("minute", "hour", "day", "night", "week", "month", "year"))
_FEW = 3
_TOO_COMMON = LISTS["too_common"]
_LINKS = LISTS["links"] | LISTS["stops"]


def _placed_topics(clause: Clause, concepts: Sequence[Found], items: ItemNames) -> list[tuple[int, str]]:
    """Return what a clause is about, each with the place of its word in `clause.plain`."""
    placed = [
        (clause.word_starts[f.at], f.concept)
        for f in concepts
        if not f.is_loose and not f.concept.startswith(_NO_TOPICS)
    ]
    known, exact = _item_words(items)
    alone: set[str] = set()
    common = {f.at for f in concepts if f.concept.startswith("topics:") or f.concept in _PERIODS}
    for at, word in enumerate(clause.words if known else ()):
        named = known.get(family(word), ())
        if named and (at in common or word in _LINKS) and word not in exact:
            named = ()  # "entre" is no "entrenamiento", "starts" no "Starter plan", "a month" no "Monthly books"
        if not named and word.isdigit() and at + 1 < len(clause.words):
            named = known.get(f"{word} {clause.words[at + 1]}", ())
        if len(named) == 1:
            alone.update(named)
        if named:
            placed += [(clause.word_starts[at], name) for name in named]
    if alone:  # "Oaxaca on foot" is not "Oaxaca in a week"
        placed = [(at, name) for at, name in placed if name in alone or not name.startswith(_OF_ITEM)]
    return placed


_SHORTEST = 2


@lru_cache(maxsize=64)
def _item_words(items: ItemNames) -> tuple[Mapping[str, Sequence[str]], frozenset[str]]:
    """Return which items the words of names tell, as beginnings, and numbers with the word behind; and all words.

    A word such as "plus" or "for" is only taken where an item has no other of its own; a word that two or three items
    have, where their names begin or end with it: "split" tells "Split de 3.000" and "Split de 6.000" from the rest.
    """
    telling: dict[str, set[str]] = {}
    links: dict[str, set[str]] = {}
    heads: set[str] = set()
    exact: set[str] = set()
    for sku, names in items:
        for name in names:
            words = re.findall(r"[a-z]+\d*|\d+", fold(name))
            exact.update(words)
            heads.update(family(word) for word in (*words[:1], *words[-1:]))
            for word in words:
                is_long = len(word) > _SHORTEST or f"{word.upper()} " in f"{name} "  # "DJ" tells an item
                if is_long and word not in _TOO_COMMON and not _is_unit(word):
                    (links if word in _LINKS else telling).setdefault(family(word), set()).add(sku)
            for one, other in itertools.pairwise(words):
                if one.isdigit():
                    telling.setdefault(f"{one} {other}", set()).add(sku)
    own = {sku for skus in telling.values() if len(skus) == 1 for sku in skus}
    known = {word: skus for word, skus in telling.items() if len(skus) == 1 or (word in heads and len(skus) <= _FEW)}
    known |= {word: skus for word, skus in links.items() if len(skus) == 1 and not skus & own}
    return {word: [f"{_OF_ITEM}{sku}" for sku in sorted(skus)] for word, skus in known.items()}, frozenset(exact)


def _is_unit(word: str) -> bool:
    units = (f.concept for f in find_concepts((word,), "") if f.concept.startswith("units:"))
    return word.isdigit() or any(unit != "units:branch" for unit in units)  # "Conversation club" is no branch


def _inherited(clauses: Sequence[Clause], own: Sequence[Topics], speaking: Sequence[bool]) -> list[Topics]:
    """Return each clause's topics.

    One that speaks of nothing takes those of the clause before it; of another sentence, only the item.
    """
    near = list(own)
    for at in range(1, len(clauses)):
        if speaking[at]:
            continue
        before = near[at - 1]
        same = clauses[at].sentence == clauses[at - 1].sentence
        near[at] = before if same else items_of(before)
    return near


def _by_sentence(clauses: Sequence[Clause], own: Sequence[Topics]) -> list[Topics]:
    """Return the topics of each clause's sentence; one without takes those of the sentence before it."""
    together: dict[int, Topics] = {}
    for clause, topics in zip(clauses, own, strict=True):
        together[clause.sentence] = together.get(clause.sentence, frozenset()) | topics
    wide: list[Topics] = []
    for clause in clauses:
        wide.append(together[clause.sentence] or (wide[-1] if wide else frozenset()))
    return wide


# --- mentions -------------------------------------------------------------------------------------------------

_KINDS = {"features": "feature", "parts_of_day": "part", "places": "place"}
_QUANTIFIERS = {**dict.fromkeys(LISTS["only"], "only"), **dict.fromkeys(LISTS["all"], "all")}
_ONES = frozenset({"solo", "sola", "so"})
_JOINT = re.compile(r"\s(?:y|e|and)\s(?=(?:el|la|los|las|o|a|os|as|the|en|em|no|na|in|for|para|unos|uns|about)\s)")
_ANDS = frozenset({"y", "e", "and"})
_INCLUDED = re.compile(r"inclu(?!so$)|covered$|cubiert[oa]s?$|cobert[oa]s?$")
_NUMERIC = re.compile(r"\d|noon|midday|midnight|medi[oa]|meia")


class _ClauseReader(NamedTuple):
    """Reads one clause. Offsets are exact where folding moved nothing, else those of the clause."""

    at: int
    clause: Clause
    language: str
    found: tuple[Found, ...]
    placed: tuple[tuple[int, str], ...]
    near: Topics
    own: Topics
    wide: Topics
    begins: bool
    items: Topics
    """The items its sentence names."""
    joints: tuple[int, ...]

    def mentions(self) -> Iterator[Mention]:
        yield from self._concepts()
        for name in read_names(self.clause.raw, begins_sentence=self.begins):
            yield self._mention(name.kind, name.words, name.start, name.end, is_raw=True)
        yield from self._numeric()
        for at, word in enumerate(self.clause.words):
            is_one = word in _ONES and at > 0 and self.clause.words[at - 1] in {"un", "una", "um", "uma", "1"}
            if is_one:
                continue  # "un solo plazo" is one payment, not "only"
            if kind := _QUANTIFIERS.get(word) or ("included" if _INCLUDED.match(word) else ""):
                start = self.clause.word_starts[at]
                yield self._mention(kind, word, start, start + len(word))

    def _concepts(self) -> Iterator[Mention]:
        for found in self.found:
            kind = _KINDS.get(found.concept.partition(":")[0])
            if kind:
                kind = "loose" if found.is_loose else kind
                last = found.at + found.length - 1
                start, end = (
                    self.clause.word_starts[found.at],
                    self.clause.word_starts[last] + len(self.clause.words[last]),
                )
                unit = " ".join(self.clause.words[found.at : last + 1])
                denied = self.clause.denies(found.at)
                yield self._mention(kind, found.concept, start, end, unit=unit, is_denied=denied)

    def _numeric(self) -> Iterator[Mention]:
        """Yield dates, times, weekdays, years and quantities; each reader sees what the ones before have left."""
        plain = self.clause.plain
        for week in read_weekdays(plain, self.language) if "day" in self.clause.hints else ():
            yield self._mention("weekday", week.days, week.start, week.end)
        has_number = _NUMERIC.search(plain)
        text = without_money(without_addresses(plain)) if has_number else plain
        dates = read_dates(text) if has_number or "month" in self.clause.hints else ()
        for day in dates:
            yield self._mention("date", day, day.start, day.end)
        if has_number and _NUMERIC.search(text):
            yield from self._numbers(mask(text, [(day.start, day.end) for day in dates]))

    def _numbers(self, text: str) -> Iterator[Mention]:
        times = read_times(text, self.language)
        for clock in times:
            other = clock.start if clock.may_be_duration else -1
            yield self._mention("time", clock.minutes, clock.start, clock.end, group=clock.group, other=other)
        text = mask(text, [(clock.start, clock.end) for clock in times if not clock.may_be_duration])
        quantities = read_quantities(text, self.language)
        counted = {q.start for q in quantities if q.unit.startswith("units:") and q.unit != "units:kind_of"}
        years = {
            match.start(): match
            for match in YEAR.finditer(text)
            if match.start() not in counted or LED_YEAR.search(text[: match.start()])
        }
        for match in years.values():
            yield self._mention("year", int(match[0]), match.start(), match.end())
        named = {place for place, topic in self.placed if topic.startswith("item:")}  # "the 3 kW kit" counts nothing
        unsure = {clock.start for clock in times}
        for quantity in quantities:
            if quantity.start not in years and quantity.start not in named:
                start, other = quantity.start, quantity.start if quantity.start in unsure else -1
                yield self._mention("quantity", quantity.value, start, quantity.end, unit=quantity.unit, other=other)

    def _mention(
        self,
        kind: str,
        value: object,
        start: int,
        end: int,
        *,
        unit: str = "",
        group: int = -1,
        other: int = -1,
        is_denied: bool | None = None,
        is_raw: bool = False,
    ) -> Mention:
        """Return a mention at plain[start:end]; `is_raw`: the offsets are those in the clause as written."""
        clause = self.clause
        exact = is_raw or len(clause.plain) == len(clause.raw)
        own = self._own_at(start) if self.joints else self.own
        topics = (own or self.near) if self.joints else self.near
        return Mention(
            kind=kind,
            value=value,
            clause=self.at,
            start=clause.start + start if exact else clause.start,
            end=clause.start + end if exact else clause.end,
            topics=topics,
            wide=self.wide,
            subject=topics | self.items,
            own=own,
            is_denied=clause.is_denied if is_denied is None else is_denied,
            is_denied_nearby=clause.denies_nearby(start),
            unit=unit,
            group=group,
            other=other,
        )

    def _own_at(self, place: int) -> Topics:
        """Return what the part of the clause around `place` is about: "… 10 and the battery 2" has two."""
        at = bisect.bisect_right(self.joints, place)
        start = self.joints[at - 1] if at else 0
        end = self.joints[at] if at < len(self.joints) else len(self.clause.plain)
        return frozenset(topic for at, topic in self.placed if start <= at < end)


# --- times on days --------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Slot:
    """A time of day, or two ends of a range, on days of the week."""

    days: frozenset[int]
    times: tuple[frozenset[int], ...]
    topics: Topics
    wide: Topics
    first: Mention
    """The first of the times."""


def read_slots(reading: Reading) -> Iterator[Slot]:
    """Yield the times of a text with the days they are on: those before them in the sentence, else behind."""
    sentences: dict[int, list[Mention]] = {}
    for mention in reading.of("weekday", "time"):
        sentences.setdefault(reading.clauses[mention.clause].sentence, []).append(mention)
    for mentions in itertools.chain.from_iterable(map(_told_apart, sentences.values())):
        runs = [(kind, tuple(run)) for kind, run in itertools.groupby(sorted(mentions, key=_place), lambda m: m.kind)]
        step = 1 if runs[0][0] == "time" and runs[-1][0] == "weekday" else -1
        for at, (kind, run) in enumerate(runs):
            if kind == "time" and 0 <= at + step < len(runs):
                yield from _slots(run, runs[at + step][1])


def _told_apart(mentions: list[Mention]) -> list[list[Mention]]:
    """Return the days and times of a sentence by clause, where each clause has its own: "until 2 on Sundays, …"."""
    clauses = [list(group) for _, group in itertools.groupby(sorted(mentions, key=_place), lambda m: m.clause)]
    return clauses if all({m.kind for m in clause} == {"time", "weekday"} for clause in clauses) else [mentions]


def _place(mention: Mention) -> tuple[int, int]:
    return mention.clause, mention.start


def _slots(times: Sequence[Mention], days: Sequence[Mention]) -> Iterator[Slot]:
    on = frozenset(day for mention in days for day in as_set(mention))
    for _, ends in itertools.groupby(times, lambda m: (m.clause, m.group)):
        both = tuple(ends)
        topics = both[0].topics | days[0].topics
        yield Slot(days=on, times=tuple(as_set(t) for t in both), topics=topics, wide=both[0].wide, first=both[0])


def as_set(mention: Mention) -> frozenset[int]:
    """Return the value of a `time` or `weekday`."""
    return mention.value if isinstance(mention.value, frozenset) else frozenset()
