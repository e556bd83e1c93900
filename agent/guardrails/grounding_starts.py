"""Finds groups said to start all the time where a day is published on which one does."""

import re
from collections.abc import Iterator

from agent.guardrails.expressions import compiled_on_use
from agent.guardrails.grounding_facts import Facts
from agent.guardrails.grounding_reading import Reading, items_of
from agent.guardrails.grounding_statement import Conversation
from agent.guardrails.grounding_statements import Clause

_GROUP = r"(?:groups?|grupos?|turmas?|courses?|cursos?|class(?:es)?|intakes?|inicios?|starts?)"
_NEW = r"(?:new|nuev[oa]s?|nov[oa]s?|another)"
_EVERY = (
    r"(?:every|each|cada|tod[oa]s?(?: (?:los|las|os|as|l?[oa]))?) (?:single )?(?:weeks?|months?|days?|semanas?"
    r"|mes(?:es)?|dias?|mondays?|lunes|segundas?)"
)
_ANY_TIME = (
    r"(?:any ?time|any (?:week|day|month|monday)|when(?:ever)? you (?:like|want)|cuando quier\w+|quando quiser\w*"
    r"|(?:en|a|em) (?:cualquier|qualquer) (?:momento|dia|semana|mes))"
)
_ALL_THE_TIME = compiled_on_use(
    rf"\b(?:{_NEW} (?:\w+ ){{0,2}}{_GROUP}|{_GROUP} {_NEW}|(?:hay|ha|tem|temos|tenemos) {_GROUP})\b.{{0,30}}"
    rf"\b{_EVERY}\b"
    rf"|\b(?:start|join|begin|empez\w+|empieza\w*|comec\w+|iniciar|entrar) (?:\w+ ){{0,5}}?{_ANY_TIME}\b"
)
_TRIES = re.compile(r"\b(?:pruebas?|tests?|testes?|trial|nivel|level|aula experimental)\b")
"""These may be taken at any time, whatever begins when."""


def false_starts(reading: Reading, facts: Facts, talk: Conversation) -> Iterator[Clause]:
    """Yield the clauses that say that something starts all the time, of what has a day on which it starts."""
    dated = [f.wide for f in facts.of("date") if "topics:start" in f.wide]
    if not dated or _ALL_THE_TIME.search(facts.text):
        return
    asked = items_of(frozenset().union(*talk.inbound.topics))
    for clause, topics in zip(reading.clauses, reading.topics, strict=True):
        if clause.is_claim and not clause.is_denied and _ALL_THE_TIME.search(clause.text):
            items = items_of(topics) or asked
            is_of_dated = not items or any(items & wide for wide in dated)
            if is_of_dated and not _TRIES.search(clause.text):
                yield clause
