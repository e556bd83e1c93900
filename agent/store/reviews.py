"""What staff thought of the agent's drafts: the source of approval rates, scores and new test cases."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from psycopg.types.json import Jsonb

from agent.ids import new_id
from agent.store.db import Tx, fetch_one
from agent.types import ConversationId, MemberId, MessageId, TenantId, TurnId

ReviewVerdict = Literal["approved", "edited", "rejected"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Review:
    """One member's verdict on one draft."""

    tenant_id: TenantId
    conversation_id: ConversationId
    escalation_id: UUID | None
    turn_id: TurnId | None
    message_id: MessageId | None
    """What was sent instead or as it was; None: rejected."""
    member_id: MemberId | None
    verdict: ReviewVerdict
    reason: str
    draft: str
    sent: str | None
    distance: float | None
    """How much of the draft was changed, 0 to 1; None: rejected."""
    overridden: Sequence[Mapping[str, str]] = ()
    """Warnings that it was sent in spite of: rule, evidence, reason."""


async def insert_review(tx: Tx, review: Review) -> None:
    """Keep a verdict."""
    await tx.execute(
        """insert into reviews (id, tenant_id, conversation_id, escalation_id, turn_id, message_id, member_id, verdict,
                                reason, draft, sent, distance, overridden)
           values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
        (
            new_id(),
            review.tenant_id,
            review.conversation_id,
            review.escalation_id,
            review.turn_id,
            review.message_id,
            review.member_id,
            review.verdict,
            review.reason,
            review.draft,
            review.sent,
            review.distance,
            Jsonb(list(review.overridden)),
        ),
    )


async def find_review_of(tx: Tx, message_id: MessageId) -> Review | None:
    """Return the verdict that led to a message; None: it was made from no draft."""
    row = await fetch_one(
        tx,
        """select tenant_id, conversation_id, escalation_id, turn_id, message_id, member_id, verdict, reason, draft,
                  sent, distance, overridden from reviews where message_id = %s""",
        (message_id,),
    )
    return None if row is None else Review(**row)
