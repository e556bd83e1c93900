"""The rows of the answer cache. The tenant is part of every key (promise P7)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from agent.ids import new_id
from agent.store.db import Tx
from agent.types import Channel, Intent, TenantId, TurnId

CANDIDATES = 20
"""As many answers to questions of the same content are compared."""


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionKey:
    """What an answer is found by. `version` is of all that it rests on; `text` and `content` are normalised."""

    tenant_id: TenantId
    version: str
    language: str
    channel: Channel
    intent: Intent
    text: str
    content: str


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptAnswer:
    """An answer that was given: to which question, as a vector too, and in which turn. `answer` is the draft."""

    question: str
    vector: bytes
    answer: Mapping[str, Any]
    turn_id: TurnId


async def list_answers(tx: Tx, key: QuestionKey, now: datetime) -> tuple[KeptAnswer, ...]:
    """Return answers to this question in the same words, then to questions of the same content, newest first."""
    cursor = await tx.execute(
        """select question, vector, answer, turn_id from answer_cache
           where tenant_id = %s and version = %s and language = %s and channel = %s and intent = %s
             and (question = %s or content_key = %s) and expires_at > %s
           order by question = %s desc, created_at desc limit %s""",
        (
            key.tenant_id,
            key.version,
            key.language,
            key.channel,
            key.intent,
            key.text,
            key.content,
            now,
            key.text,
            CANDIDATES,
        ),
    )
    return tuple(KeptAnswer(**row) for row in await cursor.fetchall())


async def insert_answer(
    tx: Tx, key: QuestionKey, kept: KeptAnswer, *, now: datetime, expires_at: datetime, most: int
) -> None:
    """Keep an answer, in place of an earlier one to the same words; drop what is too old, or beyond `most`."""
    await tx.execute(
        """insert into answer_cache (id, tenant_id, version, language, channel, intent, question, content_key, vector,
                                     answer, turn_id, created_at, expires_at)
           values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
           on conflict (tenant_id, version, language, channel, intent, question) do update
               set answer = excluded.answer, vector = excluded.vector, content_key = excluded.content_key,
                   turn_id = excluded.turn_id, created_at = excluded.created_at, expires_at = excluded.expires_at""",
        (
            new_id(),
            key.tenant_id,
            key.version,
            key.language,
            key.channel,
            key.intent,
            key.text,
            key.content,
            kept.vector,
            Jsonb(kept.answer),
            kept.turn_id,
            now,
            expires_at,
        ),
    )
    await tx.execute(
        """delete from answer_cache where tenant_id = %s and (expires_at <= %s or id in (
               select id from answer_cache where tenant_id = %s order by created_at desc offset %s))""",
        (key.tenant_id, now, key.tenant_id, most),
    )
