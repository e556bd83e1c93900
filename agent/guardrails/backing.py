"""What a tenant's policies and facts allow to be promised, and whether they back one statement of a reply.

A policy backs a promise when it is on the same topic, gives at least the same terms, and its condition is not left
out. It is compared across languages: by numbers with their units, and by the things they are about.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from agent.guardrails.folded import fold_text
from agent.guardrails.patterns import load_patterns
from agent.guardrails.sentences import Sentence, is_denied, read_sentences
from agent.guardrails.terms import Term, days_of, spans_of, things_of
from agent.types import Tenant

_WORDS = load_patterns("promises_words")
_EXTRAS = _WORDS["extras"]
_TALK = _WORDS["talk"]
_OF_ID = {
    "guarantee": ("guarant", "warrant", "garant"),
    "refund": ("refund", "reembols", "devol"),
    "cancellation": ("cancel", "commitment", "permanenc"),
    "reservation": ("reserv", "booking", "hold", "apartado"),
    "price_lock": ("price", "precio", "preco"),
    "replacement": ("replac", "exchange", "cambio", "troca"),
    "redo": ("redo", "repeat", "retake", "repet"),
    "exclusivity": ("exclusiv",),
    "visa": ("visa", "visto", "immigr"),
    "tax": ("tax", "fiscal", "impuest"),
    "legal": ("legal",),
    "medical": ("medical", "medic"),
}
_ANCHORS = frozenset({"course_end", "class", "installation", "delivery", "departure", "start", "appointment"})
_ANCHOR = re.compile(
    r"\b(?:despues|depois|after|tras|antes|before|desde|since|from|following|prior to|of)"
    r"(?: (?:de|del|da|do|dos|of|the|a|la|el|o|que|su|tu|your|primera?|first|primeira))*(?P<what> (?!\d)\w+(?: \w+)?)"
)
_PIECE_END = re.compile(r"(?<!\d),|,(?!\d)|;| (?:y|e|and) ")
_TIMES = frozenset({"hour", "day", "month", "minute"})
_CONTENT = re.compile(
    r"\b(?!(?:semana|meses|month|minut|horas|hours|years|precio|sobre|desde|hasta|about|after|before|depois|antes|client|nuestr|nosso|todos|todas|puede|would|could)\w*)[a-z]{5,}"
)
_AVERAGE = re.compile(
    r"\b(?:promedio|average|averaged|media|medio|client\w*|customers?|alumn\w*|students?|candidat\w*)\b"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """One published text in one language, read for its terms."""

    topics: frozenset[str]
    """What it says there is."""
    denies: frozenset[str]
    """What it says there is not, or only on a condition."""
    spans: frozenset[Term]
    days: frozenset[Term]
    numbers: frozenset[str]
    things: frozenset[str]
    extras: frozenset[str]
    stems: frozenset[str]
    parts: tuple[tuple[frozenset[Term], frozenset[str]], ...]
    """Per sentence, its spans and its things: which term belongs to what."""
    average: bool


@dataclass(frozen=True, slots=True)
class Backing:
    """All that a tenant has published, read for what it backs."""

    statements: tuple[Statement, ...]
    words: str

    def repeats(self, words: str) -> bool:
        """Whether a sentence stands word for word in what is published."""
        return f"|{words}|" in self.words

    def states(self, words: str) -> bool:
        """Whether a published text says mostly the same, with the same numbers."""
        stems, spans = _stems(words), frozenset(re.findall(r"\d+", words))
        return any(len(stems & s.stems) >= 2 and spans <= s.numbers for s in self.statements)

    def backs(self, topic: str, said: Sentence, match: re.Match[str], whole: str, language: str) -> bool:
        """Whether the promise on `topic` that `match` found in a sentence follows from what is published."""
        claim = _Said.read(said, match, whole, language)
        on_topic = [s for s in self.statements if topic in s.topics or topic in s.denies]
        if topic == "deadline":
            return _is_published_time(claim, self.statements)
        if topic == "guarantee":
            return any(_gives_guarantee(statement, claim) for statement in on_topic)
        if topic in {"result", "exclusivity", "visa", "tax", "legal", "medical"}:
            return any(
                _says_the_same(statement, claim) for statement in self.statements if topic not in statement.denies
            )
        return any(_gives(topic, statement, claim) for statement in on_topic)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Said:
    """A sentence of a reply, read for its terms."""

    sentence: Sentence
    match: re.Match[str]
    spans: frozenset[Term]
    days: frozenset[Term]
    things: frozenset[str]
    extras: frozenset[str]
    whole_spans: frozenset[Term]
    whole_things: frozenset[str]

    @classmethod
    def read(cls, sentence: Sentence, match: re.Match[str], whole: str, language: str) -> "_Said":
        return cls(
            sentence=sentence,
            match=match,
            spans=spans_of(sentence.text, language),
            days=days_of(sentence.text),
            things=things_of(sentence.words),
            extras=_extras_of(sentence.words),
            whole_spans=spans_of(whole, language),
            whole_things=things_of(whole),
        )


def backing_of(tenant: Tenant) -> Backing:
    """Return what `tenant` has published, read once per set of texts."""
    passages = (
        ("" if p.kind == "fact" else p.id, code, text) for p in tenant.passages for code, text in p.text.items()
    )
    items = (("", code, text) for item in tenant.catalogue for code, text in item.description.items())
    return _read((*passages, *items))


@lru_cache(maxsize=64)
def _read(texts: tuple[tuple[str, str, str], ...]) -> Backing:
    sentences = [sentence.words for _, _, text in texts for sentence in read_sentences(text)]
    return Backing(tuple(_statement(*each) for each in texts), f"|{'|'.join(sentences)}|")


def _statement(name: str, language: str, text: str) -> Statement:
    sentences = read_sentences(text)
    folded = fold_text(text).text
    words = " , ".join(sentence.words for sentence in sentences)
    topics, denies = _topics(name.casefold(), sentences)
    return Statement(
        topics=topics,
        denies=denies,
        spans=spans_of(folded, language),
        days=days_of(folded),
        numbers=frozenset(re.findall(r"\d+", words)),
        things=things_of(words),
        extras=_extras_of(words),
        stems=_stems(words),
        parts=tuple((spans_of(each.text, language), things_of(each.words)) for each in sentences),
        average=bool(_AVERAGE.search(words)),
    )


def _topics(name: str, sentences: tuple[Sentence, ...]) -> tuple[frozenset[str], frozenset[str]]:
    """Return the topics a published text grants, and those it denies or makes conditional ("… not without pay")."""
    granted = {topic for topic, ids in _OF_ID.items() if any(word in name for word in ids)}
    denied: set[str] = set()
    for topic, patterns in _WORDS.items():
        found = [(s, m) for s in sentences for m in patterns["about"].finditer(s.words)] if "about" in patterns else []
        if found and all(is_denied(sentence, match) for sentence, match in found):
            denied.add(topic)
        elif found:
            granted.add(topic)
    return frozenset(granted - denied), frozenset(denied)


def _extras_of(words: str) -> frozenset[str]:
    return frozenset(name for name, pattern in _EXTRAS.items() if pattern.search(words))


def _stems(words: str) -> frozenset[str]:
    return frozenset(word[:5] for word in _CONTENT.findall(words))


# --- the comparisons --------------------------------------------------------------------------------------


def _is_published_time(said: _Said, statements: tuple[Statement, ...]) -> bool:
    """Say whether every time in the sentence is a published one; a sentence without any sets no deadline."""
    spans = frozenset(term for term in said.spans if term[0] in _TIMES)
    days = frozenset() if _TALK["habitual"].search(said.sentence.words) else said.days
    if said.sentence.asks or not (spans or days):
        return True
    acts = said.things & {"installation", "delivery"}
    return any(
        spans <= statement.spans and days <= statement.days and acts <= statement.things
        for statement in statements
        if not statement.topics & {"refund", "guarantee", "cancellation", "reservation"}
    )


def _gives_guarantee(statement: Statement, said: _Said) -> bool:
    """Say whether a guarantee is the published one: its terms, for the thing it is published for."""
    if "guarantee" in statement.denies or not (said.extras - {"full", "unhappy", "unpaid"}) <= statement.extras:
        return False
    if not said.spans:
        noun = re.search(r"\b(?:garantias?|warranty|guarantee)$", said.match[0])
        return (bool(noun) and "everything" not in said.things) or bool(
            (said.things & statement.things) or len(_stems(said.sentence.words) & statement.stems) > 1
        )
    return said.spans <= statement.spans and all(_belongs(*pair, statement) for pair in _pairs(said))


def _pairs(said: _Said) -> Iterator[tuple[Term, frozenset[str]]]:
    """Yield each span of the sentence with the things it is said of: those just before it, or around it."""
    waiting: frozenset[str] = frozenset()
    told = True
    for piece in _PIECE_END.split(said.sentence.text):
        things, spans = things_of(piece), spans_of(piece, "") & said.spans
        waiting = things if told and things else waiting | things
        told = bool(spans)
        for span in spans:
            yield span, waiting


def _belongs(span: Term, things: frozenset[str], statement: Statement) -> bool:
    """Say whether the statement gives `span` for these things, as far as it speaks of them."""
    published = [names for spans, names in statement.parts if span in spans]
    known = things & statement.things
    if not known:
        return "everything" not in things or "everything" in statement.things
    return all(any(thing in names for names in published) for thing in known) and (
        "everything" not in things or "everything" in statement.things
    )


def _says_the_same(statement: Statement, said: _Said) -> bool:
    """Say whether a statement says what the sentence says: the same terms, and mostly the same words."""
    if statement.average and not _AVERAGE.search(said.sentence.words):
        return False
    shared = _stems(said.sentence.words) & statement.stems
    enough = len(shared) >= 3 or (len(shared) >= 2 and bool(said.spans))
    return enough and said.spans <= statement.spans and said.extras - {"full"} <= statement.extras


def _gives(topic: str, statement: Statement, said: _Said) -> bool:
    """Say whether a policy gives what the sentence promises: its terms, its condition, and nothing beyond."""
    if "unpaid" in said.extras and (topic in statement.denies or "unpaid" not in statement.extras):
        return False
    if topic in statement.denies:  # "no places are held without payment"
        return "unpaid" in statement.extras and "payment" in said.whole_things and not said.days and not said.spans
    if not (said.extras - {"unhappy", "unpaid"} <= statement.extras and said.days <= statement.days):
        return False
    anchors = frozenset(t for m in _ANCHOR.finditer(said.sentence.words) for t in things_of(m["what"])) & _ANCHORS
    if anchors and statement.things & _ANCHORS and not anchors <= statement.things:
        return False
    return said.spans <= statement.spans and _states_condition(topic, statement, said)


def _states_condition(topic: str, statement: Statement, said: _Said) -> bool:
    """Say whether the reply tells on what condition the policy gives it."""
    terms = frozenset(term for term in statement.spans if term[0] != "percent")
    if terms:
        return bool(terms & said.whole_spans)
    if "payment" in statement.things and topic in {"reservation", "price_lock"}:
        return "payment" in said.whole_things
    return "unhappy" not in said.extras or "unhappy" in statement.extras
