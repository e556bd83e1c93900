"""The learning part: kernel ridge regression on the labels, over how alike two messages are.

Two messages are alike when their embeddings are near, when they share n-grams, and when they answer alike
messages of the business. The solution is exact, needs only numpy, and yields leave-one-out scores for free
(Rasmussen and Williams, *Gaussian Processes for Machine Learning*, §5.4.2), on which confidence is calibrated.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from agent.local.ngrams import NgramIndex, character_ngrams, word_ngrams

Array = npt.NDArray[np.float32]

NEARNESS = 4.0
"""How fast likeness falls with the distance of embeddings."""
CHARACTER_WEIGHT = 0.5
WORD_WEIGHT = 0.4
"""What shared n-grams weigh, relative to embeddings."""
CONTEXT_NEARNESS = 2.0
CONTEXT_GATE = 0.5
"""The share of likeness that needs alike contexts, too."""
CONTEXT_WEIGHT = 0.5
"""What alike contexts weigh by themselves."""
RIDGE = 0.3
"""All of these were chosen by leave-one-out on the training split; the optimum is flat."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs:
    """Prepared messages: texts, and unit vectors of texts and contexts (zero rows where there is none)."""

    texts: Sequence[str]
    vectors: Array
    contexts: Array


@dataclass(frozen=True, kw_only=True, slots=True)
class Fitted:
    """A trained model: `coefficients` has a row per example and a column per target."""

    vectors: Array
    contexts: Array
    with_context: npt.NDArray[np.bool_]
    centre: Array
    context_centre: Array
    characters: NgramIndex
    words: NgramIndex
    coefficients: Array

    def scores(self, inputs: Inputs) -> Array:
        """Return one row per message and one column per target: near 1 where the target holds, else near 0."""
        likeness = self._likeness(inputs)
        return np.asarray(likeness @ self.coefficients, dtype=np.float32)

    def _likeness(self, inputs: Inputs) -> Array:
        """Return one row per message: how alike it is to each example."""
        vectors = _centred(inputs.vectors, self.centre)
        near = np.exp(NEARNESS * (vectors @ self.vectors.T - 1))
        texts = near + np.stack([self._shared_ngrams(text) for text in inputs.texts])
        gate, bonus = self._context_likeness(_centred(inputs.contexts, self.context_centre))
        return np.asarray(texts * (1 - CONTEXT_GATE + CONTEXT_GATE * gate) + CONTEXT_WEIGHT * bonus)

    def _shared_ngrams(self, text: str) -> Array:
        return CHARACTER_WEIGHT * self.characters.similarities(text) + WORD_WEIGHT * self.words.similarities(text)

    def _context_likeness(self, contexts: Array) -> tuple[Array, Array]:
        """Return how alike contexts are, where both are absent counting as alike (1), and as nothing (0)."""
        ours, theirs = _present(contexts)[:, None], self.with_context[None, :]
        if not ours.any():
            return np.asarray(~theirs, dtype=np.float32), np.zeros(theirs.shape, dtype=np.float32)
        near = np.exp(CONTEXT_NEARNESS * (contexts @ self.contexts.T - 1))
        bonus = np.where(ours & theirs, near, 0).astype(np.float32)
        return np.where(ours | theirs, bonus, 1).astype(np.float32), bonus

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return what `from_arrays` reads back, for an npz file."""
        return {
            "vectors": self.vectors,
            "contexts": self.contexts,
            "with_context": self.with_context,
            "centre": self.centre,
            "context_centre": self.context_centre,
            "coefficients": self.coefficients,
            **self.characters.arrays("characters"),
            **self.words.arrays("words"),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Self:
        """Rebuild a model from `arrays`."""
        size = len(arrays["vectors"])
        return cls(
            vectors=arrays["vectors"],
            contexts=arrays["contexts"],
            with_context=arrays["with_context"],
            centre=arrays["centre"],
            context_centre=arrays["context_centre"],
            coefficients=arrays["coefficients"],
            characters=NgramIndex.from_arrays(arrays, "characters", character_ngrams, size=size),
            words=NgramIndex.from_arrays(arrays, "words", word_ngrams, size=size),
        )


def fit(inputs: Inputs, targets: Array, weights: Array) -> tuple[Fitted, Array]:
    """Train on messages with 0/1 `targets`; return the model and each example's score without itself.

    An example of weight 0.5 is trusted half as much as one of weight 1.
    """
    centre = inputs.vectors.mean(axis=0)
    with_context = _present(inputs.contexts)
    context_centre = inputs.contexts[with_context].mean(axis=0)
    untrained = Fitted(
        vectors=_centred(inputs.vectors, centre),
        contexts=_centred(inputs.contexts, context_centre),
        with_context=with_context,
        centre=centre,
        context_centre=context_centre,
        characters=NgramIndex.build(inputs.texts, character_ngrams, min_texts=2),
        words=NgramIndex.build(inputs.texts, word_ngrams),
        coefficients=np.zeros_like(targets),
    )
    inverse = np.linalg.inv(untrained._likeness(inputs) + np.diag(RIDGE / weights))
    coefficients = (inverse @ targets).astype(np.float32)
    alone = targets - coefficients / np.diag(inverse)[:, None]
    return dataclasses.replace(untrained, coefficients=coefficients), alone.astype(np.float32)


def _present(vectors: Array) -> npt.NDArray[np.bool_]:
    return np.asarray(vectors.any(axis=1))


def _centred(vectors: Array, centre: Array) -> Array:
    """Return vectors relative to `centre`, of length one; zero rows stay zero."""
    moved = np.where(_present(vectors)[:, None], vectors - centre, 0)
    lengths = np.linalg.norm(moved, axis=1, keepdims=True)
    return (moved / np.where(lengths > 0, lengths, 1)).astype(np.float32)
