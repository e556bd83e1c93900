"""The answer cache: a question without personal context may get the draft that another prospect's got.

What is kept is the draft with its price references, never an amount, so that a hit renders today's prices and goes
through every guardrail. The key holds the tenant (promise P7), the language, the channel, the intent, and a hash of all
facts and prompts behind an answer: any change leaves every earlier answer unread. A hit needs the same words, or the
same content (`agent.answers.key`) and vectors close together: either alone cannot tell look-alikes apart.
"""

import asyncio
import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo

import numpy as np
from pydantic import TypeAdapter

from agent.answers.key import compiled, content_key, normalised
from agent.folding import words_of
from agent.local.encoder import Encoder, Vectors
from agent.message_details import Details
from agent.prices import local_date, valid_discounts, valid_prices
from agent.screening.injection import screen_injection
from agent.store import answer_cache
from agent.store.answer_cache import KeptAnswer, QuestionKey
from agent.store.db import Database
from agent.tenant.file import TenantFile, to_document
from agent.types import Classification, Draft, Intent, Reply, Route, Sources, Tenant, TenantId, Turn, TurnId

VERSION = 1
"""Raise it when what counts as the same question changes: earlier answers are then not used."""
REUSABLE: frozenset[Intent] = frozenset({"pricing", "product_question", "payment", "scheduling", "greeting"})
"""What may be asked. Everything else is about the person, or wants one."""
SURE = 0.8
"""A draft that its writer is less sure of is not given again."""
CLOSE = 0.45
"""Least cosine of two questions of the same content. Re-wordings begin there and look-alikes lie far above, so this is
the second line: the content decides. Measured by `tests/benchmarks/answer_cache.py`."""
MAX_WORDS = 40
TTL = timedelta(days=7)
MOST = 5_000
"""Answers of one tenant; the oldest go first."""
NAMED = 1.0
"""Similarity that retrieval gives an item the text itself names."""

_DRAFT: TypeAdapter[Draft] = TypeAdapter(Draft)
_CONTACT_DATA = re.compile(r"\d(?:[ .-]?\d){5,}|@|https?:|www\.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """A question that anybody could have asked. `is_first`: nothing was said before it."""

    key: QuestionKey
    asked: str
    is_first: bool
    turn_id: TurnId


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A draft that was given to the same question, and in which turn."""

    draft: Draft
    turn_id: TurnId
    cosine: float


class AnswerCache:
    """Finds and keeps answers. `prompt_version` is of the prompts of a first draft, `engine` of all that thinks."""

    def __init__(self, db: Database, encoder: Encoder, *, prompt_version: str, engine: str = "") -> None:
        self._db = db
        self._encoder = encoder
        self._prompt_version = prompt_version
        self._rests_on = f"{VERSION} {prompt_version} {encoder.name} {encoder.version} {engine}"
        self._versions: dict[TenantId, tuple[Tenant, date, str]] = {}

    def question(
        self, turn: Turn, classification: Classification, sources: Sources, route: Route, now: datetime
    ) -> Question | str:
        """Return the question of a turn, or why its answer can be nobody else's."""
        if reason := _own_because(turn, classification, sources, route):
            return reason
        tenant = turn.tenant
        content = content_key(turn.text, classification.language, tenant.catalogue)
        if content is None:
            return "a language without word lists"
        if not content and classification.intent != "greeting":
            return "no content"
        key = QuestionKey(
            tenant_id=tenant.id,
            version=self._version(tenant, local_date(tenant, now)),
            language=classification.language,
            channel=turn.conversation.channel,
            intent=classification.intent,
            text=normalised(turn.text),
            content=content,
        )
        return Question(key=key, asked=turn.text, is_first=_is_first(turn), turn_id=turn.id)

    async def find(self, question: Question, now: datetime) -> Found | None:
        """Return the draft that answers a question, if one is kept."""
        async with self._db.tenant(question.key.tenant_id) as tx:
            kept = await answer_cache.list_answers(tx, question.key, now)
        fitting = [each for each in kept if question.is_first or not _greets(each)]
        if not fitting:
            return None
        if fitting[0].question == question.key.text or not question.key.content:  # the same words, or only a greeting
            return _found(fitting[0], 1.0)
        (vector,) = await asyncio.to_thread(self._encoder.embed, [question.asked])
        cosines = [float(_vector(each) @ vector) for each in fitting]
        best = int(np.argmax(cosines))
        return _found(fitting[best], cosines[best]) if cosines[best] >= CLOSE else None

    async def keep(self, question: Question, reply: Reply, turn: Turn, now: datetime) -> bool:
        """Keep the draft of a reply for whoever asks the same; say whether it was kept.

        Only a first draft to a first message that holds for anybody, and was not written anew for a check.
        """
        draft = reply.draft
        if draft is None or not question.is_first or not is_for_anybody(draft, reply, turn):
            return False
        if draft.prompt_version != self._prompt_version:  # a revision, or one of before the prompts changed
            return False
        (vector,) = await asyncio.to_thread(self._encoder.embed, [question.asked])
        kept = KeptAnswer(
            question=question.key.text,
            vector=np.asarray(vector, dtype=np.float32).tobytes(),
            answer=_DRAFT.dump_python(draft, mode="json"),
            turn_id=question.turn_id,
        )
        expires_at = _expiry(draft, turn.tenant, now)
        async with self._db.tenant(question.key.tenant_id) as tx:
            await answer_cache.insert_answer(tx, question.key, kept, now=now, expires_at=expires_at, most=MOST)
        return True

    def _version(self, tenant: Tenant, today: date) -> str:
        """Return the hash of all that an answer of today rests on; kept while it is the same tenant and day."""
        known = self._versions.get(tenant.id)
        if known is None or known[0] is not tenant or known[1] != today:
            known = (tenant, today, f"{facts_version(tenant, today)} {self._rests_on}")
            self._versions[tenant.id] = known
        return known[2]


def facts_version(tenant: Tenant, today: date) -> str:
    """Return a hash of everything a tenant has told us, and of which prices and discounts hold on a day."""
    valid = [
        (item.sku, [repr(price) for price in valid_prices(item, today)], len(valid_discounts(item, today)))
        for item in tenant.catalogue
    ]
    told = json.dumps([to_document(TenantFile(tenant=tenant)), valid], sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:32]


# --- questions -----------------------------------------------------------------------------------------------------


def _own_because(turn: Turn, classification: Classification, sources: Sources, route: Route) -> str | None:
    """Return why the answer to a turn can be nobody else's, None if it can."""
    text, words = turn.text, words_of(turn.text)
    reasons = {
        "switched off": not turn.tenant.policy.reuse_answers,
        "an e-mail": turn.conversation.channel == "email",
        "not routine": route.tier not in {"fast", "standard"} or classification.needs_human,
        "another intent": not {classification.intent, *classification.secondary} <= REUSABLE,
        "unsure": classification.confidence < turn.tenant.policy.sure_above,
        "displeased": classification.sentiment == "negative",
        "attachments": bool(turn.images) or any(message.media for message in turn.inbound),
        "refers to something": any(_refers(message.details) for message in turn.inbound),
        "several questions": text.count("?") > 1 or len(words.split()) > MAX_WORDS,
        "contact data": bool(_CONTACT_DATA.search(text)),
        "manipulation": bool(screen_injection(text)),
    }
    reasons |= {name: bool(pattern.search(words)) for name, pattern in _patterns("own").items()}
    reasons["needs what was said before"] = not _is_first(turn) and _leans(words, sources)
    return next((reason for reason, holds in reasons.items() if holds), None)


def _refers(details: Details) -> bool:
    return bool(details.reply_to or details.referral or details.location)


def _is_first(turn: Turn) -> bool:
    return not turn.history and not turn.summary


def _leans(words: str, sources: Sources) -> bool:
    """Whether a later message needs what was said before it: unless it names an item itself, and points at nothing."""
    leaning = _patterns("leaning")
    names_item = any(sources.similarity.get(f"item:{item.sku}", 0.0) >= NAMED for item in sources.items)
    return not names_item or bool(leaning["opens"].match(words) or leaning["refers"].search(words))


# --- answers -------------------------------------------------------------------------------------------------------


def is_for_anybody(draft: Draft, reply: Reply, turn: Turn) -> bool:
    """Say whether a draft may be given again: Claude's, sure, past every check, and not about this person or hour."""
    said = words_of(draft.text)
    name = words_of(turn.conversation.contact.name or "")
    return (
        draft.source == "claude"
        and not draft.needs_human
        and draft.confidence >= max(SURE, turn.tenant.policy.min_confidence)
        and all(verdict.outcome in {"pass", "delay"} for verdict in reply.verdicts)
        and not any(len(word) > 1 and f" {word} " in f" {said} " for word in name.split())
        and not _patterns("own")["relative"].search(said)
        and not _patterns("draft")["time_of_day"].search(said)
    )


def _expiry(draft: Draft, tenant: Tenant, now: datetime) -> datetime:
    """Return until when a draft may be given: one that states a date only to the end of the day."""
    if not _patterns("draft")["dates"].search(words_of(draft.text)):
        return now + TTL
    local = now.astimezone(ZoneInfo(tenant.timezone))
    return (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)


def _greets(kept: KeptAnswer) -> bool:
    return bool(_patterns("draft")["greets"].match(words_of(str(kept.answer.get("text", "")))))


def _found(kept: KeptAnswer, cosine: float) -> Found:
    draft = _DRAFT.validate_python(kept.answer)
    return Found(draft=replace(draft, source="cache"), turn_id=kept.turn_id, cosine=cosine)


def _vector(kept: KeptAnswer) -> Vectors:
    return np.frombuffer(kept.vector, dtype=np.float32)


@lru_cache(maxsize=4)
def _patterns(group: str) -> Mapping[str, re.Pattern[str]]:
    listed = tomllib.loads(files("agent.answers").joinpath("words.toml").read_text("utf-8"))
    return {name: compiled(pattern) for name, pattern in listed[group].items()}
