"""Drift as the operations page shows it: each feature's level, and which of its classes moved how far."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from babel.numbers import format_decimal

from agent.drift import LENGTHS, Feature, Level, Moved, compare
from agent.store.db import Tx
from agent.store.drift import list_baselines, list_latest_readings
from channels.inbox.navigation import N_
from channels.inbox.review_words import INTENTS
from channels.inbox.visit import Visit

FEATURES: Mapping[Feature, str] = {
    "language": N_("Languages"),
    "intent": N_("What prospects want"),
    "confidence": N_("How sure the agent is"),
    "length": N_("Length of messages"),
}
LEVELS: Mapping[Level, str] = {
    "steady": N_("as before"),
    "shifting": N_("is changing"),
    "drifted": N_("has changed"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class DriftRow:
    """One feature, written out."""

    label: str
    level: Level
    told: str
    psi: str
    moved: Sequence[str]
    """Such as `Portuguese: 10 % → 50 %`; the one that matters most first."""


async def load_drift(tx: Tx, visit: Visit) -> list[DriftRow]:
    """Load the last week's drift; empty: there is too little to compare."""
    baselines, readings = await list_baselines(tx), await list_latest_readings(tx, visit.deps.now())
    rows = []
    for each in readings:
        found = compare(baselines[each.feature].counts, each.counts) if each.feature in baselines else None
        rows.append(
            DriftRow(
                label=visit.say(FEATURES[each.feature]),
                level=each.level,
                told=visit.say(LEVELS[each.level]),
                psi=format_decimal(round(each.psi, 2), locale=visit.reader.language),
                moved=[_moved(each.feature, moved, visit) for moved in found.moved] if found else [],
            )
        )
    return rows


def _moved(feature: Feature, moved: Moved, visit: Visit) -> str:
    def percent(value: float) -> str:
        return f"{format_decimal(value, locale=visit.reader.language)} %"

    return f"{_NAMES[feature](moved.label, visit)}: {percent(moved.before)} → {percent(moved.now)}"


def _intent(label: str, visit: Visit) -> str:
    return visit.say(INTENTS[label]) if label in INTENTS else label


def _confidence(label: str, _visit: Visit) -> str:
    tenth = round(float(label) * 10)
    return f"{10 * tenth}–{10 * tenth + 10} %"


def _length(label: str, visit: Visit) -> str:
    if label == "more":
        return visit.say(N_("more than %(count)s characters")) % {"count": LENGTHS[-1]}
    return visit.say(N_("up to %(count)s characters")) % {"count": label}


_NAMES: Mapping[Feature, Callable[[str, Visit], str]] = {
    "language": lambda label, visit: visit.reader.language_name(label),
    "intent": _intent,
    "confidence": _confidence,
    "length": _length,
}
