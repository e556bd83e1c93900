"""Step `retrieve`: what the tenant has published about a turn's subject, best first.

Two legs. Sentence vectors compare the text with how prospects ask (`questions`) and with the published texts.
Names and rare words ("Pix", "DELE", a SKU) count on top, because vectors hardly know them. An item that is called by
its name beats every item that merely sounds alike. The index of a tenant is kept by tenant and content (P7).
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from wordfreq import zipf_frequency

from agent.folding import words_of
from agent.local.encoder import Encoder, Vectors
from agent.types import CatalogueItem, Passage, Sources, Tenant, TenantId

TOP = 3
"""Items, and passages, handed over at most."""
FOUND = 0.2
"""A source less similar than this is not about the text. Measured on `tests/unit/data/lumen_*.jsonl`."""
NAMED, RECALLED = 1.0, 0.9
"""Similarity of an item that the text names, and of one that only our last message names."""
MAX_CHARS = 1_000
MAX_SENTENCES = 6
FOLLOW_UP_WORDS = 8
"""A text this short that names nothing is read together with our last message ("¿y cuánto dura?")."""
MAX_INDEXES = 32

_WORD = re.compile(r"\w{3,}")
_CONTINUES = re.compile(r"\W*(?:y|e|o|ou|and|or|so|pero|mas|but)\b", re.IGNORECASE)

_Scores = npt.NDArray[np.float64]
_NEIGHBOURS = 3  # a source is as similar as its best few texts on average: one lucky text is not enough
_RARE_IN = 2  # a word tells passages apart when at most this many have it …
_RARE_BELOW = 4.5  # … and it is no everyday word: Zipf frequency, 4.5 is about 30 in a million
_LANGUAGES = ("es", "pt", "en")
_RARE_WEIGHT = 0.12
_SHRINKAGE = 20  # texts; below this the mean of the texts is not theirs in common but theirs alone


class TenantRetriever:
    """Implements `agent.ports.Retriever`."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._index = lru_cache(maxsize=MAX_INDEXES)(self._build)

    def retrieve(self, tenant: Tenant, text: str, context: str | None) -> Sources:
        """Return the best catalogue items and passages for `text`. Computes; the first time for a tenant, longer.

        `context` is our last message: it says what a short text that names no item is about.
        """
        index = self._index(_published(tenant))
        text, context = text[:MAX_CHARS], (context or "")[:MAX_CHARS]
        named = dict.fromkeys(index.named_items(text), NAMED)
        if not named and len(text.split()) <= FOLLOW_UP_WORDS:
            named = dict.fromkeys(index.named_items(context), RECALLED)
            text = _with_subject(text, [tenant.catalogue[i] for i in named], context, tenant)
        scores = index.score(self._encoder, text)
        items = named or _best(scores[: index.items])
        passages = _best(scores[index.items :])
        return Sources(
            items=tuple(tenant.catalogue[i] for i in items),
            passages=tuple(tenant.passages[i] for i in passages),
            similarity={f"item:{tenant.catalogue[i].sku}": score for i, score in items.items()}
            | {passage_source(tenant.passages[i]): score for i, score in passages.items()},
        )

    def _build(self, published: "Published") -> "Index":
        return Index(published, self._encoder)


def passage_source(passage: Passage) -> str:
    """Return the name under which claims cite a passage: `fact:ID` or `policy:ID`."""
    return f"{passage.kind}:{passage.id}"


# --- the index of one tenant ----------------------------------------------------------------------------------


class Published(NamedTuple):
    """What an index is made of, and its key in the cache: a tenant, and texts per source."""

    tenant_id: TenantId
    skus: tuple[str, ...]
    names: tuple[tuple[str, ...], ...]
    descriptions: tuple[tuple[str, ...], ...]
    passages: tuple[tuple[str, ...], ...]


def _published(tenant: Tenant) -> Published:
    return Published(
        tenant_id=tenant.id,
        skus=tuple(item.sku for item in tenant.catalogue),
        names=tuple((*item.name.values(), *item.aliases) for item in tenant.catalogue),
        descriptions=tuple(tuple(item.description.values()) for item in tenant.catalogue),
        passages=tuple((*each.questions, *each.text.values()) for each in tenant.passages),
    )


class Index:
    """Vectors, names and rare words of what one tenant has published. Items come first, then passages."""

    def __init__(self, published: Published, encoder: Encoder) -> None:
        self.items = len(published.names)
        offered = zip(published.names, published.descriptions, strict=True)
        texts = [*((*names, *about) for names, about in offered), *published.passages]
        self._skus = published.skus
        self._phrases = [frozenset(_tokens(name) for name in names if _is_telling(name)) for names in published.names]
        self._rare = _rare_words(published.passages, first=self.items)
        vectors = encoder.embed([text for group in texts for text in group], "document")
        # What all texts of a tenant share (its trade, its politeness) tells none of them apart.
        self._mean = vectors.sum(axis=0) / (len(vectors) + _SHRINKAGE)
        ends = np.cumsum([len(group) for group in texts], dtype=int)[:-1]
        self._vectors = np.split(_unit(vectors - self._mean), ends) if texts else []

    def score(self, encoder: Encoder, text: str) -> _Scores:
        """Return the similarity of every source, 0 to 1: of its closest texts to the closest sentence."""
        if not self._vectors:
            return np.zeros(0)
        queries = _unit(encoder.embed(_sentences(text), "query") - self._mean)
        scores = np.array([_similarity(vectors, queries) for vectors in self._vectors])
        for word in set(words_of(text).split()):
            for source in (found := self._rare.get(word, ())):
                scores[source] += _RARE_WEIGHT / len(found)
        return np.asarray(np.clip(scores, 0.0, 1.0))

    def named_items(self, text: str) -> tuple[int, ...]:
        """Return the items that `text` calls by SKU, name or alias, in the order of the catalogue.

        Where one is named by words of its own, those named only by words that others share do not count.
        """
        words = _tokens(text)
        exact = set(re.findall(r"[\w-]+", text))
        found = {
            item: [phrase for phrase in phrases if _contains(words, phrase)]
            for item, phrases in enumerate(self._phrases)
        }
        own = [
            item
            for item, said in found.items()
            if self._skus[item] in exact or any(self._is_own(phrase) for phrase in said)
        ]
        return tuple(own) or tuple(item for item, said in found.items() if said)

    def _is_own(self, phrase: tuple[str, ...]) -> bool:
        """Say whether only one item's names have all words of a phrase."""
        owners = (set().union(*phrases) for phrases in self._phrases)
        return sum(set(phrase) <= owner for owner in owners) == 1


def _rare_words(groups: Iterable[Iterable[str]], first: int) -> Mapping[str, tuple[int, ...]]:
    """Return the telling words that few groups have, with those groups, numbered from `first`."""
    words = [{words_of(word) for word in _WORD.findall(" ".join(texts)) if _is_rare(word)} for texts in groups]
    seen = Counter(word for group in words for word in group)
    rare = (word for word, count in seen.items() if count <= _RARE_IN)
    return {word: tuple(i for i, group in enumerate(words, first) if word in group) for word in rare}


@lru_cache(maxsize=100_000)
def _is_rare(word: str) -> bool:
    """Say whether a word, as written, is in none of our languages an everyday one."""
    return max(zipf_frequency(word, language, wordlist="small") for language in _LANGUAGES) < _RARE_BELOW


def _similarity(vectors: Vectors, queries: Vectors) -> float:
    """Return how close the closest query is to the few closest of a source's texts."""
    if not len(vectors):
        return 0.0
    cosines = np.sort(vectors @ queries.T, axis=0)[-_NEIGHBOURS:]
    return float(cosines.mean(axis=0).max())


def _unit(vectors: Vectors) -> Vectors:
    """Return the vectors at length one; a zero vector stays."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-9), dtype=np.float32)


def _best(scores: _Scores) -> dict[int, float]:
    """Return places and scores of the best few that are similar enough, best first."""
    order = np.argsort(-scores, kind="stable")[:TOP]
    return {int(place): round(float(scores[place]), 3) for place in order if scores[place] >= FOUND}


# --- reading a text --------------------------------------------------------------------------------------------


def _sentences(text: str) -> list[str]:
    """Return the text, and where it has several sentences, those that are more than a greeting."""
    parts = [part.strip() for part in re.split(r"[.!?;\n]+", text)]
    telling = [part for part in parts if len(part.split()) > 2]
    return [text, *telling[:MAX_SENTENCES]] if len(parts) > 1 else [text]


def _with_subject(text: str, items: Sequence[CatalogueItem], context: str, tenant: Tenant) -> str:
    """Return a short text with what it is about: the items our last message named, else what that said."""
    if items:
        return " ".join([text, *(item.name.get(tenant.default_language, "") for item in items)])
    return f"{text} {context}" if _CONTINUES.match(text) else text


def _tokens(text: str) -> tuple[str, ...]:
    """Return folded words without the plural of Spanish, Portuguese and English."""
    return tuple(re.sub(r"(?<=[lrndz])es$|(?<=\w\w)s$", "", word) for word in words_of(text).split())


def _is_telling(name: str) -> bool:
    """Say whether a name is long enough not to be a word of another language ("son"), or has a number."""
    return len(name) > 3 or any(character.isdigit() for character in name)


def _contains(words: Sequence[str], phrase: Sequence[str]) -> bool:
    """Say whether `phrase` stands in `words`, in one piece."""
    size = len(phrase)
    return size > 0 and any(tuple(words[i : i + size]) == tuple(phrase) for i in range(len(words) - size + 1))
