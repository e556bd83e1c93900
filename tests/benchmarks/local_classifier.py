"""How well the local engine understands: `python -m tests.benchmarks.local_classifier [messages.jsonl]`.

Uses the validation split, which is never trained on. Language is measured cold: each message by itself.
"""

import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agent.language import LanguageDetector
from agent.local.classifier import LocalClassifier
from agent.local.encoder import load_encoder
from agent.models.reliability import calibration_error as expected_error
from agent.models.reliability import reliability
from agent.types import INTENTS, Classification

DEFAULT = Path(__file__).parents[2].parent / "shared/data/messages.dev.jsonl"
LANGUAGES = ("en", "es", "pt")
Row = dict[str, Any]


def validation_rows(path: Path) -> list[Row]:
    """Return the rows of the validation split."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [row for row in rows if row.get("split") == "validation"]


def classify_rows(classifier: LocalClassifier, rows: Sequence[Row]) -> list[Classification]:
    """Classify each row with its labelled language."""
    return [classifier.classify(row["text"], language=row["language"], context=row.get("context")) for row in rows]


def accuracy(rows: Sequence[Row], found: Sequence[Classification]) -> float:
    """Return the share of right intents."""
    return _agreement([row["intent"] for row in rows], [each.intent for each in found])


def macro_f1(rows: Sequence[Row], found: Sequence[Classification]) -> float:
    """Return F1 averaged over the intents that occur."""
    return float(np.mean([_f1(intent, rows, found) for intent in INTENTS if _occurs(intent, rows)]))


def recall(intent: str, rows: Sequence[Row], found: Sequence[Classification]) -> float:
    """Return the share of messages of an intent that were recognised."""
    pairs = [each.intent for row, each in zip(rows, found, strict=True) if row["intent"] == intent]
    return sum(each == intent for each in pairs) / len(pairs)


def calibration_error(rows: Sequence[Row], found: Sequence[Classification]) -> float:
    """Return the expected calibration error over ten bins of confidence."""
    hits = [row["intent"] == each.intent for row, each in zip(rows, found, strict=True)]
    return expected_error(reliability([each.confidence for each in found], hits))


def _occurs(intent: str, rows: Sequence[Row]) -> bool:
    return any(row["intent"] == intent for row in rows)


def _f1(intent: str, rows: Sequence[Row], found: Sequence[Classification]) -> float:
    hits = sum(row["intent"] == intent and each.intent == intent for row, each in zip(rows, found, strict=True))
    labelled = sum(row["intent"] == intent for row in rows)
    named = sum(each.intent == intent for each in found)
    return 2 * hits / (labelled + named) if labelled + named else 0.0


def _about_intents(rows: Sequence[Row], found: Sequence[Classification]) -> Iterator[str]:
    for language in ("all", *LANGUAGES):
        chosen = [i for i, row in enumerate(rows) if language in {"all", row["language"]}]
        part, answers = [rows[i] for i in chosen], [found[i] for i in chosen]
        yield (
            f"{language:>4}: {len(part):4} messages  accuracy {accuracy(part, answers):.3f}  "
            f"macro-F1 {macro_f1(part, answers):.3f}"
        )
    for intent in ("opt_out", "complaint", "human_request"):
        yield f"{intent} recall {recall(intent, rows, found):.3f}"
    sure = [i for i, each in enumerate(found) if each.confidence >= 0.6]
    certain = accuracy([rows[i] for i in sure], [found[i] for i in sure])
    yield f"calibration error {calibration_error(rows, found):.3f}"
    yield f"confidence >= 0.6: {len(sure) / len(rows):.3f} of messages, {certain:.3f} right"
    human = sum(row["needs_human"] == each.needs_human for row, each in zip(rows, found, strict=True))
    yield f"needs_human accuracy {human / len(rows):.3f}"


def _about_languages(rows: Sequence[Row]) -> Iterator[str]:
    detector = LanguageDetector.load(LANGUAGES)
    labels = [row["language"] for row in rows]
    found = [detector.detect(row["text"], languages=LANGUAGES).language for row in rows]
    guessed = [detector.best_guess(row["text"], languages=LANGUAGES).language for row in rows]
    decided = [i for i, each in enumerate(found) if each]
    yield f"language, best guess: {_agreement(labels, guessed):.3f} right"
    yield (
        f"language, decided on {len(decided) / len(rows):.3f}: "
        f"{_agreement([labels[i] for i in decided], [found[i] for i in decided]):.3f} right"
    )


def _agreement(labels: Sequence[str], found: Sequence[str | None]) -> float:
    return sum(label == each for label, each in zip(labels, found, strict=True)) / len(labels)


def report(path: Path) -> Iterator[str]:
    """Yield the figures as lines."""
    rows = validation_rows(path)
    encoder = load_encoder()
    with tempfile.TemporaryDirectory() as home:
        started = time.perf_counter()
        LocalClassifier.load(Path(home), encoder)
        trained = time.perf_counter()
        classifier = LocalClassifier.load(Path(home), encoder)
        loaded = time.perf_counter()
    before = time.process_time()  # of this process only: the machine may be busy with other things
    found = classify_rows(classifier, rows)
    spent = (time.process_time() - before) * 1000 / len(rows)
    yield f"training {trained - started:.1f} s, loading {loaded - trained:.1f} s, {spent:.1f} ms of processor a message"
    yield from _about_intents(rows, found)
    yield from _about_languages(rows)


if __name__ == "__main__":
    for line in report(Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT):
        print(line)  # noqa: T201 — its purpose
