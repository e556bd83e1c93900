"""Turns as they were understood and drafted, for asking what another policy would have done with them."""

from datetime import datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from agent.store.db import Tx
from agent.trust.foresight import DecidedTurn
from agent.types import Classification, TenantId

MOST = 2_000

_CLASSIFICATION = TypeAdapter(Classification)


async def list_decided(tx: Tx, tenant_id: TenantId, *, since: datetime, until: datetime) -> list[DecidedTurn]:
    """Return the turns that were decided between two moments and understood first, newest first, at most `MOST`."""
    cursor = await tx.execute(
        """select id, steps -> 'classification' as classification,
                  coalesce(steps -> 'revise_expert', steps -> 'revise', steps -> 'draft') -> 'draft' as draft
           from turns
           where tenant_id = %s and state = 'done' and created_at >= %s and created_at < %s
             and jsonb_typeof(steps -> 'classification') = 'object'
           order by created_at desc limit %s""",
        (tenant_id, since, until, MOST),
    )
    read = [_decided(row) for row in await cursor.fetchall()]
    return [each for each in read if each is not None]


def _decided(row: dict[str, Any]) -> DecidedTurn | None:
    """Read a turn; None: an older release wrote it in another way."""
    try:
        classification = _CLASSIFICATION.validate_python(row["classification"])
    except ValidationError:
        return None
    draft = row["draft"] or {}
    return DecidedTurn(
        id=row["id"],
        classification=classification,
        draft_confidence=draft.get("confidence"),
        draft_needs_human=bool(draft.get("needs_human")),
    )
