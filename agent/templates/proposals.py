"""What becomes of a proposal when a person takes it: the template, or the text elsewhere, goes to the outbox.

Nothing leaves unchecked for that (P4): the proposal is looked at again here, and whatever it becomes is checked when it
leaves. A proposal is taken once.
"""

from dataclasses import replace
from uuid import UUID

from agent.decide import put_in_outbox
from agent.errors import NightshiftError
from agent.gather import load_answered_turn
from agent.ports import Deps
from agent.store import conversations, desk, events, templates
from agent.store.db import Tx
from agent.store.review_cards import ReviewRequest, lock_request
from agent.templates.closed_window import as_candidate, find_objection, why_template_may_not_leave
from agent.templates.types import FilledTemplate, Proposal
from agent.types import Candidate, ConversationId, MemberId, MessageId, Reply, Turn, TurnId


class ProposalStale(NightshiftError):  # noqa: N818 — names what is so, as the others do
    """A person acts: a proposal cannot be taken as it stands. Nothing was sent."""


async def take_proposal(
    tx: Tx, escalation_id: UUID, deps: Deps, *, actor: str, member_id: MemberId | None = None
) -> MessageId:
    """Send what an open request proposes, in the name of `actor`, and settle the request.

    `member_id`: who of the staff it is; None: somebody at the command line.

    Raises:
        ProposalStale: there is no such request, it proposes nothing that could be sent, or things have changed since.
    """
    request = await lock_request(tx, escalation_id)
    if request is None:
        raise ProposalStale(f"There is no open request {escalation_id}: it is settled already, or another tenant's.")
    turn, candidate = await _prepare(tx, request, deps)
    message_id = await put_in_outbox(tx, turn, Reply(candidate=replace(candidate, author="staff"), source="rule"), deps)
    await desk.resolve_escalation(tx, request.conversation_id, "answered", member_id, deps.now())
    await events.insert_event(
        tx,
        turn.tenant.id,
        "proposal.taken",
        actor=actor,
        conversation_id=turn.conversation.id,
        turn_id=turn.id,
        message_id=message_id,
        data={"escalation": str(escalation_id), "template": candidate.template.name if candidate.template else None},
    )
    return message_id


async def _prepare(tx: Tx, request: ReviewRequest, deps: Deps) -> tuple[Turn, Candidate]:
    """Return what would be sent, and the turn that it belongs to."""
    match request.proposal:
        case Proposal(kind="template", template=FilledTemplate() as template) if request.turn_id is not None:
            turn = await _load_turn(tx, request.conversation_id, request.turn_id, deps)
            candidate = as_candidate(request.proposal.text, template, turn.conversation.channel)
            if why := await _why_stale(tx, candidate, turn, deps):
                raise ProposalStale(f"{why} Write to them in another way, or wait until they write.")
            return turn, candidate
        case Proposal(kind="channel", conversation_id=UUID() as elsewhere):
            turn = await _load_turn(tx, ConversationId(elsewhere), None, deps)
            return turn, Candidate(
                text=request.proposal.text,
                language=turn.conversation.language or turn.tenant.default_language,
                channel=turn.conversation.channel,
                purpose="follow_up",
                author="staff",
            )
        case _:
            raise ProposalStale(f"Request {request.id} proposes nothing that could be sent: a person must answer.")


async def _load_turn(tx: Tx, conversation_id: ConversationId, turn_id: TurnId | None, deps: Deps) -> Turn:
    """Lock a conversation and load its turn, or the last one that was taken of it."""
    await conversations.lock_for_delivery(tx, conversation_id)
    found = turn_id or await desk.find_latest_turn(tx, conversation_id)
    if found is None:
        raise ProposalStale(f"Nothing has ever been answered in conversation {conversation_id}.")
    try:
        return await load_answered_turn(tx, found, deps, up_to_now=True)
    except LookupError as exc:
        raise ProposalStale("The contact has written since; what they wrote is being answered.") from exc


async def _why_stale(tx: Tx, candidate: Candidate, turn: Turn, deps: Deps) -> str:
    """Return why a proposed template will not do any more, as a sentence; empty: it will."""
    if any(each.direction == "inbound" and each.seq > turn.last_seq for each in turn.history):
        return "The contact has written since, so free text may be sent."
    if await templates.has_unanswered_template(tx, turn.conversation.id):
        return "A template has already gone out since the contact wrote last."
    if why := await why_template_may_not_leave(tx, candidate):
        return why
    template = candidate.template
    objection = find_objection(candidate.text, template, turn=turn, now=deps.now()) if template else ""
    return f"It no longer passes the checks ({objection})." if objection else ""
