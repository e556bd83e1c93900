"""A text that a tenant has published, read for what it promises: its topics, its terms, and what they are of."""

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from agent.guardrails.folded import fold_text
from agent.guardrails.mentions import find_mentions
from agent.guardrails.patterns import load_patterns
from agent.guardrails.sentences import Sentence, is_denied, read_sentences
from agent.guardrails.terms import Term, anchors_of, days_of, parts_of, spans_of
from agent.types import CatalogueItem

_WORDS = load_patterns("promises_words")
_OF_ID = {
    "guarantee": ("guarant", "warrant", "garant"),
    "refund": ("refund", "reembols", "devol"),
    "cancellation": ("cancel", "commitment", "permanenc"),
    "reservation": ("reserv", "booking", "hold", "apartado"),
    "price_lock": ("price", "precio", "preco"),
    "replacement": ("replac", "exchange", "cambio", "troca"),
    "redo": ("redo", "repeat", "retake", "repet", "resched", "reprogram", "remarc", "reagend"),
    "exclusivity": ("exclusiv",),
    "visa": ("visa", "visto", "immigr"),
    "tax": ("tax", "fiscal", "impuest"),
    "legal": ("legal",),
    "medical": ("medical", "medic"),
}
BEFORE = re.compile(
    r"\b(?:antes|before|prior|ahead|previ[oa]s?|anticipacion|antelacion|antecedencia|notice|preaviso|in advance"
    r"|(?:con|com|with|faltando|faltan) \d+)\b"
)
_IF = re.compile(r"\b(?:si|se|if|caso|cuando|quando|when)\b")
_FREE = re.compile(
    r"\b(?:free|gratis|gratuit\w+|de graca|sin (?:coste|costo|cargo)|sem custo|incluid\w+|inclus\w+|included)\b"
)
_LOCKS = re.compile(
    r"\b(?:fix|fij|mant|congel|respet|keep|kept|lock|held|hold|hono|same|mism|mesm|igual|garan|guaran|froz"
    r"|freez|valid|bloq"
    r"|conserv|sost|travad)\w*"
)
"""A policy on prices without such a word, "reviewed every January", locks none."""
BY_OTHERS = re.compile(
    r"\b(?:ask|claim|pedir|solicitar|reclamar)\b.{0,60}\b(?:plano|plan|seguro|aseguradora|seguradora|obra social"
    r"|prepaga|mutua|convenio|insurer|insurance)\b"
)
"""Money that somebody else gives back: "we give you the invoice to claim it from your insurer"."""
_BOUND = re.compile(
    r"\b(?:hasta|ate|up to|within|as far as|no later than|maxim[oa]|at most|no more than|primer[oa]s"
    r"|primeir[oa]s|first"
    r"|menos de|less than|plazo de|prazo de)\b"
)
TRIAL = re.compile(r"\b(?:first|primer[oa]?|primeir[oa]|trial|prueba|teste|experimental|try|demo)\b")
SENTENCE = re.compile(r"[^.]+(?:\.(?=\S)[^.]*)*\.?")
"""A policy's sentences may hold of different things: each is read by itself, too."""
_CONTENT = re.compile(
    r"\b(?!(?:semana|meses|month|minut|horas|hours|years|precio|sobre|desde|hasta|about|after|before|depois|antes"
    r"|client|nuestr|nosso|todos|todas|puede|would|could)\w*)[a-z]{5,}"
)
AVERAGE = re.compile(
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
    anchors: frozenset[str]
    parts: frozenset[str]
    extras: frozenset[str]
    stems: frozenset[str]
    told_of: tuple[tuple[frozenset[Term], frozenset[str]], ...]
    """Per sentence, its spans and the parts it names: which term belongs to what."""
    conditional: bool
    """Whether it holds only "if …"."""
    language: str
    bounded: bool
    """Whether a term of it is the most there may be: "up to 10 days", "at most 2 classes"."""
    counts_back: bool
    """Whether its days count back from an event: "30 days before departure"."""
    average: bool
    free: bool
    trial: bool
    is_part: bool
    """Whether it is one sentence of a published text that has several."""


def read_statement(
    name: str, language: str, text: str, catalogue: tuple[CatalogueItem, ...], *, is_part: bool
) -> Statement:
    """Return a published text, or one sentence of it (`is_part`), read; `name` is the policy's, "" of a fact."""
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
        anchors=anchors_of(words),
        parts=frozenset().union(*(subjects(each.text, catalogue) for each in sentences if not _denies_guarantee(each))),
        extras=extras_of(words),
        stems=stems_of(words),
        told_of=tuple((spans_of(each.text, language), subjects(each.text, catalogue)) for each in sentences),
        conditional=bool(_IF.search(words)),
        language=language,
        bounded=bool(_BOUND.search(words)),
        counts_back=bool(BEFORE.search(words)),
        average=bool(AVERAGE.search(words)),
        free=bool(_FREE.search(words)),
        trial=bool(TRIAL.search(words)),
        is_part=is_part,
    )


def validity_of(item: CatalogueItem) -> Statement:
    """Return the days between which the prices and discounts of an item hold, as if a text had stated them."""
    ends = [day for price in item.prices for day in (price.valid_from, price.valid_to) if day]
    ends += [discount.valid_to for discount in item.discounts if discount.valid_to]
    days = frozenset(("date", f"{day.month}-{day.day}") for day in ends)
    return replace(read_statement("", "", "", (), is_part=False), days=days)


def _topics(name: str, sentences: tuple[Sentence, ...]) -> tuple[frozenset[str], frozenset[str]]:
    """Return the topics a published text grants, and those it denies or makes conditional ("… not without pay")."""
    granted = {topic for topic, ids in _OF_ID.items() if any(word in name for word in ids)}
    if not any(_LOCKS.search(sentence.words) for sentence in sentences):
        granted -= {"price_lock"}
    said: set[str] = set()
    denied: set[str] = set()
    for sentence in sentences:
        for topic, match in _WORDS["about"].find(sentence.words):
            if topic == "refund" and BY_OTHERS.search(sentence.words):
                continue
            (denied if is_denied(sentence, match) else said).add(topic)
    denied -= said
    if "guarantee" in granted and any(_grants_by_term(sentence) for sentence in sentences):
        denied -= {"guarantee"}  # "Implants: 5 years. Whitening has no guarantee."
    return frozenset((granted | said) - denied), frozenset(denied)


def _denies_guarantee(sentence: Sentence) -> bool:
    found = _WORDS["about"].find(sentence.words)
    return any(topic == "guarantee" and is_denied(sentence, match) for topic, match in found)


def _grants_by_term(sentence: Sentence) -> bool:
    """Say whether a sentence of a guarantee gives one for some time: "Implants: 5 years"."""
    return bool(re.search(r"\d", sentence.words)) and not _denies_guarantee(sentence)


ITEM = "item "


def subjects(text: str, catalogue: tuple[CatalogueItem, ...]) -> frozenset[str]:
    """Return what a folded text tells terms of: parts, and items by their place in the catalogue."""
    items = (place for mention in find_mentions(catalogue, text) if not mention.weak for place in mention.items)
    return parts_of(text) | {f"{ITEM}{place}" for place in items}


def extras_of(words: str) -> frozenset[str]:
    """Return what makes a promise in `words` larger: `anytime`, `lifetime`, `full` …"""
    return frozenset(name for name, _ in _WORDS["widens"].find(words))


@lru_cache(maxsize=64)
def stems_of(words: str) -> frozenset[str]:
    """Return how the telling words begin; several statements are compared with one sentence."""
    return frozenset([word[:5] for word in _CONTENT.findall(words)])
