"""What came of a conversation: booked, won, lost, as the business's own systems tell it (promise P9).

An outcome is stored once, whatever else is known: one whose contact nobody knows is kept, and matched when they write.
It is attributed to the contact's conversation that was last active before it, to the last answer of ours in there, to
that answer's version and channel. A correction is an outcome of its own that names the one it replaces; the kind
`reversed` replaces it by nothing.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Self

from babel.numbers import list_currencies
from pydantic import AwareDatetime, BaseModel, Field, ValidationError, field_validator, model_validator

from agent.errors import BadRequest
from agent.ids import new_id
from agent.store import outcomes
from agent.store.contacts import find_contact
from agent.store.db import Tx
from agent.store.events import insert_event
from agent.store.outcomes import Outcome
from agent.tracing.scores import record_score
from agent.types import TenantId

Kind = Literal["booked", "won", "lost", "reversed"]
Source = Literal["webhook", "csv", "hubspot"]
CURRENCIES = frozenset(list_currencies())
AHEAD = timedelta(days=1)
"""Clocks and time zones differ by so much; what is later has not happened yet."""
MATCHED_FOR = timedelta(days=30)
"""So long an outcome of somebody unknown waits for them to write."""


class ReportedOutcome(BaseModel, frozen=True, extra="forbid", str_strip_whitespace=True):
    """An outcome as somebody reports it. The names are those of the webhook's JSON and of the CSV's columns."""

    id: str = Field(min_length=1, max_length=200)
    """The reporter's own, by which it is stored once."""
    contact: str = Field(default="", max_length=320)
    """A contact's id, a number with its +, or an e-mail address. A correction needs none."""
    kind: Kind
    amount_minor: int | None = Field(default=None, ge=0, lt=10**15)
    """Won: in minor units, such as cents."""
    currency: str | None = None
    """Won: ISO 4217."""
    reason: str = Field(default="", max_length=500)
    """Lost: why."""
    occurred_at: AwareDatetime | None = None
    """With a time zone. Without it: when the one happened that it corrects, else now."""
    corrects: str = Field(default="", max_length=200)
    """The id of an earlier outcome that this one replaces."""
    deal: str = Field(default="", max_length=200)

    @field_validator("amount_minor", mode="before")
    @classmethod
    def _whole(cls, value: object) -> object:
        is_whole = value.strip().isdecimal() if isinstance(value, str) else not isinstance(value, bool | float)
        if not is_whole:  # Pydantic would read "1299.00" as 1299
            raise ValueError("an integer of minor units is wanted, such as 129900 for 1,299.00")
        return value

    @field_validator("id", "contact", "reason", "corrects", "deal")
    @classmethod
    def _plain(cls, value: str) -> str:
        if not value.isprintable():
            raise ValueError("control characters are not allowed")
        return value

    @field_validator("currency")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        if value is not None and value not in CURRENCIES:
            raise ValueError("an ISO 4217 code is wanted, such as EUR")
        return value

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if not (self.contact or self.corrects):
            raise ValueError("contact is missing: an id, a number with its +, or an e-mail address")
        if self.kind == "won" and (self.amount_minor is None or self.currency is None):
            raise ValueError("won needs amount_minor and currency")
        if self.kind != "won" and (self.amount_minor is not None or self.currency is not None):
            raise ValueError(f"{self.kind} has no amount")
        if self.kind == "lost" and not self.reason:
            raise ValueError("lost needs a reason")
        if self.kind == "reversed" and not self.corrects:
            raise ValueError("reversed needs corrects, the id of what is taken back")
        if self.corrects == self.id:
            raise ValueError("an outcome cannot correct itself; give it an id of its own")
        return self


def read_outcome(fields: Any) -> ReportedOutcome:
    """Read what somebody reports.

    Raises:
        BadRequest: with status 422, and everything that is wrong with it.
    """
    try:
        return ReportedOutcome.model_validate(fields)
    except ValidationError as exc:
        wrong = (
            ": ".join(filter(None, [".".join(map(str, each["loc"])), each["msg"].removeprefix("Value error, ")]))
            for each in exc.errors(include_url=False, include_input=False)
        )
        raise BadRequest("; ".join(wrong) + ".", status=422) from exc


Stored = Literal["recorded", "duplicate"]


async def record_outcome(
    tx: Tx, tenant_id: TenantId, reported: ReportedOutcome, source: Source, *, now: datetime
) -> tuple[Stored, Outcome]:
    """Store an outcome once, attribute it, tell it to whoever counts, and say whether it was new.

    Raises:
        BadRequest: 409, the id is taken by another outcome, or what it corrects is unknown or corrected already; 422,
            it lies in the future.
    """
    await outcomes.lock_outcomes(tx)
    if before := await outcomes.find_outcome(tx, reported.id):
        if not _repeats(reported, before):
            raise BadRequest(
                f"The id {reported.id!r} belongs to another outcome; correct it by a new id with corrects.", status=409
            )
        return "duplicate", before
    corrected = await _find_corrected(tx, reported)
    outcome = _as_row(reported, corrected, source, now)
    contact_id = await find_contact(tx, outcome.named)
    if contact_id:
        outcome = outcome.attributed(await outcomes.find_attribution(tx, contact_id, outcome.occurred_at))
    await outcomes.insert_outcome(tx, tenant_id, outcome)
    if corrected:
        await outcomes.mark_corrected(tx, corrected.id, outcome.id)
    await _tell(tx, tenant_id, outcome, corrected)
    return "recorded", outcome


def _repeats(reported: ReportedOutcome, before: Outcome) -> bool:
    """Whether a report says what is known under its id."""
    return (
        reported.contact in ("", before.named)
        and reported.occurred_at in (None, before.occurred_at)
        and all(getattr(reported, name) == getattr(before, name) for name in ("amount_minor", "currency", "reason"))
        and (reported.kind, reported.deal) == (before.kind, before.deal)
    )


def _as_row(reported: ReportedOutcome, corrected: Outcome | None, source: Source, now: datetime) -> Outcome:
    occurred_at = reported.occurred_at or (corrected.occurred_at if corrected else now)
    if occurred_at > now + AHEAD:
        raise BadRequest(f"occurred_at: {occurred_at.isoformat()} has not come yet.", status=422)
    outcome_id = new_id()
    return Outcome(
        id=outcome_id,
        source=source,
        external_id=reported.id,
        kind=reported.kind,
        amount_minor=reported.amount_minor,
        currency=reported.currency,
        reason=reported.reason,
        occurred_at=occurred_at.astimezone(UTC),
        named=reported.contact or (corrected.named if corrected else ""),
        deal=reported.deal,
        root_id=corrected.root_id if corrected else outcome_id,
        created_at=now,
    )


async def _find_corrected(tx: Tx, reported: ReportedOutcome) -> Outcome | None:
    if not reported.corrects:
        return None
    found = await outcomes.find_outcome(tx, reported.corrects)
    if found is None:
        raise BadRequest(f"corrects: there is no outcome {reported.corrects!r}.", status=409)
    if found.corrected_by is not None or found.kind == "reversed":
        raise BadRequest(f"corrects: {reported.corrects!r} was corrected already; correct the correction.", status=409)
    return found


async def _tell(tx: Tx, tenant_id: TenantId, outcome: Outcome, corrected: Outcome | None) -> None:
    await insert_event(
        tx,
        tenant_id,
        "outcome.corrected" if corrected else "outcome.recorded",
        actor=outcome.source,
        conversation_id=outcome.conversation_id,
        turn_id=outcome.turn_id,
        data={"outcome": str(outcome.id), "before": corrected and corrected.figures(), "after": outcome.figures()},
    )
    if corrected and (corrected.kind, corrected.turn_id) != (outcome.kind, outcome.turn_id):
        await _score(tx, corrected, 0, at=outcome.created_at)
    if outcome.kind != "reversed":
        await _score(tx, outcome, 1, at=outcome.created_at)


async def _score(tx: Tx, outcome: Outcome, value: int, *, at: datetime) -> None:
    """The one place where an outcome meets the trace of the answer that led to it; a correction finds its score."""
    if outcome.turn_id:
        comment = f"{outcome.amount_minor} {outcome.currency}, in minor units" if outcome.currency else ""
        await record_score(
            tx, outcome.turn_id, outcome.kind, value, at=at, subject=str(outcome.root_id), comment=comment
        )


async def match_outcomes(tx: Tx, tenant_id: TenantId, now: datetime) -> int:
    """Attribute outcomes of people who have become known since; return how many."""
    matched = 0
    for waiting in await outcomes.list_unmatched(tx, now - MATCHED_FOR):
        contact_id = await find_contact(tx, waiting.named)
        if contact_id is None:
            continue
        found = waiting.attributed(await outcomes.find_attribution(tx, contact_id, waiting.occurred_at))
        await outcomes.set_attribution(tx, found)
        await _tell_matched(tx, tenant_id, found)
        matched += 1
    return matched


async def _tell_matched(tx: Tx, tenant_id: TenantId, outcome: Outcome) -> None:
    await insert_event(
        tx,
        tenant_id,
        "outcome.matched",
        actor="system",
        conversation_id=outcome.conversation_id,
        turn_id=outcome.turn_id,
        data={"outcome": str(outcome.id)},
    )
    if outcome.kind != "reversed" and outcome.corrected_by is None:
        await _score(tx, outcome, 1, at=outcome.created_at)
