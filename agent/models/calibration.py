"""What a model's own confidence is worth: a fitted map from its score to the probability that it is right.

A map belongs to one model and one version of the prompt, because both change what a score means. It is Platt's
(*Probabilistic Outputs for Support Vector Machines*, 1999): monotone, two numbers, fitted on a few hundred messages.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import structlog
from pydantic import TypeAdapter, ValidationError

from agent.errors import Misconfigured

FILE = "calibrations.json"
MIN_MESSAGES = 100
"""Fewer labelled messages say too little to fit a map."""
_EDGE = 0.01
"""Scores are taken as no closer than this to 0 and 1, where log-odds grow without bound."""
_STEPS = 100
_PRECISION = 1e-9
_BELIEF = 0.01
"""How much a score is taken at its word before there is evidence: less than one message's worth."""

Array = npt.NDArray[np.float64]
_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """The map `chance = sigmoid(slope · logit(score) + offset)`; `slope` is never negative, so it keeps the order."""

    slope: float
    offset: float
    messages: int = 0
    """On how many labelled messages it was fitted; 0: on none."""

    def chance(self, score: float) -> float:
        """Return the probability that a label with this score is right."""
        return float(self.chances(np.array([score]))[0])

    def chances(self, scores: Array) -> Array:
        """Return the probability for each score."""
        return _sigmoid(self.slope * _logit(scores) + self.offset)


CONSERVATIVE = Calibration(slope=0.6, offset=0.0)
"""For a version nobody has measured: models claim too much, so every claim counts less (0.95 as 0.85)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A calibration and what it belongs to, as the data file has it."""

    model: str
    prompt_version: str
    calibration: Calibration


_ENTRIES = TypeAdapter(tuple[Entry, ...])


class Calibrations:
    """The known maps, by model and prompt version. An unknown one is said once in a warning."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._known = {(each.model, each.prompt_version): each.calibration for each in entries}
        self._warned: set[tuple[str, str]] = set()

    @classmethod
    def load(cls, home: Path | None = None) -> Self:
        """Read the maps that ship with the package, and over them those fitted here, below `home`.

        Raises:
            Misconfigured: the file below `home` is not what `save` writes.
        """
        shipped = _read(files("agent.models").joinpath(FILE).read_text("utf-8"), FILE)
        own = home / FILE if home else None
        fitted = _read(own.read_text("utf-8"), str(own)) if own and own.exists() else ()
        return cls((*shipped, *fitted))

    def find(self, model: str, prompt_version: str) -> Calibration:
        """Return the map of a version; the conservative one where there is none."""
        key = (model, prompt_version)
        if key not in self._known and key not in self._warned:
            self._warned.add(key)
            _log.warning(
                "calibration.unknown",
                model=model,
                prompt_version=prompt_version,
                fix="run `nightshift calibrate --in LABELLED.jsonl`; until then confidence is lowered",
            )
        return self._known.get(key, CONSERVATIVE)


def save(home: Path, entry: Entry) -> Path:
    """Store a map below `home` in place of an earlier one of the same version; return the file."""
    path = home / FILE
    kept = [
        each
        for each in (_read(path.read_text("utf-8"), str(path)) if path.exists() else ())
        if (each.model, each.prompt_version) != (entry.model, entry.prompt_version)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps([asdict(each) for each in (*kept, entry)], indent=2) + "\n", "utf-8")
    return temporary.replace(path)


def fit(scores: Sequence[float], hits: Sequence[bool]) -> Calibration:
    """Return the map under which `hits` (was the label right?) are most likely, given the scores.

    Platt's targets, a little inside 0 and 1, keep it sane where all are right. Newton's method; it converges.

    Raises:
        Misconfigured: fewer than `MIN_MESSAGES`, of which nothing can be learned.
    """
    if len(scores) < MIN_MESSAGES:
        raise Misconfigured(
            f"{len(scores)} labelled messages are too few to fit a calibration.", f"Give {MIN_MESSAGES} or more."
        )
    right = np.array(hits, dtype=bool)
    targets = np.where(right, (right.sum() + 1) / (right.sum() + 2), 1 / ((~right).sum() + 2))
    inputs = np.stack([_logit(np.array(scores, dtype=np.float64)), np.ones(len(scores))])
    weights = _newton(inputs, targets)
    if weights[0] < 0:  # the scores say nothing: only the base rate is known
        weights = np.array([0.0, float(_logit(np.array([targets.mean()]))[0])])
    return Calibration(slope=float(weights[0]), offset=float(weights[1]), messages=len(scores))


def _newton(inputs: Array, targets: Array) -> Array:
    """Return slope and offset of the logistic regression of `targets` on `inputs`; without evidence, 1 and 0."""
    weights = believed = np.array([1.0, 0.0])

    def loss(weights: Array) -> float:
        values = weights @ inputs
        unlikely = np.logaddexp(0, values) - targets * values
        return float(unlikely.sum() + _BELIEF / 2 * ((weights - believed) ** 2).sum())

    for _ in range(_STEPS):
        chances = _sigmoid(weights @ inputs)
        gradient = inputs @ (chances - targets) + _BELIEF * (weights - believed)
        hessian = (inputs * (chances * (1 - chances))) @ inputs.T + _BELIEF * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        while loss(weights - step) > loss(weights) and np.abs(step).max() > _PRECISION:
            step = step / 2  # a full step can leap over the minimum
        weights = weights - step
        if np.abs(step).max() <= _PRECISION:
            break
    return weights


def cross_fitted(scores: Sequence[float], hits: Sequence[bool]) -> tuple[float, ...]:
    """Return each message's calibrated confidence, by a map fitted on the other half of the messages.

    Raises:
        Misconfigured: as `fit`.
    """
    result = [0.0] * len(scores)
    for half in (0, 1):
        others = [i for i in range(len(scores)) if i % 2 != half]
        calibration = fit([scores[i] for i in others], [hits[i] for i in others])
        for i in range(half, len(scores), 2):
            result[i] = calibration.chance(scores[i])
    return tuple(result)


def _read(text: str, name: str) -> Sequence[Entry]:
    try:
        return _ENTRIES.validate_json(text)
    except ValidationError as exc:
        raise Misconfigured(
            f"{name} is not a list of calibrations.", "Remove it and run `nightshift calibrate` again."
        ) from exc


def _logit(scores: Array) -> Array:
    bounded = np.clip(scores, _EDGE, 1 - _EDGE)
    return np.asarray(np.log(bounded / (1 - bounded)))


def _sigmoid(values: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -40, 40))))
