"""What was not as a scenario stated it. Pure."""

from collections.abc import Iterator, Sequence

from agent.evaluation.measure import plain
from agent.language import LanguageDetector
from agent.simulation.scenarios import Expected
from agent.store.rehearsals import Standing

LANGUAGES = ("es", "pt", "en")


def judge(
    expected: Expected, standing: Standing, ours: Sequence[str], *, waits: bool, detector: LanguageDetector
) -> list[str]:
    """Return what is not as it was stated; nothing: all is."""
    return [*_turn(expected, standing), *_texts(expected, ours, detector), *_state(expected, standing, waits=waits)]


def _turn(expected: Expected, standing: Standing) -> Iterator[str]:
    if expected.decision and standing.decision not in expected.decision:
        wanted = " or ".join(expected.decision)
        yield f"decision: it was {standing.decision} ({standing.reason}), not {wanted}"
    if expected.intent and standing.intent not in expected.intent:
        yield f"intent: it was {standing.intent or 'none'}, not {' or '.join(expected.intent)}"


def _texts(expected: Expected, ours: Sequence[str], detector: LanguageDetector) -> Iterator[str]:
    text = plain("\n".join(ours))
    for each in expected.must:
        if not any(plain(one) in text for one in each.split("|")):
            yield f"text: we did not say {each!r}"
    for each in expected.never:
        if plain(each) in text:
            yield f"text: we said {each!r}"
    if expected.replies and not expected.replies[0] <= len(ours) <= expected.replies[1]:
        yield f"replies: we sent {len(ours)}, not {expected.replies[0]} to {expected.replies[1]}"
    if expected.language and ours:
        found = detector.detect(ours[-1], languages=LANGUAGES, prior={}).language
        if found not in (None, expected.language):
            yield f"language: we wrote {found}, not {expected.language}"


def _state(expected: Expected, standing: Standing, *, waits: bool) -> Iterator[str]:
    for name, wanted, found in (
        ("escalated", expected.escalated, standing.escalated),
        ("opted out", expected.opted_out, standing.opted_out),
        ("waits", expected.waits, waits),
    ):
        if wanted is not None and wanted != found:
            yield f"{name}: it is {'so' if found else 'not so'}"
