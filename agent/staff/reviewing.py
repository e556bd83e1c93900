"""What staff say of the agent's drafts: approved, edited, rejected. Kept, told as an event, scored in the trace."""

from datetime import datetime
from typing import Literal, get_args
from uuid import UUID

from agent.escalation.ownership import take_over
from agent.ports import StaffDeps
from agent.staff.actions import assign
from agent.staff.members import Member
from agent.store import desk, events, review_cards, reviews
from agent.store.db import Tx
from agent.store.review_cards import ReviewRequest
from agent.store.reviews import Review
from agent.tracing.scores import record_score
from agent.types import TurnId

Rejection = Literal["wrong_facts", "wrong_tone", "wrong_language", "not_needed", "needs_person", "other"]
"""Why a draft is no good. `not_needed`: nothing is to be said at all. `needs_person`: no machine should answer this."""
REJECTIONS: tuple[Rejection, ...] = get_args(Rejection)


async def record_review(tx: Tx, review: Review, actor: str, at: datetime) -> None:
    """Keep what a member thinks of a draft, tell it, and score the draft's turn by it."""
    await reviews.insert_review(tx, review)
    if review.turn_id is not None:
        await _score(tx, review, review.turn_id, at)
    await events.insert_event(
        tx,
        review.tenant_id,
        "draft.reviewed",
        actor=actor,
        conversation_id=review.conversation_id,
        turn_id=review.turn_id,
        message_id=review.message_id,
        data={
            "verdict": review.verdict,
            "distance": review.distance,
            "reason": review.reason if review.verdict == "rejected" else "",
            "overridden": [each["rule"] for each in review.overridden],
        },
    )


async def _score(tx: Tx, review: Review, turn_id: TurnId, at: datetime) -> None:
    """Show a verdict on the trace of the draft's turn: once for each draft, a later verdict replaces it."""
    await record_score(tx, turn_id, "review", review.verdict, at=at, comment=review.reason)
    if review.distance is not None:
        await record_score(tx, turn_id, "edit_distance", review.distance, at=at)
    if review.verdict == "rejected":
        await record_score(tx, turn_id, "rejected_because", review.reason.partition(":")[0], at=at)


async def reject_draft(
    escalation_id: UUID, reason: Rejection, member: Member, deps: StaffDeps, *, comment: str = ""
) -> bool:
    """Throw a draft away; False: the request is settled already, or has no draft.

    The prospect still waits: the request stays open, and the member minds it, unless nothing is needed (`not_needed`).
    Where no machine should answer (`needs_person`) the member takes over.
    """
    async with deps.db.member(member.tenant_id, member.id) as tx:
        found = await review_cards.find_request(tx, escalation_id)
        # Whoever changes a conversation locks it first: the worker may be replacing this very request.
        row = await desk.lock_desk(tx, found.conversation_id) if found else None
        request = await review_cards.lock_request(tx, escalation_id)
        if row is None or request is None or request.draft is None:
            return False
        review = _rejection(request, reason, comment, member)
        await record_review(tx, review, member.actor, deps.now())
        if reason == "not_needed":
            await desk.resolve_escalation(tx, request.conversation_id, "rejected", member.id, deps.now())
        else:
            await review_cards.discard_draft(tx, escalation_id)
            if reason == "needs_person":
                await take_over(tx, request.conversation_id, member)
            elif row.assignee_id is None:
                await assign(tx, [request.conversation_id], member.id, member)
    return True


def _rejection(request: ReviewRequest, reason: Rejection, comment: str, member: Member) -> Review:
    return Review(
        tenant_id=member.tenant_id,
        conversation_id=request.conversation_id,
        escalation_id=request.id,
        turn_id=request.turn_id,
        message_id=None,
        member_id=member.id,
        verdict="rejected",
        reason=f"{reason}: {comment}" if comment else reason,
        draft=request.draft or "",
        sent=None,
        distance=None,
    )
