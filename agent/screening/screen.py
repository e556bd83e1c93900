"""The first look at a turn: free, deterministic, before any model and independent of all (P4, P6, P8).

It finds what must not depend on a model: opt-outs, returns, requests for help, automatic mail, loops and
floods. It aims at precision: what it leaves, the classifier still reads (`opt_out` is an intent).

Sources: FCC 47 CFR 64.1200(a)(10) (revocation by any reasonable means) and (a)(12) (one confirmation); CTIA Messaging
Principles (HELP); Twilio's default keywords.
"""

import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from agent.folding import words_of
from agent.guardrails.bot_question import asks_nothing_else
from agent.mail.sender_trust import may
from agent.screening.phrases import ACROSS_CLAUSES, OPT_OUT_PHRASES
from agent.screening.words import (
    ASKS_TO_KEEP_WRITING,
    ASKS_TO_REMOVE,
    BEGINS_NO,
    BEGINS_YES,
    BUT,
    CHOICE,
    COURTESIES,
    HELP_WORDS,
    LAST_WORDS,
    NOT_AN_OPT_OUT,
    OPT_IN_WORDS,
    OPT_OUT_WORDS,
    SHORT_FORMS,
    SMS_HELP_WORDS,
    STOPS,
)
from agent.types import Channel, Message, Turn

MAX_CHARS = 4_000
"""Of one message, this much is read."""
FLOOD_WINDOW = timedelta(minutes=10)
FLOOD_MESSAGES = 30
"""More messages than this within the window are not answered: a loop between machines, or abuse."""
MAX_ANSWER_WORDS = 8
"""A longer text is more than a yes or no to our question."""
MAX_AFTERTHOUGHT_WORDS = 2
"""So few words under a subject ("thanks") change nothing about it."""
REPEATS = 5
"""The same text this often within the window is not answered."""

_CLAUSE_END = re.compile(r"[….;!?\n]")
_LAST_PART = re.compile(r"[,….;!?\n]+")

MAILS_PER_HOUR = 6
"""So many of our mails to one contact within an hour are no conversation but a loop that no header gives away."""

Kind = Literal["opt_out", "opt_in", "help", "person", "bot_question", "silent"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Screened:
    """What a turn is, without asking a model.

    `opt_out`: suppress the contact. `opt_in`: lift the suppression. `help`: send the tenant's help text.
    `bot_question`: say that an assistant is writing, and how to reach a person. `person`: have a person read it.
    `silent`: do not answer.
    """

    kind: Kind
    reason: str
    evidence: str = ""
    message: Message | None = None
    """The message that decided: the proof of an opt-out or opt-in."""
    confirm: bool = True
    """Whether to confirm an opt-out or opt-in: not when the provider has, nor an opt-out that already stands. For
    `person`: whether the sender may be told so."""


def screen(turn: Turn, now: datetime) -> Screened | None:
    """Return what to do with a turn before any model sees it; None: go on.

    Of several wishes in one burst the last opt-out or START counts, and either wins over everything else.
    """
    written = tuple(message for message in turn.inbound if not message.automatic)
    if not written:
        return Screened(kind="silent", reason="An automatic message (RFC 3834) is never answered.")
    return (
        _consent(turn, written)
        or _provider_answered(written)
        or _flood(turn, now)
        or _held(written)
        or _mail_loop(turn, now)
        or _help(turn, written)
        or _bot_question(turn, written)
    )


def opt_out_evidence(text: str, context: str | None = None) -> str:
    """Return the words with which a message asks us to stop writing; nothing if it does not.

    Ambiguous words ("cancelar", "baja", "end") count only as the whole message; a yes, a no or a number only as the
    answer to our own question, in `context`, whether to go on writing.
    """
    text = "\n".join(line for line in text[:MAX_CHARS].splitlines() if not line.lstrip().startswith(">"))
    words = _plain_words(text)
    if _without_courtesies(words) in OPT_OUT_WORDS or _answers_that_we_stop(words, context or ""):
        return words
    last = _without_courtesies(_plain_words(_LAST_PART.split(text.rstrip(" .!?\n"))[-1]))
    if last in LAST_WORDS:
        return last
    found = next((match for pattern in ACROSS_CLAUSES if (match := pattern.search(f" {words} "))), None)
    for clause in _clauses(text):
        if found or NOT_AN_OPT_OUT.search(clause):
            continue
        found = next((match for pattern in OPT_OUT_PHRASES if (match := pattern.search(clause))), None)
    return found[0].strip() if found else ""


def is_opt_out(message: Message) -> bool:
    """Say whether a message is an opt-out by itself, whatever was said before it: enough to send nothing meanwhile."""
    if message.automatic or message.details.keyword == "start":
        return False
    keyword = message.details.keyword
    of_provider = keyword == "stop" or (message.provider_handled_opt_out and not keyword)
    return of_provider or bool(opt_out_evidence(_said(message)))


def _answers_that_we_stop(words: str, context: str) -> bool:
    """Say whether an answer to our own question, or its choice from our menu, means that we must stop."""
    if choice := CHOICE.match(words):
        return any(STOPS.search(words_of(said)) for said in _offered(context[:MAX_CHARS], choice[1]))
    asked = words_of(context[:MAX_CHARS])
    keep, remove = bool(ASKS_TO_KEEP_WRITING.search(asked)), bool(ASKS_TO_REMOVE.search(asked))
    if keep == remove or len(words.split()) > MAX_ANSWER_WORDS or BUT.search(words):
        return False
    return bool((BEGINS_NO if keep else BEGINS_YES).match(words))


def _offered(menu: str, number: str) -> list[str]:
    """Return what our menu says after a number, up to the next number or the end of the sentence."""
    return re.findall(rf"(?<!\d){number}(?!\d)([^\d.]{{3,80}})", re.sub(rf"(?<=\b{number})[.)]", " ", menu))


def _consent(turn: Turn, written: tuple[Message, ...]) -> Screened | None:
    """Return the last opt-out or START of the burst; a START counts only after an opt-out."""
    suppressed = turn.conversation.suppression is not None
    result: Screened | None = None
    for message in written:
        evidence = opt_out_evidence(_said(message), turn.context) if message.details.keyword != "start" else ""
        if evidence or _is_stop_of_provider(message, turn.conversation.channel):
            result = Screened(
                kind="opt_out",
                reason="The contact asks us not to write." if evidence else "The provider stopped this contact.",
                evidence=evidence or words_of(_said(message)[:MAX_CHARS])[:80],
                message=message,
                confirm=not (message.provider_handled_opt_out or suppressed),
            )
        elif _asks_to_return(message) and (suppressed or result is not None):
            if not may("opt_in", message.trust):
                result = result or _unproven_return(message)
                continue
            result = Screened(
                kind="opt_in",
                reason="The contact asks to hear from us again.",
                evidence=words_of(message.text),
                message=message,
                confirm=not message.provider_handled_opt_out,
            )
    return result


def _unproven_return(message: Message) -> Screened:
    """Return a person: consent is the contact's own, and nothing proves that it is they who give it."""
    reason = "Somebody asks that we write again, and nothing proves that it is the contact."
    return Screened(kind="person", reason=reason, message=message, confirm=False)


def _asks_to_return(message: Message) -> bool:
    """Say whether it is a START: by its word, or by the provider's, whose keywords may be others."""
    return message.details.keyword == "start" or _is_one_of(message, OPT_IN_WORDS)


def _is_stop_of_provider(message: Message, channel: Channel) -> bool:
    """Say whether the provider took it for a STOP. Of one that does not say what it took it for, a word we do not
    know counts as one, on the safe side."""
    if keyword := message.details.keyword:
        return keyword == "stop"
    known = OPT_IN_WORDS | _help_words(channel)
    return message.provider_handled_opt_out and not _is_one_of(message, known)


def _said(message: Message) -> str:
    """Return what a message says: of a mail with next to no words, its subject, if that is an opt-out by itself."""
    subject = message.subject or ""
    is_bare = len(words_of(message.text[:MAX_CHARS]).split()) <= MAX_AFTERTHOUGHT_WORDS
    is_request = _without_courtesies(_plain_words(subject[:MAX_CHARS])) in OPT_OUT_WORDS
    return subject if is_bare and is_request else message.text


def _provider_answered(written: tuple[Message, ...]) -> Screened | None:
    if all(message.provider_handled_opt_out for message in written):
        return Screened(kind="silent", reason="The provider has already answered this keyword.")
    return None


def _flood(turn: Turn, now: datetime) -> Screened | None:
    """Return silence for a loop or a flood: too many messages, or the same one again and again."""
    recent = [
        m for m in (*turn.history, *turn.inbound) if m.direction == "inbound" and now - m.created_at <= FLOOD_WINDOW
    ]
    if len(recent) > FLOOD_MESSAGES:
        return Screened(kind="silent", reason=f"{len(recent)} messages within 10 minutes: a loop or abuse.")
    texts = Counter(words_of(message.text[:MAX_CHARS]) for message in recent if message.has_words)
    text, times = next(iter(texts.most_common(1)), ("", 0))
    if times >= REPEATS:
        return Screened(kind="silent", reason=f"The same text {times} times within 10 minutes.", evidence=text[:80])
    return None


def _held(written: tuple[Message, ...]) -> Screened | None:
    """Return a person for what a machine cannot read, or may not answer because its sender is disowned."""
    for message in reversed(written):
        disowned = not may("answer", message.trust)
        if message.hold or disowned:
            reason = message.hold or "The domain in From disowns this mail: it may be forged. Nothing was answered."
            return Screened(kind="person", reason=reason, message=message, confirm=not disowned)
    return None


def _mail_loop(turn: Turn, now: datetime) -> Screened | None:
    """Return a person, untold, for a lively exchange of mails: whatever the headers say, machines may be talking."""
    recent = sum(now - at <= timedelta(hours=1) for at in turn.sent_at)
    if turn.conversation.channel == "email" and recent >= MAILS_PER_HOUR:
        return Screened(kind="person", reason=f"{recent} mails to this contact within an hour: a loop?", confirm=False)
    return None


def _help(turn: Turn, written: tuple[Message, ...]) -> Screened | None:
    """Return help when the burst asks for nothing else."""
    words = _help_words(turn.conversation.channel)
    if all(_is_one_of(message, words) for message in written):
        last = written[-1]
        return Screened(kind="help", reason="The contact asks for help.", evidence=words_of(last.text), message=last)
    return None


def _bot_question(turn: Turn, written: tuple[Message, ...]) -> Screened | None:
    """Return the question whether a machine is answering, when the burst asks nothing else and one is."""
    asked = "\n".join(message.text for message in written)
    if turn.conversation.owner == "staff" or any(message.media for message in written) or not asks_nothing_else(asked):
        return None
    return Screened(
        kind="bot_question",
        reason="The contact asks whether a machine is answering.",
        evidence=words_of(asked)[:80],
        message=written[-1],
    )


def _help_words(channel: Channel) -> frozenset[str]:
    """INFO is HELP on SMS, where carriers demand it; elsewhere a bare "info" is how sales chats begin."""
    return HELP_WORDS | SMS_HELP_WORDS if channel == "sms" else HELP_WORDS


def _is_one_of(message: Message, keywords: frozenset[str]) -> bool:
    return len(message.text) <= MAX_CHARS and _without_courtesies(words_of(message.text)) in keywords


def _without_courtesies(words: str) -> str:
    return COURTESIES.sub("", words).strip() or words


def _clauses(text: str) -> list[str]:
    """Return the plain words of a text, cut where a thought ends, with a space at both ends."""
    return [f" {words} " for part in _CLAUSE_END.split(text) if (words := _plain_words(part))]


def _plain_words(text: str) -> str:
    """Return the folded words of a text, short forms written out."""
    return " ".join(SHORT_FORMS.get(word, word) for word in words_of(text).split())
