"""What a message is about, without a network: rules first, then a model learned from the shipped examples.

The model is trained on first use (some ten seconds) and kept under the home directory, in a folder named by a
hash of everything it depends on; later starts read it. It keeps promise P6: opt-outs, complaints and requests
for a person are recognised with every Claude model down.
"""

import fcntl
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Self

import numpy as np
import numpy.typing as npt
from threadpoolctl import ThreadpoolController

from agent.local import kernel
from agent.local.encoder import Encoder
from agent.local.examples import Example, examples_digest, load_examples
from agent.local.rules import certain_intent, chosen_option, is_grave
from agent.local.wording import Wording, bounded
from agent.types import INTENTS, Classification, Intent, Stage

VERSION = 2
"""Raise it when code that decides about the trained model changes: what was stored is then not used."""
RULE_WEIGHT = 0.9
"""How much of the probability a rule decides; the rest stays with the model."""
SECONDARY_ABOVE = 0.2
"""An intent at least this probable beside the first is named, too: a doubtful opt-out must be seen."""
_NEEDS_HUMAN: Final = len(INTENTS)  # the column after the intents
_MODEL_FILE = "model.npz"
_STAGES: Final[Mapping[Intent, Stage]] = {
    "ready_to_buy": "deciding",
    "negotiation": "deciding",
    "payment": "deciding",
    "scheduling": "exploring",
    "pricing": "exploring",
    "product_question": "exploring",
    "objection": "comparing",
    "support": "customer",
}
"""How far somebody has come who says such a thing, as far as one message tells."""
PLAIN_WORDS = 30
"""A message with more words than this may hold several matters."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """The trained part: scores, and the factor that makes calibrated log-odds of them."""

    fitted: kernel.Fitted
    sharpness: float


class LocalClassifier:
    """Classifies messages. Build it once with `load`; it is thread-safe and costs about 5 ms a message."""

    def __init__(self, model: Model, encoder: Encoder, name: str) -> None:
        self._model = model
        self._encoder = encoder
        self._wording = Wording()
        self._blas = ThreadpoolController()
        self.name = name

    @classmethod
    def load(cls, home: Path, encoder: Encoder) -> Self:
        """Read the trained model below `home`, or train and store it. Blocks: call it before serving.

        Several processes may start at once: one trains, the others wait and read.

        Raises:
            OSError: `home` cannot be written and holds no model.
        """
        digest = _digest(encoder)
        folder = home / "local" / digest
        if not (folder / _MODEL_FILE).exists():
            _train_once(folder, encoder)
        return cls(_read(folder / _MODEL_FILE), encoder, f"local-{digest[:8]}")

    def classify(
        self, text: str, *, language: str, context: str | None = None, channel: str | None = None
    ) -> Classification:
        """Say what `text` is about; `context` is the business's last message, `language` that of the reply.

        Any text is answered: of an empty one the confidence says how little is known. `channel` is accepted
        for symmetry with other engines; the model does not need it.
        """
        del channel
        asked = bounded(context or "")
        meant = chosen_option(bounded(text), asked) or bounded(text)
        scores = self._scores(meant, language, asked)
        chances = _softmax(scores[:_NEEDS_HUMAN] * self._model.sharpness)
        chances = _with_rule(chances, certain_intent(meant, asked))
        order = [INTENTS[i] for i in np.argsort(-chances)]
        return Classification(
            intent=order[0],
            language=language,
            confidence=float(chances.max()),
            needs_human=needs_human(order[0], meant, float(scores[_NEEDS_HUMAN])),
            source="local",
            secondary=tuple(each for each in order[1:] if chances[INTENTS.index(each)] >= SECONDARY_ABOVE),
            sentiment="negative" if order[0] == "complaint" else "neutral",
            complexity=complexity(meant),
            stage=_STAGES.get(order[0], "new"),
            model=self.name,
        )

    def _scores(self, text: str, language: str, context: str) -> kernel.Array:
        example = Example(text=text, language=language, context=context, intent="off_topic", needs_human=False)
        with self._blas.limit(limits=1, user_api="blas"):  # for one row, more threads only wait for each other
            return np.asarray(self._model.fitted.scores(_inputs([example], self._encoder, self._wording))[0])


def needs_human(intent: Intent, text: str, score: float) -> bool:
    """Whether a person must answer: `score` is the model's opinion, near 1 for yes."""
    grave = is_grave(intent, text)
    match intent:
        case "human_request":
            return True
        case "complaint":
            return grave or score > 0.5
        case "negotiation":
            return score > (0.25 if grave else 0.45)
        case _:
            return score > 0.4


def complexity(text: str) -> Literal["low", "medium"]:
    """Return `low` for a short message with one question at most. What is hard, only a model can tell."""
    is_plain = len(text.split()) <= PLAIN_WORDS and len(re.findall(r"\?+", text)) <= 1
    return "low" if is_plain else "medium"


def train(examples: Sequence[Example], encoder: Encoder) -> Model:
    """Learn from `examples`; confidence is calibrated on each example's score without itself."""
    targets = np.array(
        [[*(each.intent == intent for intent in INTENTS), each.needs_human] for each in examples],
        dtype=np.float32,
    )
    trust = np.array([each.trust for each in examples], dtype=np.float32)
    fitted, alone = kernel.fit(_inputs(examples, encoder, Wording()), targets, trust)
    collected = trust == 1.0
    intents = targets[collected, :_NEEDS_HUMAN].argmax(axis=1)
    return Model(fitted=fitted, sharpness=_sharpness(alone[collected, :_NEEDS_HUMAN], intents))


def _inputs(examples: Sequence[Example], encoder: Encoder, wording: Wording) -> kernel.Inputs:
    texts = [wording.prepare(each.text, each.language) for each in examples]
    contexts = [wording.prepare(each.context, each.language) for each in examples]
    return kernel.Inputs(texts=texts, vectors=encoder.embed(texts), contexts=encoder.embed(contexts))


def _sharpness(scores: kernel.Array, intents: npt.NDArray[np.intp]) -> float:
    """Return the factor on scores under which the labels are most likely (temperature scaling)."""

    def loss(factor: float) -> float:
        chances = _softmax(scores * factor)[np.arange(len(intents)), intents]
        return float(-np.log(np.maximum(chances, 1e-12)).mean())

    return float(min(np.arange(1.0, 40.0, 0.25), key=loss))


def _softmax(scores: kernel.Array) -> kernel.Array:
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))


def _with_rule(chances: kernel.Array, certain: Intent | None) -> kernel.Array:
    """Give a rule's intent most of the probability, unless the model is sure of one that precedes it."""
    if certain is None:
        return chances
    first = int(chances.argmax())
    rule = INTENTS.index(certain)
    if first < rule and chances[first] >= 0.5:
        return chances
    return np.asarray((1 - RULE_WEIGHT) * chances + RULE_WEIGHT * np.eye(len(INTENTS), dtype=np.float32)[rule])


# --- the stored model ---------------------------------------------------------------------------------------


def _digest(encoder: Encoder) -> str:
    """Return the name of the model that this code, these examples and this encoder yield."""
    parts = (VERSION, INTENTS, encoder.name, encoder.version, encoder.dim, examples_digest())
    settings = {name: value for name, value in vars(kernel).items() if name.isupper()}
    return hashlib.sha256(json.dumps([parts, settings], sort_keys=True).encode()).hexdigest()[:16]


def _train_once(folder: Path, encoder: Encoder) -> None:
    """Train and store the model, unless another process did so while this one waited."""
    folder.mkdir(parents=True, exist_ok=True)
    with _exclusive(folder / "lock"):
        if not (folder / _MODEL_FILE).exists():
            _write(folder / _MODEL_FILE, train(load_examples(), encoder))


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    """Hold a lock between processes; the system frees it when its holder dies."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _write(path: Path, model: Model) -> None:
    """Store a model so that no reader ever sees half of it, readable by other users, too."""
    arrays: dict[str, Any] = {**model.fitted.arrays(), "sharpness": np.float32(model.sharpness)}
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        np.savez_compressed(file, **arrays)
    Path(file.name).chmod(0o644)
    os.replace(file.name, path)  # noqa: PTH105 — the same call, and it says that it is atomic


def _read(path: Path) -> Model:
    with np.load(path, allow_pickle=False) as arrays:
        loaded = dict(arrays)
    return Model(fitted=kernel.Fitted.from_arrays(loaded), sharpness=float(loaded["sharpness"]))
