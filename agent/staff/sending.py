"""What staff send: compare, check, put into the outbox — in one transaction under the conversation's lock.

Nobody writes over a colleague or the agent: a text is sent for the thread as its writer saw it (`seen_seq`), and is
refused if that has moved. The legal guardrails bind staff too; what the others object to is a warning, which they may
override with a reason that is recorded. Every text can be taken back for a few seconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from difflib import SequenceMatcher
from uuid import UUID

from agent.check import dump_verdicts
from agent.gather import load_answered_turn
from agent.guardrails import binding, check_all, warnings, worst
from agent.guardrails.published_once import once_for
from agent.ids import new_id
from agent.markup import format_for
from agent.ports import StaffDeps
from agent.prices import PriceReferenceError, choose_currency, local_date, render
from agent.staff.files import why_not_attached
from agent.staff.members import Member
from agent.staff.reviewing import record_review
from agent.store import desk, events, outbox, uploads
from agent.store.db import Tx
from agent.store.reviews import Review
from agent.types import Candidate, ConversationId, MediaId, MemberId, MessageId, Passage, Tenant, Turn, TurnId, Verdict

UNDO = timedelta(seconds=10)
"""How long a sent text can be taken back."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StaffText:
    """A text that a member wants to send."""

    conversation_id: ConversationId
    text: str
    """May hold `{price:…}` references; code renders them."""
    seen_seq: int
    """Number of the newest message that was on the writer's screen."""
    language: str = ""
    """What it is written in; empty: the conversation's."""
    draft: str | None = None
    """The agent's draft that it was made from, if any."""
    reason: str = ""
    """Why the draft was changed."""
    overrides: Mapping[str, str] = field(default_factory=dict)
    """Warnings that are overridden: the rule, and why."""
    send_at: datetime | None = None
    """Not before then; None: at once."""
    take_over: bool = False
    """Whether the agent stays silent from now on."""
    files: tuple[MediaId, ...] = ()
    """Files that the writer has uploaded for it, in order."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """It is in the outbox."""

    message_id: MessageId
    leaves_at: datetime
    undo_until: datetime
    review: Review | None = None
    """What its writer thus said of the agent's draft; None: it was made from none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Moved:
    """Refused: the thread has gone on since the writer looked."""

    message_ids: Sequence[MessageId]
    """What has come since, oldest first."""
    newest_seq: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Objected:
    """Refused: a legal rule forbids it, or a warning has no reason yet."""

    binding: tuple[Verdict, ...]
    """Must not leave, whoever wrote it."""
    warnings: tuple[Verdict, ...]
    """May leave, if the writer says why."""
    text: str
    """As it would leave: the verdicts' spans point into it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NotReadable:
    """Refused: a price reference names nothing that is published, or the text is empty."""

    problem: str


Outcome = Sent | Moved | Objected | NotReadable


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """A text as it would leave, and what the guardrails said of it."""

    turn: Turn
    candidate: Candidate
    verdicts: tuple[Verdict, ...]


async def send_as_staff(wanted: StaffText, member: Member, deps: StaffDeps) -> Outcome:
    """Send a text in a member's name, unless the thread has moved or a guardrail objects.

    Raises:
        LookupError: this tenant has no such conversation, or the agent has not read it yet.
    """
    async with deps.db.member(member.tenant_id, member.id) as tx:
        return await _send(tx, wanted, member, deps)


async def _send(tx: Tx, wanted: StaffText, member: Member, deps: StaffDeps) -> Outcome:
    turn_id = await lock_as_seen(tx, wanted.conversation_id, wanted.seen_seq)
    if isinstance(turn_id, Moved):
        return turn_id
    if not wanted.text.strip():
        return NotReadable(problem="There is nothing to send yet.")
    answered = await load_answered_turn(tx, turn_id, deps, is_waiting=True, up_to_now=True)
    if problem := await why_not_attached(tx, wanted.files, answered, member):
        return NotReadable(problem=problem)
    turn = introduce(member, answered)
    try:
        candidate = render_staff_text(wanted, turn, deps.now())
    except PriceReferenceError as exc:
        return NotReadable(problem=str(exc))
    verdicts = check_all(deps.rules, candidate, turn, turn.tenant, deps.now())
    objected = _objections(candidate, verdicts, wanted.overrides)
    if objected:
        return objected
    return await commit(tx, wanted, Checked(turn=turn, candidate=candidate, verdicts=verdicts), member, deps)


async def lock_as_seen(tx: Tx, conversation_id: ConversationId, seen_seq: int) -> TurnId | Moved:
    """Lock a conversation that a member writes to, and return its last turn, unless it has gone on since `seen_seq`.

    Raises:
        LookupError: this tenant has no such conversation, or the agent has not read it yet.
    """
    row = await desk.lock_desk(tx, conversation_id)
    if row is None or row.latest_turn_id is None:
        raise LookupError(f"conversation {conversation_id} is not there, or has not been read yet")
    if row.newest_seq > seen_seq:
        newer = await desk.list_seqs_after(tx, conversation_id, seen_seq)
        return Moved(message_ids=newer, newest_seq=row.newest_seq)
    return row.latest_turn_id


def check_staff_text(wanted: StaffText, turn: Turn, deps: StaffDeps) -> Objected:
    """Return what the guardrails say of a text while it is being written; nothing is stored.

    Raises:
        PriceReferenceError: a reference names nothing that is published.
    """
    candidate = render_staff_text(wanted, turn, deps.now())
    verdicts = check_all(deps.rules, candidate, turn, turn.tenant, deps.now())
    decisive = tuple(each for each in binding(verdicts, "staff") if each.outcome not in ("pass", "delay"))
    return Objected(binding=decisive, warnings=warnings(verdicts, "staff"), text=candidate.text)


def render_staff_text(wanted: StaffText, turn: Turn, now: datetime) -> Candidate:
    """Return a text as it would leave: prices rendered, Markdown in the channel's form.

    Raises:
        PriceReferenceError: a reference names nothing that is published.
    """
    language = wanted.language or turn.conversation.language or turn.tenant.default_language
    text = render(
        wanted.text.strip(),
        turn.tenant,
        language=language,
        currency=choose_currency(turn.tenant, turn.conversation.contact_address),
        today=local_date(turn.tenant, now),
    )
    channel = turn.conversation.channel
    return Candidate(text=format_for(text, channel), language=language, channel=channel, author="staff")


def introduce(member: Member, turn: Turn) -> Turn:
    """Let the guardrails know who writes: a member's own name needs no other source."""
    introduced, key = _introduced(turn.tenant), (member.id, member.name)
    if key not in introduced:
        known = Passage(id=f"member-{member.id}", kind="fact", text={turn.tenant.default_language: member.name})
        introduced[key] = replace(turn.tenant, passages=(*turn.tenant.passages, known))
    return replace(turn, tenant=introduced[key])


@once_for
def _introduced(_tenant: Tenant) -> dict[tuple[MemberId, str], Tenant]:
    """Return a tenant as its members are known in it: what rules read from a tenant they keep by the very object."""
    return {}


def edit_distance(draft: str, sent: str) -> float:
    """Return how much of a draft was changed: 0 nothing, 1 everything."""
    return round(1 - SequenceMatcher(None, draft, sent, autojunk=False).ratio(), 3)


async def take_back(message_id: MessageId, member: Member, deps: StaffDeps) -> ConversationId | None:
    """Take a sent or scheduled text back, and open the request it answered again; None: it has left already."""
    async with deps.db.member(member.tenant_id, member.id) as tx:
        conversation_id = await desk.take_back_message(tx, message_id, deps.now())
        if conversation_id is None:
            return None
        answered = await desk.find_answered_escalation(tx, message_id)
        if answered:
            await desk.reopen_escalation(tx, conversation_id, answered)
        await events.insert_event(
            tx,
            member.tenant_id,
            "staff.taken_back",
            actor=member.actor,
            conversation_id=conversation_id,
            message_id=message_id,
        )
        return conversation_id


def _objections(candidate: Candidate, verdicts: Sequence[Verdict], overrides: Mapping[str, str]) -> Objected | None:
    stopping = worst(binding(verdicts, candidate.author)).outcome in ("block", "hold", "revise")
    unexplained = [each for each in warnings(verdicts, candidate.author) if not overrides.get(each.rule, "").strip()]
    if not stopping and not unexplained:
        return None
    return Objected(
        binding=tuple(each for each in binding(verdicts, "staff") if each.outcome not in ("pass", "delay")),
        warnings=warnings(verdicts, "staff"),
        text=candidate.text,
    )


async def commit(tx: Tx, wanted: StaffText, checked: Checked, member: Member, deps: StaffDeps) -> Sent:
    """Put a text that nothing stands against into the outbox, under the conversation's lock."""
    now = deps.now()
    undo_until = max(now + UNDO, wanted.send_at or now)
    leaves_at = max(undo_until, worst(binding(checked.verdicts, "staff")).until or now)
    message_id = MessageId(new_id())
    await desk.withdraw_agents_texts(tx, wanted.conversation_id, "staff answered")
    await outbox.insert_outbound(
        tx,
        message_id=message_id,
        tenant_id=member.tenant_id,
        conversation_id=wanted.conversation_id,
        turn_id=checked.turn.id,
        candidate=checked.candidate,
        source="staff",
        draft=None,
        subject=checked.turn.inbound[-1].subject,
        created_at=now,
        not_before=leaves_at,
        verdicts=dump_verdicts(checked.verdicts),
    )
    await uploads.attach_uploads(tx, message_id, member.id, wanted.files)
    await desk.mark_as_staffs(tx, message_id, member.id, undo_until=undo_until)
    escalation_id = await desk.resolve_escalation(tx, wanted.conversation_id, "answered", member.id, now)
    if wanted.take_over:
        await _take_over(tx, wanted.conversation_id, checked.turn, member)
    review = _review(wanted, checked, member, message_id, escalation_id) if wanted.draft is not None else None
    if review:
        await record_review(tx, review, member.actor, now)
    await deps.queue.deliver(tx, member.tenant_id, message_id, delay_s=(leaves_at - now).total_seconds())
    await events.insert_event(
        tx,
        member.tenant_id,
        "staff.sent",
        actor=member.actor,
        conversation_id=wanted.conversation_id,
        turn_id=checked.turn.id,
        message_id=message_id,
        data={"overridden": dict(wanted.overrides), "leaves_at": leaves_at.isoformat()},
    )
    return Sent(
        message_id=message_id,
        leaves_at=leaves_at,
        undo_until=undo_until,
        review=review,
    )


async def _take_over(tx: Tx, conversation_id: ConversationId, turn: Turn, member: Member) -> None:
    """Let the writer answer from now on; nobody is told so who knew it."""
    if turn.conversation.owner == "staff":
        return
    await desk.set_owner(tx, conversation_id, "staff", assignee_id=member.id)
    await events.insert_event(
        tx, member.tenant_id, "conversation.taken_over", actor=member.actor, conversation_id=conversation_id
    )


def _review(
    wanted: StaffText, checked: Checked, member: Member, message_id: MessageId, escalation_id: UUID | None
) -> Review:
    """Say what the member thought of the agent's draft."""
    draft = wanted.draft or ""
    distance = edit_distance(draft.strip(), wanted.text.strip())
    return Review(
        tenant_id=member.tenant_id,
        conversation_id=wanted.conversation_id,
        escalation_id=escalation_id,
        turn_id=checked.turn.id,
        message_id=message_id,
        member_id=member.id,
        verdict="edited" if distance else "approved",
        reason=wanted.reason,
        draft=draft,
        sent=wanted.text,
        distance=distance,
        overridden=[
            {"rule": each.rule, "evidence": each.evidence, "reason": wanted.overrides[each.rule]}
            for each in warnings(checked.verdicts, "staff")
        ],
    )
