"""One timeline of a conversation, ready to render: messages, what happened between them, and the agent's reasoning.

Pure functions from stored rows to entries. Labels are messages to translate; templates do so.
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from agent.spending.budgets import format_usd
from agent.staff.members import Member
from agent.store.timeline import Happened, Said, Thought
from channels.inbox.navigation import N_
from channels.inbox.reasoning import Reasoning, explain
from channels.simulator_view import OUTBOUND_TICKS, Tick
from channels.thought_words import plain_reason

Tone = Literal["plain", "good", "warn", "bad", "note"]
HELD = timedelta(seconds=15)
"""What leaves later than this is said to be held."""

DEEDS: Mapping[str, tuple[str, Tone]] = {
    "conversation.taken_over": (N_("took over"), "warn"),
    "conversation.handed_back": (N_("handed back to the agent"), "good"),
    "conversation.assigned": (N_("assigned the conversation"), "plain"),
    "conversation.labelled": (N_("added the label"), "plain"),
    "conversation.unlabelled": (N_("took off the label"), "plain"),
    "conversation.flagged": (N_("changed its urgency"), "plain"),
    "escalation.snoozed": (N_("snoozed it"), "plain"),
    "escalation.reopened": (N_("put it back into the queue"), "plain"),
    "staff.taken_back": (N_("took a message back"), "plain"),
    "staff.stopped": (N_("A scheduled message was stopped: they wrote first"), "warn"),
    "proposal.taken": (N_("sent what was proposed"), "plain"),
    "window.closed": (N_("The reply window had closed"), "warn"),
    "delivery.gave_up": (N_("Delivery was given up"), "bad"),
    "mail.other_sender": (N_("Somebody else wrote in this thread"), "warn"),
    "turn.waits": (N_("The answer waits for a model"), "warn"),
    "contact.merged": (N_("Two contacts became one"), "plain"),
    "escalation.opened": (N_("A person is asked for"), "warn"),
    "escalation.answered": (N_("answered"), "good"),
    "escalation.rejected": (N_("rejected the draft"), "plain"),
    "escalation.handed_back": (N_("gave it back"), "plain"),
    "escalation.done": (N_("marked it done"), "good"),
}
SILENT = frozenset({"escalation.answered", "escalation.handed_back"})
"""Said by another line or message already."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bubble:
    """A message."""

    id: str
    said: Said
    is_theirs: bool
    is_staffs: bool
    tick: Tick | None
    held_until: datetime | None
    """When it leaves, if that is not now."""
    is_stopped: bool
    """Scheduled, and they have written since: it will not leave."""
    is_mine_to_take_back: bool
    carriage: str
    """SMS: its price in dollars; empty: not known."""
    reasoning: Reasoning | None
    is_new: bool
    kind: Literal["bubble"] = "bubble"


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """Something that happened. `text` is a message to translate; `who` did it."""

    id: str
    at: datetime
    text: str
    tone: Tone
    who: str | None = None
    detail: str = ""
    reasoning: Reasoning | None = None
    kind: Literal["line"] = "line"


@dataclass(frozen=True, kw_only=True, slots=True)
class Note:
    """What a member told their colleagues."""

    id: str
    at: datetime
    who: str | None
    text: str
    kind: Literal["note"] = "note"


@dataclass(frozen=True, kw_only=True, slots=True)
class DayBreak:
    """The day that begins here."""

    id: str
    at: datetime
    kind: Literal["day"] = "day"


@dataclass(frozen=True, kw_only=True, slots=True)
class NewBreak:
    """What is below is new to the reader."""

    id: str = "new-messages"
    kind: Literal["new"] = "new"


Entry = Bubble | Line | Note | DayBreak | NewBreak


@dataclass(frozen=True, kw_only=True, slots=True)
class Read:
    """What was read of a conversation, to be put in order."""

    messages: Sequence[Said]
    thoughts: Sequence[Thought]
    happened: Sequence[Happened]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """Who reads, when, and from where on it is new to them."""

    member: Member
    now: datetime
    new_after: datetime | None
    """None: nothing is new."""
    langfuse: str


def arrange(read: Read, reading: Reading) -> tuple[Entry, ...]:
    """Return the timeline, oldest first. Messages keep the order of their numbers, whatever their clocks say."""
    entries = _merge(read, reading)
    return tuple(_with_breaks(entries, reading.member.zone))


def _merge(read: Read, reading: Reading) -> Iterator[Bubble | Line | Note]:
    silences = tuple(_silences(read, reading))
    between = sorted((*_told(read.happened, {each.id for each in silences}), *silences), key=lambda each: each.at)
    replies = _last_replies(read.messages)
    thoughts = {thought.id: thought for thought in read.thoughts}
    newest_inbound = max((each.seq for each in read.messages if each.direction == "inbound"), default=0)
    for message in read.messages:
        while between and between[0].at < message.created_at:
            yield between.pop(0)
        thought = thoughts.get(message.turn_id) if message.turn_id and message.id in replies else None
        yield _bubble(message, thought, newest_inbound, reading)
    yield from between


def _bubble(message: Said, thought: Thought | None, newest_inbound: int, reading: Reading) -> Bubble:
    is_theirs, now = message.direction == "inbound", reading.now
    waits = message.state == "pending" and message.not_before is not None and message.not_before - now > HELD
    is_staffs = message.author == "staff"
    return Bubble(
        id=f"message-{message.id}",
        said=message,
        is_theirs=is_theirs,
        is_staffs=is_staffs,
        tick=None if is_theirs else OUTBOUND_TICKS[message.state or "queued"],
        held_until=message.not_before if waits else None,
        is_stopped=bool(waits and is_staffs and newest_inbound > message.seq),
        is_mine_to_take_back=bool(waits and is_staffs and message.undo_until and message.undo_until > now),
        carriage=format_usd(message.carriage_microusd) if message.carriage_microusd else "",
        reasoning=explain(thought, langfuse=reading.langfuse) if thought else None,
        is_new=is_theirs and reading.new_after is not None and message.created_at > reading.new_after,
    )


def _last_replies(messages: Sequence[Said]) -> frozenset[object]:
    """Return the last message of each turn that the agent wrote: its reasoning is folded under it."""
    last = {each.turn_id: each.id for each in messages if each.direction == "outbound" and each.author != "staff"}
    return frozenset(last.values())


def _told(happened: Sequence[Happened], silences: Container[str]) -> Iterator[Line | Note]:
    """Yield what happened, without the requests for a person that a silent turn's own line tells."""
    for each in happened:
        if each.kind == "escalation.opened" and f"turn-{each.data.get('turn')}" in silences:
            continue
        if each.kind == "note":
            yield Note(id=each.id, at=each.at, who=each.who, text=each.text)
        elif each.kind in DEEDS and each.kind not in SILENT:
            text, tone = DEEDS[each.kind]
            detail = plain_reason(str(each.data.get("reason") or each.data.get("label") or ""))
            yield Line(id=each.id, at=each.at, text=text, tone=tone, who=each.who, detail=detail)


def _silences(read: Read, reading: Reading) -> Iterator[Line]:
    """Yield what the agent decided without a word: its reasoning has no message to stand under."""
    replied = {each.turn_id for each in read.messages if each.direction == "outbound" and each.author != "staff"}
    for thought in read.thoughts:
        if thought.id in replied or thought.state == "running" or thought.finished_at is None:
            continue
        superseded = thought.state == "superseded"
        text = {"nothing": N_("No reply was needed"), "escalate": N_("A person is asked for")}.get(
            thought.decision or "", N_("The agent started over") if superseded else N_("The agent did not answer")
        )
        yield Line(
            id=f"turn-{thought.id}",
            at=thought.finished_at,
            text=text,
            tone="warn" if thought.decision == "escalate" else "plain",
            detail=plain_reason(thought.reason or ""),
            reasoning=explain(thought, langfuse=reading.langfuse),
        )


def _with_breaks(entries: Iterator[Bubble | Line | Note], zone: ZoneInfo) -> Iterator[Entry]:
    day, is_told = None, False
    for entry in entries:
        at = entry.said.created_at if isinstance(entry, Bubble) else entry.at
        if at.astimezone(zone).date() != day:
            day = at.astimezone(zone).date()
            yield DayBreak(id=f"day-{day}", at=at)
        if isinstance(entry, Bubble) and entry.is_new and not is_told:
            is_told = True
            yield NewBreak()
        yield entry
