"""How far the local engine can be trusted alone: reliability, the cascade, and cross-validation.

`python -m tests.benchmarks.cascade [messages.jsonl]`. Cross-validation trains anew on four fifths of all labelled
messages and asks about the rest, so that every message is judged by an engine that has never seen it: what strangers'
messages will meet, free of the luck, and of the looking, that a single validation split is subject to.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agent.classify import is_clear
from agent.language import LanguageDetector
from agent.local.classifier import LocalClassifier, Model, train
from agent.local.encoder import Encoder, load_encoder
from agent.local.examples import Example, load_examples
from agent.models.calibration import cross_fitted
from agent.models.reliability import calibration_error, reliability, reliability_plot
from agent.types import INTENTS, Classification

DEFAULT = Path(__file__).parents[2].parent / "shared/data/messages.dev.jsonl"
LANGUAGES = ("en", "es", "pt")
THRESHOLDS = (0.7, 0.8, 0.85, 0.9, 0.95)
FOLDS = 5
RAW_SHARPNESS = 1.0
"""Under this the engine's confidence is its bare scores, which mean nothing as probabilities."""
Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """A labelled message and what an engine that never saw it says."""

    row: Row
    found: Classification

    @property
    def is_right(self) -> bool:
        """Whether the intent is the labelled one."""
        return bool(self.row["intent"] == self.found.intent)


def accuracy(judged: Sequence[Judged]) -> float:
    """Return the share of right intents; 1 of none."""
    return sum(each.is_right for each in judged) / len(judged) if judged else 1.0


def classify(classifier: LocalClassifier, rows: Sequence[Row], detector: LanguageDetector) -> list[Judged]:
    """Classify rows as `nightshift classify` does: in the language that is detected."""
    return [Judged(row=row, found=_classify(classifier, row, detector)) for row in rows]


def cross_validate(rows: Sequence[Row], encoder: Encoder, detector: LanguageDetector) -> Iterator[Judged]:
    """Yield every row with what an engine says that was trained on the other folds and on our own phrasings."""
    own = [each for each in load_examples() if each.trust < 1]
    folds = [_fold(rows, place) for place in range(FOLDS)]
    for place, asked in enumerate(folds):
        known = [_example(row) for other, fold in enumerate(folds) if other != place for row in fold]
        yield from classify(_engine(train([*known, *own], encoder), encoder), asked, detector)


def about_cascade(judged: Sequence[Judged]) -> Iterator[str]:
    """Yield what the cascade decides locally at several thresholds, and how often that is right."""
    for threshold in THRESHOLDS:
        clear = [each for each in judged if is_clear(each.found, threshold)]
        missed = [each for each in clear if each.row["intent"] == "opt_out" and not each.is_right]
        yield (
            f"cascade at {threshold:.2f}: {len(clear) / len(judged):6.1%} decided locally, "
            f"{accuracy(clear):.3f} right, {len(missed)} opt-outs missed"
        )


def about_confidence(judged: Sequence[Judged]) -> Iterator[str]:
    """Yield the calibration error and the reliability plot."""
    bins = reliability([each.found.confidence for each in judged], [each.is_right for each in judged])
    yield f"calibration error {calibration_error(bins):.3f}"
    yield from reliability_plot(bins)


def about_map(raw: Sequence[Judged]) -> Iterator[str]:
    """Yield how a map mends bare scores; the same code fits Claude's (`nightshift calibrate`)."""
    scores, hits = [each.found.confidence for each in raw], [each.is_right for each in raw]
    before, after = reliability(scores, hits), reliability(cross_fitted(scores, hits), hits)
    yield f"map on bare scores, cross-fitted: error {calibration_error(before):.3f} → {calibration_error(after):.3f}"
    yield from reliability_plot(after)


def report(path: Path) -> Iterator[str]:
    """Yield the figures as lines."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    encoder, detector = load_encoder(), LanguageDetector.load(LANGUAGES)
    model = train(load_examples(), encoder)
    validation = [row for row in rows if row.get("split") == "validation"]
    judged = classify(_engine(model, encoder), validation, detector)
    yield f"validation split: {len(judged)} messages, accuracy {accuracy(judged):.3f}"
    yield from about_confidence(judged)
    yield from about_cascade(judged)
    yield from about_map(classify(_engine(replace(model, sharpness=RAW_SHARPNESS), encoder), validation, detector))
    crossed = list(cross_validate(rows, encoder, detector))
    yield f"cross-validation: {len(crossed)} messages, accuracy {accuracy(crossed):.3f}"
    for language in LANGUAGES:
        yield f"  {language}: {accuracy([each for each in crossed if each.row['language'] == language]):.3f}"
    stopped = [each for each in crossed if each.row["intent"] == "opt_out"]
    yield f"  opt_out recall {accuracy(stopped):.3f}"
    yield from about_confidence(crossed)
    yield from about_cascade(crossed)


def _engine(model: Model, encoder: Encoder) -> LocalClassifier:
    return LocalClassifier(model, encoder, "benchmark")


def _classify(classifier: LocalClassifier, row: Row, detector: LanguageDetector) -> Classification:
    language = detector.best_guess(row["text"], languages=LANGUAGES).language or LANGUAGES[0]
    return classifier.classify(row["text"], language=language, context=row.get("context"))


def _fold(rows: Sequence[Row], place: int) -> list[Row]:
    """Return every fifth row of each intent, from `place` on."""
    return [row for intent in INTENTS for row in [each for each in rows if each["intent"] == intent][place::FOLDS]]


def _example(row: Row) -> Example:
    return Example(
        text=row["text"],
        language=row["language"],
        intent=row["intent"],
        needs_human=row["needs_human"],
        context=row.get("context", ""),
    )


if __name__ == "__main__":
    for line in report(Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT):
        print(line, flush=True)  # noqa: T201 — its purpose
