"""Finds what is said to last without end where it is published for how long it lasts."""

from collections.abc import Iterator

from agent.guardrails.expressions import compiled_on_use
from agent.guardrails.grounding_facts import MINUTES, Facts
from agent.guardrails.grounding_reading import Reading, items_of
from agent.guardrails.grounding_statement import WEAK
from agent.guardrails.grounding_statements import Clause

_END = (
    r"(?:the )?(?:(?:very )?(?:end|last day)|fin|fim|final|ultimo dia|ultima aula|ultima clase)"
    r" (?:of (?:the|your)|del?|do|da) (?:course|curso|programa?|classes|clases|aulas)"
)
_ENDLESS = compiled_on_use(
    r"\b(?:(?:for )?as long as you|forever|for life\b|lifetime|indefinitely|without (?:a |any )?(?:time )?limit"
    r"|no time limit|years from now|never expires?|para siempre|de por vida|sin limite|indefinid\w+|ilimitad\w+"
    r"|unlimited|(?:todo )?el tiempo que (?:quieras?|necesites?)|(?:nunca|no) (?:caduca|vence|expira)n?"
    r"|para sempre|sem limite|vitalici\w+|(?:por |o )?(?:quanto tempo|tempo que) (?:quiser|voce quiser|precisar)"
    rf"|(?:until|till|hasta|ate) (?:el |o |a |la )?{_END})"
)
_LONG = frozenset(MINUTES) - {"units:minute", "units:hour"}


def endless(reading: Reading, facts: Facts) -> Iterator[Clause]:
    """Yield the clauses that say that something has no end, or lasts to the end, of what a length is published."""
    for clause, topics in zip(reading.clauses, reading.topics, strict=True):
        if not clause.is_claim or clause.is_denied or not _ENDLESS.search(clause.text):
            continue
        about = topics - WEAK - items_of(topics)
        told = {m.value for m in reading.of("quantity") if reading.clauses[m.clause].sentence == clause.sentence}
        lengths = [f for f in facts.quantities.get("time", ()) if f.unit in _LONG and about & f.topics]
        if lengths and not any(f.value in told for f in lengths) and not _ENDLESS.search(facts.text):
            yield clause
