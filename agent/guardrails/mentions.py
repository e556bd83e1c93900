"""What a text talks about: which items, which dates. For folded text in three languages."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from agent.guardrails.expressions import compiled_on_use
from agent.guardrails.folded import Folded, fold_text
from agent.guardrails.item_names import WORD, WORDS, Name, Names, names_in, stem
from agent.guardrails.number_lexicon import small_number
from agent.types import CatalogueItem

MONTHS = (
    "enero janeiro january jan ene", "febrero fevereiro february feb fev", "marzo marco march mar",
    "abril april abr apr", "mayo maio may mai", "junio junho june jun", "julio julho july jul",
    "agosto august ago aug", "septiembre setiembre setembro september sep set sept", "octubre outubro october oct out",
    "noviembre novembro november nov", "diciembre dezembro december dic dez dec",
)  # fmt: skip
MONTH_NUMBERS: Mapping[str, int] = {name: number for number, names in enumerate(MONTHS, 1) for name in names.split()}
MONTH_NAMES = "|".join(MONTH_NUMBERS)
"""All of them, for expressions."""

_Words = Sequence[re.Match[str]]

_LEADS_TO_ASIDE = compiled_on_use(
    r"\b(?:con|com|with|cualquier|qualquer|any|sin|sem|without|junto (?:con|com|a)|together with|al comprar|ao comprar"
    r"|al contratar|ao contratar|quien|quienes|quem|who|whoever|si|se|if|cuando|quando|when|comprar|contratar|buy|take"
    r"|pagas|paga)(?: (?:un|una|um|uma|a|an|el|la|o|the|tu|your|any|cualquier|qualquer|eliges|elige|contratas|contrata"
    r"|compras|compra|buys?|takes?|you|take|buy)){0,3} $"
)
"""What stands before a name that is mentioned in passing: a condition, or what something comes with."""
_ARTICLE = re.compile(r"(?:\b(?:la|el|o|a|the)|\n-|:) $|^$")
_ARTICLE_BEFORE = re.compile(r" (?:l[ao]s?|el|[ao]s?|the) $")
_INSIDE = re.compile(r"(?<=[a-z\d,;] )[a-z]{3,}")
"""A word that begins no sentence."""
_PRICED = (
    r"(?:total|costs?|prices?|fees?|payments?|rate|amount|bill|cuotas?|pagos?|precio|preco|costo|custo|valor|importe|monto|parcelas?"
    r"|tarifa|gasto|totais|totales)"
)
_IS_ADJECTIVE = re.compile(
    r"(?:monthly|yearly|annual|weekly|mensual|mensal|mensais|anual|anuales|anuais|semanal)\w{0,3}\b"
)
_PRICE_BEFORE = re.compile(rf"\b{_PRICED} $")
_PRICE_BEHIND = re.compile(rf" {_PRICED}\b")
_FEES = frozenset(("tasa", "taxa", "cuota", "cargo", "gasto", "tarifa", "derech", "fee", "fees", "bono"))
"""Of a name that begins so, what follows is enough: "la inscripción" for "Taxa de inscrição"."""
_GROUP_OF = re.compile(r"(?:grupos?|groups?) (?:de|of|com|con|with) (\w+)")
"""People who come together, where one also sells something "in a group"."""
_MOMENT = re.compile(r"\b(?:na|no|al|ao|on|upon|at|a la|en la|de la|da) $")
_HAPPENS = re.compile(r"assina|firma|matric|inscri|reserv|enrol|regist|sign")


@dataclass(frozen=True, slots=True)
class Mention:
    """Words that name one item, or several that share them."""

    start: int
    end: int
    items: frozenset[int]
    """Places in the catalogue."""
    weak: bool = False
    """They only qualify the item's name, or are counted: "6 paneles" where one can buy "limpieza de paneles"."""
    is_unit: bool = False
    """One word that may only say a unit: "por visita"."""
    is_aside: bool = False
    """It stands in a condition, or behind a word such as "with": what is spoken of may be something else."""
    count: int = 0
    """How many it says right before: "2 open waters"; 0: none."""


def find_mentions(catalogue: Sequence[CatalogueItem], text: str) -> tuple[Mention, ...]:
    """Return what in a text names items, in order, with offsets in the text as it was written."""
    folded = fold_text(text)
    names = names_in(tuple(catalogue))
    sizes = tuple(_by_size(folded.text, names))
    worded = tuple(_told_by_size(each, sizes) for each in _by_words(folded.text, names, _capitals(folded, text)))
    sized = (each for each in sizes if not any(_is_part(each, other) for other in worded))
    found = [
        replace(each, start=folded.origins[each.start], end=folded.span(each.start, each.end)[1])
        for each in (*worded, *sized)
    ]
    return tuple(sorted(found, key=lambda each: each.start))


def _told_by_size(worded: Mention, sizes: Sequence[Mention]) -> Mention:
    """Return a mention; what only qualifies a name is one by itself where no other item has that size: "3 kW"."""
    return replace(worded, weak=False) if worded.weak and any(_is_part(each, worded) for each in sizes) else worded


def _is_part(one: Mention, other: Mention) -> bool:
    """Say whether a mention lies within another one of the same items: "5 kW" in "kit de 5 kW"."""
    return other.start <= one.start and one.end <= other.end and one.items == other.items


def _capitals(folded: Folded, text: str) -> frozenset[int]:
    """Return where a word of the folded text is written with a capital, though it begins no sentence."""
    return frozenset(
        match.start()
        for match in _INSIDE.finditer(folded.text)
        if (written := text[folded.origins[match.start()]]).isupper() and written.isalpha()
    )


def says_date(words: str, day: date) -> bool:
    """Say whether folded `words`, without punctuation, name a day and its month.

    For the first of a month the month is enough.
    """
    months = "|".join([*MONTHS[day.month - 1].split()])
    ordinal = rf"(?:0?{day.day}(?:o|a|st|nd|rd|th)?|{'primero|primeiro|first' if day.day == 1 else 0})"
    full = rf"\b{ordinal}(?: de| of)? (?:{months})\b|\b(?:{months}) (?:the )?{ordinal}\b|\b0?{day.day} 0?{day.month}\b"
    if re.search(full, words):
        return True
    return day.day == 1 and bool(
        re.search(rf"(?<!\d )\b(?:en|em|in|from|desde|a partir de|de|since|para|for|this|next) (?:{months})\b", words)
    )


# --- mentions ---------------------------------------------------------------------------------------------------


def _by_size(text: str, names: Names) -> Iterator[Mention]:
    if names.sizes:
        owner = names.size_items
        for match in names.sizes.finditer(text):
            is_aside = bool(_LEADS_TO_ASIDE.search(text[max(0, match.start() - 60) : match.start()]))
            yield Mention(match.start(), match.end(), frozenset({owner[match[0]]}), is_aside=is_aside)


def _by_words(text: str, names: Names, capitals: frozenset[int]) -> Iterator[Mention]:
    """Yield the mentions that words of names make, words that stand together as one."""
    cluster: list[re.Match[str]] = []
    skipped = ""
    for match in WORD.finditer(text):
        word = match[0]
        if names.has(word):
            if cluster and not _is_near(text, cluster[-1], match, skipped):
                yield from _mention(text, cluster, names, capitals)
                cluster = []
            cluster.append(match)
            skipped = ""
        elif word in WORDS["fillers"]:
            skipped += word
        elif cluster:
            yield from _mention(text, cluster, names, capitals)
            cluster, skipped = [], ""
    if cluster:
        yield from _mention(text, cluster, names, capitals)


def _is_near(text: str, before: re.Match[str], after: re.Match[str], skipped: str) -> bool:
    between = text[before.end() : after.start()]
    return len(skipped) <= 8 and len(between) <= 12 and not re.search(r"[^a-z '*_-]", between)


def _says_how_often(before: str, text: str, word: re.Match[str]) -> bool:
    """Say whether an adjective only says for how long a price is: "monthly total", "valor mensal"."""
    return bool(_PRICE_BEFORE.search(before) or _PRICE_BEHIND.match(text, word.end()))


def _only_qualifies(said: frozenset[str], name: Name) -> bool:
    """Say whether stems are only what a name has behind a link word, and neither all of it nor what a fee is for."""
    return (said & name.stems) <= name.qualifying and not name.stems <= said and name.head not in _FEES


def _parted(text: str, cluster: Sequence[re.Match[str]], top: Sequence[Name]) -> tuple[_Words, _Words, _Words]:
    """Return the words of a row that belong to the names found, and those an article parts from them on either side.

    "No plano anual a matrícula"; of "the $150 documentation fee", beside an "F-150", the number is dropped.
    """
    own = [place for place, match in enumerate(cluster) if any(stem(match[0]) in n.stems for n in top)]
    first, last = own[0] if cluster[own[0]][0].isalpha() else 0, own[-1] + 1
    ahead = cluster[:first] if _has_article(text, cluster, first) else []
    behind = cluster[last:] if _has_article(text, cluster, last) else []
    return ahead, cluster[first : last if behind else len(cluster)], behind


def _has_article(text: str, cluster: _Words, place: int) -> bool:
    """Say whether an article stands between a word of a row and the one before it."""
    if not 0 < place < len(cluster):
        return False
    return bool(_ARTICLE_BEFORE.search(text, cluster[place - 1].end(), cluster[place].start()))


def _mention(text: str, cluster: Sequence[re.Match[str]], names: Names, capitals: frozenset[int]) -> Iterator[Mention]:
    """Yield what a row of name words names: the items that share most of it."""
    said = frozenset(stem(match[0]) for match in cluster)
    start = cluster[0].start()
    if len(cluster) == 1 and (people := _GROUP_OF.match(text, start)) and small_number(people[1]):
        return
    before = text[max(0, start - 60) : start]
    is_told = start in capitals or bool(_ARTICLE.search(before))
    top, missing, headed = names.best(said, has_article=is_told)
    if not top:
        return
    ahead, cluster, behind = _parted(text, cluster, top)
    for others in (ahead, behind):
        if others:
            yield from _mention(text, others, names, capitals)
    said = frozenset(stem(match[0]) for match in cluster)
    start = cluster[0].start()
    before = text[max(0, start - 60) : start]
    if (
        len(cluster) == 1
        and not is_told
        and _IS_ADJECTIVE.match(text, start)
        and _says_how_often(before, text, cluster[0])
    ):
        return
    words = before.split()[-2:]
    count = small_number(words[-1]) if words else 0
    weak = all(_only_qualifies(said, n) for n in top) or bool(count > 1 and missing and not headed)
    yield Mention(
        start,
        cluster[-1].end(),
        frozenset(n.item for n in top),
        weak=weak,
        is_unit=len(cluster) == 1 and bool(words) and words[-1] in WORDS["per"],
        is_aside=bool(_LEADS_TO_ASIDE.search(before))
        or (len(cluster) == 1 and bool(missing and _HAPPENS.match(cluster[0][0]) and _MOMENT.search(before))),
        count=count,
    )
