"""What models say in the replay that `tests.benchmarks.cost` prices: people's labels, and replies of a real length.

The labels are those of the data set; how sure a model is of them, and what the data set does not label, is drawn or
read off the words. Replies are made of what the tenant has published about the turn, in the prospect's language, so
that they pass the guardrails as often and cost as many tokens as a model's would.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from random import Random
from typing import Any, Final

from agent.types import INTENTS, Intent, Tenant
from tests.doubles.claude_answers import KEYWORDS, Answers, prospect_text
from tests.doubles.claude_rules import HAIKU

UNSURE: Final = 0.10
"""Share of messages that the fast tier is unsure of (assumed); of these …"""
STILL_UNSURE: Final = 0.3
"""… the share that the next tier is unsure of, too (assumed)."""
LONG_CHARS, VERY_LONG_CHARS = 120, 400
MAX_PASSAGES = 2

_STAGES: Mapping[str, str] = {
    "greeting": "new",
    "objection": "comparing",
    "negotiation": "comparing",
    "not_interested": "comparing",
    "ready_to_buy": "deciding",
    "payment": "deciding",
    "support": "customer",
    "complaint": "customer",
}
_NEGATIVE: frozenset[Intent] = frozenset({"complaint", "opt_out"})
_TOO_COMMON: frozenset[str] = frozenset({"product_question", "acknowledgement", "greeting"})
"""Their keywords are in nearly every message: no sign of a second matter."""
_QUANTITY = re.compile(r"\b([2-9]|[1-9]\d)\s+(?:personas|pessoas|people|kids|alumnos|alunos|paneles|seats|usuarios)\b")
_BUDGET = re.compile(r"\b(?:en|por|for|at|do)\s+[$€£]?\d{2,6}\b", re.IGNORECASE)

Row = Mapping[str, Any]


class LabelledAnswers(Answers):
    """Answers with the labels of the data set, and from what is published."""

    def __init__(self, rows: Iterable[Row], tenants: Sequence[Tenant]) -> None:
        super().__init__()
        self._rows = {row["text"]: row for row in rows}
        self._tenants = {tenant.name: tenant for tenant in tenants}

    def answer(self, system: str, user: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of an answer to a request."""
        answer = super().answer(system, user, body)
        row = self._rows.get(prospect_text(user))
        if row is not None and "intent" in answer:
            return answer | labels(row, is_fast=body["model"] == HAIKU)
        if "claims" in answer:
            found = re.search(r"## The business\n\n(.+), country", system)
            return answer | reply(self._tenants[found[1]], user, answer["text"]) if found else answer
        if "judgements" in answer:
            return {"judgements": [each | {"finding": "supported"} for each in answer["judgements"]]}
        return answer


def labels(row: Row, *, is_fast: bool) -> dict[str, Any]:
    """Return the labels of a message, and how sure a model says it is of them: the same each time."""
    text, intent = row["text"], row["intent"]
    luck = Random(hashlib.sha256(text.encode()).digest())
    is_unsure = luck.random() < UNSURE
    still_unsure = luck.random() < STILL_UNSURE
    unsure = is_unsure if is_fast else is_unsure and still_unsure
    quantity, budget = _QUANTITY.search(text), _BUDGET.search(text) if intent == "negotiation" else None
    return {
        "intent": intent,
        "secondary": list(_also(text, intent)),
        "needs_human": row["needs_human"],
        "sentiment": "negative" if intent in _NEGATIVE else "neutral",
        "complexity": "low" if len(text) <= LONG_CHARS else "medium" if len(text) <= VERY_LONG_CHARS else "high",
        "entities": {
            "product": "",
            "quantity": quantity[0] if quantity else "",
            "budget": budget[0] if budget else "",
            "date": "",
        },
        "stage": _STAGES.get(intent, "exploring"),
        "language": row["language"],
        "confidence": luck.uniform(0.56, 0.74) if unsure else luck.uniform(0.8, 0.98),
    }


def _also(text: str, intent: str) -> Sequence[str]:
    """Return a second matter of a message, if its words name one that comes after the first in the guide."""
    rest = [each for each in INTENTS[INTENTS.index(intent) + 1 :] if each in KEYWORDS and each not in _TOO_COMMON]
    return [each for each in rest if re.search(KEYWORDS[each], text, re.IGNORECASE)][:1]


def reply(tenant: Tenant, user: str, ending: str) -> dict[str, Any]:
    """Return a reply: what retrieval found, in the language that was asked for, and an ending."""
    asked = re.search(r"in the language `(\w+)`", user)
    language = asked[1] if asked else tenant.default_language
    relevant = re.search(r"^Probably relevant: (.+)\.$", user, re.MULTILINE)
    names = relevant[1].split(", ") if relevant else []
    published = {f"{each.kind}:{each.id}": each for each in tenant.passages}
    found = [(name, _own(published[name].text, language)) for name in names if name in published][:MAX_PASSAGES]
    room = int(limit[1]) - len(ending) if (limit := re.search(r"t most (\d+) characters", user)) else 0
    found = list(_fitting(found, room))
    return {
        "text": " ".join([*(text for _, text in found), ending]),
        "claims": [{"text": text, "source": name} for name, text in found],
        "confidence": 0.92,
    }


def _fitting(found: Iterable[tuple[str, str]], room: int) -> Iterator[tuple[str, str]]:
    """Yield the first texts that fit into some characters together."""
    for name, text in found:
        room -= len(text) + 1
        if room >= 0:
            yield name, text


def _own(texts: Mapping[str, str], language: str) -> str:
    return texts.get(language) or next(iter(texts.values()))
