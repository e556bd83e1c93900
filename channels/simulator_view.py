"""What the simulator's page shows, as plain values: the conversation, and what Nightshift thought at each turn.

Pure functions from stored rows to views. Templates only loop over them. Times are on the prospect's clock.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from agent.reply_window import reply_window_of
from agent.spending.budgets import format_usd
from agent.store.simulator import Thread, ThreadEscalation, ThreadMessage
from agent.types import Source
from channels.simulator_thought import ThoughtView, engine_label, show_thoughts
from channels.thought_words import plain_reason

Tone = Literal["plain", "good", "warn", "bad"]
HELD_S = 5
"""A reply due later than this is announced as held instead of shown as on its way."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tick:
    """How far a message has got."""

    icon: str
    label: str
    tone: Tone = "plain"


OUTBOUND_TICKS: Mapping[str, Tick] = {
    "pending": Tick(icon="clock", label="Queued"),
    "sending": Tick(icon="clock", label="Sending"),
    "queued": Tick(icon="clock", label="Queued"),
    "sent": Tick(icon="check", label="Sent"),
    "delivered": Tick(icon="checks", label="Delivered"),
    "read": Tick(icon="checks", label="Read", tone="good"),
    "failed": Tick(icon="alert", label="Failed", tone="bad"),
    "unknown": Tick(icon="alert", label="Unknown whether it arrived", tone="warn"),
}
RECEIVED = Tick(icon="check", label="Received")
TAKEN = Tick(icon="checks", label="Read by Nightshift", tone="good")


@dataclass(frozen=True, kw_only=True, slots=True)
class Bubble:
    """A message on the screen. `mine`: the prospect wrote it."""

    id: str
    mine: bool
    text: str
    subject: str | None
    language: str | None
    time: str
    timestamp: str
    tick: Tick
    byline: str
    """Who wrote it: always said on a reply."""
    turn_id: str | None
    provider_id: str | None
    error: str | None
    files: tuple[str, ...] = ()
    """Addresses of files that came along with a reply."""
    kind: Literal["bubble"] = "bubble"


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A line of the system between messages."""

    id: str
    text: str
    tone: Tone
    turn_id: str | None
    kind: Literal["line"] = "line"


@dataclass(frozen=True, kw_only=True, slots=True)
class DayBreak:
    """The day that begins here."""

    id: str
    label: str
    kind: Literal["day"] = "day"


Entry = Bubble | Line | DayBreak


@dataclass(frozen=True, kw_only=True, slots=True)
class Banner:
    """What holds for the whole conversation now."""

    text: str
    tone: Tone


@dataclass(frozen=True, kw_only=True, slots=True)
class Countdown:
    """How long Nightshift may still answer freely."""

    text: str
    closes_at: str
    """On the prospect's clock."""
    tone: Tone


@dataclass(frozen=True, kw_only=True, slots=True)
class ThreadView:
    """One conversation, ready to render."""

    entries: tuple[Entry, ...]
    banners: tuple[Banner, ...]
    is_typing: bool
    typing_label: str
    thoughts: tuple[ThoughtView, ...]
    """Newest first."""
    next_subject: str
    """E-mail: what a reply to the last mail is called; empty before the first."""
    countdown: Countdown | None
    """None: the channel has no reply window, or nobody has opened it."""


EMPTY = ThreadView(
    entries=(), banners=(), is_typing=False, typing_label="", thoughts=(), next_subject="", countdown=None
)


def show_thread(thread: Thread, *, zone: ZoneInfo, now: datetime, has_model_key: bool) -> ThreadView:
    """Return what to show of a conversation."""
    entries = [entry for _, entry in sorted(_placed(thread, zone, now, has_model_key), key=lambda pair: pair[0])]
    return ThreadView(
        entries=tuple(entries),
        banners=tuple(_banners(thread)),
        is_typing=thread.turn_state in {"queued", "running"} and thread.owner == "agent" and not thread.is_overdue,
        typing_label="Reading" if thread.turn_state == "queued" else "Thinking",
        thoughts=tuple(show_thoughts(thread, has_model_key=has_model_key)),
        next_subject=_next_subject(thread),
        countdown=_countdown(thread, zone, now),
    )


def mail_thread(thread: Thread) -> tuple[str, ...]:
    """Return the ids of the mails the prospect has written or got, oldest first."""
    return tuple(
        each.provider_id
        for each in thread.messages
        if each.provider_id and each.provider_id.startswith("<") and each.state != "superseded"
    )[-20:]


def _placed(
    thread: Thread, zone: ZoneInfo, now: datetime, has_model_key: bool
) -> Iterator[tuple[tuple[int, int], Entry]]:
    """Yield entries with their place: order number of the message they belong to, then rank beside it."""
    day = None
    for message in thread.messages:
        local = message.created_at.astimezone(zone)
        if local.date() != day:
            day = local.date()
            yield (message.seq, -1), DayBreak(id=f"day-{day}", label=_day_label(local, now.astimezone(zone)))
        if entry := _message_entry(message, local, now, has_model_key):
            yield (message.seq, 0), entry
    yield from _escalation_lines(thread)
    for turn in thread.turns:
        if turn.decision == "nothing":
            text = f"No reply: {plain_reason(turn.reason or 'none needed')}"
            yield (turn.last_seq, 1), Line(id=f"silent-{turn.id}", text=text, tone="plain", turn_id=str(turn.id))


def _message_entry(message: ThreadMessage, local: datetime, now: datetime, has_model_key: bool) -> Entry | None:
    turn_id = str(message.turn_id) if message.turn_id else None
    if message.state == "superseded":
        return None  # never left; the turn's thoughts say why
    if message.state == "pending" and message.not_before and (message.not_before - now).total_seconds() > HELD_S:
        until = message.not_before.astimezone(local.tzinfo)
        text = f"A reply is written and held until {until:%A} {until:%H:%M}, when it may be sent"
        return Line(id=f"held-{message.id}", text=text, tone="warn", turn_id=turn_id)
    mine = message.direction == "inbound"
    return Bubble(
        id=f"message-{message.id}",
        mine=mine,
        text=message.body,
        subject=message.subject,
        language=message.language,
        time=f"{local:%H:%M}",
        timestamp=message.created_at.isoformat(timespec="seconds"),
        tick=_tick(message),
        byline="" if mine else _byline(message, has_model_key),
        turn_id=turn_id,
        provider_id=message.provider_id,
        error=message.error if message.state in ("failed", "unknown") else None,
        files=message.files,
    )


def _tick(message: ThreadMessage) -> Tick:
    if message.direction == "inbound":
        return TAKEN if message.turn_id else RECEIVED
    return OUTBOUND_TICKS[message.state or "queued"]


def _byline(message: ThreadMessage, has_model_key: bool) -> str:
    if message.author == "staff":
        author = "a person on the team"
    else:
        source: Source = message.source or "rule"
        author = engine_label(source, message.model or "", has_model_key=has_model_key)
    return " · ".join(part for part in (author, _carriage(message)) if part)


def _carriage(message: ThreadMessage) -> str:
    """Say how many parts an SMS is carried as, and what they cost."""
    if not message.segments:
        return ""
    parts = f"{message.segments} SMS part{'s' if message.segments > 1 else ''}"
    return parts if message.carriage_microusd is None else f"{parts}, ${format_usd(message.carriage_microusd)}"


def _escalation_lines(thread: Thread) -> Iterator[tuple[tuple[int, int], Entry]]:
    seq_of_message = {message.id: message.seq for message in thread.messages}
    seq_of_turn = {turn.id: turn.last_seq for turn in thread.turns}
    newest = thread.messages[-1].seq if thread.messages else 0
    for escalation in thread.escalations:
        seq = newest
        if escalation.message_id in seq_of_message:
            seq = seq_of_message[escalation.message_id]
        elif escalation.turn_id in seq_of_turn:
            seq = seq_of_turn[escalation.turn_id]
        turn_id = str(escalation.turn_id) if escalation.turn_id else None
        text = f"Handed to a person: {plain_reason(escalation.reason)}{_proposed(escalation)}"
        yield (seq, 1), Line(id=f"escalation-{escalation.id}", text=text, tone="warn", turn_id=turn_id)


def _proposed(escalation: ThreadEscalation) -> str:
    """Return what staff are proposed to send instead, as the rest of a sentence."""
    proposal = escalation.proposal
    if proposal is None or proposal.kind == "person":
        return ""
    by = f"the template {proposal.template.name}" if proposal.template else f"to write by {proposal.channel}"
    return f". Proposed to them: {by}, “{proposal.text}”"


def _countdown(thread: Thread, zone: ZoneInfo, now: datetime) -> Countdown | None:
    window = reply_window_of(thread.channel, thread.last_inbound_at, now)
    if window is None:
        return None
    tone: Tone = "warn" if window.closes_soon else "plain" if window.is_open else "bad"
    closes_at = f"{window.closes_at.astimezone(zone):%A %H:%M}"
    return Countdown(text=f"Reply window {window.label}", closes_at=closes_at, tone=tone)


def _banners(thread: Thread) -> Iterator[Banner]:
    if thread.suppression:
        yield Banner(
            text="You have opted out. Nothing is sent to you any more, on any channel, until you write START.",
            tone="bad",
        )
    if thread.owner == "staff":
        yield Banner(text="A person has taken over this conversation: Nightshift does not answer.", tone="warn")
    if thread.is_overdue:
        yield Banner(
            text="Nobody has taken up your message yet. Is a worker running? `nightshift up` starts one.", tone="warn"
        )


def _day_label(local: datetime, today: datetime) -> str:
    days = (today.date() - local.date()).days
    if days in (0, 1):
        return "Today" if days == 0 else "Yesterday"
    return f"{local:%A}, {local.day} {local:%B %Y}"


def _next_subject(thread: Thread) -> str:
    subject = next((each.subject for each in reversed(thread.messages) if each.subject), "")
    return f"Re: {subject.removeprefix('Re: ')}" if subject else ""
