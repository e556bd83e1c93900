"""How much a text shares with each example: TF-IDF over character and word n-grams, as an inverted index."""

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from agent.folding import fold

Analyse = Callable[[str], Iterable[str]]
_TOKEN = re.compile(r"\w+|[^\w\s]")


def character_ngrams(text: str) -> Iterator[str]:
    """Yield runs of two to five characters within each word, its ends marked by a space."""
    for word in fold(text).split():
        padded = f" {word} "
        for size in range(2, min(5, len(padded)) + 1):
            yield from (padded[i : i + size] for i in range(len(padded) - size + 1))


def word_ngrams(text: str) -> Iterator[str]:
    """Yield single words and signs, and pairs of neighbours."""
    tokens = _TOKEN.findall(fold(text))
    yield from tokens
    yield from (f"{left} {right}" for left, right in pairwise(tokens))


@dataclass(frozen=True, kw_only=True, slots=True)
class NgramIndex:
    """The examples' n-grams: for term `t`, `rows[starts[t]:starts[t + 1]]` have it with these `weights`."""

    analyse: Analyse
    terms: Mapping[str, int]
    rarity: npt.NDArray[np.float32]
    starts: npt.NDArray[np.int32]
    rows: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32]
    size: int

    @classmethod
    def build(cls, texts: Sequence[str], analyse: Analyse, *, min_texts: int = 1) -> Self:
        """Index `texts` by the n-grams that at least `min_texts` of them have."""
        counts = [Counter(analyse(text)) for text in texts]
        spread = Counter(term for count in counts for term in count)
        terms = {term: i for i, term in enumerate(sorted(t for t, n in spread.items() if n >= min_texts))}
        rarity = np.array([math.log((1 + len(texts)) / (1 + spread[t])) + 1 for t in terms], dtype=np.float32)
        postings: list[list[tuple[int, float]]] = [[] for _ in terms]
        for row, count in enumerate(counts):
            for term, weight in _weights(count, terms, rarity):
                postings[term].append((row, weight))
        flat = [posting for listed in postings for posting in listed]
        return cls(
            analyse=analyse,
            terms=terms,
            rarity=rarity,
            starts=np.cumsum([0, *(len(listed) for listed in postings)], dtype=np.int32),
            rows=np.array([row for row, _ in flat], dtype=np.int32),
            weights=np.array([weight for _, weight in flat], dtype=np.float32),
            size=len(texts),
        )

    def similarities(self, text: str) -> npt.NDArray[np.float32]:
        """Return the cosine of `text` with each indexed text."""
        result = np.zeros(self.size, dtype=np.float32)
        for term, weight in _weights(Counter(self.analyse(text)), self.terms, self.rarity):
            span = slice(self.starts[term], self.starts[term + 1])
            result[self.rows[span]] += weight * self.weights[span]
        return result

    def arrays(self, prefix: str) -> dict[str, npt.NDArray[Any]]:
        """Return what `from_arrays` reads back, for an npz file."""
        terms = np.frombuffer(json.dumps(list(self.terms)).encode(), dtype=np.uint8)
        return {
            f"{prefix}_terms": terms,
            f"{prefix}_rarity": self.rarity,
            f"{prefix}_starts": self.starts,
            f"{prefix}_rows": self.rows,
            f"{prefix}_weights": self.weights,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any], prefix: str, analyse: Analyse, *, size: int) -> Self:
        """Rebuild an index from `arrays`."""
        terms = json.loads(bytes(arrays[f"{prefix}_terms"]))
        return cls(
            analyse=analyse,
            terms={term: i for i, term in enumerate(terms)},
            rarity=arrays[f"{prefix}_rarity"],
            starts=arrays[f"{prefix}_starts"],
            rows=arrays[f"{prefix}_rows"],
            weights=arrays[f"{prefix}_weights"],
            size=size,
        )


def _weights(
    count: Mapping[str, int], terms: Mapping[str, int], rarity: npt.NDArray[np.float32]
) -> list[tuple[int, float]]:
    """Return (term, weight) of a text's n-grams: 1 + log count, times rarity, scaled to length one."""
    raw = [(terms[term], (1 + math.log(n)) * float(rarity[terms[term]])) for term, n in count.items() if term in terms]
    length = math.sqrt(sum(weight * weight for _, weight in raw)) or 1.0
    return [(term, weight / length) for term, weight in raw]
